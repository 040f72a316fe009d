//! A small burst of questions to a peer that answers, for switches that tell no MAC addresses: whose port follows it?

use std::time::Duration;

use tokio::sync::oneshot;

use super::fencing::{Fencing, Level};
use super::hub::{Input, Tx};
use super::run_loop::Loop;
use crate::net::arp::ArpFrame;
use crate::rt;
use crate::switch::read::traffic::{Burst, Counts};
use crate::takeover::placement::Seen;
use crate::takeover::state::State;

/// Questions in one burst: a fifth of what the default budget allows in that time.
const QUESTIONS: u32 = 40;
const GAP: Duration = Duration::from_millis(25);
/// How long a switch may take to count what has passed, beside `oper-staleness`.
const COUNTS_AFTER: Duration = Duration::from_secs(1);
/// A fence that is ordered does not wait for a look.
const LOOK_FOR_FENCE: Duration = Duration::from_millis(50);

/// Who asks the peer: the loop, which has the interface and its budget.
#[derive(Clone)]
pub struct Asker {
    /// The way into the loop.
    pub tx: Tx,
    /// The peer's index.
    pub peer: usize,
}

impl Asker {
    /// How many of the questions left.
    async fn ask(&self) -> u32 {
        let mut left = 0;
        for _ in 0..QUESTIONS {
            let (tx, rx) = oneshot::channel();
            if self.tx.send(Input::AskAside(self.peer, tx)).is_err() {
                break;
            }
            left += u32::from(rx.await.unwrap_or(false));
            rt::sleep(GAP).await;
        }
        left
    }
}

impl Loop {
    /// One question to a peer that is only watched, which is no evidence and takes nothing from what is: it has the room
    /// in the budget that a sweep has. `left` is told whether it left.
    pub(super) fn ask_aside(&mut self, peer: usize, left: oneshot::Sender<bool>) {
        let Some(p) = self.peers.get(peer) else {
            return;
        };
        let m = &p.machine;
        let watched = matches!(m.state(), State::Standby) && m.ownership().is_none();
        let to = m.evidence().pinned.now().filter(|_| watched);
        let vip = p.hands.peer.vip.addr;
        let interface = &mut self.interfaces[p.interface];
        let sent = to.is_some_and(|to| {
            let question = |mac, own| ArpFrame::request(mac, own, vip, Some(to));
            interface.ask_aside(rt::boot(), question).is_ok()
        });
        // Who asked may have been stopped.
        let _ = left.send(sent);
    }
}

impl Fencing {
    /// Whether the level's ports follow a burst, where its switch tells no MAC addresses. Of a level over several switches
    /// nobody can say by which of them the answers come: it stays as it is.
    pub(super) async fn by_traffic(&self, level: &Level, asker: &Asker) -> Seen {
        let mut parts = level.parts();
        let (Some(part), None) = (parts.next(), parts.next()) else {
            return Seen::Untold;
        };
        let span = GAP * QUESTIONS + part.switch.target().staleness() + COUNTS_AFTER;
        let read = async || part.switch.unicast_counts().await.ok();
        let mut at: [Counts; 4] = Default::default();
        let mut sent = 0;
        for (i, counts) in at.iter_mut().enumerate() {
            if i > 0 {
                let end = rt::Instant::now() + span;
                if i == 2 {
                    sent = asker.ask().await;
                }
                while rt::Instant::now() < end {
                    if self.is_urgent() {
                        let why = "a fence is under way".to_owned();
                        return Seen::Unread { why };
                    }
                    rt::sleep(LOOK_FOR_FENCE).await;
                }
            }
            match read().await {
                Some(read) if !read.is_empty() => *counts = read,
                Some(_) | None => return Seen::Untold,
            }
        }
        // Where the budget is short, what left is too little to be seen.
        if sent * 2 < QUESTIONS {
            return Seen::Untold;
        }
        match part.switch.judge_burst(&part.ports, &at, sent) {
            Burst::Followed { how } => Seen::Followed { how },
            Burst::Unclear => Seen::Untold,
            Burst::Elsewhere { port } => Seen::NotFollowed {
                why: format!(
                    "{sent} questions to the peer and its answers passed {}:{port}, and not {}",
                    part.on,
                    part.ports.join(", ")
                ),
                at: format!("{}:{port}", part.on),
            },
        }
    }
}
