//! A port that is moved between VLANs, and spanning tree on it: what the daemon makes of switches that lose replies, do
//! nothing, or were changed by somebody else.

use crate::switch_agent;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::switch_agent::bridge::Bridge;
use crate::switch_agent::{COMMUNITY, Fake, Packet, mac, target, v2c};
use standin::daemon::forwarding::forwarding;
use standin::switch::Switch;
use standin::switch::change::vlan_move::{NotMoved, Whose, move_port};
use standin::takeover::event::Outcome;
use standin::types::VlanId;

const PARKED: VlanId = VlanId(20);
const PRODUCTION: VlanId = VlanId(10);
const WITHIN: Duration = Duration::from_secs(8);

/// A switch whose port ge2 waits in VLAN 20.
async fn parked() -> Fake {
    let fake = Fake::start().await;
    fake.with(|s| s.bridge = Some(in_vlan(2, 20)));
    fake
}

fn in_vlan(port: u32, vlan: u16) -> Bridge {
    let mut bridge = Bridge::new();
    for row in bridge.vlans.values_mut() {
        row.egress.remove(&port);
        row.untagged.remove(&port);
    }
    bridge.pvid.insert(port, vlan);
    if let Some(row) = bridge.vlans.get_mut(&vlan) {
        row.egress.insert(port);
        row.untagged.insert(port);
    }
    bridge
}

fn over(address: std::net::SocketAddr) -> Switch {
    Switch::new(target(address, v2c(COMMUNITY)))
}

async fn rewire(switch: &Switch) -> Result<String, NotMoved> {
    let ways = (PARKED, PRODUCTION);
    move_port(switch, "ge2", ways, &Whose::default(), WITHIN, || {}).await
}

/// The VLAN in which the port really is, if it is in one.
fn vlan(fake: &Fake) -> Option<u16> {
    let (pvid, egress, untagged) = fake.with(|s| s.bridge.as_ref().unwrap().of(2));
    (egress == untagged && egress.len() == 1 && egress.contains(&pvid)).then_some(pvid)
}

fn pvid_sets(fake: &Fake) -> usize {
    let pvid = |o: &str| o.starts_with("1.3.6.1.2.1.17.7.1.4.5.1.1.");
    fake.with(|s| s.sets.iter().filter(|(o, _)| pvid(o)).count())
}

#[tokio::test]
async fn a_port_is_moved_once_and_then_it_is_there_already() {
    let fake = parked().await;
    let switch = over(fake.address);
    assert!(rewire(&switch).await.is_ok());
    assert_eq!((vlan(&fake), pvid_sets(&fake)), (Some(10), 1));
    let Ok(how) = rewire(&switch).await else {
        panic!("not there")
    };
    assert!(how.contains("was there already"), "{how}");
    assert_eq!(pvid_sets(&fake), 1);
}

/// Our own port carries the way to the switch: from the first SET on, nothing comes through for a while.
#[tokio::test]
async fn a_reply_that_is_lost_because_our_own_port_moved_is_no_failure() {
    for dark in [300, 1500, 3000].map(Duration::from_millis) {
        let fake = parked().await;
        let since: Arc<Mutex<Option<Instant>>> = Arc::default();
        let rule = move |packet| {
            let mut since = since.lock().unwrap();
            match (*since, packet) {
                (None, Packet::Set) => {
                    *since = Some(Instant::now());
                    vec![Duration::ZERO]
                }
                (Some(at), _) if at.elapsed() < dark => vec![],
                (Some(_) | None, _) => vec![Duration::ZERO],
            }
        };
        let switch = over(fake.through(rule).await);
        let outcome = rewire(&switch).await;
        assert!(outcome.is_ok(), "{dark:?}: {outcome:?}");
        assert_eq!(vlan(&fake), Some(10), "{dark:?}");
    }
}

#[tokio::test]
async fn a_switch_that_never_replies_to_a_set_but_does_it_is_read_back() {
    let fake = parked().await;
    let rule = |packet| match packet {
        Packet::ReplyToSet => vec![],
        Packet::Get | Packet::Set | Packet::ReplyToGet => vec![Duration::ZERO],
    };
    let switch = over(fake.through(rule).await);
    let outcome = rewire(&switch).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(vlan(&fake), Some(10));
}

#[tokio::test]
async fn a_switch_that_acknowledges_and_does_nothing_is_never_believed() {
    let fake = parked().await;
    fake.with(|s| s.faults.ignores = vec![0]);
    let ways = (PARKED, PRODUCTION);
    let within = Duration::from_secs(2);
    let switch = over(fake.address);
    let outcome = move_port(&switch, "ge2", ways, &Whose::default(), within, || {}).await;
    assert!(matches!(outcome, Err(NotMoved::Failed(_))), "{outcome:?}");
    assert_eq!(vlan(&fake), Some(20));
}

#[tokio::test]
async fn a_port_that_somebody_moved_elsewhere_is_left_there() {
    let fake = parked().await;
    fake.with(|s| s.bridge = Some(in_vlan(2, 40)));
    let Err(NotMoved::Refused(why)) = rewire(&over(fake.address)).await else {
        panic!("it was not refused")
    };
    assert!(
        why.contains("VLAN 40") && why.contains("somebody else"),
        "{why}"
    );
    assert_eq!(fake.with(|s| s.sets.len()), 0);
}

