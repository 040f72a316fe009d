//! `standin profile`: recordings, and profiles as they are listed, shown and refused.

use crate::cli_switch::site::Site;
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
