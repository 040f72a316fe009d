//! Each thing that can be wrong with a configuration, and what is said about it.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;

use standin::config::{
    Config, ConfigErrors, InterfaceFacts, Persistence, Problem, ProfileFacts, SAMPLE, Severity,
    Surroundings,
};

/// A folder with the sample, its inventory and its secrets.
struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Site {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cameras.csv"), "name,address\n").unwrap();
        let site = Site { folder };
        site.secret("core.community", "private\n", 0o600);
        site
    }

    fn secret(&self, name: &str, text: &str, mode: u32) {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn load(
        &self,
        text: &str,
        around: &Surroundings,
    ) -> Result<(Config, Vec<Problem>), ConfigErrors> {
        let path = self.folder.path().join("standin.toml");
        fs::write(&path, text).unwrap();
        Config::load(&path, around)
    }

    fn problems(&self, text: &str, around: &Surroundings) -> Vec<Problem> {
        match self.load(text, around) {
            Ok((_, warnings)) => warnings,
            Err(e) => e.problems().to_vec(),
        }
    }
}

fn around() -> Surroundings {
    let facts = ProfileFacts::snmp_only;
    Surroundings {
        host_name: Some("standby-1.site.example".into()),
        profiles: Some(vec![
            facts("generic-qbridge", Persistence::Unknown),
            facts("tplink", Persistence::Instant),
        ]),
        interfaces: Some(vec![InterfaceFacts {
            name: "eth0".into(),
            mac: Some("02:00:00:00:00:66".parse().unwrap()),
            addresses: vec![(Ipv4Addr::new(192, 168, 1, 102), 24)],
        }]),
        static_addresses: Vec::new(),
        examine_secrets: true,
    }
}

/// The sample with one piece replaced.
fn with(from: &str, to: &str) -> String {
    edit(SAMPLE, from, to)
}

fn edit(text: &str, from: &str, to: &str) -> String {
    assert_eq!(
        text.matches(from).count(),
        1,
        "`{from}` must stand there once"
    );
    text.replace(from, to)
}

fn keys(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|p| p.key.as_str()).collect()
}

/// Exactly one problem, with this key, these words and this help.
#[track_caller]
fn one(text: &str, around: &Surroundings, key: &str, what: &str, help: &str) -> Problem {
    let problems = Site::new().problems(text, around);
    let [problem] = &problems[..] else {
        panic!("expected one problem, got {problems:#?}");
    };
    assert_eq!(problem.key, key, "{problem}");
    assert!(problem.what.contains(what), "{problem}");
    assert!(problem.help.contains(help), "{problem}");
    problem.clone()
}

#[track_caller]
fn error(from: &str, to: &str, key: &str, what: &str, help: &str) -> Problem {
    let problem = one(&with(from, to), &around(), key, what, help);
    assert_eq!(problem.severity, Severity::Error);
    problem
}

#[track_caller]
fn warning(from: &str, to: &str, key: &str, what: &str) {
    let problem = one(&with(from, to), &around(), key, what, "");
    assert_eq!(problem.severity, Severity::Warning);
}

const VIP: &str = "vip = \"192.168.1.101/24\"";
const PORTS: &str = "ports = [\"p-prim\"]";
const PORT_0: &str = "peer.cctv.fence[0].ports[0]";

#[test]
fn the_sample_has_nothing_wrong_at_its_site() {
    let (config, warnings) = Site::new().load(SAMPLE, &around()).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(config.node.name, "standby-1");
}

