//! `[ssh]` of a profile: the rules of a command line, the operations that use it, and what is filled into commands.

mod compile;
mod compile_show;
pub mod fill;
mod operations;
pub mod rules;

pub use compile::parse_duration;
pub use fill::{FillError, Vars};
pub use rules::{CliRules, RuleProblem};
