//! `persist = true`: a fence that was set or lifted is saved to the switch's start-up configuration.

use std::time::Duration;

use crate::switch::profile::Persistence;
use crate::switch::{ChangeRequest, Operation, Switch, change};

/// How long a switch may take to save; some take more than a minute.
const WITHIN: Duration = Duration::from_secs(180);

/// Saves, beside whatever follows: a fence that is proven stands whether it is saved or not, and what could not be saved
/// is said.
pub fn save(switch: &Switch) {
    if switch.target().profile.persistence == Persistence::Instant {
        return;
    }
    let switch = switch.clone();
    tokio::spawn(async move {
        let name = &switch.target().name;
        let request = ChangeRequest::new(Operation::Save, None, WITHIN);
        match change(&switch, request).await {
            Ok(proof) => {
                tracing::info!(switch = %name, took = ?proof.took, "the switch's configuration is saved")
            }
            Err(e) => tracing::error!(
                switch = %name,
                error = %e,
                "the switch's configuration is not saved: a reboot of the switch brings the old one back; save it by hand"
            ),
        }
    });
}
