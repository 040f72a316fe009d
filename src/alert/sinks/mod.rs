//! Every kind of sink, one file each.

mod alertmanager;
mod command;
mod smtp;
mod syslog;
mod webhook;

use super::Kind;

/// Every kind that there is.
pub const KINDS: [Kind; 5] = [
    alertmanager::KIND,
    command::KIND,
    smtp::KIND,
    syslog::KIND,
    webhook::KIND,
];
