//! The core under random and exhaustive sequences of events: what must hold whatever comes.

mod exhaustive;
mod random;
mod site;
mod watched;

use crate::policies;
use standin::takeover::action::Action;
use standin::takeover::event::{Beat, Event, FenceRead, Order, Recovered};
use standin::takeover::left::PortState;
use standin::takeover::step::Step;
use standin::types::{BootTime, Epoch, MacAddr};

use exhaustive::until;
use watched::Watched;

const PEER: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x0a]);
const THIRD: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x99]);

/// Something that may happen next.
#[derive(Clone, Copy, Debug)]
enum Input {
    /// Time passes until the next deadline.
    Deadline,
    /// Time passes, deadlines or not.
    Pass(u64),
    PeerAnswers,
    ThirdAnswers,
    Pong,
    Service(bool),
    ServiceNotAsked,
    Port(bool),
    Hint,
    SwitchSilent,
    SwitchRebooted,
    /// data path, holds, carrier
    Beat(bool, bool, bool),
    Yields,
    AsksForIt,
    Grants,
    Witnesses,
    Carrier(bool),
    AddressLost,
    FenceSet,
    Left(PortState),
    Fence(FenceRead),
    /// The n-th task that runs answers.
    Ends(usize, Answer),
    /// An answer that belongs to no task.
    Ghost(Step),
    Cameras(u32),
    Order(Order),
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Done,
    Failed,
    Refused,
    Cancelled,
}

fn healthy() -> Recovered {
    Recovered {
        epoch: Epoch(3),
        pinned: Some(PEER),
        healthy: true,
        ..Recovered::fresh(BootTime(0))
    }
}

#[test]
fn a_standby_that_watches_needs_few_ticks() {
    let mut w = Watched::new(policies::policy(1, false), healthy());
    let (start, mut ticks) = (w.now, 0);
    while w.now < start + 1_000_000 {
        w.feed(Input::Deadline);
        w.feed(Input::PeerAnswers);
        ticks += 1;
    }
    assert!(ticks < 200, "{ticks} ticks in one second");
}

#[test]
fn of_two_owners_the_higher_epoch_keeps_the_vip_then_the_smaller_name() {
    let owner = until(Watched::new(policies::policy(1, true), healthy()), "active");
    let ours = owner.m.epoch().0;
    for (epoch, node, gives_up) in [
        (ours - 1, "a", false),
        (ours, "c", false),
        (ours, "a", true),
        (ours + 1, "c", true),
    ] {
        let mut w = owner.clone();
        w.tell(Event::Beat(Beat {
            data_path: false,
            node: node.to_owned(),
            holds: true,
            epoch: Epoch(epoch),
            carrier: true,
            service_ok: true,
            wants_yield: None,
            yielded: None,
            grants: None,
            hold: false,
            preferred: false,
            confirmed: None,
            interval: None,
            fence_timeout: None,
            mac: PEER,
        }));
        let beat = w
            .log
            .iter()
            .rfind(|(_, event, _)| matches!(event, Event::Beat(_)));
        let dropped = beat.is_some_and(|(_, _, actions)| actions.contains(&Action::DropAddress));
        assert_eq!(
            dropped, gives_up,
            "epoch {epoch} of {node} against {ours} of b"
        );
        assert_eq!(w.m.ownership().is_none(), gives_up);
    }
}
