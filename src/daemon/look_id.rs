//! Which check a look comes from.

use std::sync::atomic::{AtomicU64, Ordering};

/// Where a look comes from: of a check that was replaced, nothing is heard any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookId(u64);

impl LookId {
    /// Another one than all before.
    pub fn next() -> LookId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        LookId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}
