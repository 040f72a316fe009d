//! What can be wrong with a peer: its address, its times, its witnesses, its names, its service.

use std::net::Ipv4Addr;

use standin::config::{SAMPLE, Surroundings};

use super::{Site, VIP, around, edit, error, keys, one, warning, with};

#[test]
fn the_vip_cannot_be_our_own_address_nor_one_the_system_sets() {
    let own = "vip = \"192.168.1.102/24\"";
    error(
        VIP,
        own,
        "peer.cctv.vip",
        "own address, on eth0",
        "stand in for",
    );
    let mut around = around();
    let file = "/etc/network/interfaces";
    around.static_addresses = vec![(Ipv4Addr::new(192, 168, 1, 101), file.into())];
    let what = "/etc/network/interfaces also sets 192.168.1.101";
    one(SAMPLE, &around, "peer.cctv.vip", what, "remove it");
}

#[test]
fn the_vip_is_an_address_a_host_can_have() {
    for (vip, what) in [
        ("192.168.1.0/24", "the network itself"),
        ("192.168.1.255/24", "the broadcast address"),
        ("127.0.0.1/8", "cannot be the address of a service"),
        ("192.168.1.101", "with its prefix length"),
        ("192.168.1.101/33", "a prefix length from 1 to 32"),
        ("", "with its prefix length"),
    ] {
        let text = with(VIP, &format!("vip = \"{vip}\""));
        let problems = Site::new().problems(&text, &around());
        let said = problems.iter().any(|p| p.what.contains(what));
        assert!(said, "{vip}: {problems:?}");
    }
}

#[test]
fn times_must_fit_each_other_and_their_limits() {
    let detect = |key: &str| format!("peer.cctv.detect.{key}");
    let (from, to) = ("suspect-after = \"250ms\"", "suspect-after = \"199ms\"");
    error(
        from,
        to,
        &detect("suspect-after"),
        "less than two probes",
        "at least 200ms",
    );
    let stall = "stall = \"100ms\"";
    error(
        stall,
        "stall = \"0s\"",
        &detect("stall"),
        "out of range",
        "from 10ms to 10s",
    );
    error(
        stall,
        "stall = \"100\"",
        &detect("stall"),
        "`100` is not a duration",
        "",
    );
    error(
        stall,
        "stall = \"-1s\"",
        &detect("stall"),
        "`-1s` is not a duration",
        "",
    );
    let (from, to) = (
        "claim-anyway-after = \"10s\"",
        "claim-anyway-after = \"5s\"",
    );
    error(
        from,
        to,
        "peer.cctv.policy.claim-anyway-after",
        "out of range",
        "from 10s",
    );
    let (from, to) = ("lifetime = \"10s\"", "lifetime = \"2500ms\"");
    error(from, to, "peer.cctv.address.lifetime", "whole seconds", "");
    let (from, key) = ("arp-per-second = 200", "peer.cctv.announce.arp-per-second");
    error(
        from,
        "arp-per-second = 0",
        key,
        "0 is out of range",
        "from 1",
    );
    error(from, "arp-per-second = -1", key, "-1", "from 0 up");
    let (from, to) = ("confirm-probes = 4", "confirm-probes = 0");
    error(
        from,
        to,
        &detect("confirm-probes"),
        "out of range",
        "from 1",
    );
}

#[test]
fn witnesses_must_be_able_to_prove_something() {
    let (from, key) = ("min-cameras = 3", "peer.cctv.detect.min-cameras");
    error(
        from,
        "min-cameras = 9",
        key,
        "can never answer",
        "at most 8",
    );
    warning(from, "min-cameras = 1", key, "little");
    let (from, key) = ("gateway = \"\"", "peer.cctv.detect.gateway");
    error(
        from,
        "gateway = \"10.0.0.1\"",
        key,
        "not in the network",
        "router",
    );
    error(
        from,
        "gateway = \"192.168.1.101\"",
        key,
        "its own witness",
        "",
    );
}

#[test]
fn a_pair_needs_heartbeats_and_addresses() {
    let pair = with("kind = \"agentless\"", "kind = \"pair\"");
    let no_secrets = Surroundings {
        examine_secrets: false,
        ..around()
    };
    one(
        &pair,
        &no_secrets,
        "peer.cctv.addresses",
        "needs the peer's own",
        "addresses = [",
    );

    let start = pair.find("[heartbeat]").unwrap();
    let end = pair.find("# A switch that").unwrap();
    let none = format!("{}{}", &pair[..start], &pair[end..]);
    let both = "addresses = [\"192.168.1.31\", \"192.168.1.101\"]";
    let none = edit(&none, "addresses = []", both);
    let problems = Site::new().problems(&none, &around());
    assert_eq!(
        keys(&problems),
        ["peer.cctv.kind", "peer.cctv.addresses[1]"],
        "{problems:#?}"
    );
    assert!(problems[1].what.contains("heartbeats never use it"));
}

