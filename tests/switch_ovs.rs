//! Fence, VLAN moves, trunks, FDB and undo over SSH on a real switch: Open vSwitch behind a real OpenSSH, in network
//! namespaces of the test's own. What counts is what frames do, not only what reads back. Needs root.

mod ssh_site;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use ssh_site::{Site, sh, story, wait};
use standin::switch::{ChangeError, ChangeRequest, Operation, Switch, change};
use standin::types::VlanId;

const PORT: u16 = 22022;

fn site() -> Option<Site> {
    let needed = [
        "/usr/sbin/sshd",
        "/usr/sbin/ovs-vswitchd",
        "/usr/bin/ssh-keygen",
    ];
    if !ssh_site::possible(&needed, "openssh-server and openvswitch-switch") {
        return None;
    }
    let mut site = Site::new("openvswitch", &format!("127.0.0.1:{PORT}"));
    let d = site.dir.path().display().to_string();
    sh(&format!(
        "mkdir -p /run/sshd; ovsdb-tool create {d}/conf.db /usr/share/openvswitch/vswitch.ovsschema"
    ));
    fs::write(
        format!("{d}/sshd.conf"),
        format!(
            "ListenAddress 127.0.0.1:{PORT}\nHostKey {d}/host\nAuthorizedKeysFile {d}/authorized\nStrictModes no\n\
             PermitRootLogin prohibit-password\nUsePAM no\nPidFile none\nSetEnv OVS_RUNDIR={d}\nLogLevel ERROR\n"
        ),
    )
    .unwrap();
    let environment = [("OVS_RUNDIR", d.as_str()), ("OVS_LOGDIR", d.as_str())];
    let quiet = "-vconsole:off".to_owned();
    let server = [
        format!("{d}/conf.db"),
        format!("--remote=punix:{d}/db.sock"),
        quiet.clone(),
    ];
    site.spawn("ovsdb-server", &server, &environment);
    wait(|| Path::new(&format!("{d}/db.sock")).exists());
    let switch = [
        format!("unix:{d}/db.sock"),
        "--disable-system".into(),
        quiet,
        "--pidfile".into(),
    ];
    site.spawn("ovs-vswitchd", &switch, &environment);
    let sshd = ["-D", "-e", "-f", &format!("{d}/sshd.conf")].map(str::to_owned);
    site.spawn("/usr/sbin/sshd", &sshd, &environment);
    let ovs = format!("OVS_RUNDIR={d} ovs-vsctl --timeout=10");
    site.management.sh(&format!(
        "{ovs} --no-wait init; {ovs} add-br br0 -- set bridge br0 datapath_type=netdev"
    ));
    let modes = ["tag=10", "tag=10", "tag=20", "vlan_mode=trunk trunks=10"];
    for (n, how) in (1..).zip(modes) {
        site.management.sh(&format!(
            "ip link add p{n} address 02:00:00:00:01:0{n} type veth peer name e{n}; ip link set p{n} up"
        ));
        site.plug(&format!("e{n}"), n);
        site.management
            .sh(&format!("{ovs} add-port br0 p{n} -- set port p{n} {how}"));
    }
    wait(|| site.hosts[0].reaches("10.9.0.2"));
    Some(site)
}

#[test]
fn a_switch_behind_ssh_is_fenced_moved_and_put_back_and_the_frames_show_it() {
    let Some(site) = site() else { return };
    let perms = fs::metadata(site.dir.path().join("user"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(perms & 0o77, 0);
    story::the_table(&site);
    story::the_fence(&site);
    story::a_move_and_its_undo(&site);
    story::a_trunk(&site);
    the_last_vlan_of_a_trunk(&site);
    story::the_guards(&site, "p2 down");
    story::found_by_itself(&site);
    story::found_and_flushed(&site);
}

/// A trunk of Open vSwitch without VLANs carries all: the profile refuses that, and nothing is left half done.
fn the_last_vlan_of_a_trunk(site: &Site) {
    let mut target = site.target();
    target.uplinks.clear();
    let last = site.management.block_on(|| async move {
        let operation = Operation::TrunkRemove(VlanId(10));
        change(
            &Switch::new(target),
            ChangeRequest::new(operation, Some("p4"), Duration::from_secs(20)),
        )
        .await
        .unwrap_err()
    });
    assert!(
        last.is_untouched() || matches!(last, ChangeError::Undone { .. }),
        "{last}"
    );
}
