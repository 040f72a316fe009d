//! `port-off` is proven as a fence is: by a reading that is newer than the order, and refuted by the machine's MAC address
//! behind another port. Who has tried the one has tested the other.

use super::ChangeRequest;
use super::freshness::{Doubt, PeerSeen};
use super::prove_down::{Known, prove};
use super::read_until::LONGEST;
use super::send_ports::{Sent, SetOutcome};
use super::unproven::Unproven;
use crate::rt::Instant;
use crate::switch::model::op::Operation;
use crate::switch::read::error::SwitchError;
use crate::switch::read::over_snmp::Reading;
use crate::switch::read::switch::Switch;
use crate::types::MacAddr;

/// One port before it is shut.
pub(super) struct PortDown {
    port: String,
    /// The machine that is behind it, where it is known.
    mac: Option<MacAddr>,
    start: Instant,
    before: Reading,
    aggregate: Option<String>,
}

impl PortDown {
    /// Reads it, where the request is to shut one.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn read(
        switch: &Switch,
        request: &ChangeRequest,
        start: Instant,
    ) -> Result<Option<PortDown>, SwitchError> {
        let (Operation::PortOff, Some(port)) = (request.operation, &request.port) else {
            return Ok(None);
        };
        let (names, mac) = ([port.as_str()], request.expected_mac);
        let macs: Vec<MacAddr> = mac.into_iter().collect();
        let before = switch.read(&names, &macs, None).await?;
        let aggregate = match mac {
            Some(_) => switch.aggregate_at(&names, &before, 0).await,
            None => None,
        };
        Ok(Some(PortDown {
            port: port.clone(),
            mac,
            start,
            before,
            aggregate,
        }))
    }

    /// Reads back until it is proven, or `end`; what was sent left at `sent`, and its fate was known at `settled`.
    /// A value that may be an old one is waited for as long as it may be, within `deadline`.
    ///
    /// # Errors
    /// Why it is not proven, in words.
    pub async fn prove(
        &self,
        switch: &Switch,
        (sent, settled): (Instant, Instant),
        (end, deadline): (Instant, Instant),
    ) -> Result<(), String> {
        let names = [self.port.as_str()];
        let waited = settled + switch.target().staleness() + LONGEST;
        let end = end.max(waited).min(deadline);
        let times = (self.start, deadline);
        let mut known = Known::of(
            switch,
            times,
            &names,
            self.mac.into_iter().collect(),
            &self.before,
        );
        known.until = end;
        known.aggregates.extend(self.aggregate.clone());
        // Whatever was answered: what reads back decides.
        let sent = Sent {
            sent,
            settled,
            outcome: SetOutcome::Acknowledged,
        };
        match prove(switch, &known, vec![sent], &self.before.ports, || {}).await {
            Ok(_) => Ok(()),
            Err(unproven) => Err(self.words(&unproven)),
        }
    }

    fn words(&self, unproven: &Unproven) -> String {
        if let (true, Some(mac)) = (unproven.peer.refutes(), self.mac) {
            let at = unproven.peer_at.as_deref().unwrap_or("another port");
            let since = match unproven.peer {
                PeerSeen::MovedElsewhere { .. } => "since this one was shut",
                _ => "and was before this one was shut",
            };
            return format!(
                "{mac} is learned behind {at} {since}: a fence would not be proven either"
            );
        }
        let doubt = unproven.ports.iter().find_map(|p| p.doubt.as_ref());
        match (doubt, &unproven.last_error) {
            (None | Some(Doubt::NotRead), Some(e)) => format!("it could not be read back: {e}"),
            (Some(doubt), _) => doubt.to_string(),
            (None, None) => Doubt::NotRead.to_string(),
        }
    }
}
