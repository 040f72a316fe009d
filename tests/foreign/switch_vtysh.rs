//! The modes, refusals and questions of an IOS-like command line against a real one: FRR's vtysh behind a real OpenSSH,
//! in a network namespace of the test's own. The profile is cisco-ios with the one show that vtysh words otherwise.
//! Needs root, openssh-server and frr.

use crate::ssh_site;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::ssh_site::{Site, sh, wait};
use standin::switch::profile::Transport;
use standin::switch::profile::ssh::fill::Vars;
use standin::switch::ssh::{Cli, Command, Commit};
use standin::switch::{ChangeRequest, Operation, Profile, Switch, SwitchTarget, change};

const PORT: u16 = 22023;
const ZEBRA: &str = "/usr/lib/frr/zebra";

/// What vtysh shows of a port, in place of IOS's `show interfaces ... status`.
const SHOW: &str = r#"
[ssh.show.port]
mode = "exec"
send = "show interface {port}"
row = '^Interface (?<port>\S+) is (?<status>up|down)(?:, line protocol is \w+)?\s*$'
[ssh.show.port.map.status]
up = { admin = "up", oper = "up" }
down = { admin = "down", oper = "down" }
"#;

/// FRR behind OpenSSH, with one port, q1.
fn site() -> Option<Site> {
    let needed = ["/usr/sbin/sshd", "/usr/bin/vtysh", ZEBRA];
    if !ssh_site::possible(&needed, "openssh-server and frr") {
        return None;
    }
    let mut site = Site::new(profile(), &format!("127.0.0.1:{PORT}"));
    let d = site.dir.path().display().to_string();
    let frr = format!("{d}/frr");
    sh(&format!(
        "mkdir -p /run/sshd; mkdir {frr}; touch {frr}/zebra.conf {frr}/vtysh.conf; chown -R frr:frr {frr}"
    ));
    fs::write(
        format!("{d}/sshd.conf"),
        format!(
            "ListenAddress 127.0.0.1:{PORT}\nHostKey {d}/host\nAuthorizedKeysFile {d}/authorized\nStrictModes no\n\
             PermitRootLogin prohibit-password\nUsePAM no\nPidFile none\nLogLevel ERROR\n\
             ForceCommand /usr/bin/vtysh --vty_socket {frr} --config_dir {frr}\n"
        ),
    )
    .unwrap();
    site.management
        .sh("ip link add q1 type veth peer name q2; ip link set q1 up; ip link set q2 up");
    let zebra = format!(
        "-u frr -g frr -f {frr}/zebra.conf -i {frr}/zebra.pid -z {frr}/zserv.api --vty_socket {frr}"
    );
    let zebra: Vec<String> = zebra.split(' ').map(str::to_owned).collect();
    site.spawn(ZEBRA, &zebra, &[]);
    let sshd = ["-D", "-f", &format!("{d}/sshd.conf")].map(str::to_owned);
    site.spawn("/usr/sbin/sshd", &sshd, &[]);
    wait(|| Path::new(&format!("{frr}/zebra.vty")).exists());
    Some(site)
}

/// cisco-ios, but for the one show.
fn profile() -> Profile {
    let ios = Profile::built_in_text("cisco-ios").unwrap();
    let from = ios.find("[ssh.show.port]").unwrap();
    let to = ios.find("[ssh.show.ports]").unwrap();
    let vlans = (
        ios.find("[ssh.show.port_vlans]").unwrap(),
        ios.find("[ssh.show.mac]").unwrap(),
    );
    let text = format!(
        "{}{SHOW}{}{}",
        &ios[..from],
        &ios[to..vlans.0],
        &ios[vlans.1..]
    );
    // What is proven of a VLAN by the show that is gone; vtysh has no VLANs.
    let text = text.replace("show = \"port_vlans\"", "show = \"port\"");
    Profile::parse("vtysh", "vtysh.toml", &text).unwrap_or_else(|e| panic!("{e}"))
}

fn target(site: &Site) -> SwitchTarget {
    SwitchTarget {
        prefer: vec![Transport::Ssh],
        uplinks: Vec::new(),
        own_ports: Vec::new(),
        ..site.target()
    }
}

fn is_up(site: &Site) -> bool {
    let link = site.management.sh("ip -br link show q1");
    link.contains("LOWER_UP")
}

#[test]
fn a_port_is_shut_and_opened_through_the_modes_of_a_real_command_line() {
    let Some(site) = site() else { return };
    assert!(is_up(&site));
    let change_as = |operation, unread: Option<&str>| {
        let (target, unread) = (target(&site), unread.map(str::to_owned));
        site.management.block_on(|| async move {
            let within = Duration::from_secs(30);
            let mut request = ChangeRequest::new(operation, Some("q1"), within);
            request.overrides.extend(unread);
            change(&Switch::new(target), request).await
        })
    };
    // FRR has no table of learned addresses: who is behind the port cannot be read, and that is no "nobody".
    let refused = change_as(Operation::PortOff, None).unwrap_err();
    assert!(refused.is_untouched(), "{refused}");
    assert!(refused.to_string().contains("`macs-unread`"), "{refused}");
    assert!(is_up(&site), "refused, and the port is down");
    let change_port = |operation| change_as(operation, Some("macs-unread"));
    let off = change_port(Operation::PortOff).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((off.transport, off.already), (Transport::Ssh, false));
    assert!(!is_up(&site), "it is proven shut, and the kernel has it up");
    assert!(change_port(Operation::PortOff).unwrap().already);
    change_port(Operation::PortOn).unwrap_or_else(|e| panic!("{e}"));
    assert!(is_up(&site));
    refusals_and_modes(&site);
}

fn refusals_and_modes(site: &Site) {
    let (ssh, rules) = (target(site).ssh.unwrap(), profile().cli.unwrap());
    site.management.block_on(|| async move {
        let cli = Cli::new(ssh, rules);
        let text = cli.show("running", &Vars::new()).await.unwrap();
        assert!(
            text[0]["text"].contains("interface q1") || text[0]["text"].contains("hostname"),
            "{text:?}"
        );
        let commands = ["interface q1", "no such command", "shutdown"].map(Command::new);
        let within = Duration::from_secs(10);
        let report = cli
            .send(Some("config"), &commands, &Vars::new(), Commit::No, within)
            .await;
        let error = report
            .error
            .as_ref()
            .expect("vtysh knows no such command")
            .to_string();
        assert!(
            error.contains("refused `no such command`") && error.contains("Unknown command"),
            "{error}"
        );
        assert_eq!(
            report.sent.len(),
            2,
            "nothing is sent after a refusal: {report:?}"
        );
    });
    assert!(is_up(site), "the command after the refused one was sent");
}
