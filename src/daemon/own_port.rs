//! In a pair: our own ports at the switches of the fence. Who is behind a fence shuts nobody's port, and two that have
//! shut each other at the same moment find out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fencing::{Fencing, Level};
use crate::config::Kind;
use crate::rt::timeout;
use crate::switch::{Admin, PortIdentity};
use crate::takeover::event::{FenceRead, Outcome};
use crate::types::{Epoch, PeerMacs, PortRef};

/// A read of our own ports may take this long; a switch that does not answer is the fence's to report.
const READ_WITHIN: Duration = Duration::from_millis(250);

impl Fencing {
    /// The peer of a pair may fence us as well.
    pub fn of_a(mut self, kind: Kind) -> Fencing {
        self.in_pair = kind == Kind::Pair;
        self
    }

    /// [`Fencing::set`], in a pair between two looks at our own ports (`own-ports` of the fence's switches).
    pub async fn set_between_looks(
        &self,
        epoch: Epoch,
        peer_mac: &PeerMacs,
        known: &BTreeMap<PortRef, PortIdentity>,
        may: (&[String], &[String]),
        on_set: impl Fn() + Clone + Send + 'static,
    ) -> Outcome {
        if !self.in_pair {
            return self.set(epoch, peer_mac, known, may, on_set).await;
        }
        if let Some(why) = self.own_port_shut().await {
            return Outcome::Failed(format!("{why}: nothing was shut from here"));
        }
        let outcome = self.set(epoch, peer_mac, known, may, on_set).await;
        match (outcome, self.own_port_shut().await) {
            (Outcome::Done(how), Some(why)) => Outcome::Failed(format!(
                "{why}, while the peer's was shut too ({how}): nothing is claimed; the node that is not preferred lifts its fence"
            )),
            (outcome, _) => outcome,
        }
    }

    /// What shuts one of our own ports, in words: another machine's mark, or all of them are admin down.
    pub async fn own_port_shut(&self) -> Option<String> {
        for part in self.levels.iter().flat_map(Level::parts) {
            let own: Vec<&str> = part
                .switch
                .target()
                .own_ports
                .iter()
                .map(String::as_str)
                .collect();
            if own.is_empty() {
                continue;
            }
            // What cannot be read is no reason not to fence a dead peer.
            let Ok(Ok(states)) = timeout(READ_WITHIN, part.switch.ports(&own)).await else {
                continue;
            };
            let name = &part.switch.target().name;
            let marked = states.iter().find_map(|p| {
                let tag = p.tag.as_ref().filter(|t| t.node != self.node)?;
                Some(format!(
                    "our own port {name}:{} has the mark {tag} of the peer",
                    p.if_name
                ))
            });
            if marked.is_some() {
                return marked;
            }
            if states.iter().all(|p| p.admin == Admin::Down) {
                return Some(format!(
                    "our own port {name}:{} is admin down",
                    own.join(", ")
                ));
            }
        }
        None
    }

    /// True if our fence of the peer stands while we are behind one ourselves.
    pub async fn tied(&self) -> bool {
        self.own_port_shut().await.is_some() && self.read().await == FenceRead::Present
    }
}