#[tokio::test]
async fn a_port_with_another_machine_on_it_is_not_ours() {
    let fake = parked().await;
    fake.with(|s| s.fdb.push((2, mac(9), 2)));
    let whose = Whose {
        expected: mac(7).into(),
        ..Whose::default()
    };
    let ways = (PARKED, PRODUCTION);
    let outcome = move_port(&over(fake.address), "ge2", ways, &whose, WITHIN, || {}).await;
    let Err(NotMoved::Refused(why)) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(why.contains(&mac(9).to_string()), "{why}");
    assert_eq!(fake.with(|s| s.sets.len()), 0);
}

#[tokio::test]
async fn a_move_that_was_left_half_done_is_finished() {
    let fake = parked().await;
    // Killed after the first PDU: the new VLAN is in, the old one not yet out.
    fake.with(|s| {
        let bridge = s.bridge.as_mut().unwrap();
        bridge.pvid.insert(2, 10);
        let new = bridge.vlans.get_mut(&10).unwrap();
        new.egress.insert(2);
        new.untagged.insert(2);
    });
    assert_eq!(vlan(&fake), None);
    let outcome = rewire(&over(fake.address)).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(vlan(&fake), Some(10));
}

// -- spanning tree ------------------------------------------------------------------

async fn waited(fake: &Fake, within: Duration) -> (Outcome, Duration) {
    let begun = Instant::now();
    let outcome = forwarding(&over(fake.address), "ge2", PRODUCTION, within).await;
    (outcome, begun.elapsed())
}

/// The port is in each state for so long, and forwards then.
fn states(fake: &Fake, states: &'static [i32], each: Duration) {
    let at = Instant::now();
    let state = move |s: &mut switch_agent::State| {
        let n = (at.elapsed().as_millis() / each.as_millis()) as usize;
        let now = states.get(n).copied().unwrap_or(5);
        s.bridge.as_mut().unwrap().stp.insert(2, now);
    };
    let memory = fake.state.clone();
    tokio::spawn(async move {
        loop {
            state(&mut memory.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}

#[tokio::test]
async fn a_port_that_listens_and_learns_is_waited_for() {
    let fake = parked().await;
    fake.with(|s| s.bridge.as_mut().unwrap().stp.insert(2, 3));
    states(&fake, &[3, 4], Duration::from_millis(600));
    let (outcome, took) = waited(&fake, WITHIN).await;
    assert!(
        matches!(&outcome, Outcome::Done(how) if how.contains("forwards")),
        "{outcome:?}"
    );
    assert!((1100..3000).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test]
async fn a_port_that_forwards_costs_two_requests() {
    let fake = parked().await;
    let switch = over(fake.address);
    // As in the daemon, the names are known by then.
    switch.port("ge2").await.unwrap();
    let before = fake.with(|s| (s.gets.len(), s.walks));
    let outcome = forwarding(&switch, "ge2", PRODUCTION, WITHIN).await;
    assert!(
        matches!(&outcome, Outcome::Done(how) if how.contains("forwards")),
        "{outcome:?}"
    );
    let after = fake.with(|s| (s.gets.len(), s.walks));
    assert_eq!((after.0 - before.0, after.1 - before.1), (2, 0));
}

#[tokio::test]
async fn a_port_that_stays_blocked_is_told_with_its_state() {
    let fake = parked().await;
    fake.with(|s| s.bridge.as_mut().unwrap().stp.insert(2, 2));
    let (outcome, took) = waited(&fake, Duration::from_millis(700)).await;
    assert!(
        matches!(&outcome, Outcome::Failed(why) if why.contains("blocking")),
        "{outcome:?}"
    );
    assert!((500..3000).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test]
async fn a_switch_that_does_not_tell_is_not_waited_for() {
    let fake = parked().await;
    fake.with(|s| s.bridge.as_mut().unwrap().stp.insert(2, 0));
    let (outcome, took) = waited(&fake, WITHIN).await;
    assert!(
        matches!(&outcome, Outcome::Done(how) if how.contains("does not tell")),
        "{outcome:?}"
    );
    assert!(took < WITHIN / 2, "{took:?}");
}

/// `disabled` of a port that is up: it takes no part. Of one that is down: its link comes.
#[tokio::test]
async fn disabled_is_the_end_of_waiting_only_for_a_port_that_is_up() {
    let fake = parked().await;
    fake.with(|s| s.bridge.as_mut().unwrap().stp.insert(2, 1));
    let (outcome, took) = waited(&fake, WITHIN).await;
    assert!(
        matches!(&outcome, Outcome::Done(how) if how.contains("takes no part")),
        "{outcome:?}"
    );
    assert!((1000..3000).contains(&took.as_millis()), "{took:?}");
    fake.with(|s| s.cable("ge2", 2));
    let (outcome, _) = waited(&fake, Duration::from_secs(2)).await;
    assert!(
        matches!(&outcome, Outcome::Failed(why) if why.contains("disabled")),
        "{outcome:?}"
    );
}

/// The switch answers no more once the port was moved.
#[tokio::test]
async fn a_switch_that_fell_silent_is_waited_for_a_few_seconds_and_no_longer() {
    let fake = parked().await;
    let rule = |packet| match packet {
        Packet::Get | Packet::Set => vec![],
        Packet::ReplyToGet | Packet::ReplyToSet => vec![Duration::ZERO],
    };
    let address = fake.through(rule).await;
    let begun = Instant::now();
    let outcome = forwarding(&over(address), "ge2", PRODUCTION, Duration::from_secs(30)).await;
    let took = begun.elapsed();
    assert!(
        matches!(&outcome, Outcome::Failed(why) if why.contains("cannot be read")),
        "{outcome:?}"
    );
    assert!((3000..5000).contains(&took.as_millis()), "{took:?}");
}
