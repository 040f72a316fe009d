//! Way C with a real name server: a name follows the health of the machine that it names, with no address to move.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use standin::redirect::Order;

use super::redirect::{Daemon, a_check, well};
use super::servers::Server;
use crate::endpoint_dns::bind::{Odd, bind, usual_key_text};
use crate::endpoint_support::place;
use crate::health::Site;

const CUTS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_goes_to_the_standby_and_back_by_a_person() {
    let Some(names) = bind(Odd::default()) else {
        return;
    };
    let (site, first) = (Site::default(), place());
    fs::write(site.path("dns.key"), usual_key_text()).unwrap();
    fs::set_permissions(site.path("dns.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let a_place = |name: &str, checks: &str, to: &str| {
        format!(
            "[[redirect.twin.place]]\nname = \"{name}\"\nchecks = [{checks}]\nafter = \"200ms\"\n\
             [[redirect.twin.place.step]]\nkind = \"dns\"\nname = \"live\"\nzone = \"example.test\"\nservers = [\"{}\"]\n\
             key-file = \"dns.key\"\nrecords = [\"live.example.test A 5 {to}\"]\n",
            names.at
        )
    };
    let text = [
        "[redirect.twin]\nback = \"release\"\n".to_owned(),
        a_place("slave", "\"one\"", "10.0.0.11"),
        a_place("standby", "", "10.0.0.5"),
        a_check("one", first),
    ];
    let mut slave = Server::at(first, well()).await;
    let daemon = Daemon::at(site, &text.concat());
    let (mut took, mut began) = (Vec::new(), 0);
    for _ in 0..CUTS {
        let up = |s: &serde_json::Value| s["places"][0]["state"] == "up";
        daemon.until("the slave is well", up).await;
        let cut = Instant::now();
        drop(slave);
        while names.dig("live", "A") != ["5 A 10.0.0.5"] {
            assert!(
                cut.elapsed() < Duration::from_secs(15),
                "{}",
                daemon.shown()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        took.push(cut.elapsed());
        let shown = daemon.settled_at("standby").await;
        assert_eq!(shown["verdict"], "degraded: unfenced", "{shown}");
        // Since its fall, which came after the cut.
        let is_down = &shown["health"][0];
        let for_ms = is_down["for_ms"].as_u64().unwrap();
        assert_eq!(is_down["state"], "down", "{shown}");
        assert!(u128::from(for_ms) <= cut.elapsed().as_millis(), "{shown}");
        assert!(names.serial() > began, "one change for each cut");
        began = names.serial();
        // The slave is repaired: the name stays until a person says so.
        slave = Server::at(first, well()).await;
        daemon.until("the slave is well again", up).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(names.dig("live", "A"), ["5 A 10.0.0.5"]);
        daemon.order(Order::Release).await.unwrap();
        daemon.settled_at("slave").await;
        assert_eq!(names.dig("live", "A"), ["5 A 10.0.0.11"]);
    }
    took.sort();
    println!(
        "cut to the new record at the name server, {CUTS} times, checks every 100 ms, two of them: median {:?}, longest {:?}",
        took[CUTS / 2],
        took[CUTS - 1]
    );
}
