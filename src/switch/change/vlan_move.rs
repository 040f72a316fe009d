//! A switch port from one VLAN to another, proven by what reads back: our own port, and a dead machine's quarantine.
//!
//! The one place that moves a port for the daemon. Runs off the fast path.

use std::time::Duration;

use super::{ChangeError, ChangeRequest, change};
use crate::switch::model::op::Operation;
use crate::switch::read::switch::Switch;
use crate::types::{MacAddr, PeerMacs, VlanId};

/// In which VLAN a port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// Untagged in this VLAN and in no other, as far as the switch tells.
    In(VlanId),
    /// Its PVID and what leaves it untagged do not agree: somebody stopped half-way.
    Between,
}

/// What is known of a port that is to be moved.
#[derive(Clone, Debug, Default)]
pub struct Whose {
    /// MAC addresses of which one must be there, if any is.
    pub expected: PeerMacs,
    /// Addresses that must not be there.
    pub foreign: Vec<MacAddr>,
    /// What ifAlias must say.
    pub alias: Option<String>,
}

/// Why a port is not proven to be where it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMoved {
    /// Whose it is, or where it is, speaks against it; nothing was written.
    #[error("{0}")]
    Refused(String),
    /// It could not be read or moved, or does not read back.
    #[error("{0}")]
    Failed(String),
}

/// Reads in which VLAN a port is now.
///
/// # Errors
/// In words: the switch does not answer, has no such port, or does not tell its VLAN.
pub async fn vlan_of(switch: &Switch, port: &str) -> Result<Where, String> {
    Ok(look(switch, port).await?.0)
}

async fn look(switch: &Switch, port: &str) -> Result<(Where, Vec<MacAddr>), String> {
    let name = &switch.target().name;
    let row = switch.port_row(port).await.map_err(|e| e.to_string())?;
    let row = row.ok_or_else(|| format!("switch {name} has no port {port} now"))?;
    let pvid = row
        .pvid
        .ok_or_else(|| format!("switch {name} does not tell the PVID of port {port}"))?;
    let pvid = u16::try_from(pvid).map_err(|_| format!("switch {name}: PVID {pvid} of {port}"))?;
    let whole = row
        .untagged
        .is_none_or(|untagged| untagged == [u32::from(pvid)]);
    let place = match whole {
        true => Where::In(VlanId(pvid)),
        false => Where::Between,
    };
    let macs = row.macs.unwrap_or_default();
    Ok((place, macs.into_iter().map(|m| m.mac).collect()))
}

/// Moves `port` to the VLAN `to` and proves it there. It must be in `from`, in `to`, or half-way between; a port that
/// is anywhere else was moved by somebody who has to be asked first.
///
/// `on_set` is called when something may have been written. A reply that never came is no failure: what reads back
/// decides.
///
/// # Errors
/// See [`NotMoved`].
pub async fn move_port(
    switch: &Switch,
    port: &str,
    (from, to): (VlanId, VlanId),
    whose: &Whose,
    within: Duration,
    on_set: impl Fn(),
) -> Result<String, NotMoved> {
    let name = switch.target().name.clone();
    match look(switch, port).await {
        Err(why) => return Err(NotMoved::Failed(why)),
        Ok((Where::In(vlan), _)) if vlan != from && vlan != to => {
            return Err(NotMoved::Refused(format!(
                "switch {name}: port {port} is in VLAN {}, neither in {} nor in {}: somebody else moved it; put it back, or change the configuration",
                vlan.0, from.0, to.0
            )));
        }
        Ok((place, macs)) => {
            let expected = &whose.expected;
            let known = expected.known() && place != Where::In(to) && !macs.is_empty();
            if known && !macs.iter().any(|m| expected.has(*m)) {
                let learned: Vec<String> = macs.iter().map(MacAddr::to_string).collect();
                return Err(NotMoved::Refused(format!(
                    "switch {name}: on port {port} it has learned {}, not {expected}: is this the right port?",
                    learned.join(", ")
                )));
            }
        }
    }
    let mut request = ChangeRequest::new(Operation::SetAccessVlan(to), Some(port), within);
    request.expected_alias.clone_from(&whose.alias);
    request.own_macs.clone_from(&whose.foreign);
    // What confirms a port is looked at while all is healthy; a table that cannot be read now must not stop a takeover.
    request.overrides.insert("macs-unread".to_owned());
    let result = change(switch, request).await;
    if result.as_ref().map_or_else(|e| !e.is_untouched(), |_| true) {
        on_set();
    }
    match result {
        Ok(proof) => {
            let how = if proof.already {
                "was there already"
            } else {
                "moved"
            };
            Ok(format!(
                "{name}:{port} {how}: {}, {:?} after the order",
                proof.proven.join(", "),
                proof.took
            ))
        }
        Err(e @ ChangeError::Guarded { .. }) => Err(NotMoved::Refused(e.to_string())),
        Err(e) if e.is_untouched() => Err(NotMoved::Failed(e.to_string())),
        // The answer may have been lost because the port moved under it.
        Err(e) => match vlan_of(switch, port).await {
            Ok(Where::In(vlan)) if vlan == to => Ok(format!(
                "{name}:{port} reads back in VLAN {}, although: {e}",
                to.0
            )),
            Ok(_) | Err(_) => Err(NotMoved::Failed(e.to_string())),
        },
    }
}
