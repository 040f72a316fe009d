//! What the loop hears of a peer's switch: reads of its port, restarts, notifications.

use std::time::Duration;

use super::fencing::{Fencing, Unread};
use super::hub::{Input, Tx};
use super::run_loop::Loop;
use crate::rt;
use crate::takeover::action::Level;
use crate::takeover::event::Event;

/// Failed reads of the switch in a row after which a person is told.
const SWITCH_FAILS: u32 = 3;

/// How long it is an alarm that a switch's SNMPv3 engine is another than it was.
const ENGINE_NEWS: Duration = Duration::from_secs(600);

/// Raises what the switches' SNMPv3 engines have to tell, and settles it after a while.
pub(super) async fn tell_engines(fencing: &Fencing, peer: usize, tx: &Tx) {
    let news = fencing.engine_news();
    if news.is_empty() {
        return;
    }
    let (peer, key) = (Some(peer), "switch-engine");
    let _ = tx.send(Input::Raise {
        peer,
        key,
        level: Level::Warning,
        text: format!("switch engine changed: {}", news.join("; ")),
    });
    rt::sleep(ENGINE_NEWS).await;
    let _ = tx.send(Input::Settle {
        peer,
        key,
        text: "the switch has answered as the same SNMPv3 engine since".to_owned(),
    });
}

impl Loop {
    pub(super) fn switch_read(&mut self, peer: usize, read: Result<Option<u32>, Unread>) {
        let Some(p) = self.peers.get_mut(peer) else {
            return;
        };
        let name = &p.hands.name;
        match read {
            Ok(uptime) => {
                if std::mem::take(&mut p.switch_fails) >= SWITCH_FAILS {
                    tracing::info!(peer = %name, "the switch answers again");
                }
                p.switch_fault = None;
                // sysUpTime wraps after 497 days; a wrap looks like a restart and costs one more read of the fence.
                let before = uptime.and_then(|u| p.uptime.replace(u));
                if before.zip(uptime).is_some_and(|(before, now)| now < before) {
                    self.event(peer, Event::SwitchRebooted);
                }
            }
            // Said by whoever looks for the port.
            Err(Unread::NoPort(why)) => {
                p.switch_fault = Some(format!("the port is not known (ports = \"auto\"): {why}"));
            }
            Err(Unread::Fault(fault)) => {
                p.switch_fails = p.switch_fails.saturating_add(1);
                if p.switch_fails == SWITCH_FAILS {
                    tracing::error!(peer = %name, "the switch cannot be read, so a fence could not be proven now: {fault}");
                }
                p.switch_fault = Some(fault);
            }
        }
    }

    pub(super) fn engine_boots(&mut self, peer: usize, boots: u64) {
        let before = self
            .peers
            .get_mut(peer)
            .and_then(|p| p.engine_boots.replace(boots));
        if before.is_some_and(|b| b != boots) {
            self.event(peer, Event::SwitchRebooted);
        }
    }

    /// A link of `switch` changed, or somebody says so: every peer that it may concern looks at its port.
    pub(super) fn trap(&mut self, switch: &str, if_index: Option<u32>) {
        for peer in 0..self.peers.len() {
            let hands = &self.peers[peer].hands;
            let Some(staleness) = hands.fencing.concerned(switch, if_index, &hands.identities)
            else {
                continue;
            };
            self.event(peer, Event::PortHint);
            if staleness > Duration::ZERO {
                // Until then the switch may show what was before.
                let tx = self.shared.tx.clone();
                self.shared.slow.spawn(async move {
                    rt::sleep(staleness).await;
                    let _ = tx.send(Input::Event(peer, Event::PortHint));
                });
            }
        }
    }
}
