//! `standin switch` and `standin profile` as a person meets them: the program against an agent in the test's process.

mod guards;
mod looks;
mod profiles;
mod site;

use crate::switch_agent::{COMMUNITY, mac};
use site::{Site, secret_file};
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
