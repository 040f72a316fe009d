//! Each thing that can be wrong with a configuration, and what is said about it.

mod fence;
mod peer;
mod step_kinds;
mod steps;
mod switch;

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
        vip_may_be_here: false,
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
        without_peers: false,
        steps: standin::steps::READER,
        sinks: standin::alert::READER,
        health: standin::health::READER,
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
