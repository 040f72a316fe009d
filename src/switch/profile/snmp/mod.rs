//! `[snmp]` of a profile: which objects there are, and the operations that write them.

mod objects;
pub(in crate::switch::profile) mod operations;
