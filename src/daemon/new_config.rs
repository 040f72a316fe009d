//! A configuration that was read again, before it is taken over.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Config, Secrets};
use crate::switch::Switch;
use crate::verify::Inventory;

/// A configuration with everything that it names, read where a slow disk delays nobody.
pub struct New {
    /// The configuration.
    pub config: Config,
    /// Its secrets.
    pub secrets: Secrets,
    /// The switches.
    pub switches: BTreeMap<String, Switch>,
    /// Inventories by peer.
    pub inventories: BTreeMap<String, Arc<Inventory>>,
}
