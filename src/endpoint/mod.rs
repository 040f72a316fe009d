//! What others hold about this site: names in DNS, whatever servers are told over HTTP, the containers that run for it.
//!
//! Adapters: plain values in, results out. They know nothing of steps, of the core or of the daemon. Each change is read
//! back before it is called done, failed, or is tried again: a reply that is lost is no failure. What stood before is
//! handed back, so that it can be restored.

pub mod compose;
pub mod dns;
pub mod http;
pub mod powerdns;
pub mod resolve;
pub mod smtp;
pub mod syslog;
