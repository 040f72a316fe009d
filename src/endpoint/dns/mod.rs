//! Names: RFC 2136 updates, authenticated by TSIG (RFC 8945), read back from each authoritative server.
//!
//! One change of a zone is one message: what is expected to stand as prerequisites, then deletions, then additions. So
//! a server takes all of it or nothing, and nothing where somebody else was quicker. Messages and their
//! authentication are hickory-proto's; hickory-net is not used, since its errors hide what a TSIG error says, and tries,
//! deadlines and the way to TCP are what this is about.

mod change;
mod error;
mod exchange;
mod key;
mod message;
mod record;
mod session;
mod zone;

pub use change::{Changed, NameChange, ServerReport, ZoneReport, change, read, rehearse};
pub(super) use change::{first_found, has_same_values, is_same, kinds_of};
pub(super) use error::list;
pub use error::{DnsError, Fault};
pub use key::{Algorithm, TsigKey};
pub use record::{Kind, RecordSet, absolute};
pub use zone::Zone;
