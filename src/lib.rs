//! standin: one physical machine steps into a dead one's place on the network.
//!
//! Read in this order:
//!
//! - [`types`]: the words as types.
//! - [`takeover`]: the decisions. Pure: `handle(now, Event) -> Vec<Action>`, no clock, no IO, no randomness.
//! - [`detect`], [`net`], [`switch`], [`service`], [`endpoint`], [`verify`]: the adapters. Plain values in, results out; they know
//!   nothing of events and actions, nor of each other.
//! - [`steps`]: what a site adds to a takeover, one file per kind (to add one: see there).
//! - [`alert`]: who is told of alarms, one file per kind of sink (to add one: see there). [`access`]: the keys by which steps and
//!   sinks reach a server over HTTP.
//! - [`health`]: whether services are well, here and on the peer, one file per kind of check (to add one: see there).
//! - [`redirect`]: what points at a machine without an address to move, and where it points. Pure.
//! - [`daemon`]: the one loop that turns observations into events and actions into calls of adapters, the journal,
//!   the control socket.
//! - [`config`]: the TOML file and what can be wrong with it.
//! - [`host`]: what one machine offers, as traits; this machine, or one of a simulation.
//! - [`rt`]: time and tasks; the only place that knows whose they are.
//! - [`report`]: what happened, for people and scripts.
//! - [`cli`]: one file per subcommand.
//! - [`manual`]: the pages of `standin help TOPIC`.
//!
//! `tests/text/layering.rs` keeps who may know whom. `tests/README.md` says which test says what, and how a story, a fault, a rule
//! or a lab scenario is added.
//!
//! # To add
//!
//! Files to touch, beside the tests. `scripts/check` and the tests that are named here say what was forgotten.
//!
//! - **A kind of step that a site may add**: a file of its name in `steps/` and a line in [`steps::KINDS`]; its keys in `manual/steps.md` and the
//!   sample. Nothing else: see [`steps`].
//! - **A step about whose the address is**: `takeover/step.rs` has the lists, [`takeover`] and `daemon/perform.rs` do it.
//! - **A vendor of switches**: a file of data; see [`switch`].
//! - **A configuration key**: `config/standin.toml` (the sample: key, default, unit, bounds), `config/schema*.rs`,
//!   `config/validate/`, `config/resolved.rs`, `daemon/in_force.rs` (from when on it counts); of a peer's policy also
//!   `daemon/policy.rs` and `takeover/policy.rs`. `tests/text/config_sample.rs` compares.
//! - **An alarm**: `raise` and `settle` with one key (in the core: `tell` and `settle`), and a row in `manual/operate.md`: what it
//!   means, what to do. `tests/text/manual/` finds the key.
//! - **A state, or a step that a person sees waiting**: the same row.
//! - **A command or an option**: `cli/args.rs` and a file of its name in `cli/`; what it prints with `--json` in `manual/json.md`.
//! - **An exit code**: `exit.rs` and `manual/exit-codes.md`.
//! - **A page of the manual**: `manual/NAME.md` and a line in [`manual::TOPICS`].
//! - **An alert sink**: a file of its name in `alert/sinks/` and a line in [`alert::KINDS`]; its keys in `manual/alerts.md` and the
//!   sample. Nothing else: see [`alert`].
//! - **A kind of health check**: a file of its name in `health/` and a line in [`health::KINDS`]; its keys in `manual/health.md` and the
//!   sample. Nothing else: see [`health`].

#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod access;
pub mod alert;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod detect;
pub mod endpoint;
pub mod exit;
pub mod health;
pub mod host;
pub mod manual;
pub mod net;
pub mod redirect;
pub mod report;
pub mod rt;
pub mod service;
pub mod steps;
pub mod switch;
pub mod sys;
pub mod takeover;
pub mod types;
pub mod verify;
