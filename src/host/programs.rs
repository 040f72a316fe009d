//! Programs that are run: `nft`, and whatever starts a service.

use std::time::Duration;

use super::Reply;
use crate::net::gate::GateError;
use crate::service::{Ended, ServiceError};

/// The programs of a machine.
pub trait Programs: Send + Sync {
    /// Runs `nft` with these arguments and this input; what it wrote. `doing` is for the error. It keeps a deadline of its
    /// own, of some seconds.
    fn nft<'a>(
        &'a self,
        arguments: &'a [&'a str],
        input: &'a str,
        doing: &'a str,
    ) -> Reply<'a, String, GateError>;

    /// Runs a program and waits for its end; at the deadline, or if the future is dropped, it is killed with all that it
    /// started.
    fn run<'a>(
        &'a self,
        program: &'a str,
        arguments: &'a [String],
        within: Duration,
    ) -> Reply<'a, Ended, ServiceError>;

    /// As [`run`](Self::run), with this on its standard input.
    fn feed<'a>(
        &'a self,
        program: &'a str,
        arguments: &'a [String],
        input: &'a str,
        within: Duration,
    ) -> Reply<'a, Ended, ServiceError>;
}
