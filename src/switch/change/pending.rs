//! Whether something on the switch takes itself back unless it is confirmed.

/// Whether something on the switch takes itself back unless it is confirmed.
pub(super) enum Pending {
    No,
    /// It does, in words.
    Yes(String),
    /// The family, or this switch, does not show it.
    NotShown,
}
