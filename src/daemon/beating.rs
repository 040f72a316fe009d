//! Heartbeats between the loop and its cores: what is said of each address, and what came.

use std::net::SocketAddrV4;

use super::beats::Saying;
use super::run_loop::Loop;
use crate::rt;
use crate::takeover::Machine;
use crate::takeover::action::Level;
use crate::takeover::event::Event;
use crate::types::{BootTime, MacAddr};

const REFUSED: &str = "heartbeats-refused";

/// What is said of one address: `mac` and `carrier` of our interface on its network.
fn saying(machine: &Machine, (mac, carrier): (MacAddr, bool), service_ok: bool) -> Saying {
    let policy = machine.policy();
    let fence = policy.fence && !policy.levels.is_empty();
    Saying {
        flags: machine.flags(),
        mac,
        carrier,
        service_ok,
        preferred: policy.preferred,
        confirmed: fence.then(|| machine.fence_confirmed()),
        fence_timeout: policy.fence_timeout,
    }
}

impl Loop {
    /// Sends the heartbeats that are due.
    pub(super) fn beat(&mut self, now: BootTime) {
        let Some(beats) = self.beats.as_mut().filter(|b| b.due() <= now) else {
            return;
        };
        let said = self.peers.iter().enumerate().map(|(i, p)| {
            let interface = &self.interfaces[p.interface];
            let here = (interface.mac, interface.carrier);
            (i, saying(&p.machine, here, p.service_ok))
        });
        beats.send(now, &said.collect());
    }

    /// A datagram arrived on a heartbeat socket.
    pub(super) fn beat_came(&mut self, socket: usize, from: SocketAddrV4, bytes: &[u8]) {
        let Some(beats) = &mut self.beats else { return };
        let came = beats.heard(rt::boot(), socket, from, bytes);
        for peer in came.over {
            self.settle(
                Some(peer),
                REFUSED,
                "heartbeats of the peer are accepted again",
            );
        }
        if let Some((peers, text)) = came.trouble {
            for peer in peers {
                self.raise(Some(peer), REFUSED, Level::Critical, text.clone());
            }
        }
        for (peer, beat) in came.beats {
            if beat.data_path {
                self.heard_on_the_data_path(peer);
            }
            self.event(peer, Event::Beat(beat));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::takeover::event::Recovered;
    use crate::takeover::placement::{Confirmation, Place, Standing};
    use serde_json::json;

    /// What is said of a fence with these levels, of which the journal has that they are so.
    fn confirmed(levels: &[&str], standing: Option<Standing>) -> Option<bool> {
        let s = |secs: u64| json!({ "secs": secs, "nanos": 0 });
        let policy = json!({
            "vip": "192.168.1.101/24", "node": "b", "own_mac": "02:00:00:00:00:02", "peer_mac": null, "pair": true,
            "auto": true, "preferred": false, "service_dead": "alert", "alive_elsewhere": "takeover",
            "unproven": "hold", "fence": !levels.is_empty(), "levels": levels, "fence_timeout": s(10),
            "refence_within": s(5), "lifetime": s(10), "rewire": false, "rewire_timeout": s(10), "warm": true,
            "service_timeout": s(30), "verify_within": s(30), "release_timeout": s(20),
            "detect": {
                "probe_interval": s(1), "suspect_after": s(3), "beat_timeout": s(3), "confirm_probes": 4,
                "confirm_interval": s(1), "service_interval": s(1), "service_failures": 3, "switch_poll": s(1),
                "stall": s(1), "startup_grace": s(300), "min_cameras": 3, "vacant_after": s(1),
            },
        });
        let policy = serde_json::from_value(policy).expect("a policy");
        let mut machine = Machine::new(policy, BootTime(1));
        let place = |standing| Place {
            level: "core:ge1".to_owned(),
            identity: "ge1, ifIndex 101".to_owned(),
            standing,
        };
        let recovered = Recovered {
            places: standing.into_iter().map(place).collect(),
            ..Recovered::fresh(BootTime(2))
        };
        machine.handle(BootTime(2), Event::Start(recovered));
        let here = (MacAddr([2, 0, 0, 0, 0, 2]), true);
        saying(&machine, here, true).confirmed
    }

    #[test]
    fn a_heartbeat_says_whether_the_port_that_we_would_fence_is_confirmed() {
        let by_table = Confirmation {
            how: "learned there".to_owned(),
            wall_s: 1,
            by_traffic: false,
            by: None,
            tables: None,
        };
        let level = &["core:ge1"];
        let is = Standing::Confirmed(by_table);
        assert_eq!(confirmed(level, Some(is.clone())), Some(true));
        assert_eq!(confirmed(level, None), Some(false));
        assert_eq!(confirmed(level, Some(Standing::Unconfirmed)), Some(false));
        assert_eq!(confirmed(&["core:ge1", "edge:1"], Some(is)), Some(false));
        assert_eq!(confirmed(&[], None), None, "there is no fence");
    }
}