#[test]
fn what_only_a_pair_has_is_refused_elsewhere() {
    let what = "belongs to kind = \"pair\"";
    error(
        "preferred = false",
        "preferred = true",
        "peer.cctv.preferred",
        what,
        "remove",
    );
    let addresses = "addresses = [\"192.168.1.31\"]";
    error("addresses = []", addresses, "peer.cctv.addresses", what, "");
}

#[test]
fn two_peers_share_neither_address_nor_port() {
    let start = SAMPLE.find("[peer.cctv]").unwrap();
    let second = SAMPLE[start..].replace("peer.cctv", "peer.other");
    let problems = Site::new().problems(&format!("{SAMPLE}\n{second}"), &around());
    assert_eq!(
        keys(&problems),
        ["peer.other.vip", "peer.other.fence[0].ports[0]"]
    );
    assert!(problems[0].what.contains("peer `cctv`"));
}

#[test]
fn names_that_could_break_what_they_go_into_are_refused() {
    let (from, key) = ("interface = \"eth0\"", "peer.cctv.interface");
    error(
        from,
        "interface = \"bridge-of-cameras\"",
        key,
        "has at most 15",
        "",
    );
    error(
        from,
        "interface = \"eth0:1\"",
        key,
        "cannot be the name of an interface",
        "",
    );
    warning(from, "interface = \"eth7\"", key, "no interface `eth7`");
    let named = |name: &str| {
        let text = SAMPLE.replace("peer.cctv", &format!("peer.{name}"));
        Site::new().problems(&text, &around())
    };
    assert!(named("CCTV_slave-1").is_empty());
    for bad in [
        "\"a b\"",
        "\"../x\"",
        "\"\"",
        "a23456789012345678901234567890123",
    ] {
        let problems = named(bad);
        let said = problems.iter().any(|p| p.what.contains("cannot be a name"));
        assert!(said, "{bad}: {problems:?}");
    }
}

#[test]
fn a_service_is_a_unit_or_a_command_that_can_be_run() {
    let (unit, key) = ("unit = \"\"", "peer.cctv.service.unit");
    error(
        unit,
        "unit = \"nginx\"",
        key,
        "what kind of unit",
        "nginx.service",
    );
    error(
        unit,
        "unit = \"a;b.service\"",
        key,
        "cannot be the name",
        "",
    );
    let (command, key) = ("command = []", "peer.cctv.service.command[0]");
    error(
        command,
        "command = [\"docker\"]",
        key,
        "not a full path",
        "/usr/bin/docker",
    );
    let both = with(unit, "unit = \"nginx.service\"");
    let both = edit(&both, command, "command = [\"/bin/true\"]");
    one(
        &both,
        &around(),
        "peer.cctv.service.command",
        "not by both",
        "empty",
    );
}

#[test]
fn a_peer_has_one_address_or_a_list_of_them() {
    const FROM: &str = "macs = []";
    const A: &str = "\"02:00:5e:10:00:01\"";
    let list = |all: &str| format!("macs = [{all}]");
    let both = with(FROM, &list(&format!("{A}, \"02:00:5e:10:00:02\"")));
    let site = Site::new();
    let (config, warnings) = site.load(&both, &around()).unwrap();
    assert_eq!(keys(&warnings), Vec::<&str>::new());
    let macs = &config.peers["cctv"].macs;
    assert_eq!(macs.to_string(), "02:00:5e:10:00:01, 02:00:5e:10:00:02");
    assert!(macs.several());
    let one_mac = edit(&both, "mac = \"\"", &format!("mac = {A}"));
    let mend = "all of them in `macs`, and no `mac`";
    let problem = one(&one_mac, &around(), "peer.cctv.macs", "both name", mend);
    assert!(problem.to_string().contains("standin.toml:"), "{problem}");
    for (all, key, what, mend) in [
        (
            format!("{A}, {A}"),
            "[1]",
            "is listed twice",
            "each address once",
        ),
        (
            "\"ff:ff:ff:ff:ff:ff\"".to_owned(),
            "[0]",
            "not the MAC of one machine",
            "the peer's own",
        ),
        (
            format!("{A}, \"02:00:00:00:00:66\""),
            "[1]",
            "the MAC of our own `eth0`",
            "the peer's own",
        ),
        (
            format!("{A}, \"nonsense\""),
            "[1]",
            "is not a MAC address",
            "",
        ),
    ] {
        error(
            FROM,
            &list(&all),
            &format!("peer.cctv.macs{key}"),
            what,
            mend,
        );
    }
    let auto = edit(&both, "ports = [\"p-prim\"]", "ports = \"auto\"");
    one(
        &auto,
        &around(),
        "peer.cctv.macs",
        "hangs on several ports",
        "name its ports",
    );
}
