//! What the configuration says of a redirect, to the machine.

use std::time::Duration;

/// Who points back at the first place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// The machine, once it was well for long enough.
    Auto,
    /// A person, by `standin release NAME`.
    Release,
}

/// One place, to the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceRule {
    /// There are checks of it. One without is always well.
    pub is_checked: bool,
    /// How long it has to be well before it is preferred to the one in force; doubled each time it fails soon after.
    pub after: Duration,
}

/// A redirect, to the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The most wanted first; at least two.
    pub places: Vec<PlaceRule>,
    /// Who points back at the first.
    pub back: Back,
}
