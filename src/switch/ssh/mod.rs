//! The command line of a switch over SSH: sessions, commands judged one by one, shows read
//! as records.
//!
//! Pure: [`screen`], [`text`], [`show`]. The rest is IO: [`known_hosts`], [`session`] and its
//! login, [`shell`] over [`wire`], [`exec`], and [`cli`], which a switch's operations use.
//!
//! A command that is accepted proves nothing: it is read back by a show.

mod auth;
mod change;
mod cli;
mod error;
mod exec;
mod habits;
mod host_check;
pub mod known_hosts;
mod random;
pub mod screen;
pub mod session;
pub mod shell;
pub mod show;
mod target;
pub mod text;
mod wire;

pub use change::{Commit, Report, Sent};
pub use cli::{Cli, Command};
pub use error::CliError;
pub(crate) use random::random;
pub use session::fetch;
pub use shell::Output;
pub use show::{Record, unread_macs, vlan_list};
pub use target::{Legacy, SshTarget};
pub use text::Judgement;
