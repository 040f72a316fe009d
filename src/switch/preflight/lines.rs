//! What a preflight says: lines, each with its verdict.

use serde::Serialize;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and a person should know.
    Warning,
    /// It will not work.
    Failed,
    /// The switch does not tell.
    NotKnown,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What was looked at.
    pub check: &'static str,
    /// ifName, where it is about one port.
    pub port: Option<String>,
    /// How it is.
    pub verdict: Verdict,
    /// What was seen.
    pub detail: String,
    /// What to do about it; empty where there is nothing to do.
    pub todo: String,
}

/// The lines about one port, put where they belong.
pub(super) struct Lines<'a> {
    pub(super) port: &'a str,
    pub(super) out: &'a mut Vec<Line>,
}

impl Lines<'_> {
    pub(super) fn add(
        &mut self,
        check: &'static str,
        verdict: Verdict,
        detail: impl Into<String>,
        todo: impl Into<String>,
    ) {
        self.out.push(Line {
            check,
            port: Some(self.port.to_owned()),
            verdict,
            detail: detail.into(),
            todo: todo.into(),
        });
    }
}
