//! Programs as children of this process.

use crate::host::{Programs, Reply};
use crate::net::gate::{self, GateError};

/// The programs that are installed here.
#[derive(Clone, Copy, Debug)]
pub struct RealPrograms;

impl Programs for RealPrograms {
    fn nft<'a>(
        &'a self,
        arguments: &'a [&'a str],
        input: &'a str,
        doing: &'a str,
    ) -> Reply<'a, String, GateError> {
        Box::pin(gate::nft(arguments, input, doing))
    }
}
