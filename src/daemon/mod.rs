//! The loop that joins decisions and adapters, and what a daemon owes its host.
//!
//! Two kinds of thread. The *fast path* is one OS thread with its own single-threaded tokio runtime: the loop,
//! heartbeats, probes, ARP, netlink; memory locked and real-time where allowed; no file, no DNS, no child process.
//! Everything slow (SNMP, handshakes, nft, services, the control socket) runs on a second runtime, the journal and
//! the capture on threads of their own. They talk to the loop through one channel ([`hub`]).
//!
//! [`run_loop`] is the loop, [`perform`] the one place where actions become calls, [`start`] builds both;
//! [`recorder`] and [`journal`] remember, [`record`] says what a restart makes of it.

pub mod alarms;
mod announcing;
pub mod around;
mod asking;
pub mod auto;
mod beating;
mod beats;
pub mod boot_counter;
mod bursting;
mod chores;
pub mod claim;
mod conflicts;
pub mod control;
mod draining;
pub mod fencing;
mod first_read;
mod follow_kernel;
pub mod forwarding;
mod gate_keeper;
pub mod health;
mod holding;
pub mod hub;
pub mod in_force;
pub mod interfaces;
pub mod journal;
mod journal_alarm;
pub mod keeper;
pub mod log_queue;
mod look_for_vip;
pub mod look_id;
pub mod mute_keeper;
pub mod new_config;
mod not_saved;
pub mod notify;
mod opening;
mod owed;
mod own_port;
pub mod parked;
mod past_fence;
mod perform;
mod placing;
pub mod policy;
pub mod prepare;
pub mod privilege;
mod questions;
pub mod record;
pub mod recorder;
pub mod redirects;
pub mod reload;
pub mod report_writer;
mod requests;
mod run_loop;
pub mod sinks;
pub mod site;
pub mod standing;
pub mod start;
mod start_error;
pub mod startable;
mod status;
mod steps;
mod stopping;
mod switch_news;
pub mod switches;
mod tasks;
mod traps;
pub mod two_legs;
mod watch;
mod watching;
pub mod witnesses;
