//! `persist = true`: a fence that was set or lifted is saved to the switch's start-up configuration.
//!
//! A switch may take minutes for it. So it goes over a connection of its own, beside whatever follows: the next fence waits
//! for none of it. Saves of one switch come one after the other; what could not be saved is told until one could.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use crate::rt;
use crate::switch::change::{ChangeRequest, change};
use crate::switch::model::op::Operation;
use crate::switch::profile::Persistence;
use crate::switch::read::switch::Switch;

/// How long a switch may take to save; some take more than a minute.
const WITHIN: Duration = Duration::from_secs(180);

/// The saves of one switch.
#[derive(Default)]
struct Saves {
    /// Held by the one that runs.
    turn: tokio::sync::Mutex<()>,
    /// One is waiting: it will save what a further one would.
    waits: AtomicBool,
    /// Why the last one failed.
    failed: Mutex<Option<String>>,
}

static SAVES: LazyLock<Mutex<BTreeMap<String, Arc<Saves>>>> = LazyLock::new(Mutex::default);

fn of(switch: &str) -> Arc<Saves> {
    let mut all = SAVES.lock().unwrap_or_else(PoisonError::into_inner);
    all.entry(switch.to_owned()).or_default().clone()
}

/// Saves, beside whatever follows: a fence that is proven stands whether it is saved or not.
pub fn save(switch: &Switch) {
    if switch.target().profile.persistence == Persistence::Instant {
        return;
    }
    let saves = of(&switch.target().name);
    if saves.waits.swap(true, Ordering::AcqRel) {
        return;
    }
    let switch = switch.beside();
    rt::spawn(async move {
        let name = &switch.target().name;
        let _turn = saves.turn.lock().await;
        saves.waits.store(false, Ordering::Release);
        let request = ChangeRequest::new(Operation::Save, None, WITHIN);
        let failed = match change(&switch, request).await {
            Ok(proof) => {
                tracing::info!(switch = %name, took = ?proof.took, "the switch's configuration is saved");
                None
            }
            Err(e) => Some(e.to_string()),
        };
        *saves.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    });
}

/// Why the last save of this switch failed, if it did.
pub fn failed(switch: &str) -> Option<String> {
    let all = SAVES.lock().unwrap_or_else(PoisonError::into_inner);
    let saves = all.get(switch)?;
    let failed = saves.failed.lock().unwrap_or_else(PoisonError::into_inner);
    failed.clone()
}
