//! The decision core and what it remembers: failovers as stories on a virtual clock, random events, journals that were torn.

mod core_random;
mod journal_crash;
mod journal_gap;
mod policies;
mod stories;
