//! What points at a machine that has no address to move, and where it is pointed when that machine is not well
//! (`[redirect.NAME]`): names in DNS, URLs of middleware and Digital Twin.
//!
//! A redirect has places, the most wanted first. Health checks say whether a place is well; the steps of a place point at it,
//! each read back. [`Machine`] decides, and is pure: `handle(now, Seen) -> Vec<Do>`. `daemon::redirects` does it.

mod machine;
mod rule;

pub use machine::{Do, Kept, Machine, Order, Seen, Settled};
pub use rule::{Back, PlaceRule, Rule};
