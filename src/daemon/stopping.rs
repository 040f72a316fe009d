//! The end of the daemon: the gate is opened, an address that is ours stays for ever, and what is left is said.

use std::time::Duration;

use super::claim;
use super::notify;
use super::run_loop::{Loop, PeerRun};
use crate::rt::{self, timeout};
use crate::takeover::event::Outcome;
use crate::takeover::state::Phase;

/// The gates are waited for this long; the kernel opens one that is still closed then by itself.
const OPENED_WITHIN: Duration = Duration::from_secs(4);
/// An address that is to stay is waited for this long.
const KEPT_WITHIN: Duration = Duration::from_secs(1);

impl Loop {
    /// Opens what would lock the cameras out, and says what is left in place, and why.
    pub(super) async fn stop(mut self) {
        notify::stopping();
        for i in 0..self.peers.len() {
            self.peers[i].hands.gate.order_open();
            let left = self.left_in_place(i).await;
            let p = &self.peers[i];
            let (name, label) = (&p.hands.name, p.machine.label());
            if left.is_empty() {
                tracing::info!(peer = %name, "stopping in {label}: nothing of ours is left in place");
            } else {
                tracing::warn!(peer = %name, "stopping in {label}: {}; the next start goes on from there", left.join("; "));
            }
        }
        self.sinks.end().await;
    }

    async fn left_in_place(&mut self, peer: usize) -> Vec<String> {
        let mut left = Vec::new();
        let p = &self.peers[peer];
        let vip = p.hands.peer.vip;
        if p.machine.ownership().is_some() {
            left.push(match self.stay_for_ever(p).await {
                Ok(()) => format!("{vip} stays on this machine for ever, and the fence stays, because the cameras are here"),
                Err(e) => format!("{vip} was to stay on this machine for ever, because the cameras are here, and may expire instead: {e}"),
            });
        } else if p.machine.state().phase() != Phase::Standby {
            left.push("a port of the peer that we have shut stays shut (`standin plan` names it, `standin unfence` opens it)".to_owned());
        }
        if p.hands.parked.is_some() && p.machine.ownership().is_none() {
            left.push(format!("{vip} stays mute on the parked interface"));
        }
        if let Some(why) = self.gate_left(p).await {
            left.push(why);
        }
        left
    }

    async fn stay_for_ever(&self, p: &PeerRun) -> Result<(), String> {
        let interface = &self.interfaces[p.hands.serving];
        let Some((keeper, number)) = p.hands.order_address(None, interface) else {
            return Ok(());
        };
        match timeout(KEPT_WITHIN, claim::claim(&keeper, number)).await {
            Ok(Outcome::Done(_)) => Ok(()),
            Ok(Outcome::Failed(e) | Outcome::Refused(e)) => Err(e),
            Ok(Outcome::Cancelled) | Err(_) => Err("the kernel did not answer".to_owned()),
        }
    }

    /// Why the gate may still be closed; `None`: it is open.
    async fn gate_left(&self, p: &PeerRun) -> Option<String> {
        let gate = p.hands.gate.clone();
        let opened = self.shared.slow.spawn(timeout(OPENED_WITHIN, async move {
            while let Err(e) = gate.obey().await {
                tracing::debug!(error = %e, "the gate is not open yet");
                rt::sleep(Duration::from_millis(100)).await;
            }
        }));
        match opened.await {
            Ok(Ok(())) => None,
            Ok(Err(_)) | Err(_) => Some(format!(
                "the gate could not be opened (`nft delete table ip {}`); the kernel opens it within {} s",
                crate::net::gate::table(&p.hands.name),
                crate::net::gate::CLOSED_FOR.as_secs()
            )),
        }
    }
}
