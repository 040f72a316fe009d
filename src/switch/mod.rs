//! Switches: read a port, fence it and prove it, lift it again, move it between VLANs, say beforehand what would be sent.
//!
//! Vendors are data ([`profile`]): what to send and what must be true afterwards, over SNMP and over a command line.
//!
//! Ten rooms, each of which knows only those before it: [`model`] (words), [`profile`] (a family), [`render`] (a profile
//! and a port make SETs and what proves them), [`snmp`] and [`ssh`] (the two ways in), [`read`] (what a switch says),
//! [`mod@change`] (every change, as a transaction with its undo), [`mod@fence`] (shut, prove, adopt, lift), [`preflight`] (may it
//! be trusted?), [`recording`] (a switch written down and played). `model`, `profile`, `render` and `ssh`'s reading of
//! text do no IO.
//!
//! # To add
//!
//! - **A vendor**: `switch-profiles/NAME.toml`, and best a recording of such a switch. `switch-profiles/README.md` has the keys and
//!   the way in steps. On a machine that runs standin the file goes into the profile folder of the configuration, and nothing is
//!   built; to build it in, its name goes into `BUILT_IN` of [`profile`].
//! - **An operation** (beside `port-off`, `set-access-vlan` ...): `model/op.rs`, then `change/` as the compiler asks (over SNMP,
//!   over SSH, what proves it), a sample of it in `cli/profile/tried.rs`, and the profiles that can; `tests/switch/switch_change` and `tests/switch/switch_change_ssh` then want its faults.
//! - **Something to read**: a file in `read/`, with the objects and shows that it asks for in `switch-profiles/README.md`.
//! - **A line of preflight**: `preflight/`.
//!
//! Neither a SET's reply nor an accepted command is ever evidence here, only a read-back that began after it.

pub mod change;
pub mod fence;
pub mod model;
pub mod preflight;
pub mod profile;
pub mod read;
pub mod recording;
pub mod render;
pub mod snmp;
pub mod ssh;

pub use change::{ChangeError, ChangeProof, ChangeRequest, change};
pub use fence::lift::{Lift, unfence};
pub use fence::plan::{PlanOp, PlannedSet, plan, read_by_hand};
pub use fence::{
    FenceError, FencePort, FenceProgress, FenceProof, FenceRequest, FenceState, fence, read_fence,
};
pub use model::op::Operation;
pub use model::port::{Admin, FdbEntry, Oper, PortIdentity, PortState, SystemInfo};
pub use model::tag::FenceTag;
pub use profile::Profile;
pub use read::error::SwitchError;
pub use read::switch::Switch;
pub use read::target::SwitchTarget;
pub use snmp::target::{AuthAlgorithm, Credentials, PrivAlgorithm};
