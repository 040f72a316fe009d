//! The result of `standin verify`, for people and as JSON.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::types::Vip;
use crate::verify::{Fault, Summary};

/// Names in one line; the others are counted.
const NAMED: usize = 5;

/// The result; in JSON the fields of [`Summary`] and these.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The interface or the file.
    pub(super) from: String,
    /// What times are counted from: `boot` or `epoch`.
    pub(super) clock: &'static str,
    /// When the capture began.
    pub(super) start_us: u64,
    pub(super) vip: Vip,
    pub(super) port: u16,
    /// Frames lost because we were too slow; `null` for a file.
    pub(super) dropped: Option<u64>,
    /// What is wrong with the file's end.
    pub(super) damaged: Option<String>,
    #[serde(flatten)]
    pub(super) summary: Summary,
}

/// One line while waiting: how many are back, who is missing and how far they came.
pub(super) fn progress_line(passed: Duration, s: &Summary) -> String {
    let mut line = format!(
        "{:5.1} s: {} of {} cameras are back",
        passed.as_secs_f32(),
        s.back,
        s.expected
    );
    let missing = || s.cameras.iter().filter(|c| !c.back);
    for (i, c) in missing().take(NAMED).enumerate() {
        let sign = if i == 0 { "; missing" } else { "," };
        let rung = c.rung.map_or("nothing yet".into(), |r| r.to_string());
        let _ = write!(line, "{sign} {} ({rung})", c.name);
    }
    if missing().count() > NAMED {
        let _ = write!(line, " and {} more", missing().count() - NAMED);
    }
    line
}

/// The result for people: the missing first, what to do about them, then those that are back.
pub(super) fn table(r: &Report) -> String {
    let s = &r.summary;
    let mut t = format!(
        "{}: {} of {} cameras are back at {}:{} ({})\n\n",
        s.verdict.to_string().to_uppercase(),
        s.back,
        s.expected,
        r.vip.addr,
        r.port,
        r.from
    );
    let width =
        |of: fn(&crate::verify::CameraReport) -> usize| s.cameras.iter().map(of).max().unwrap_or(0);
    let name = width(|c| c.name.chars().count()).max(6);
    let stream = width(|c| c.stream.as_ref().map_or(1, |s| s.chars().count())).max(6);
    let _ = writeln!(
        t,
        "{:name$}  {:15}  {:stream$}  {:14}  RESULT",
        "CAMERA", "ADDRESS", "STREAM", "REACHED"
    );
    let mut faults: Vec<(&Fault, Vec<&str>)> = Vec::new();
    for c in s
        .cameras
        .iter()
        .filter(|c| !c.back)
        .chain(s.cameras.iter().filter(|c| c.back))
    {
        let mut result = match (&c.fault, c.returned_at_us) {
            (Some(fault), _) => format!("MISSING: {fault}"),
            (None, at) => format!("back after {:.3} s", seconds(at, r.start_us)),
        };
        if let Some(mac) = c.other_mac {
            let _ = write!(
                result,
                " (another machine, {mac}, answers ARP for its address)"
            );
        }
        let reached = c.rung.map_or("nothing".to_owned(), |r| r.to_string());
        let line = format!(
            "{:name$}  {:15}  {:stream$}  {reached:14}  {result}",
            c.name,
            c.address.to_string(),
            c.stream.as_deref().unwrap_or("-"),
        );
        let _ = writeln!(t, "{}", line.trim_end());
        if let Some(fault) = &c.fault {
            match faults.iter_mut().find(|(f, _)| *f == fault) {
                Some((_, names)) => names.push(&c.name),
                None => faults.push((fault, vec![&c.name])),
            }
        }
    }
    if !faults.is_empty() {
        t.push_str("\nWhat to do\n");
    }
    for (fault, names) in &faults {
        let _ = writeln!(
            t,
            "- {fault} (fault: {}; {}): {}.",
            fault.blame(),
            names.join(", "),
            fault.advice()
        );
    }
    let strangers = s.unknown.len();
    if strangers > 0 {
        let shown: Vec<_> = s
            .unknown
            .iter()
            .take(NAMED)
            .map(|u| match &u.stream {
                Some(stream) => format!("{} {stream}", u.address),
                None => u.address.to_string(),
            })
            .collect();
        let _ = writeln!(
            t,
            "\n{strangers} that push and are not in the list: {}{}",
            shown.join(", "),
            if strangers > NAMED { ", ..." } else { "" }
        );
    }
    if !s.not_decoded.is_empty() {
        let kinds: Vec<_> = s
            .not_decoded
            .iter()
            .map(|n| format!("{} of {}", n.frames, n.what))
            .collect();
        let _ = writeln!(
            t,
            "\nWARNING: frames were not decoded, and a camera's may be among them: {}.",
            kinds.join(", ")
        );
    }
    if s.frames.foreign_vip > 0 {
        let _ = writeln!(
            t,
            "\nWARNING: {} frames came from another machine that uses {}.",
            s.frames.foreign_vip, r.vip.addr
        );
    }
    if r.dropped.is_some_and(|d| d > 0) {
        let _ = writeln!(
            t,
            "\nWARNING: the capture lost {} frames; a camera may be back and not be seen.",
            r.dropped.unwrap_or(0)
        );
    }
    t
}

fn seconds(at: Option<u64>, start: u64) -> f64 {
    at.map_or(0.0, |at| at.saturating_sub(start) as f64 / 1e6)
}
