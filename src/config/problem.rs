//! What is wrong with a configuration: every problem at once, each with its place and what would be right.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource};

use super::origin::{Origin, line_column};

/// Whether the daemon may start with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It is accepted, and said.
    Warning,
}

/// One thing that is wrong at one place of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether the daemon may start with it.
    pub severity: Severity,
    /// The file.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key, such as `peer.cctv.fence[0].ports[1]`; empty for a syntax error.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What would be right; empty where `what` says it.
    pub help: String,
    /// A file is not there yet, or a disk does not answer: time may cure it, without anybody's doing.
    pub later: bool,
    /// Bytes of the text it is about.
    pub(super) span: Range<usize>,
    /// A second place that it is about: bytes, and what is there.
    pub(super) also: Option<(Range<usize>, String)>,
}

/// A problem that does not keep the daemon from starting.
pub type Warning = Problem;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line, column) = (self.file.display(), self.line, self.column);
        write!(f, "{file}:{line}:{column}: ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)?;
        if !self.help.is_empty() {
            write!(f, " ({})", self.help)?;
        }
        Ok(())
    }
}

impl Problem {
    /// Field names are part of the interface: file, line, column, key, severity, problem, help.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "key": self.key,
            "severity": match self.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            "problem": self.what,
            "help": self.help,
        })
    }

    /// The problem with the lines of the file it is about, as a terminal shows it.
    pub fn render(&self, text: &str, colour: bool) -> String {
        let mut labels = vec![LabeledSpan::underline(clamp(&self.span, text))];
        if let Some((span, label)) = &self.also {
            labels.push(LabeledSpan::at(clamp(span, text), label));
        }
        let said = if self.key.is_empty() {
            self.what.clone()
        } else {
            format!("{}: {}", self.key, self.what)
        };
        let mut diagnostic = MietteDiagnostic::new(said)
            .with_severity(match self.severity {
                Severity::Error => miette::Severity::Error,
                Severity::Warning => miette::Severity::Warning,
            })
            .with_labels(labels);
        if !self.help.is_empty() {
            diagnostic = diagnostic.with_help(self.help.clone());
        }
        let theme = if colour {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let source = NamedSource::new(self.file.to_string_lossy(), text.to_owned());
        let report = miette::Report::new(diagnostic).with_source_code(source);
        let mut out = String::new();
        match GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .render_report(&mut out, report.as_ref())
        {
            Ok(()) => out,
            Err(fmt::Error) => format!("{self}\n"),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConfigErrors {
    /// The file could not be read.
    #[error("cannot read the configuration {}: {source}; give its path with --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The file was read, and this is wrong with it.
    #[error("{}", summary(problems))]
    Invalid {
        /// Text of the file.
        text: Arc<str>,
        /// Errors and warnings in the order of the file.
        problems: Vec<Problem>,
    },
}

impl ConfigErrors {
    /// Errors and warnings in the order of the file; empty if it could not be read.
    pub fn problems(&self) -> &[Problem] {
        match self {
            ConfigErrors::Unreadable { .. } => &[],
            ConfigErrors::Invalid { problems, .. } => problems,
        }
    }

    /// True if nothing is wrong but what time may cure: a mount that comes late, a disk that does not answer.
    pub fn may_pass(&self) -> bool {
        match self {
            ConfigErrors::Unreadable { source, .. } => passes(source),
            ConfigErrors::Invalid { problems, .. } => {
                let mut errors = problems.iter().filter(|p| p.severity == Severity::Error);
                errors.all(|p| p.later)
            }
        }
    }

    /// All of it as a terminal shows it; `colour` only where it is one.
    pub fn render(&self, colour: bool) -> String {
        match self {
            ConfigErrors::Unreadable { .. } => format!("{self}\n"),
            ConfigErrors::Invalid { text, problems } => {
                let mut out: String = problems.iter().map(|p| p.render(text, colour)).collect();
                out.push_str(&format!("\n{self}\n"));
                out
            }
        }
    }

    /// `{"error": "...", "problems": [...]}`; see [`Problem::to_json`].
    pub fn to_json(&self) -> serde_json::Value {
        let problems: Vec<_> = self.problems().iter().map(Problem::to_json).collect();
        serde_json::json!({ "error": self.to_string(), "problems": problems })
    }
}

/// True if what the operating system says of a file may be another thing later: not there, or the disk has a fault; but
/// not that we may not read it, or that it is no text.
pub(crate) fn passes(e: &io::Error) -> bool {
    use io::ErrorKind as K;
    !matches!(
        e.kind(),
        K::PermissionDenied | K::InvalidData | K::InvalidInput | K::IsADirectory
    )
}

/// Collects problems while a file is examined.
pub(super) struct Check<'a> {
    pub origin: &'a Origin,
    /// Keys that were taken out because serde refused them: their absence is no second problem.
    pub refused: Vec<String>,
    pub found: Vec<Problem>,
}

impl Check<'_> {
    /// The value of `key` is refused.
    pub fn error(&mut self, key: &str, what: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Error, key, what.into(), help.into(), None);
    }

    /// The value of `key` is refused for now: what it names is not there yet.
    pub fn error_for_now(&mut self, key: &str, what: String, help: String) {
        self.error(key, what, help);
        if let Some(problem) = self.found.last_mut() {
            problem.later = true;
        }
    }

    /// The value of `key` is accepted, and said.
    pub fn warn(&mut self, key: &str, what: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Warning, key, what.into(), help.into(), None);
    }

    /// The value of `key` is refused because of what stands at `other`.
    pub fn clash(&mut self, key: &str, other: (&str, &str), what: String, help: impl Into<String>) {
        let also = Some((self.origin.value_span(other.0), other.1.to_owned()));
        self.push(Severity::Error, key, what, help.into(), also);
    }

    /// A required key; its absence is said, unless it is there and was refused already.
    pub fn require<T>(&mut self, key: &str, value: Option<T>, help: &str) -> Option<T> {
        if value.is_none() && !self.refused.iter().any(|r| covers(r, key)) {
            let name = key.rsplit('.').next().unwrap_or(key);
            self.error(key, format!("`{name}` is missing"), help);
        }
        value
    }

    fn push(
        &mut self,
        severity: Severity,
        key: &str,
        what: String,
        help: String,
        also: Option<(Range<usize>, String)>,
    ) {
        let span = self.origin.value_span(key);
        let (line, column) = self.origin.line_column(span.start);
        self.found.push(Problem {
            severity,
            file: self.origin.path().to_owned(),
            line,
            column,
            key: key.to_owned(),
            what,
            help,
            later: false,
            span,
            also,
        });
    }
}

