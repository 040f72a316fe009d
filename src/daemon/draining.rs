//! What has arrived by now is read before a deadline is judged: a thread that was late finds answers in its sockets, and
//! silence is what is left after them.

use super::hub::Input;
use super::run_loop::Loop;
use crate::rt;
use crate::takeover::event::Event;

/// So much is read of one socket at a time: a flood must not keep the loop from its deadlines.
const AT_MOST: usize = 4096;

impl Loop {
    /// True if a core is about to judge a silence.
    pub(super) fn is_due(&self) -> bool {
        let now = rt::boot();
        let mut deadlines = self.peers.iter().filter_map(|p| p.machine.next_deadline());
        deadlines.any(|d| d <= now)
    }

    /// Reads what lies in the sockets of the fast path, without waiting, behind what was read already; signs of the peers'
    /// lives come first, since every event makes a core look at its deadlines.
    pub(super) fn drain(&self, arrived: &mut Vec<Input>) {
        for (me, interface) in self.interfaces.iter().enumerate() {
            let frames = std::iter::from_fn(|| interface.try_recv());
            arrived.extend(frames.take(AT_MOST).map(|f| Input::Frame(me, f)));
        }
        for (me, p) in self.peers.iter().enumerate() {
            if let Some(pinger) = &p.hands.pinger {
                let pongs = std::iter::from_fn(|| pinger.try_recv());
                arrived.extend(pongs.take(AT_MOST).map(|_| Input::Event(me, Event::Pong)));
            }
        }
        if let Some(beats) = &self.beats {
            beats.drain(AT_MOST, arrived);
        }
        arrived.sort_by_key(|input| self.rank(input));
    }

    fn rank(&self, input: &Input) -> u8 {
        match input {
            Input::Beat { .. } => 0,
            Input::Event(_, Event::Pong) => 1,
            Input::Frame(_, frame) => {
                let of_a_vip = self
                    .peers
                    .iter()
                    .any(|p| p.hands.peer.vip.addr == frame.spa);
                if of_a_vip { 1 } else { 2 }
            }
            _ => 2,
        }
    }
}
