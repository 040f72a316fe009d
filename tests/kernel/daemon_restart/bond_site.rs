//! A bond over two switches, as a person at the command line sees it.

use serde_json::Value;

use crate::daemon_restart::site::{Site, alone, fenced};
use crate::switch_agent::{Fake, mac};

fn said(out: &std::process::Output) -> Value {
    serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{out:?}"))
}

fn shut(fake: &Fake) -> bool {
    fake.with(|s| s.port("ge1").admin == 2)
}

#[test]
fn both_switches_are_named_by_plan_status_release_and_unfence() {
    alone(async |mut site: Site| {
        let edge = Fake::start().await;
        edge.with(|s| s.fdb = vec![(1, mac(4), 2)]);
        let more = site.switch("edge", &edge.address.to_string());
        site.write(|text| {
            let also = "ports = [\"ge1\"]\nalso = [{ switch = \"edge\", ports = [\"ge1\"] }]";
            let soon = "within = \"1s\"\n[peer.cctv.service]\ntimeout = \"1s\"\n";
            text.replace("ports = [\"ge1\"]", also) + soon + &more
        });
        let plan = said(&site.ask(&["plan", "cctv", "--json"]).await);
        let steps = plan["steps"].as_array().unwrap().iter();
        let on: Vec<&str> = steps.filter_map(|s| s["set"]["switch"].as_str()).collect();
        assert!(on.contains(&"core") && on.contains(&"edge"), "{plan}");

        site.start().await;
        site.take_over().await;
        assert!(shut(&site.fake) && shut(&edge));
        let status = site.status_where("it is fenced", fenced).await;
        let peer = &status["peers"][0];
        assert_eq!(peer["placement"][0]["level"], "core:ge1 + edge:ge1");
        let also = &peer["fence_ports"][0]["also"][0];
        assert_eq!(
            (&also["switch"], &also["ports"][0]),
            (&"edge".into(), &"ge1".into())
        );

        let active = |s: &Value| {
            s["peers"][0]["state"]
                .as_str()
                .is_some_and(|s| s.starts_with("active"))
        };
        site.status_where("it is active", active).await;
        // One switch dies: a release gives nothing away.
        drop(edge);
        let before = site.log().len();
        site.ask(&["release", "cctv", "--no-wait"]).await;
        let log = site.logged(before, &["release stopped at precheck"]).await;
        assert!(log.contains("standin unfence edge:ge1"), "{log}");
        let status = site.status().await;
        assert_eq!(status["peers"][0]["owner"], true, "{status}");
        assert!(shut(&site.fake));
        // A person opens one leg, and is told of the other.
        let out = site
            .ask(&["unfence", "core:ge1", "--force", "--json"])
            .await;
        assert_eq!(said(&out)["others"][0], "edge:ge1");
        assert!(!shut(&site.fake));
    });
}
