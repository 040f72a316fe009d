//! VLANs whose tables could not be read a moment ago.

use std::collections::BTreeMap;

use crate::rt::Instant;
use crate::switch::snmp::SnmpError;

/// VLANs that were silent, and when.
pub(in crate::switch) type SilentVlans = std::sync::Mutex<BTreeMap<u16, (Instant, SnmpError)>>;
