//! Exit codes, in one table.

use std::fmt::Write;

/// What a command exits with. The numbers from 65 on are those of sysexits.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// Done; for a takeover and `verify`: verified.
    Ok,
    /// Done, but not what was asked for.
    NotReached,
    /// The command line is wrong.
    Usage,
    /// The daemon is not there.
    NotReachable,
    /// A guard refused a change; nothing was written.
    Refused,
    /// Something was, or may have been, written, and how things are is not known.
    Unclear,
    /// An input cannot be understood.
    BadData,
    /// An input is not there.
    NoInput,
    /// Something that is needed does not answer.
    Unavailable,
    /// A fault of standin.
    Internal,
    /// Not now.
    TryAgain,
    /// We may not.
    NoPermission,
    /// The configuration is refused.
    BadConfig,
}

/// Every exit code with its number and its meaning.
pub const TABLE: [(ExitCode, u8, &str); 13] = [
    (
        ExitCode::Ok,
        0,
        "done; a takeover or `verify`: every camera is back (verified)",
    ),
    (
        ExitCode::NotReached,
        1,
        "done, but not what was asked for: degraded, failed, or undone",
    ),
    (ExitCode::Usage, 2, "the command line is wrong"),
    (ExitCode::NotReachable, 3, "the daemon is not there"),
    (
        ExitCode::Refused,
        4,
        "a guard refused the change; nothing was written",
    ),
    (
        ExitCode::Unclear,
        5,
        "something was, or may have been, written to a switch: look at it",
    ),
    (
        ExitCode::BadData,
        65,
        "an input cannot be understood (inventory, capture, journal, recording, request)",
    ),
    (
        ExitCode::NoInput,
        66,
        "an input is not there or cannot be read",
    ),
    (
        ExitCode::Unavailable,
        69,
        "something that is needed does not answer (switch, interface)",
    ),
    (
        ExitCode::Internal,
        70,
        "a fault of standin: please report it",
    ),
    (
        ExitCode::TryAgain,
        75,
        "not now: held, busy, or another command is at work",
    ),
    (
        ExitCode::NoPermission,
        77,
        "a capability or a permission is missing",
    ),
    (
        ExitCode::BadConfig,
        78,
        "the configuration or a profile is refused",
    ),
];

impl ExitCode {
    /// Its number.
    pub fn number(self) -> u8 {
        let row = TABLE.iter().find(|(code, _, _)| *code == self);
        // The table has every code (tested); a missing one would be a fault of ours.
        row.map_or(70, |(_, number, _)| *number)
    }

    /// The code with this number, as a reply of the daemon carries it.
    pub fn from_number(number: u8) -> Option<ExitCode> {
        let row = TABLE.iter().find(|(_, n, _)| *n == number);
        row.map(|(code, _, _)| *code)
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        code.number().into()
    }
}

/// The table as `--help` shows it.
pub fn help() -> String {
    let mut out = String::from("Exit codes:\n");
    for (_, number, meaning) in TABLE {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  {number:>3}  {meaning}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_number_and_line() {
        let all = [
            ExitCode::Ok,
            ExitCode::NotReached,
            ExitCode::Usage,
            ExitCode::NotReachable,
            ExitCode::Refused,
            ExitCode::Unclear,
            ExitCode::BadData,
            ExitCode::NoInput,
            ExitCode::Unavailable,
            ExitCode::Internal,
            ExitCode::TryAgain,
            ExitCode::NoPermission,
            ExitCode::BadConfig,
        ];
        for code in all {
            assert_eq!(TABLE.iter().filter(|(c, _, _)| *c == code).count(), 1);
            assert_eq!(ExitCode::from_number(code.number()), Some(code));
        }
        assert_eq!(TABLE.len(), all.len());
        assert!(TABLE.is_sorted_by_key(|(_, n, _)| *n));
        assert_eq!(ExitCode::NoPermission.number(), 77);
        assert_eq!(ExitCode::from_number(99), None);
    }
}
