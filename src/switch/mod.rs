//! Switches: read a port, fence it and prove it, lift it again, move it between VLANs, say beforehand what would be sent.
//!
//! Vendors are data ([`profile`]): what to send and what must be true afterwards, over SNMP and over a command line.
//! Pure parts, which do no IO: [`value`], [`schema`], [`profile`], [`portlist`], [`render`], [`tag`], [`confirm`],
//! [`op`], [`guard`], and most of [`ssh`]. The rest is IO: [`snmp`] (the one file that knows the SNMP crate, with
//! `snmp_wire`), [`client`] (one switch, by whichever transport answers), [`fence`] (shut, prove, adopt),
//! [`unfence`], [`change`] (every other change, as a transaction with its undo), [`plan`], [`ports`], [`auto`],
//! [`traps`].
//!
//! Neither a SET's reply nor an accepted command is ever evidence here, only a read-back that began after it.

mod aggregate;
pub mod auto;
pub mod change;
pub mod client;
mod commands;
pub mod confirm;
pub mod credentials;
pub mod error;
pub mod fence;
pub mod fence_together;
pub mod guard;
pub mod identify;
pub mod learned;
mod map;
pub mod neighbours;
pub mod numbering;
pub mod op;
mod over_ssh;
mod per_vlan;
pub mod placing;
pub mod placing_together;
pub mod plan;
pub mod port;
pub mod portlist;
pub mod ports;
pub mod preflight;
pub mod profile;
mod proof;
mod prove;
mod read;
pub mod record;
pub mod recording;
pub mod render;
pub mod schema;
mod shown_table;
mod shut;
pub mod snmp;
mod snmp_client;
mod snmp_error;
mod snmp_habits;
mod snmp_port;
mod snmp_said;
mod snmp_walk;
mod snmp_wire;
pub mod ssh;
mod state;
pub mod stp;
pub mod tag;
mod tagging;
pub mod traffic;
pub mod traps;
pub mod unfence;
pub mod value;

pub use change::{ChangeError, ChangeProof, ChangeRequest, change};
pub use client::Switch;
pub use credentials::{AuthAlgorithm, Credentials, PrivAlgorithm, SwitchTarget};
pub use error::SwitchError;
pub use fence::{
    FenceError, FencePort, FenceProgress, FenceProof, FenceRequest, FenceState, fence, read_fence,
};
pub use op::Operation;
pub use plan::{PlanOp, PlannedSet, plan};
pub use port::{Admin, FdbEntry, Oper, PortIdentity, PortState, SystemInfo};
pub use profile::Profile;
pub use tag::FenceTag;
pub use unfence::{Lift, unfence};
