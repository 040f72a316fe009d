//! What is read before there is a loop, and again at a SIGHUP: the configuration, the cameras, the ways to the switches, the
//! journal.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::boot_counter;
use super::journal::{Journal, Limits};
use super::new_config::New;
use super::start::Parts;
use super::switches;
use crate::config::{Config, ConfigErrors, Kind, Secrets, Surroundings, Warning, passes};
use crate::host::real::{RealDisk, RealSwitches};
use crate::host::{Disk, SwitchIo};
use crate::verify::Inventory;

/// Where it is read from.
#[derive(Clone)]
pub struct Sources {
    /// Every file but secrets and profiles.
    pub disk: Arc<dyn Disk>,
    /// The ways to the switches.
    pub switches: Arc<dyn SwitchIo>,
    /// The identity of this boot.
    pub boot_id: String,
}

impl Sources {
    /// This machine.
    pub fn of_this_machine() -> Self {
        Sources {
            disk: Arc::new(RealDisk),
            switches: Arc::new(RealSwitches),
            boot_id: crate::sys::boot_id(),
        }
    }
}

/// Why there is nothing to start with.
#[derive(Debug, thiserror::Error)]
pub enum Unprepared {
    /// It may pass by itself: a mount that comes late, a daemon that ends.
    #[error("{0}")]
    MayPass(String),
    /// The configuration, or a file that it names, has to be changed.
    #[error("{0}")]
    Refused(String),
}

/// Reads the configuration; its secrets are in files of their own.
///
/// # Errors
/// A file cannot be read, or a value is refused.
pub fn read(
    path: &Path,
    around: &Surroundings,
    from: &Sources,
) -> Result<(Config, Vec<Warning>), ConfigErrors> {
    let unreadable = |source: io::Error| ConfigErrors::Unreadable {
        path: path.to_owned(),
        source: Arc::new(source),
    };
    let bytes = from.disk.read(path).map_err(unreadable)?;
    Config::from_bytes(path, bytes, around)
}

/// Reads everything that a configuration names, and opens the journal. `limits` is what `status` will say of this machine.
///
/// # Errors
/// [`Unprepared`].
pub fn prepare(
    config: Config,
    secrets: Secrets,
    limits: Vec<String>,
    from: &Sources,
) -> Result<Parts, Unprepared> {
    let inventories =
        inventories(&config, &*from.disk).map_err(|e| match cameras_may_come(&config, from) {
            true => Unprepared::MayPass(e),
            false => Unprepared::Refused(e),
        })?;
    let switches = switches::build_by(&*from.switches, &config, &secrets)
        .map_err(|e| Unprepared::Refused(e.to_string()))?;
    let (journal, replay) = Journal::open_in(
        from.disk.clone(),
        &from.boot_id,
        &config.node.state_dir,
        &config.node.name,
        Limits::default(),
    )
    .map_err(|e| Unprepared::MayPass(e.to_string()))?;
    if let Some(damage) = &replay.damage {
        tracing::error!("{damage}");
    }
    let pair = config.peers.values().any(|p| p.kind == Kind::Pair);
    let boot_counter = pair.then(|| {
        let next = boot_counter::next_on(&*from.disk, &config.node.state_dir);
        if let Some(trouble) = &next.trouble {
            tracing::warn!("{trouble}");
        }
        next.number
    });
    Ok(Parts {
        config,
        secrets,
        switches,
        inventories,
        journal,
        records: replay.records,
        damaged: replay.damage.is_some(),
        boot_counter,
        limits,
        disk: from.disk.clone(),
        gates_left: false,
    })
}

/// The configuration and everything that it names, read again.
///
/// # Errors
/// Everything that is wrong with it, in one line.
pub fn read_again(path: &Path, around: &Surroundings, from: &Sources) -> Result<New, String> {
    let loaded = read(path, around, from)
        .and_then(|(config, _)| config.load_secrets().map(|secrets| (config, secrets)));
    let (config, secrets) = loaded.map_err(|e| match e.problems() {
        [] => e.to_string(),
        problems => {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            lines.join("; ")
        }
    })?;
    let inventories = inventories(&config, &*from.disk).map_err(|e| e.replace('\n', "; "))?;
    let switches = switches::build_by(&*from.switches, &config, &secrets);
    Ok(New {
        switches: switches.map_err(|e| e.to_string())?,
        config,
        secrets,
        inventories,
    })
}

/// The inventories of all peers.
///
/// # Errors
/// Every problem of every file, a line each.
pub fn inventories(
    config: &Config,
    disk: &dyn Disk,
) -> Result<BTreeMap<String, Arc<Inventory>>, String> {
    let mut out = BTreeMap::new();
    let mut problems = Vec::new();
    for peer in config.peers.values() {
        let list = &peer.verify.cameras;
        match Inventory::of_read(list, disk.read(list)) {
            Ok(inventory) => {
                out.insert(peer.name.clone(), Arc::new(inventory));
            }
            Err(found) => problems.extend(found.iter().map(ToString::to_string)),
        }
    }
    if problems.is_empty() {
        Ok(out)
    } else {
        Err(problems.join("\n"))
    }
}

/// True if a camera list is not there (yet).
fn cameras_may_come(config: &Config, from: &Sources) -> bool {
    let mut lists = config.peers.values().map(|p| &p.verify.cameras);
    lists.any(|list| from.disk.read(list).is_err_and(|e| passes(&e)))
}
