//! What can be wrong with a fence, its ports, and a port takeover.

use standin::config::{SAMPLE, Severity};

use super::{PORT_0, PORTS, Site, around, edit, error, one, with};

#[test]
fn a_fence_port_is_never_our_own_nor_an_uplink() {
    let own = "own-ports = [\"p-stby\", \"p-prim\"]";
    let problem = error(
        "own-ports = []",
        own,
        PORT_0,
        "own port",
        "the peer hangs on",
    );
    assert_eq!(problem.column, 10);
    error(
        "uplinks = []",
        "uplinks = [\"p-prim\"]",
        PORT_0,
        "an uplink",
        "",
    );
    let second = "peer.cctv.fence[0].ports[1]";
    error(PORTS, "ports = [\"p1\", \"p1\"]", second, "twice", "");
    error(
        PORTS,
        "ports = []",
        "peer.cctv.fence[0].ports",
        "no port to shut",
        "LAG",
    );
    error(
        PORTS,
        "ports = [\" p1\"]",
        PORT_0,
        "cannot be the ifName",
        "",
    );
}

#[test]
fn a_fence_has_to_be_there_and_to_say_whether_it_is_saved() {
    let start = SAMPLE.find("[[peer.cctv.fence]]").unwrap();
    let end = SAMPLE.find("[peer.cctv.service]").unwrap();
    let none = format!("{}{}", &SAMPLE[..start], &SAMPLE[end..]);
    one(
        &none,
        &around(),
        "peer.cctv",
        "no fence",
        "[[peer.cctv.fence]]",
    );

    let key = "peer.cctv.fence[0].persist";
    let problem = error("persist = false ", "# persist ", key, "missing", "reboot");
    let header = |l: &str| l.starts_with("[[peer.cctv.fence");
    let line = SAMPLE.lines().position(header).unwrap() + 1;
    assert_eq!(problem.line, line);

    let single = "[peer.cctv.fence]";
    let help = "[[peer.NAME.fence]]";
    error(
        "[[peer.cctv.fence]]",
        single,
        "peer.cctv.fence",
        "table",
        help,
    );
}

#[test]
fn whether_a_fence_is_saved_must_fit_the_profile() {
    let key = "peer.cctv.fence[0].persist";
    let (generic, instant) = ("profile = \"generic-qbridge\"", "profile = \"tplink\"");
    error(
        generic,
        instant,
        key,
        "saves every change at once",
        "persist = true",
    );
    error(
        "persist = false",
        "persist = true",
        key,
        "has no way to save that is configured here",
        "persist = false",
    );
}

#[test]
fn ports_are_a_list_or_the_word_auto() {
    let (config, warnings) = Site::new()
        .load(&with(PORTS, "ports = \"auto\""), &around())
        .unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let fence = &config.peers["cctv"].fence[0];
    assert!(fence.auto && fence.ports.is_empty(), "{fence:?}");
    let key = "peer.cctv.fence[0].ports";
    for (text, what) in [
        ("ports = \"p-prim\"", "\"p-prim\" is a text"),
        ("ports = \"Auto\"", "\"Auto\" is a text"),
        ("ports = true", "`true` is true-or-false"),
    ] {
        error(PORTS, text, key, what, "[\"ge7\", \"ge8\"], or \"auto\"");
    }
    let problem = error(
        PORTS,
        "ports = [\"p1\", 2]",
        "peer.cctv.fence[0].ports[1]",
        "`2` is a number",
        "a text",
    );
    assert_eq!(problem.column, 16);
}

const PORT_TAKEOVER: &str = r#"[peer.cctv.port-takeover]
switch     = "core"
port       = "p-stby-a"
interface  = "eth2"
production = 10
parking    = 999
quarantine = 998

[peer.cctv.service]"#;

#[test]
fn a_port_takeover_has_its_own_port_interface_and_three_vlans() {
    let good = with("[peer.cctv.service]", PORT_TAKEOVER);
    let mut here = around();
    here.interfaces = None;
    let check = |from: &str, to: &str, key: &str, what: &str| {
        let key = format!("peer.cctv.{key}");
        let problem = one(&edit(&good, from, to), &here, &key, what, "");
        assert_eq!(problem.severity, Severity::Error);
    };
    let (config, warnings) = Site::new().load(&good, &here).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let moved = config.peers["cctv"].port_takeover.clone().unwrap();
    assert_eq!((moved.production.0, moved.parking.0), (10, 999));
    check(
        "quarantine = 998\n\n",
        "quarantine = 999\n\n",
        "port-takeover.quarantine",
        "VLAN 999",
    );
    check(
        "parking    = 999\nq",
        "parking    = 4095\nq",
        "port-takeover.parking",
        "not a VLAN",
    );
    check(
        "port       = \"p-stby-a\"\ni",
        "port       = \"p-prim\"\ni",
        "port-takeover.port",
        "the peer's",
    );
    check(
        "interface  = \"eth2\"\np",
        "interface  = \"eth0\"\np",
        "port-takeover.interface",
        "at once",
    );
    check(
        "own-ports = []",
        "own-ports = [\"p-stby-a\"]",
        "port-takeover.port",
        "never written",
    );
    check(
        "quarantine = 998\n\n",
        "quarantine = 998\nforwarding = \"301s\"\n\n",
        "port-takeover.forwarding",
        "out of range",
    );
    let anyway = edit(&good, "unproven = \"hold\"", "unproven = \"claim-anyway\"");
    let found = Site::new().problems(&anyway, &here);
    assert!(
        found
            .iter()
            .any(|p| p.severity == Severity::Error && p.what.contains("a proven fence")),
        "{found:?}"
    );
}

