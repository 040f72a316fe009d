//! A fenced peer that is heard on the very network that its port was to keep it from: the port is shut, and it hangs on
//! another one.
//!
//! A fence is read back by its ports, and whoever moves a cable leaves those as they are. Heartbeats that come by the
//! interface of the address come past it. A peer without heartbeats is seen when it answers for the address (`conflicts`);
//! a silent one by the tables of the switch (`takeover::past_fence`), whose alarm has the same key and a life of its own.

use std::time::Duration;

use super::run_loop::Loop;
use crate::rt;
use crate::takeover::action::Level;
use crate::types::BootTime;

const KEY: &str = "past-the-fence";
/// What was on its way when the port went down is no news: it must go on for so long.
const GOES_ON: Duration = Duration::from_secs(1);
/// Nothing for so long means that it is over; heartbeats are two seconds apart at the most.
const OVER: Duration = Duration::from_secs(5);

/// Heartbeats that came past a proven fence: the first and the last of them.
#[derive(Clone, Copy, Debug)]
pub struct PastFence {
    first: BootTime,
    last: BootTime,
}

impl PastFence {
    /// True if it is told.
    pub fn is_told(&self) -> bool {
        self.last.since(self.first) >= GOES_ON
    }
}

impl Loop {
    /// A heartbeat of this peer came by the interface of its address.
    pub(super) fn heard_on_the_data_path(&mut self, peer: usize) {
        let now = rt::boot();
        let Some(p) = self.peers.get_mut(peer) else {
            return;
        };
        if !p.machine.fence_stands() {
            return;
        }
        let first = p.past_fence.map_or(now, |before| before.first);
        p.past_fence = Some(PastFence { first, last: now });
        if now.since(first) < GOES_ON {
            return;
        }
        let ports: Vec<String> = p
            .hands
            .fencing
            .ports()
            .iter()
            .map(ToString::to_string)
            .collect();
        let interface = &self.interfaces[p.interface].name;
        let text = format!(
            "the peer is fenced, and its heartbeats still come by {interface}: {} is proven shut, and the machine hangs on another port. Look at its cables: nothing keeps it from the cameras; shut that port too, or put the cable back",
            ports.join(", ")
        );
        self.raise(Some(peer), KEY, Level::Warning, text);
    }

    /// Each second: what came past a fence has ended, or the fence has.
    pub(super) fn look_past_fence(&mut self, peer: usize) {
        let now = rt::boot();
        let p = &mut self.peers[peer];
        let proven = p.machine.fence_stands();
        if p.past_fence
            .is_some_and(|past| !proven || now.since(past.last) > OVER)
        {
            p.past_fence = None;
            let text = "no heartbeat of the peer comes past its fence any more";
            self.settle(Some(peer), KEY, text);
        }
    }
}
