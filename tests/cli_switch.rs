//! `standin switch` and `standin profile` as a person meets them: the program against an agent in the test's process.

#[expect(
    dead_code,
    reason = "one agent for several tests, each of which needs a part of it"
)]
mod switch_agent;

use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use assert_cmd::cargo::CommandCargoExt;
use serde_json::Value;
use tempfile::TempDir;

use switch_agent::{COMMUNITY, Fake, mac};

/// A switch, and a machine that has it in its configuration.
struct Site {
    fake: Fake,
    dir: TempDir,
}

/// What a command said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

fn secret_file(path: &Path, text: &str, mode: u32) {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

impl Site {
    async fn new() -> Site {
        let fake = Fake::with_vlans().await;
        let dir = tempfile::tempdir().unwrap();
        let site = Site { fake, dir };
        secret_file(&site.path("core.community"), COMMUNITY, 0o600);
        std::fs::write(site.path("cameras.csv"), "name,address\ncam1,192.0.2.21\n").unwrap();
        let text = format!(
            "[node]\nname = \"test\"\nstate-dir = \"state\"\n\
             [switch.core1]\naddress = \"{}\"\nprofile = \"generic-qbridge\"\noper-staleness = \"0s\"\nuplinks = [\"ge48\"]\n\
             [switch.core1.snmp]\ncommunity-file = \"core.community\"\ntimeout = \"500ms\"\n\
             [peer.cctv]\nkind = \"agentless\"\nvip = \"192.0.2.10/24\"\ninterface = \"lo\"\nmac = \"{}\"\n\
             [[peer.cctv.fence]]\nswitch = \"core1\"\nports = [\"ge1\"]\nalias = \"slave-a\"\npersist = false\n\
             [peer.cctv.verify]\ncameras = \"cameras.csv\"\n",
            site.fake.address,
            mac(1)
        );
        std::fs::write(site.path("standin.toml"), text).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the program with this configuration; no output of it may hold a secret.
    async fn run(&self, arguments: &[&str]) -> Said {
        let config = self.path("standin.toml").display().to_string();
        let arguments: Vec<String> = ["--config", &config]
            .iter()
            .chain(arguments)
            .map(|s| (*s).to_owned())
            .collect();
        // The agent runs in this process: it must go on while the program waits for it.
        let output = tokio::task::spawn_blocking(move || {
            Command::cargo_bin("standin")
                .unwrap()
                .args(arguments)
                .output()
                .unwrap()
        });
        let output = output.await.unwrap();
        let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
        let said = Said {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        assert!(
            !said.out.contains("SENTINEL") && !said.err.contains("SENTINEL"),
            "{said:?}"
        );
        assert!(!said.err.contains("panicked"), "{said:?}");
        said
    }

    async fn ok(&self, arguments: &[&str]) -> Said {
        let said = self.run(arguments).await;
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
        said
    }

    /// As `--target`, without any configuration.
    fn target(&self) -> [String; 4] {
        let file = self.path("core.community").display().to_string();
        [
            "--target".into(),
            self.fake.address.to_string(),
            "--community-file".into(),
            file,
        ]
    }

    async fn at_target(&self, before: &[&str], after: &[&str]) -> Said {
        let target = self.target();
        let none = self.path("none.toml").display().to_string();
        let mut all: Vec<&str> = vec!["--config", &none];
        all.splice(0..0, before.iter().copied());
        all.extend(target.iter().map(String::as_str));
        all.extend(after);
        // `run` gives a configuration first; the one given last counts nowhere, because none is read.
        let all: Vec<&str> = all
            .into_iter()
            .filter(|a| *a != "--config" && *a != none)
            .collect();
        std::fs::rename(self.path("standin.toml"), self.path("away")).unwrap();
        let said = self.run(&all).await;
        std::fs::rename(self.path("away"), self.path("standin.toml")).unwrap();
        said
    }

    /// No file that was written holds a secret, and none is open to others.
    fn files_are_clean(&self, folder: &str) {
        for entry in std::fs::read_dir(self.path(folder)).unwrap() {
            let path = entry.unwrap().path();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", path.display());
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains("SENTINEL"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_and_what_a_switch_says_of_itself() {
    let site = Site::new().await;
    let list = site.ok(&["switch", "list", "--json"]).await.json();
    let entry = &list["switches"][0];
    assert_eq!(
        (entry["name"].as_str(), entry["transports"][0].as_str()),
        (Some("core1"), Some("snmp"))
    );
    assert_eq!(entry["fence_ports"][0]["port"], "ge1");
    assert!(
        site.ok(&["switch", "list"])
            .await
            .out
            .contains("ge1 (cctv)")
    );
    let who = site
        .ok(&["switch", "identify", "core1", "--json"])
        .await
        .json();
    assert_eq!(
        (
            who["system"]["sys_name"].as_str(),
            who["fits"]["recognised"].as_bool()
        ),
        (Some("core1"), Some(false))
    );
    assert!(
        site.ok(&["switch", "identify", "core1"])
            .await
            .out
            .contains("A switch that lies")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_have_exactly_the_promised_fields() {
    let site = Site::new().await;
    let ports = site
        .ok(&["switch", "ports", "core1", "--json"])
        .await
        .json();
    let ge1 = &ports.as_array().unwrap()[0];
    let fields: Vec<&String> = ge1.as_object().unwrap().keys().collect();
    let mut promised = vec![
        "if_name",
        "if_index",
        "bridge_port",
        "if_alias",
        "admin",
        "oper",
        "pvid",
        "untagged",
        "tagged",
        "macs",
    ];
    promised.sort_unstable();
    let mut there: Vec<&str> = fields.iter().map(|f| f.as_str()).collect();
    there.sort_unstable();
    assert_eq!(there, promised);
    let want = serde_json::json!({
        "if_name": "ge1", "if_index": 101, "bridge_port": 1, "if_alias": "slave-a", "admin": "up", "oper": "up",
        "pvid": 10, "untagged": [10], "tagged": [], "macs": [{ "mac": mac(1).to_string(), "vlan": 10 }],
    });
    assert_eq!(*ge1, want);
    let one = site
        .at_target(&["switch", "ports"], &["--port", "ge3", "--json"])
        .await;
    assert_eq!(one.json()[0]["if_name"], "ge3", "{one:?}");
    assert!(one.err.contains("profile of last resort"), "{one:?}");
    let none = site
        .run(&["switch", "ports", "core1", "--port", "ge9"])
        .await;
    assert_eq!(none.code, 2);
    assert!(none.err.contains("ge1, ge2, ge3, ge48"), "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mac_is_found_or_said_to_be_nowhere() {
    let site = Site::new().await;
    let found = site
        .ok(&["switch", "find", "core1", &mac(3).to_string(), "--json"])
        .await;
    assert_eq!(found.json()["places"][0]["if_name"], "ge3");
    let said = site
        .at_target(&["switch", "find"], &[&mac(1).to_string()])
        .await;
    assert!(said.code == 0 && said.out.contains("port ge1"), "{said:?}");
    assert_eq!(
        site.run(&["switch", "find", "core1", &mac(9).to_string()])
            .await
            .code,
        1
    );
    for words in [
        &["switch", "find", "core1"][..],
        &["switch", "find", "core1", "x:y"],
    ] {
        let said = site.run(words).await;
        assert_eq!(said.code, 2, "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_planned_made_kept_and_taken_back() {
    let site = Site::new().await;
    let plan = site
        .ok(&["switch", "plan", "core1", "set-access-vlan", "ge1", "20"])
        .await;
    assert!(
        plan.out.contains("dot1qPvid.1") && plan.out.contains("Nothing has been changed"),
        "{plan:?}"
    );
    assert!(site.fake.with(|s| s.sets.is_empty()));
    let done = site
        .ok(&[
            "switch",
            "apply",
            "core1",
            "set-access-vlan",
            "ge1",
            "20",
            "--json",
        ])
        .await
        .json();
    let id = done["id"].as_str().unwrap().to_owned();
    assert_eq!(site.fake.with(|s| s.bridge.as_ref().unwrap().of(1).0), 20);
    site.files_are_clean("state/changes");
    assert!(
        site.ok(&["switch", "undo", "--list"])
            .await
            .out
            .contains(&id)
    );
    let back = site.ok(&["switch", "undo", &id]).await;
    assert!(back.out.contains("reads as before"), "{back:?}");
    assert_eq!(site.fake.with(|s| s.bridge.as_ref().unwrap().of(1).0), 10);
    let twice = site.run(&["switch", "undo", &id, "--json"]).await;
    assert_eq!((twice.code, twice.json()["ok"].as_bool()), (1, Some(false)));
    assert_eq!(
        site.run(&["switch", "undo", "../../etc/passwd"]).await.code,
        66
    );
    let again = site
        .ok(&["switch", "apply", "core1", "port-on", "ge1", "--json"])
        .await
        .json();
    assert_eq!(
        (again["proof"]["already"].as_bool(), again["id"].is_null()),
        (Some(true), true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_their_guard_and_how_it_is_overridden() {
    let site = Site::new().await;
    let uplink = site
        .run(&["switch", "apply", "core1", "port-off", "ge48", "--json"])
        .await;
    let value = uplink.json();
    assert_eq!(uplink.code, 4, "{uplink:?}");
    assert_eq!(
        (
            value["guard"].as_str(),
            value["may_be_overridden"].as_bool()
        ),
        (Some("uplink"), Some(false))
    );
    let alias = [
        "switch",
        "apply",
        "core1",
        "port-off",
        "ge3",
        "--expect-alias",
        "other",
    ];
    let refused = site.run(&alias).await;
    assert_eq!(refused.code, 4);
    assert!(refused.err.contains("--override alias"), "{refused:?}");
    assert!(
        site.fake.with(|s| s.sets.is_empty()),
        "nothing may be written"
    );
    let plan = site
        .run(&[
            "switch",
            "plan",
            "core1",
            "port-off",
            "ge3",
            "--expect-alias",
            "other",
            "--json",
        ])
        .await;
    assert_eq!((plan.code, plan.json()["ok"].as_bool()), (4, Some(false)));
    site.ok(&[&alias[..], &["--override", "alias"]].concat())
        .await;
    assert_eq!(site.fake.with(|s| s.port("ge3").admin), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_lies_is_unclear_or_undone_and_never_proven() {
    let site = Site::new().await;
    site.fake.with(|s| s.faults.oper_stays_up = true);
    let off = site
        .run(&[
            "switch", "apply", "core1", "port-off", "ge1", "--within", "3s", "--json",
        ])
        .await;
    assert_eq!(
        (off.code, off.json()["outcome"].as_str()),
        (5, Some("unclear")),
        "{off:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_gets_wrong_is_said_with_what_would_be_right() {
    let site = Site::new().await;
    for (words, code, told) in [
        (
            &["switch", "ports", "core9"][..],
            2,
            "the configuration has: core1",
        ),
        (&["switch", "ports"], 2, "SWITCH"),
        (
            &["switch", "plan", "core1", "reboot", "ge1"],
            2,
            "there are: port-off",
        ),
        (
            &["switch", "plan", "core1", "port-off"],
            2,
            "say which, by its ifName",
        ),
        (
            &["switch", "plan", "core1", "port-off", "ge1", "20"],
            2,
            "nothing more",
        ),
        (
            &["switch", "plan", "core1", "set-access-vlan", "ge1", "4095"],
            2,
            "from 1 to 4094",
        ),
        (
            &["switch", "plan", "core1", "port-off", "ge9"],
            2,
            "no port named `ge9`",
        ),
        (
            &["switch", "plan", "core1", "poe-cycle", "ge1"],
            2,
            "cannot do poe-cycle",
        ),
        (
            &[
                "switch", "plan", "core1", "port-off", "ge1", "--within", "3",
            ],
            2,
            "30s",
        ),
        (
            &["switch", "diff", "core1"],
            66,
            "standin switch backup core1",
        ),
        (&["switch", "trust", "core1"], 2, "[switch.core1.ssh]"),
        (
            &["switch", "preflight", "core1", "--peer", "x"],
            2,
            "the configuration has: cctv",
        ),
        (&["profile", "show", "none"], 2, "generic-qbridge"),
    ] {
        let said = site.run(words).await;
        assert_eq!(said.code, code, "{words:?}: {said:?}");
        assert!(said.err.contains(told), "{words:?}: {said:?}");
    }
    let open = site.path("open.community");
    secret_file(&open, COMMUNITY, 0o644);
    let target = site.fake.address.to_string();
    let said = site
        .run(&[
            "switch",
            "ports",
            "--target",
            &target,
            "--community-file",
            open.to_str().unwrap(),
        ])
        .await;
    assert_eq!(said.code, 66);
    assert!(said.err.contains("chmod 600"), "{said:?}");
    secret_file(&site.path("wrong"), "SENTINEL-other", 0o600);
    let wrong = site.path("wrong").display().to_string();
    let said = site
        .run(&[
            "switch",
            "identify",
            "--target",
            &target,
            "--community-file",
            &wrong,
            "--json",
        ])
        .await;
    assert_eq!(
        (said.code, said.json()["ok"].as_bool()),
        (69, Some(false)),
        "{said:?}"
    );
    assert!(said.err.contains("wrong community"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_compared_with_what_is_there_now() {
    let site = Site::new().await;
    site.ok(&["switch", "backup", "core1"]).await;
    site.files_are_clean("state/backups");
    assert!(
        site.ok(&["switch", "diff", "core1"])
            .await
            .out
            .contains("reads as in")
    );
    site.fake.with(|s| s.port("ge1").alias = b"moved".to_vec());
    let said = site.run(&["switch", "diff", "core1", "--json"]).await;
    assert_eq!(said.code, 1);
    let change = &said.json()["changes"][0];
    assert_eq!(
        (change["field"].as_str(), change["is"].as_str()),
        (Some("if_alias"), Some("moved"))
    );
    let out = site.path("b.json").display().to_string();
    site.ok(&["switch", "backup", "core1", "--out", &out]).await;
    assert_eq!(
        site.run(&["switch", "backup", "core1", "--out", &out])
            .await
            .code,
        77,
        "a backup is not overwritten"
    );
    std::fs::write(&out, "{}").unwrap();
    assert_eq!(site.run(&["switch", "diff", "core1", &out]).await.code, 65);
}

fn verdict<'a>(said: &'a Value, check: &str) -> &'a Value {
    let lines = said["switches"][0]["lines"].as_array().unwrap();
    lines
        .iter()
        .find(|l| l["check"] == check)
        .unwrap_or_else(|| panic!("no {check} in {said:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn preflight_writes_back_only_what_is_there_and_says_what_to_do() {
    let site = Site::new().await;
    let said = site
        .ok(&["switch", "preflight", "core1", "--json"])
        .await
        .json();
    for (check, want) in [
        ("reachable", "ok"),
        ("credentials", "ok"),
        ("mapping", "ok"),
        ("state", "ok"),
        ("alias", "ok"),
        ("macs", "ok"),
        ("vlans", "ok"),
        ("may-write", "ok"),
        ("save", "not-known"),
        ("arp-inspection", "not-known"),
        ("operations", "ok"),
    ] {
        assert_eq!(verdict(&said, check)["verdict"], want, "{check}: {said:#}");
    }
    let sets = site.fake.with(|s| s.sets.clone());
    assert_eq!(sets.len(), 1, "{sets:?}");
    assert!(
        sets[0].0.ends_with("2.2.1.7.101") && format!("{:?}", sets[0].1).contains('1'),
        "{sets:?}"
    );
    let lines = said["switches"][0]["lines"].as_array().unwrap();
    assert!(
        lines
            .iter()
            .all(|l| l["verdict"] == "ok" || !l["todo"].as_str().unwrap().is_empty()),
        "{said:#}"
    );

    site.fake.with(|s| s.faults.admin_read_only = true);
    let denied = site.run(&["switch", "preflight", "core1", "--json"]).await;
    assert_eq!(
        (
            denied.code,
            verdict(&denied.json(), "may-write")["verdict"].as_str()
        ),
        (1, Some("failed"))
    );
    site.fake
        .with(|s| (s.faults.admin_read_only, s.port("ge1").oper) = (false, 2));
    let before = site.fake.with(|s| s.sets.len());
    let down = site
        .ok(&["switch", "preflight", "--all", "--json"])
        .await
        .json();
    assert_eq!(verdict(&down, "may-write")["verdict"], "not-known");
    let none = site
        .at_target(&["switch", "preflight"], &["--no-write", "--port", "ge3"])
        .await;
    assert!(
        none.code == 0 && none.out.contains("--no-write"),
        "{none:?}"
    );
    assert_eq!(
        site.fake.with(|s| s.sets.len()),
        before,
        "a port that is down, and --no-write, are not written to"
    );
    assert_eq!(
        site.at_target(&["switch", "preflight"], &[]).await.code,
        2,
        "--target needs --no-write"
    );

    site.fake
        .with(|s| s.fdb.extend((10..16).map(|n| (1, mac(n), 1))));
    let crowd = site
        .run(&["switch", "preflight", "core1", "--no-write", "--json"])
        .await;
    assert_eq!(
        (
            crowd.code,
            verdict(&crowd.json(), "macs")["verdict"].as_str()
        ),
        (1, Some("failed"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_scrubbed_and_a_profile_can_be_tried_on_it() {
    let site = Site::new().await;
    let out = site.path("core.snmprec").display().to_string();
    let said = site
        .at_target(&["profile", "record"], &["--out", &out, "--json"])
        .await;
    assert_eq!(said.code, 0, "{said:?}");
    let text = std::fs::read_to_string(&out).unwrap();
    for gone in [
        "SENTINEL",
        "slave-a",
        "core1",
        "uplink",
        ".2.0.0.0.0.1|",
        "quarantine",
    ] {
        assert!(!text.contains(gone), "{gone} in\n{text}");
    }
    assert!(text.contains("|4|ge48"), "{text}");
    let tried = site
        .ok(&[
            "profile",
            "try",
            "generic-qbridge",
            &out,
            "--port",
            "ge1",
            "--json",
        ])
        .await
        .json();
    let ge1 = &tried["ports"][0];
    assert_eq!(
        (
            ge1["if_name"].as_str(),
            ge1["pvid"].as_u64(),
            ge1["macs"].as_array().map(Vec::len)
        ),
        (Some("ge1"), Some(10), Some(1))
    );
    let plans = tried["plans"].as_array().unwrap();
    let names: Vec<&str> = plans
        .iter()
        .filter(|p| p["error"].is_null())
        .map(|p| p["operation"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"port-off") && names.iter().any(|n| n.starts_with("set-access-vlan")),
        "{names:?}"
    );
    let again = site
        .at_target(&["profile", "record"], &["--out", &out])
        .await;
    assert!(
        again.code == 66 && again.err.contains("is there already"),
        "{again:?}"
    );
    std::fs::write(&out, "1.3.6|2|x\nhello\n").unwrap();
    let bad = site.run(&["profile", "try", "generic-qbridge", &out]).await;
    assert!(
        bad.code == 65 && bad.err.contains("core.snmprec:2:"),
        "{bad:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_are_listed_shown_and_their_mistakes_have_a_place() {
    let site = Site::new().await;
    let list = site.ok(&["profile", "list", "--json"]).await.json();
    let generic = list["profiles"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["name"] == "generic-qbridge")
        .unwrap();
    assert!(
        generic["operations"]["snmp"]
            .as_array()
            .unwrap()
            .iter()
            .any(|o| o == "port-off")
    );
    let text = site.ok(&["profile", "show", "generic-qbridge"]).await.out;
    let file = site.path("mine.toml");
    std::fs::write(&file, &text).unwrap();
    site.ok(&["profile", "lint", file.to_str().unwrap()]).await;
    std::fs::write(&file, text.replacen("\"unknown\"", "\"yes\"", 1)).unwrap();
    let bad = site.run(&["profile", "lint", file.to_str().unwrap()]).await;
    assert_eq!(bad.code, 78);
    assert!(
        bad.out.contains("mine.toml:") && bad.out.contains("persistence: "),
        "{bad:?}"
    );
    let json = site
        .run(&["profile", "lint", file.to_str().unwrap(), "--json"])
        .await
        .json();
    assert!(json["problems"][0]["line"].as_u64().unwrap() > 1);
    assert_eq!(
        site.run(&["profile", "lint", "/nonexistent.toml"])
            .await
            .code,
        66
    );
}

/// The goal of the issue: 200 switches in 10 s on 2 cores. Here all of them are one agent, which answers for all.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_switches_at_once() {
    let site = Site::new().await;
    let mut text = std::fs::read_to_string(site.path("standin.toml")).unwrap();
    for i in 0..199 {
        text += &format!(
            "[switch.s{i}]\naddress = \"{}\"\nprofile = \"generic-qbridge\"\n[switch.s{i}.snmp]\ncommunity-file = \"core.community\"\ntimeout = \"5s\"\n",
            site.fake.address
        );
    }
    std::fs::write(site.path("standin.toml"), text).unwrap();
    let start = std::time::Instant::now();
    let said = site
        .run(&["switch", "preflight", "--all", "--no-write", "--json"])
        .await;
    let took = start.elapsed();
    assert_eq!(said.json()["switches"].as_array().unwrap().len(), 200);
    println!("200 switches in {took:?}");
    assert!(took < Duration::from_secs(60), "{took:?}");
}
