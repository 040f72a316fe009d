//! Switches: read a port, fence it over SNMP and prove it, lift it again, say beforehand what would be sent.
//!
//! Vendors are data ([`profile`]): what to send and what must be true afterwards. Pure parts, which import nothing
//! but `std`, `serde`, `toml` and [`crate::types`]: [`value`], [`schema`], [`profile`], [`render`], [`tag`],
//! [`confirm`]. The rest is IO: [`snmp`] (the one file that knows the SNMP crate), [`client`] (one switch),
//! [`fence`] (shut, prove, adopt), [`unfence`], [`plan`].
//!
//! A SET's reply is never evidence here, only a read-back that began after it.

pub mod change;
pub mod client;
pub mod confirm;
pub mod credentials;
pub mod error;
pub mod fence;
pub mod guard;
pub mod identify;
mod map;
pub mod neighbours;
pub mod op;
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
mod shut;
pub mod snmp;
mod snmp_error;
mod snmp_wire;
mod state;
pub mod tag;
mod tagging;
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
