//! Names that no other change has.

use crate::rt;
use crate::switch::profile::ssh::fill::Vars;

/// With `{random}`, if it is not there yet.
pub(super) fn named(vars: &Vars) -> Vars {
    vars.clone().or_with("random", &random().to_string())
}

/// A number that no other change has: for names that must not be there already.
pub(crate) fn random() -> u32 {
    u32::try_from(rt::random() % 1_000_000_000).unwrap_or_default()
}
