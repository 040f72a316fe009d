//! When ports are looked for, and what follows from an answer.

use std::time::Duration;

use super::Looked;
use crate::daemon::hub::Input;
use crate::daemon::owed::Owed;
use crate::daemon::run_loop::{Loop, PeerRun};
use crate::rt;
use crate::takeover::state::State;
use crate::types::{BootTime, MacAddr, PortRef};

/// A port that is known is looked for again after this.
const CONFIRM: Duration = Duration::from_secs(60);
/// A port that is not known is looked for again after this.
const RETRY: Duration = Duration::from_secs(5);
/// The journal has the time of the last confirmation no older than this.
const JOURNAL: Duration = Duration::from_secs(240);

impl Loop {
    /// Once a second: looks for ports that are to be found, where it is time to.
    pub(in crate::daemon) fn look_for_ports(&mut self) {
        let now = rt::boot();
        for i in 0..self.peers.len() {
            let p = &mut self.peers[i];
            if !p.hands.fencing.is_auto() {
                continue;
            }
            let alive = alive(p, now);
            if p.hands.looking.0 || now < p.hands.looking.1 {
                continue;
            }
            let unknown = p.hands.fencing.unknown().is_some();
            let every = if unknown { RETRY } else { CONFIRM };
            let (fencing, tx) = (p.hands.fencing.clone(), self.shared.tx.clone());
            if let Some(mac) = alive {
                let owed = Owed::new(&tx, [Input::Ports(i, Vec::new())]);
                self.shared.slow.spawn(async move {
                    let looked = fencing.look(mac).await;
                    owed.paid();
                    let _ = tx.send(Input::Ports(i, looked));
                });
            } else if unknown && !fencing.found().is_empty() {
                let owed = Owed::new(&tx, [Input::Ports(i, Vec::new())]);
                self.shared.slow.spawn(async move {
                    let looked = fencing.confirm_kept().await;
                    owed.paid();
                    let _ = tx.send(Input::Ports(i, looked));
                });
            } else {
                continue;
            }
            p.hands.looking = (true, now + every);
        }
    }

    /// The answer of a look. One that began while the peer was healthy is worth nothing once it is suspected.
    pub(in crate::daemon) fn ports_looked(&mut self, peer: usize, looked: Vec<Looked>) {
        let others = self.peers.iter().enumerate().filter(|(i, _)| *i != peer);
        let taken: Vec<PortRef> = others.flat_map(|(_, p)| p.hands.fencing.ports()).collect();
        let Some(p) = self.peers.get_mut(peer) else {
            return;
        };
        p.hands.looking.0 = false;
        let at_rest = matches!(p.machine.state(), State::Standby);
        let now = rt::boot();
        let mut changed = false;
        for answer in looked {
            if at_rest || (answer.from_journal && p.machine.ownership().is_none()) {
                let before = p.hands.fencing.unknown().map(|(_, why)| why.to_owned());
                changed |= p.hands.fencing.adopt(answer, &taken, now);
                let after = p.hands.fencing.unknown().map(|(_, why)| why.to_owned());
                changed |= before != after;
            }
        }
        // The peer lives, and still it could not be confirmed.
        changed |= alive(p, now).is_some() && p.hands.fencing.expire(now);
        if changed {
            self.ports_changed(peer);
        }
        self.peers[peer].journal_ports(now);
    }

    /// Says what is known now, and lets everything use it.
    fn ports_changed(&mut self, peer: usize) {
        let p = &mut self.peers[peer];
        let name = &p.hands.name;
        for k in p.hands.fencing.found() {
            let at = PortRef {
                switch: k.switch.clone(),
                port: k.found.port.clone(),
            };
            if p.hands.fencing.ports().contains(&at) {
                tracing::info!(peer = %name, "the fence's port is {at} (ports = \"auto\"): {}", k.found.how);
                p.hands.identities.insert(at, k.found.identity);
            }
        }
        if let Some((switch, why)) = p.hands.fencing.unknown() {
            tracing::error!(peer = %name, "the fence on switch {switch} is NOT there: its port is not known (ports = \"auto\"): {why}");
        }
        p.recorder.follow(&p.hands.fencing);
    }
}

impl PeerRun {
    /// The journal's time of the last confirmation must not become too old.
    fn journal_ports(&mut self, now: BootTime) {
        let oldest = self.recorder.found().iter().map(|k| k.confirmed).min();
        if oldest.is_some_and(|at| now.since(at) > JOURNAL) {
            self.recorder.set_found(self.hands.fencing.found());
        }
    }
}

/// The peer's MAC, if it is seen to serve the VIP just now and we only watch.
fn alive(p: &PeerRun, now: BootTime) -> Option<MacAddr> {
    let e = p.machine.evidence();
    let lately = p.machine.policy().detect.suspect_after;
    let here = e.vip_at.is_some_and(|at| now.since(at) <= lately);
    let standby = matches!(p.machine.state(), State::Standby) && p.machine.ownership().is_none();
    e.pinned
        .now()
        .filter(|_| standby && e.healthy && here && !e.in_conflict(now))
}
