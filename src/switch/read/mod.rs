//! What a switch says of itself: its ports, their states, what it learned and where, over SNMP or over SSH.

mod aggregate;
pub mod error;
mod index_map;
pub mod learned;
pub mod lldp;
pub mod locate;
pub mod numbering;
pub(in crate::switch) mod over_snmp;
mod over_ssh;
mod per_vlan;
pub mod placing;
pub mod placing_together;
mod shown_table;
mod silent_vlans;
pub mod stp;
pub mod switch;
pub mod table;
pub mod target;
pub mod traffic;
