//! Guards that hold, however a port is spelt, and whatever the switch does not tell.

use serde_json::json;

use crate::cli_switch::site::Site;

/// The site with ports as Cisco names them, and these lists.
async fn cisco(lists: &str) -> Site {
    let site = Site::new().await;
    site.fake.with(|s| {
        s.port("ge1").name = "Gi1/0/1";
        s.port("ge2").name = "Gi1/0/2";
        s.port("ge48").name = "Gi1/0/48";
    });
    let text = std::fs::read_to_string(site.path("standin.toml")).unwrap();
    let text = text
        .replace("uplinks = [\"ge48\"]", lists)
        .replace("ports = [\"ge1\"]", "ports = [\"gigabitethernet 1/0/1\"]");
    std::fs::write(site.path("standin.toml"), text).unwrap();
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uplink_and_an_own_port_are_refused_in_every_spelling() {
    let site = cisco("uplinks = [\"GigabitEthernet1/0/48\"]\nown-ports = [\"gi1/0/2\"]").await;
    for (port, guard) in [
        ("Gi1/0/48", "uplink"),
        ("gi1/0/48", "uplink"),
        ("GigabitEthernet1/0/48", "uplink"),
        ("Gi1/0/2", "own-port"),
        ("Gi 1/0/2", "own-port"),
    ] {
        let plan = site
            .run(&["switch", "plan", "core1", "port-off", port])
            .await;
        assert_eq!(plan.code, 4, "{port}: {plan:?}");
        let apply = [
            "switch", "apply", "core1", "port-off", port, "--yes", "--json",
        ];
        let said = site.run(&apply).await;
        assert_eq!(said.code, 4, "{port}: {said:?}");
        assert_eq!(said.json()["guard"], guard, "{port}: {said:?}");
    }
    assert_eq!(site.fake.with(|s| s.admin_sets()), 0);
    // And what is no uplink is shut by any of its names, as the switch would take it.
    let done = site
        .ok(&["switch", "apply", "core1", "port-off", "gi1/0/1", "--yes"])
        .await;
    assert!(done.out.contains("is proven"), "{done:?}");
    assert_eq!(site.fake.with(|s| s.port("Gi1/0/1").admin), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_that_names_an_uplink_in_another_spelling_is_no_valid_configuration() {
    let site = cisco("uplinks = [\"Gi1/0/1\"]").await;
    let said = site.run(&["check", "--offline"]).await;
    assert_eq!(said.code, 78, "{said:?}");
    assert!(said.err.contains("an uplink"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_names_no_port_fails_check_and_preflight() {
    let site = cisco("uplinks = [\"Gi1/0/48\", \"Te1/1/4\"]\nown-ports = [\"Gi1/0/77\"]").await;
    let check = site.run(&["check", "--json"]).await;
    let preflight = site
        .run(&["switch", "preflight", "core1", "--no-write", "--json"])
        .await;
    assert_ne!(check.code, 0);
    assert_ne!(preflight.code, 0);
    let json = preflight.json();
    for (list, port) in [("uplinks", "Te1/1/4"), ("own-ports", "Gi1/0/77")] {
        let lines = check.json()["checks"].as_array().unwrap().clone();
        let line = lines
            .iter()
            .find(|l| l["check"] == format!("switch.core1.{list}"));
        let line = line.unwrap_or_else(|| panic!("{check:?}"));
        assert_eq!(line["state"], "failed");
        assert!(line["detail"].as_str().unwrap().contains(port), "{line}");
        let lines = json["switches"][0]["lines"].as_array().unwrap();
        let named = |l: &&serde_json::Value| l["port"] == port && l["check"] == "guards";
        assert_eq!(lines.iter().filter(named).count(), 1, "{json:#}");
    }
    assert!(!check.out.contains("`Gi1/0/48`"), "{check:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_says_the_gap_that_is_survived_as_check_does() {
    let site = Site::new().await;
    let check = site.run(&["check", "--offline", "--json"]).await.json();
    let checks = check["checks"].as_array().unwrap();
    let line = checks.iter().find(|l| l["check"] == "detection of cctv");
    let said = line.unwrap()["detail"].as_str().unwrap().to_owned();
    assert!(said.contains("a gap of the peer alone of up to "), "{said}");
    let plan = site.run(&["plan", "cctv", "--json"]).await.json();
    assert_eq!(plan["detection"], *said, "{plan:#}");
    let text = site.run(&["plan", "cctv"]).await;
    assert!(text.out.contains(&said), "{text:?}");
}

/// It is for the night on which nothing answers: what could not be read is said in its place, and by the exit code.
#[tokio::test(flavor = "multi_thread")]
async fn a_runbook_says_where_it_is_not_whole() {
    let site = Site::new().await;
    let whole = site.run(&["runbook", "--json"]).await.json();
    assert_eq!(
        (&whole["ok"], &whole["format"]),
        (&json!(true), &json!("markdown"))
    );
    let text = whole["text"].as_str().unwrap();
    for part in [
        "snmpset -v2c -c \"$COMMUNITY\"",
        "snmpget",
        "COMMUNITY=$(cat '",
        "ip address add",
        "ip address del",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let page = site.run(&["runbook", "cctv", "--html"]).await;
    assert!(page.code == 0 && page.out.contains("</html>"), "{page:?}");
    let nobody = site.run(&["runbook", "nobody"]).await;
    assert!(
        nobody.code == 2 && nobody.err.contains("cctv"),
        "{nobody:?}"
    );

    site.fake
        .with(|s| s.faults.get_delay = std::time::Duration::from_secs(3600));
    let broken = site.run(&["runbook", "cctv"]).await;
    assert_eq!(broken.code, 69, "{broken:?}");
    assert!(
        broken
            .out
            .contains("could not be read when this was written"),
        "{broken:?}"
    );
    assert!(
        broken.out.contains("pull the cable") && broken.err.contains("not whole"),
        "{broken:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn check_and_plan_say_whether_management_is_asked() {
    let site = Site::new().await;
    let text = std::fs::read_to_string(site.path("standin.toml")).unwrap();
    for (key, policy, state, says) in [
        ("", "alert", "warning", "does nothing here"),
        (
            "management = \"192.0.2.77\"\n",
            "alert",
            "ok",
            "192.0.2.77 is pinged",
        ),
        (
            "management = \"192.0.2.77\"\n",
            "takeover",
            "ok",
            "192.0.2.77 is not asked",
        ),
    ] {
        let policy = format!("[peer.cctv.policy]\nalive-elsewhere = \"{policy}\"\n");
        let text = text.replace("interface = ", &format!("{key}interface = ")) + &policy;
        std::fs::write(site.path("standin.toml"), text).unwrap();
        let check = site.run(&["check", "--offline", "--json"]).await.json();
        let checks = check["checks"].as_array().unwrap();
        let line = checks.iter().find(|l| l["check"] == "management of cctv");
        let line = line.unwrap_or_else(|| panic!("{check:#}"));
        assert_eq!(line["state"], state, "{line}");
        assert!(line["detail"].as_str().unwrap().contains(says), "{line}");
        let plan = site.run(&["plan", "cctv", "--json"]).await.json();
        assert_eq!(plan["management"], line["detail"], "{plan:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_switch_commands_need_no_peer() {
    let site = Site::new().await;
    let text = std::fs::read_to_string(site.path("standin.toml")).unwrap();
    let text = &text[..text.find("[peer.cctv]").unwrap()];
    std::fs::write(site.path("standin.toml"), text).unwrap();
    let plan = site
        .ok(&["switch", "plan", "core1", "port-off", "ge3"])
        .await;
    assert!(plan.out.contains("ifAdminStatus"), "{plan:?}");
    for words in [
        &["switch", "list"][..],
        &["switch", "ports", "core1"],
        &["switch", "backup", "core1"],
        &["switch", "preflight", "core1", "--no-write"],
        &["switch", "apply", "core1", "port-off", "ge3", "--yes"],
    ] {
        site.ok(words).await;
    }
    // To run without anybody to stand in for makes no sense.
    let check = site.run(&["check", "--offline"]).await;
    assert!(
        check.code == 78 && check.err.contains("nobody to stand in for"),
        "{check:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_of_others_are_tried_as_far_as_they_go() {
    let site = Site::new().await;
    let rows = "1.3.6.1.2.1.1.5.0|4|core\n1.3.6.1.2.1.1.3.0|67|<private>\n1.3.6.1.2.1.31.1.1.1.1.1|4|ge1\n\
                1.3.6.1.2.1.31.1.1.1.1.2|2:numeric|rate=1\n1.3.6.1.2.1.2.2.1.7.1|2|1\n1.3.6.1.2.1.2.2.1.8.1|2|1\n1.3.6.1.4.1.9.1|68x|9f78\n";
    let file = site.path("theirs.snmprec");
    std::fs::write(&file, rows).unwrap();
    let file = file.display().to_string();
    let said = site.ok(&["profile", "try", "generic-qbridge", &file]).await;
    assert!(said.out.contains("ge1"), "{said:?}");
    for line in ["theirs.snmprec:2", "theirs.snmprec:4", "theirs.snmprec:7"] {
        assert!(said.err.contains(line), "{line}: {said:?}");
    }
    for (magic, name) in [
        (&b"BZh91AY&SY"[..], "bunzip2"),
        (b"\x1f\x8b\x08\x00", "gunzip"),
    ] {
        std::fs::write(&file, magic).unwrap();
        let said = site
            .run(&["profile", "try", "generic-qbridge", &file])
            .await;
        assert!(said.code != 0 && said.err.contains(name), "{said:?}");
    }
}

/// What IF-MIB and BRIDGE-MIB say of two ports, as their documents have the rows; with `pvid` dot1qPvid too.
fn two_ports(names: [&str; 2], first: u32, pvid: Option<u32>) -> String {
    let mut rows = Vec::new();
    for (i, name) in (0..).zip(names) {
        let (index, bridge) = (first + i, i + 1);
        rows.push((1, format!("1.3.6.1.2.1.2.2.1.2.{index}|4|{name}")));
        rows.push((2, format!("1.3.6.1.2.1.2.2.1.7.{index}|2|1")));
        rows.push((3, format!("1.3.6.1.2.1.2.2.1.8.{index}|2|1")));
        rows.push((4, format!("1.3.6.1.2.1.17.1.4.1.2.{bridge}|2|{index}")));
        rows.extend(pvid.map(|p| {
            (
                5,
                format!("1.3.6.1.2.1.17.7.1.4.5.1.1.{bridge}|66|{}", p + i),
            )
        }));
        rows.push((6, format!("1.3.6.1.2.1.31.1.1.1.1.{index}|4|{name}")));
    }
    rows.sort_by_key(|(column, _)| *column);
    rows.iter().map(|(_, row)| format!("{row}\n")).collect()
}

#[tokio::test]
async fn tp_link_families_that_answer_q_bridge_and_bridge_ports_of_nx_os_are_read() {
    let site = Site::new().await;
    let tp_link = two_ports(
        ["gigabitEthernet 1/0/1", "gigabitEthernet 1/0/2"],
        49153,
        Some(10),
    );
    let nx_os = two_ports(["Ethernet1/1", "Ethernet1/2"], 436_207_616, None);
    for (profile, rows, second) in [
        (
            "tplink-jetstream",
            tp_link,
            ["gigabitEthernet 1/0/2", "49154", "2", "up", "up", "11"],
        ),
        (
            "cisco-nxos",
            nx_os,
            ["Ethernet1/2", "436207617", "2", "up", "up", "-"],
        ),
    ] {
        let file = site.path(&format!("{profile}.snmprec"));
        std::fs::write(&file, rows).unwrap();
        let said = site
            .ok(&["profile", "try", profile, &file.display().to_string()])
            .await;
        let line = said.out.lines().find(|l| l.starts_with(second[0]));
        let line = line.unwrap_or_else(|| panic!("{said:?}"));
        let columns: Vec<&str> = line[second[0].len()..].split_whitespace().collect();
        assert_eq!(columns[..5], second[1..], "{profile}: {line}");
    }
}
