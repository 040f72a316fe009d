//! Guards that hold, however a port is spelt, and whatever the switch does not tell.

use crate::site::Site;

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
