//! standin: one physical machine steps into a dead one's place on the network.
//!
//! Read in this order:
//!
//! - [`types`]: the words as types.
//! - [`takeover`]: the decisions. Pure: `handle(now, Event) -> Vec<Action>`, no clock, no IO, no randomness.
//! - [`detect`], [`net`], [`switch`], [`service`], [`endpoint`], [`verify`]: the adapters. Plain values in, results out; they know
//!   nothing of events and actions, nor of each other.
//! - [`daemon`]: the one loop that turns observations into events and actions into calls of adapters, the journal,
//!   the control socket.
//! - [`config`]: the TOML file and what can be wrong with it.
//! - [`host`]: what one machine offers, as traits; this machine, or one of a simulation.
//! - [`rt`]: time and tasks; the only place that knows whose they are.
//! - [`report`]: what happened, for people and scripts.
//! - [`cli`]: one file per subcommand.

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod cli;
pub mod config;
pub mod daemon;
pub mod detect;
pub mod endpoint;
pub mod host;
pub mod net;
pub mod report;
pub mod rt;
pub mod service;
pub mod switch;
pub mod sys;
pub mod takeover;
pub mod types;
pub mod verify;