/// True if `key` is `refused` or something inside it.
fn covers(refused: &str, key: &str) -> bool {
    key.strip_prefix(refused)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A problem that serde or the TOML parser found.
pub(super) fn at_span(
    file: &std::path::Path,
    text: &str,
    span: Range<usize>,
    key: String,
    what: String,
    help: String,
) -> Problem {
    let (line, column) = line_column(text, span.start);
    Problem {
        severity: Severity::Error,
        file: file.to_owned(),
        line,
        column,
        key,
        what,
        help,
        later: false,
        span,
        also: None,
    }
}

fn clamp(span: &Range<usize>, text: &str) -> Range<usize> {
    let end = span.end.min(text.len());
    let start = span.start.min(end);
    // A table's span covers its whole body; its first line is enough to find it.
    let end = text[start..end].find('\n').map_or(end, |n| start + n);
    start..end
}

fn summary(problems: &[Problem]) -> String {
    let errors = problems
        .iter()
        .filter(|p| p.severity == Severity::Error)
        .count();
    let warnings = problems.len() - errors;
    let file = problems.first().map(|p| p.file.display().to_string());
    let file = file.unwrap_or_else(|| "the configuration".to_owned());
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    let mut said = format!("{errors} error{} in {file}", plural(errors));
    if warnings > 0 {
        said.push_str(&format!(" and {warnings} warning{}", plural(warnings)));
    }
    said
}
