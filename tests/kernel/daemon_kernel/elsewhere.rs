//! A peer that answers at its management address only, and a policy that says to tell a person.

use std::time::Duration;

use crate::daemon_kernel::site::{SOON, Site};

#[test]
fn alive_on_its_management_address_only_is_left_alone_until_it_is_dead_there_too() {
    let policy = "management = \"10.98.0.31\"\npolicy = { alive-elsewhere = \"alert\" }";
    let Some(mut site) = Site::new(policy, "") else {
        return;
    };
    site.lab.camera.run(|| {
        let thread = nix::unistd::gettid();
        let add = format!("ip link add m0 type veth peer name m1 netns {thread}");
        site.standby(&format!(
            "{add}; ip addr add 10.98.0.2/24 dev m0; ip link set m0 up"
        ));
    });
    let camera = &site.lab.camera;
    camera.sh("ip addr add 10.98.0.31/24 dev m1; ip link set m1 up");
    site.start();
    site.healthy();
    // Its data path is gone; the machine is not.
    site.lab.camera.sh("ip addr del 10.99.0.101/24 dev c0");
    site.until("it is known to be alive elsewhere", |s| {
        let why = s["why"].as_str().unwrap_or_default();
        s["state"] == "suspect" && why.contains("alive elsewhere")
    });
    for _ in 0..6 {
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(site.status()["owner"], false);
        assert_eq!(site.fake.with(|s| s.admin_sets()), 0, "{}", site.log());
    }
    site.lab.camera.sh("ip addr del 10.98.0.31/24 dev m1");
    site.within(SOON * 2, "it is taken over", |s| s["owner"] == true);
}
