//! Programs as children of this process.

use std::time::Duration;

use crate::host::{Programs, Reply};
use crate::net::nft::{self, NftError};
use crate::service::{Ended, ServiceError, output};

/// The programs that are installed here.
#[derive(Clone, Copy, Debug)]
pub struct RealPrograms;

impl Programs for RealPrograms {
    fn nft<'a>(
        &'a self,
        arguments: &'a [&'a str],
        input: &'a str,
        within: Duration,
        doing: &'a str,
    ) -> Reply<'a, String, NftError> {
        Box::pin(nft::run(arguments, input, within, doing))
    }

    fn run<'a>(
        &'a self,
        program: &'a str,
        arguments: &'a [String],
        within: Duration,
    ) -> Reply<'a, Ended, ServiceError> {
        Box::pin(output::run(program, arguments, None, within))
    }

    fn feed<'a>(
        &'a self,
        program: &'a str,
        arguments: &'a [String],
        input: &'a str,
        within: Duration,
    ) -> Reply<'a, Ended, ServiceError> {
        Box::pin(output::run(program, arguments, Some(input), within))
    }
}
