//! The profile linux-bridge on a real Linux switch: a bridge with VLAN filtering in a Debian kernel of its own, managed by
//! iproute2 behind OpenSSH. It runs in an emulator (`scripts/lib-install.sh vm`), because the kernel of the machine that
//! runs the tests need not have VLAN filtering. Needs root.

use crate::ssh_site;
use std::fs;
use std::path::{Path, PathBuf};

use crate::ssh_site::{Site, sh, story, wait_at_most};
use standin::switch::Profile;

const QEMU: &str = "/usr/bin/qemu-system-x86_64";
const SWITCH: &str = "10.8.0.2:22";
/// It boots in 4 s on a quiet machine.
const BOOT_S: u64 = 90;

fn site() -> Option<Site> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let vm = root.join(".vm");
    let order = vm.join("order");
    let needed = [
        QEMU,
        "/dev/net/tun",
        "/usr/sbin/sshd",
        "/usr/bin/cpio",
        order.to_str().unwrap(),
    ];
    if !ssh_site::possible(&needed, "`scripts/lib-install.sh vm`") {
        return None;
    }
    let mut site = Site::new(Profile::find("linux-bridge", None).unwrap(), SWITCH);
    let d = site.dir.path().to_owned();
    let image = d.join("initramfs");
    let make = root.join("tests/foreign/ssh_site/initramfs");
    let arguments = [&make, &vm, &d.join("host"), &d.join("authorized"), &image];
    sh(&arguments.map(|p| format!("'{}'", p.display())).join(" "));
    site.spawn(QEMU, &qemu(&vm, &image, &d), &[]);
    // A card's other end is a tap interface, made by qemu.
    wait_at_most(BOOT_S, || tap_is_there(&site, 4));
    site.management
        .sh("ip addr add 10.8.0.1/24 dev t0; ip link set t0 up");
    for n in 1..=4 {
        site.plug(&format!("t{n}"));
    }
    let console = d.join("console");
    wait_at_most(BOOT_S, || {
        let text = fs::read(&console).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        assert!(!text.contains("Kernel panic"), "{text}");
        text.contains("the switch is up")
    });
    let listens = || std::net::TcpStream::connect(site.ssh).is_ok();
    wait_at_most(BOOT_S, || site.management.run(listens));
    wait_at_most(BOOT_S, || site.hosts[0].reaches("10.9.0.2"));
    Some(site)
}

fn tap_is_there(site: &Site, n: usize) -> bool {
    site.management
        .sh("ip -o link")
        .contains(&format!(" t{n}:"))
}

fn qemu(vm: &Path, image: &Path, d: &Path) -> Vec<String> {
    let file = |path: PathBuf| path.display().to_string();
    let mut arguments: Vec<String> = ["-display", "none", "-monitor", "none", "-no-reboot"]
        .map(str::to_owned)
        .to_vec();
    let mut add = |key: &str, value: String| arguments.extend([key.to_owned(), value]);
    add("-cpu", "max".into());
    add("-m", "256".into());
    add("-kernel", file(vm.join("vmlinuz")));
    add("-initrd", file(image.to_owned()));
    add("-append", "console=ttyS0 quiet".into());
    add("-serial", format!("file:{}", file(d.join("console"))));
    for n in 0..=4 {
        add(
            "-netdev",
            format!("tap,id=n{n},ifname=t{n},script=no,downscript=no"),
        );
        let mac = format!("02:00:00:00:01:0{n}");
        add(
            "-device",
            format!("virtio-net-pci,netdev=n{n},mac={mac},romfile="),
        );
    }
    arguments
}

#[test]
fn a_linux_bridge_is_fenced_moved_and_put_back_and_the_frames_show_it() {
    let Some(site) = site() else { return };
    story::the_table(&site);
    story::the_fence(&site);
    story::a_move_and_its_undo(&site);
    story::a_trunk(&site);
    story::the_guards(&site, "ip link set dev p2 down");
    story::found_by_itself(&site);
    story::found_and_flushed(&site);
}
