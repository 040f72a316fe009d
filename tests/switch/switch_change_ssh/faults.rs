//! What a switch does wrong at its command line, and how that may end.

use std::time::Duration;

use crate::change_table::{Asked, MS};
use crate::cli_model::family::Family;
use crate::cli_model::{Faults, Kind};

/// What is wrong; the faults of [`Kind`] strike at one line each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    PagesEverything,
    LogLines,
    LockedOnce,
    LockedForEver,
    ShowsOldForAWhile,
    ShowsOldForEver,
    BouncesBackAtOnce,
    BouncesBackLater,
    CutsManagement,
    /// A VLAN that a trunk is to carry takes the place of all that it carries.
    ReplacesVlans,
    At(Kind),
}

pub const FAULTS: [Fault; 23] = [
    Fault::None,
    Fault::PagesEverything,
    Fault::LogLines,
    Fault::LockedOnce,
    Fault::LockedForEver,
    Fault::ShowsOldForAWhile,
    Fault::ShowsOldForEver,
    Fault::BouncesBackAtOnce,
    Fault::BouncesBackLater,
    Fault::CutsManagement,
    Fault::ReplacesVlans,
    Fault::At(Kind::DropsBefore),
    Fault::At(Kind::DropsMid),
    Fault::At(Kind::DropsAfter),
    Fault::At(Kind::DropsThenApplies),
    Fault::At(Kind::DropsAndKeepsSession),
    Fault::At(Kind::HangsBefore),
    Fault::At(Kind::HangsAfter),
    Fault::At(Kind::Ignores),
    Fault::At(Kind::ErrorsButApplies),
    Fault::At(Kind::Refuses),
    Fault::At(Kind::AsksUnexpected),
    Fault::At(Kind::Reboots),
];

impl Fault {
    pub fn name(self) -> String {
        match self {
            Fault::At(kind) => format!("{kind:?}"),
            other => format!("{other:?}"),
        }
    }

    pub fn faults(self, line: usize) -> Faults {
        let mut f = Faults::default();
        match self {
            Fault::None | Fault::CutsManagement | Fault::ReplacesVlans => {}
            Fault::PagesEverything => f.pages = true,
            Fault::LogLines => f.logs = true,
            Fault::LockedOnce => f.locked = 1,
            Fault::LockedForEver => f.locked = usize::MAX,
            Fault::ShowsOldForAWhile => f.stale = Some(MS(300)),
            Fault::ShowsOldForEver => f.stale = Some(Duration::from_secs(60)),
            Fault::BouncesBackAtOnce => f.bounces = Some(Duration::ZERO),
            Fault::BouncesBackLater => f.bounces = Some(Duration::from_secs(4)),
            Fault::At(kind) => f.at = Some((kind, line)),
        }
        f
    }
}

/// The letters that a fault may end in. What a letter claims is checked against the switch besides.
pub fn allowed(family: Family, fault: Fault, asked: Asked) -> &'static str {
    let a_move = asked.operation().is_move();
    let armed = a_move && family.arms();
    match fault {
        Fault::ReplacesVlans if asked == Asked::Allow => "u?",
        Fault::None
        | Fault::ReplacesVlans
        | Fault::PagesEverything
        | Fault::LogLines
        | Fault::LockedOnce
        | Fault::ShowsOldForAWhile
        | Fault::BouncesBackLater => "p",
        // The checkpoint is there before the lock is met.
        Fault::LockedForEver if armed && family == Family::Cx => "u",
        Fault::LockedForEver => "-",
        Fault::ShowsOldForEver | Fault::BouncesBackAtOnce if a_move => "u",
        Fault::CutsManagement if armed => "u",
        Fault::ShowsOldForEver | Fault::BouncesBackAtOnce | Fault::CutsManagement => "?",
        // A restart forgets what was not saved; a commit is saved.
        Fault::At(Kind::Reboots) if family != Family::Junos && a_move => "-u?",
        Fault::At(Kind::Reboots) if family != Family::Junos => "-?",
        Fault::At(Kind::Ignores | Kind::ErrorsButApplies | Kind::Refuses | Kind::Reboots)
            if a_move =>
        {
            "-pu?"
        }
        Fault::At(Kind::Ignores | Kind::ErrorsButApplies | Kind::Refuses | Kind::Reboots) => "-p?",
        Fault::At(_) if armed => "pu?",
        Fault::At(_) if a_move => "pu",
        Fault::At(_) => "p?",
    }
}
