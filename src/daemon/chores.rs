//! What is done once a second, whatever happens: the watchdog is fed, who is on the peer's ports is read, our own
//! service is looked at.

use super::hub::Input;
use super::journal::{Entry, HEARD};
use super::notify;
use super::run_loop::Loop;
use super::switch_news;
use super::two_legs;
use crate::detect::rtmp::{self, From};
use crate::rt;
use crate::takeover::action::Level;
use crate::takeover::state::State;
use crate::takeover::step::Step;

/// All that is learned on the peer's ports is read again this often while it is healthy, in chores: it takes a walk of
/// the forwarding table. Whether the peer is there is looked at more often, by single rows (`takeover::placement`).
const IDENTIFY_EVERY: u64 = 300;

/// snmpEngineBoots is read this often, in chores; sysUpTime comes with every poll of the port.
const BOOTS_EVERY: u64 = 5;
/// Our own service has failed so many times, a second apart, before a person is told: it may be restarted.
const TOLD_AFTER: u32 = 3;
/// The alarm.
const OWN_SERVICE: &str = "own-service";
/// The newest heartbeats are journaled this often, in chores.
const REMEMBER_EVERY: u64 = 60;

impl Loop {
    pub(super) fn chores(&mut self, count: u64) {
        notify::alive(&self.status_line());
        let lost = self.gaps.has_new(&self.journal);
        if (lost || count.is_multiple_of(REMEMBER_EVERY))
            && let Some(beats) = &self.beats
        {
            let heard = beats.seen();
            self.journal
                .append(Entry::new(rt::boot(), "", HEARD, heard));
        }
        self.look_for_ports();
        self.look_for_witnesses(count);
        self.take_up_fences();
        self.look_at_the_log();
        self.look_at_the_journal();
        self.look_at_redirects();
        self.look_at_sinks(count);
        self.tell_what_is_not_saved();
        for i in 0..self.peers.len() {
            self.check_legs(i);
            self.look_past_fence(i);
            self.peers[i].take_up_steps();
            self.look_at_gate(i);
            self.look_at_mute(i);
            self.look_at_health(i);
            let p = &self.peers[i];
            let healthy =
                matches!(p.machine.state(), State::Standby) && p.machine.evidence().healthy;
            if healthy && count.is_multiple_of(IDENTIFY_EVERY) {
                let (fencing, tx) = (p.hands.fencing.clone(), self.shared.tx.clone());
                self.shared.slow.spawn(async move {
                    let _ = tx.send(Input::Identities(i, fencing.identities().await));
                });
            }
            if count.is_multiple_of(BOOTS_EVERY) {
                let (fencing, tx) = (p.hands.fencing.clone(), self.shared.tx.clone());
                self.shared.slow.spawn(async move {
                    if let Some(boots) = fencing.engine_boots().await {
                        let _ = tx.send(Input::EngineBoots(i, boots));
                    }
                    switch_news::tell_engines(&fencing, i, &tx).await;
                });
            }
            let owner = p.machine.ownership().is_some();
            if self.beats.is_some() || owner {
                self.check_own_service(i, owner);
            }
        }
    }

    /// Port takeover: silent or not, as it is wanted, whoever flushes the rules.
    fn look_at_mute(&self, peer: usize) {
        if let Some(parked) = &self.peers[peer].hands.parked {
            let _slow = self.shared.slow.enter();
            parked.mute.look_after(peer, &self.shared.tx);
        }
    }

    /// A gate is wanted during a takeover only, and is closed again each second then; else it is open.
    fn look_at_gate(&self, peer: usize) {
        let p = &self.peers[peer];
        if !matches!(p.machine.state(), State::Taking(_)) {
            p.hands.gate.order_open();
        }
        p.hands.look_at_gate(&self.shared);
    }

    /// Port takeover: the settings of both legs and their routes, read every time.
    fn check_legs(&self, peer: usize) {
        let p = &self.peers[peer];
        if p.hands.parked.is_none() {
            return;
        }
        // Without one nothing leaves by it anyway, and that is said.
        let Some(own) = self.interfaces[p.hands.listening].own else {
            return;
        };
        let (tx, kernel) = (self.shared.tx.clone(), self.shared.host.kernel.clone());
        let (config, cameras) = (p.hands.peer.clone(), p.hands.inventory.clone());
        self.shared.slow.spawn(async move {
            if let Ok(faults) = two_legs::faults(&*kernel, &config, own, &cameras).await {
                let _ = tx.send(Input::Legs(peer, faults));
            }
        });
    }

    /// What is wrong with the legs' settings is said when it changes.
    pub(super) fn legs_read(&mut self, peer: usize, faults: Vec<String>) {
        let Some(p) = self.peers.get_mut(peer) else {
            return;
        };
        if p.leg_faults != faults {
            for fault in &faults {
                tracing::error!(peer = %p.hands.name, "port takeover: {fault}");
            }
            if faults.is_empty() {
                tracing::info!(peer = %p.hands.name, "the settings of both legs are right again");
            }
            p.leg_faults = faults;
        }
    }

    /// One handshake with our own service: where the cameras dial it, or before that where it listens on our own address.
    fn check_own_service(&self, peer: usize, owner: bool) {
        let p = &self.peers[peer];
        let own = self.interfaces[p.interface].own;
        let vip = owner.then_some(p.hands.peer.vip.addr);
        let Some(address) = vip.or(own) else {
            return;
        };
        let at = std::net::SocketAddrV4::new(address, p.hands.peer.service.port);
        let (tx, within) = (self.shared.tx.clone(), p.hands.peer.detect.service_timeout);
        let wire = self.shared.host.wire.clone();
        self.shared.slow.spawn(async move {
            let dialled = wire.dial(at, &From::Anywhere);
            let fault = rtmp::handshake_by(dialled, at, within).await.err();
            let fault = fault.map(|e| e.to_string());
            let _ = tx.send(Input::OwnService(peer, fault));
        });
    }

    /// A machine that owns the address and whose service does not serve is told: the cameras were back once, and are dark.
    pub(super) fn own_service(&mut self, peer: usize, fault: Option<String>) {
        let Some(p) = self.peers.get_mut(peer) else {
            return;
        };
        p.service_ok = fault.is_none();
        // A service that is still being started has a gate before it, and its own time.
        let active = match p.machine.state() {
            State::Active { .. } => true,
            State::Taking(t) => p.machine.ownership().is_some() && t.flow.get(Step::Open).over(),
            State::Standby
            | State::Suspect(_)
            | State::Confirming(_)
            | State::Releasing(_)
            | State::Halted { .. } => false,
        };
        p.service_fails = match &fault {
            Some(_) if active => p.service_fails.saturating_add(1),
            Some(_) | None => 0,
        };
        let Some(fault) = fault.filter(|_| active) else {
            return self.settle(
                Some(peer),
                OWN_SERVICE,
                "our own service is served again, or the address is not here any more",
            );
        };
        if p.service_fails >= TOLD_AFTER {
            let text = format!(
                "this machine has the address, and its own service does not serve the cameras: {fault}; start it again, or repair the peer and release"
            );
            self.raise(Some(peer), OWN_SERVICE, Level::Critical, text);
        }
    }

    fn status_line(&self) -> String {
        let states = self
            .peers
            .iter()
            .map(|p| format!("{} {}", p.hands.name, p.machine.label()));
        states.collect::<Vec<_>>().join(", ")
    }
}