#[test]
fn a_quarantine_needs_to_know_its_vlans() {
    error(
        "kind = \"off\"",
        "kind = \"quarantine\"",
        "peer.cctv.fence[0].kind",
        "port-takeover",
        "add that table",
    );
}

/// A second switch, and the level with `also` as given.
fn with_edge(also: &str) -> String {
    let also = format!("{PORTS}\nalso = {also} #");
    let text = edit(&with("also = []", "#"), PORTS, &also);
    format!(
        "{text}\n[switch.edge]\naddress = \"192.168.1.3\"\nprofile = \"generic-qbridge\"\nuplinks = [\"up1\"]\nown-ports = [\"mine\"]\n[switch.edge.snmp]\ncommunity-file = \"core.community\"\n"
    )
}

#[test]
fn a_level_may_name_ports_on_several_switches() {
    let good = with_edge("[{ switch = \"edge\", ports = [\"p7\", \"p8\"] }]");
    let (config, warnings) = Site::new().load(&good, &around()).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let all: Vec<String> = config.fence_ports().map(|(_, p)| p.to_string()).collect();
    assert_eq!(all, ["core:p-prim", "edge:p7", "edge:p8"]);
}

#[test]
fn what_is_wrong_with_a_further_switch_is_said_where_it_stands() {
    let at = |rest: &str| format!("peer.cctv.fence[0].also{rest}");
    let port = "[0].ports[0]";
    let check = |also: &str, key: &str, what: &str, help: &str| {
        let problem = one(&with_edge(also), &around(), &at(key), what, help);
        assert_eq!(problem.severity, Severity::Error);
        problem
    };
    let entry =
        |switch: &str, ports: &str| format!("[{{ switch = \"{switch}\", ports = {ports} }}]");
    let problem = check(
        &entry("egde", "[\"p7\"]"),
        "[0].switch",
        "unknown switch `egde`",
        "did you mean `edge`?",
    );
    assert_eq!(problem.column, 20);
    check(&entry("edge", "[]"), "[0].ports", "no port to shut", "");
    check(
        &entry("edge", "[\"p7\", \"P7\"]"),
        "[0].ports[1]",
        "twice",
        "",
    );
    check(&entry("edge", "[\"up1\"]"), port, "an uplink", "");
    check(&entry("edge", "[\"mine\"]"), port, "own port", "");
    check(
        &entry("edge", "\"auto\""),
        "[0].ports",
        "machine with one port",
        "ifNames",
    );
    check(
        &entry("core", "[\"p9\"]"),
        "[0].switch",
        "named twice in this level",
        "one list",
    );
    check(
        "[{ ports = [\"p7\"] }]",
        "[0].switch",
        "missing",
        "another [switch.NAME]",
    );
    check(
        "[{ switch = \"edge\" }]",
        "[0].ports",
        "no port to shut",
        "",
    );
    check(
        "[{ switch = \"edge\", ports = [\"p7\"], kind = \"off\" }]",
        "[0].kind",
        "unknown",
        "",
    );

    let good = with_edge(&entry("edge", "[\"p7\"]"));
    let auto = edit(&good, PORTS, "ports = \"auto\"");
    one(
        &auto,
        &around(),
        &at(""),
        "finds the one port",
        "every switch",
    );
    // The longest of the switches decides.
    let slow = edit(
        &good,
        "[switch.edge.snmp]",
        "oper-staleness = \"20s\"\n[switch.edge.snmp]",
    );
    let problem = one(
        &slow,
        &around(),
        "peer.cctv.fence[0].timeout",
        "is over before",
        "",
    );
    assert_eq!(problem.severity, Severity::Warning);
    // Each switch must be able to do what `persist` says.
    let instant = good.replace(
        "[switch.edge]\naddress = \"192.168.1.3\"\nprofile = \"generic-qbridge\"",
        "[switch.edge]\naddress = \"192.168.1.3\"\nprofile = \"tplink\"",
    );
    one(
        &instant,
        &around(),
        "peer.cctv.fence[0].persist",
        "saves every change at once",
        "",
    );
}

#[test]
fn a_level_over_several_switches_is_not_moved_to_a_quarantine_and_has_not_our_own_port() {
    let entry = |port: &str| format!("[{{ switch = \"edge\", ports = [\"{port}\"] }}]");
    let mut here = around();
    here.interfaces = None;
    let moved = |text: String| edit(&text, "[peer.cctv.service]", PORT_TAKEOVER);
    let off = "kind = \"off\" ";
    let text = edit(
        &moved(with_edge(&entry("p7"))),
        off,
        "kind = \"quarantine\" ",
    );
    one(
        &text,
        &here,
        "peer.cctv.fence[0].also",
        "moves ports of one switch",
        "kind = \"off\"",
    );
    let takeover = PORT_TAKEOVER.replace("\"core\"", "\"edge\"");
    let text = edit(
        &with_edge(&entry("p-stby-a")),
        "[peer.cctv.service]",
        &takeover,
    );
    one(
        &text,
        &here,
        "peer.cctv.port-takeover.port",
        "also the peer's",
        "",
    );
}

#[test]
fn two_peers_do_not_share_a_port_of_a_further_switch() {
    let text = with_edge("[{ switch = \"edge\", ports = [\"p7\"] }]");
    let other = "[peer.other]\nkind = \"agentless\"\nvip = \"192.168.1.201/24\"\ninterface = \"eth0\"\n[[peer.other.fence]]\nswitch = \"edge\"\nports = [\"P7\"]\npersist = false\n";
    let key = "peer.other.fence[0].ports[0]";
    one(
        &format!("{text}{other}"),
        &around(),
        key,
        "also the fence of peer `cctv`",
        "",
    );
}
