//! Programs that are run: `nft`, and whatever starts a service.

use std::time::Duration;

use super::reply::Reply;
use crate::net::nft_error::NftError;
use crate::service::error::{Ended, ServiceError};

/// The programs of a machine.
pub trait Programs: Send + Sync {
    /// Runs `nft` with these arguments and this input; what it wrote. `doing` is for the error. After `within`, or if
    /// the future is dropped, it is killed.
    fn nft<'a>(
        &'a self,
        arguments: &'a [&'a str],
        input: &'a str,
        within: Duration,
        doing: &'a str,
    ) -> Reply<'a, String, NftError>;

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
