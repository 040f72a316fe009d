//! Programs that are run: `nft`.

use super::Reply;
use crate::net::gate::GateError;

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
}
