//! The report as one page for the night operator.

use std::fmt::Write;

use serde_json::Value;

use super::Report;

/// At most this many missing cameras are listed by name.
const LISTED: usize = 40;

const RELEASE: &str = "release";

/// How it ended, in the words of the title.
fn ended(r: &Report) -> String {
    if let Some(verdict) = r.verdict {
        return verdict.to_string().to_uppercase();
    }
    let failed = r.steps.iter().find(|s| s.state == "failed");
    let under_way = ["taking", "releasing"]
        .iter()
        .any(|s| r.state.starts_with(s));
    match failed {
        _ if under_way => "no verdict yet".to_owned(),
        Some(s) => format!("FAILED at {}: {}", s.step, s.detail),
        None if r.kind != RELEASE => format!("STOPPED, it is {}", r.state),
        None if r
            .steps
            .iter()
            .all(|s| ["done", "skipped"].contains(&s.state.as_str())) =>
        {
            "HANDED BACK, the peer serves".to_owned()
        }
        None => format!("STOPPED, it is {}", r.state),
    }
}

/// Renders a report as plain text.
pub fn render(r: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{} {}: {}", r.kind, r.id, ended(r));
    let _ = writeln!(
        out,
        "  address  {} ({} mode), state then: {}",
        r.vip, r.mode, r.state
    );
    let _ = writeln!(out, "  fence    {}", r.fence);
    let _ = writeln!(out, "  written  {}", r.written);
    if r.kind == RELEASE {
        let _ = writeln!(
            out,
            "  cameras  are not seen from here once they are with the peer"
        );
    } else {
        cameras(&mut out, &r.cameras);
    }
    let _ = writeln!(out, "\n  when (ms after the first line)");
    for (mark, ms) in &r.ms {
        let _ = writeln!(out, "    {ms:>10.1}  {mark}");
    }
    let _ = writeln!(out, "\n  steps");
    for s in &r.steps {
        let _ = writeln!(out, "    {:<10} {:<8} {}", s.step, s.state, s.detail);
    }
    out
}

fn cameras(out: &mut String, summary: &Value) {
    let (Some(expected), Some(back)) = (summary["expected"].as_u64(), summary["back"].as_u64())
    else {
        let _ = writeln!(out, "  cameras  not yet looked for");
        return;
    };
    let _ = writeln!(out, "  cameras  {back} of {expected} are back");
    let missing: Vec<&Value> = summary["cameras"]
        .as_array()
        .map(|all| {
            all.iter()
                .filter(|c| !c["back"].as_bool().unwrap_or(false))
                .collect()
        })
        .unwrap_or_default();
    for c in missing.iter().take(LISTED) {
        let text = |field: &str| c[field].as_str().unwrap_or("?").replace('_', " ");
        let _ = writeln!(
            out,
            "    missing  {:<20} {:<15} stuck on {}: {}{} ({})",
            c["name"].as_str().unwrap_or("?"),
            c["address"].as_str().unwrap_or("?"),
            text("stuck_on"),
            text("fault"),
            c["detail"]
                .as_str()
                .map(|d| format!(": {d}"))
                .unwrap_or_default(),
            whose(c["blame"].as_str().unwrap_or(""))
        );
    }
    if missing.len() > LISTED {
        let _ = writeln!(
            out,
            "    and {} more (`standin report --json` lists all)",
            missing.len() - LISTED
        );
    }
}

/// Where to look, for each value of `blame` (see `verify::Blame`).
fn whose(blame: &str) -> &'static str {
    match blame {
        "layer2" => "the network: look at its switch port and cable",
        "camera" => "the camera itself: restart it",
        "server" => "the media server here: look at its log",
        _ => "not to be told from what was captured",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(kind: &str, state: &str, steps: &[(&str, &str)]) -> String {
        let steps = steps.iter().map(|(step, state)| super::super::StepLine {
            step: (*step).to_owned(),
            state: (*state).to_owned(),
            detail: "why not".to_owned(),
        });
        ended(&Report {
            id: "cctv-1".to_owned(),
            peer: "cctv".to_owned(),
            vip: String::new(),
            mode: String::new(),
            kind: kind.to_owned(),
            written: String::new(),
            state: state.to_owned(),
            verdict: None,
            fence: String::new(),
            t0_us: None,
            ms: Vec::new(),
            steps: steps.collect(),
            cameras: Value::Null,
        })
    }

    #[test]
    fn the_title_says_how_it_ended() {
        let precheck = [("precheck", "failed"), ("drop", "waiting")];
        assert_eq!(
            title("release", "active", &precheck),
            "FAILED at precheck: why not"
        );
        let done = [("precheck", "done"), ("park", "skipped"), ("prove", "done")];
        let back = "HANDED BACK, the peer serves";
        assert_eq!(title("release", "standby", &done), back);
        assert_eq!(title("release", "held", &done), back);
        let stopped = [("precheck", "done"), ("drop", "running")];
        assert_eq!(title("release", "held", &stopped), "STOPPED, it is held");
        assert_eq!(title("takeover", "held", &stopped), "STOPPED, it is held");
        let going = title("takeover", "taking fence", &stopped);
        assert_eq!(going, "no verdict yet");
    }

    #[test]
    fn a_missing_camera_is_named_with_its_rung_and_where_to_look() {
        let mut out = String::new();
        let summary = serde_json::json!({
            "expected": 2, "back": 1,
            "cameras": [
                { "name": "gate", "address": "192.168.1.110", "back": true },
                { "name": "yard", "address": "192.168.1.111", "back": false,
                  "stuck_on": "arp_receipt", "fault": "no_receipt", "blame": "layer2" },
            ],
        });
        cameras(&mut out, &summary);
        assert!(out.contains("1 of 2 are back"), "{out}");
        let line = out.lines().find(|l| l.contains("missing")).unwrap();
        for part in [
            "yard",
            "192.168.1.111",
            "stuck on arp receipt",
            "switch port",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!out.contains("gate "), "{out}");
    }
}
