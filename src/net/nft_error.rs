//! Why a run of `nft` did not do what it had to.

use std::io;
use std::time::Duration;

/// So many at once; more than that hang, and another would hang too.
pub(super) const AT_ONCE: usize = 4;

/// `nft` did not do what it had to, or it is not proven.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The program is not installed.
    #[error("cannot {0}: `nft` is not installed; install the package `nftables`")]
    NoNft(String),
    /// It could not be run.
    #[error("cannot {doing}: running `nft` failed: {source}")]
    Run {
        /// What was attempted.
        doing: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// It hung, and was killed.
    #[error("cannot {doing}: `nft` did not answer within {within} s and was killed", within = within.as_secs())]
    Timeout {
        /// What was attempted.
        doing: String,
        /// What it was given.
        within: Duration,
    },
    /// Earlier ones hang.
    #[error("cannot {0}: {AT_ONCE} earlier `nft` hang (a disk that does not answer?)")]
    Busy(String),
    /// It refused.
    #[error("cannot {doing}: nft says: {said} (it needs CAP_NET_ADMIN and the kernel's nf_tables)")]
    Refused {
        /// What was attempted.
        doing: String,
        /// What nft wrote to stderr.
        said: String,
    },
    /// It said yes, but the list of tables says no.
    #[error(
        "cannot {doing}: nft reported success, but table {table} is {state}; look at `nft list tables`"
    )]
    Unproven {
        /// What was attempted.
        doing: String,
        /// The table.
        table: String,
        /// "still there" or "not there".
        state: &'static str,
    },
}