#[test]
fn the_runbooks_301_is_refused_with_line_and_column() {
    let what = "`192.168.1.301` is not an IPv4 address";
    let problem = error(VIP, "vip = \"192.168.1.301/24\"", "peer.cctv.vip", what, "");
    let line = SAMPLE.lines().position(|l| l.starts_with(VIP)).unwrap() + 1;
    assert_eq!((problem.line, problem.column), (line, 7));
    let shown = problem.to_string();
    let place = format!("standin.toml:{line}:7: peer.cctv.vip:");
    assert!(shown.contains(&place), "{shown}");
}

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
fn names_that_point_nowhere_get_the_nearest_that_exists() {
    let switch = "switch = \"core\"";
    let key = "peer.cctv.fence[0].switch";
    error(
        switch,
        "switch = \"cor\"",
        key,
        "unknown switch `cor`",
        "did you mean `core`",
    );
    error(
        switch,
        "switch = \"attic\"",
        key,
        "unknown switch",
        "[switch.attic]",
    );
    let slip = "profile = \"generic-qbrige\"";
    let near = "did you mean `generic-qbridge`";
    error(
        "profile = \"generic-qbridge\"",
        slip,
        "switch.core.profile",
        "no switch profile",
        near,
    );
    let key = "peer.cctv.detect.probe_interval";
    error(
        "probe-interval",
        "probe_interval",
        key,
        "unknown key",
        "`probe-interval`",
    );
    error(
        "[node]",
        "[nodes]",
        "nodes",
        "unknown table",
        "did you mean `node`",
    );
    let (auto, slip) = ("takeover = \"auto\"", "takeover = \"automatic\"");
    error(
        auto,
        slip,
        "peer.cctv.takeover",
        "unknown value `automatic`",
        "`auto`",
    );
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    let mut text = SAMPLE.to_owned();
    for (from, to) in [
        ("realtime = true", "realtime = \"yes\""),
        ("port = 4117", "port = \"4117\""),
        ("retries = 2", "retires = 2"),
        (VIP, "vip = \"192.168.1.301/24\""),
        ("suspect-after = \"250ms\"", "suspect-after = \"150ms\""),
        (PORTS, "ports = \"p-prim\""),
        ("within = \"30s\"", "within = 30"),
    ] {
        text = edit(&text, from, to);
    }
    let problems = Site::new().problems(&text, &around());
    assert_eq!(
        keys(&problems),
        [
            "node.realtime",
            "heartbeat.port",
            "switch.core.snmp.retires",
            "peer.cctv.vip",
            "peer.cctv.detect.suspect-after",
            "peer.cctv.fence[0].ports",
            "peer.cctv.verify.within",
        ],
        "{problems:#?}"
    );
    assert_eq!(problems[1].what, "\"4117\" is a text");
    assert!(
        problems[1].help.contains("from 0 to 65535"),
        "{}",
        problems[1]
    );
    assert!(problems[6].help.contains("\"250ms\""), "{}", problems[6]);
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

#[test]
fn traps_need_an_address_of_ours_and_something_to_accept() {
    const LISTEN: &str = "listen = \"\"";
    let traps = |more: &str| {
        edit(
            SAMPLE,
            LISTEN,
            &format!("listen = \"192.168.1.102\"\n{more}"),
        )
    };
    let site = Site::new();
    site.secret("traps.community", "traps\n", 0o600);
    let (config, warnings) = site
        .load(&traps("community-file = \"traps.community\""), &around())
        .unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(config.traps.unwrap().listen.port(), 162);

    let key = "traps.listen";
    for (listen, what) in [
        ("192.168.1.301", "is not an IPv4 address of this machine"),
        ("192.168.1.102:0", "is not an IPv4 address of this machine"),
        ("224.0.0.1", "224.0.0.1 is not an address of this machine"),
        ("192.168.1.101", "not here while the peer lives"),
    ] {
        let text = format!("listen = \"{listen}\"\ncommunity-file = \"core.community\"");
        let problem = error(LISTEN, &text, key, what, "");
        let line = SAMPLE.lines().position(|l| l.starts_with(LISTEN)).unwrap() + 1;
        assert_eq!((problem.line, problem.column), (line, 10), "{problem}");
    }
    let accept = "no notification would be accepted";
    one(&traps(""), &around(), key, accept, "add community-file");
    let user = edit(
        &traps(""),
        "\nuser = \"\"                          # of",
        "\nuser = \"traps\" # of",
    );
    one(
        &user,
        &around(),
        "traps.user",
        "without authentication",
        "add auth-file",
    );
    let file = "community-file = \"core.community\"\nauth-file = \"traps.auth\"";
    one(
        &traps(file),
        &around(),
        "traps.auth-file",
        "belongs to a user",
        "add user",
    );
    let file = "community-file = \"no.such\"";
    one(
        &traps(file),
        &around(),
        "traps.community-file",
        "cannot read the secret",
        "chmod 600",
    );
}

#[test]
fn missing_values_are_said_once_each() {
    let text =
        "[switch.core]\n[peer.a]\n[[peer.a.fence]]\n[peer.a.verify]\ncameras = \"cameras.csv\"\n";
    let problems = Site::new().problems(text, &around());
    let expected = [
        "switch.core",
        "switch.core.address",
        "switch.core.profile",
        "peer.a.kind",
        "peer.a.vip",
        "peer.a.interface",
        "peer.a.fence[0].switch",
        "peer.a.fence[0].ports",
        "peer.a.fence[0].persist",
    ];
    assert_eq!(keys(&problems), expected, "{problems:#?}");
    assert!(problems.iter().all(|p| p.line >= 1 && !p.help.is_empty()));
    let empty = Site::new().problems("", &around());
    assert!(empty[0].what.contains("no peer"), "{empty:?}");
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
fn a_log_level_that_would_log_nothing_is_refused() {
    error(
        "log = \"info\"",
        "log = \"inof\"",
        "node.log",
        "not a log level",
        "info",
    );
    let filter = with("log = \"info\"", "log = \"info,standin::switch=debug\"");
    assert!(Site::new().load(&filter, &around()).is_ok());
}

#[test]
fn snmp_versions_and_their_keys_fit() {
    let key = "switch.core.snmp.user";
    error(
        "retries = 2",
        "retries = 2\nuser = \"x\"",
        key,
        "belongs to SNMP version 3",
        "remove",
    );
    let v3 = with("version = \"2c\"", "version = \"3\"");
    let site = Site::new();
    let problems = site.problems(&v3, &around());
    let mut found = keys(&problems);
    found.sort_unstable();
    let snmp = ["community-file", "user", "version"].map(|k| format!("switch.core.snmp.{k}"));
    assert_eq!(found, snmp, "{problems:#?}");

    let files = "user = \"standin\"\nauth-file = \"a\"\npriv-file = \"p\"";
    let full = edit(&v3, "community-file = \"core.community\"", files);
    site.secret("a", "authauth1", 0o600);
    site.secret("p", "privpriv1\n", 0o400);
    let (config, warnings) = site.load(&full, &around()).unwrap();
    assert!(warnings.is_empty());
    let secrets = format!("{:?} {config:?}", config.load_secrets().unwrap());
    assert!(!secrets.contains("privpriv1"), "a secret was printed");
    site.secret("p", "short", 0o600);
    assert!(site.load(&full, &around()).is_err());
}

#[test]
fn des_is_taken_only_where_it_is_allowed_by_name() {
    let site = Site::new();
    site.secret("a", "authauth1", 0o600);
    site.secret("p", "privpriv1", 0o600);
    let des = |more: &str| {
        let files = format!(
            "user = \"standin\"\nauth-file = \"a\"\npriv-file = \"p\"\npriv = \"des\"\n{more}"
        );
        let v3 = with("version = \"2c\"", "version = \"3\"");
        edit(&v3, "community-file = \"core.community\"", &files)
    };
    let problems = site.problems(&des(""), &around());
    assert_eq!(keys(&problems), ["switch.core.snmp.priv"]);
    assert!(
        problems[0].help.contains("allow-des = true"),
        "{}",
        problems[0]
    );
    let (_, warnings) = site.load(&des("allow-des = true"), &around()).unwrap();
    assert_eq!(keys(&warnings), ["switch.core.snmp.priv"]);
    let aes = des("allow-des = true").replace("\"des\"", "\"aes128\"");
    let (_, warnings) = site.load(&aes, &around()).unwrap();
    assert_eq!(keys(&warnings), ["switch.core.snmp.allow-des"]);
    error(
        "retries = 2",
        "retries = 2\nallow-des = true",
        "switch.core.snmp.allow-des",
        "belongs to SNMP version 3",
        "remove",
    );
}

#[test]
fn a_secret_that_others_can_read_or_that_is_not_there_is_an_error() {
    let site = Site::new();
    site.secret("core.community", "private", 0o640);
    let problems = site.problems(SAMPLE, &around());
    assert_eq!(keys(&problems), ["switch.core.snmp.community-file"]);
    assert!(problems[0].what.contains("mode 0640"), "{}", problems[0]);
    assert!(problems[0].help.contains("chmod 600"));

    fs::remove_file(site.folder.path().join("core.community")).unwrap();
    let missing = site.problems(SAMPLE, &around());
    assert!(missing[0].what.contains("No such file"), "{}", missing[0]);
    for (text, what) in [("", "is empty"), ("a\nb\n", "2 lines")] {
        site.secret("core.community", text, 0o600);
        let problems = site.problems(SAMPLE, &around());
        assert!(problems[0].what.contains(what), "{}", problems[0]);
    }

    let without = Surroundings {
        examine_secrets: false,
        ..around()
    };
    let (config, _) = site
        .load(SAMPLE, &without)
        .expect("secrets are not looked at");
    let later = config.load_secrets().unwrap_err();
    assert!(later.problems()[0].line > 1, "{later}");
}

#[test]
fn a_missing_inventory_or_configuration_is_named() {
    let (from, to) = ("cameras = \"cameras.csv\"", "cameras = \"camera.csv\"");
    error(
        from,
        to,
        "peer.cctv.verify.cameras",
        "no camera inventory at",
        "CSV",
    );
    let missing = Config::load("/nonexistent/standin.toml".as_ref(), &around()).unwrap_err();
    let said = missing.to_string();
    assert!(said.contains("/nonexistent/standin.toml"), "{said}");
    assert!(said.contains("--config"), "{said}");
}

#[test]
fn text_that_is_not_toml_is_placed_too() {
    let problems = Site::new().problems("[node]\nname = standby\n[peer.x\n", &around());
    assert_eq!(
        (problems[0].line, problems[0].column),
        (2, 8),
        "{problems:?}"
    );
    assert!(problems.iter().any(|p| p.line == 3), "{problems:?}");
    assert!(
        problems.iter().all(|p| p.what.contains("not TOML")),
        "{problems:?}"
    );
}

#[test]
fn errors_are_shown_with_their_lines_and_as_json() {
    let text = with("own-ports = []", "own-ports = [\"p-prim\"]");
    let errors = Site::new().load(&text, &around()).unwrap_err();
    let shown = errors.render(false);
    for piece in [
        "ports = [\"p-prim\"]",
        "listed here",
        "help: the port that the peer hangs on",
        "1 error in",
    ] {
        assert!(shown.contains(piece), "no `{piece}` in\n{shown}");
    }
    assert!(
        !shown.contains('\u{1b}'),
        "colours where none were asked for"
    );
    let json = errors.to_json();
    assert_eq!(json["problems"][0]["key"], PORT_0);
    assert_eq!(json["problems"][0]["severity"], "error");
    assert!(json["problems"][0]["line"].as_u64().unwrap() > 1);
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
