//! The report as one page for the night operator.

use std::fmt::Write;

use serde_json::Value;

use super::Report;

/// At most this many missing cameras are listed by name.
const LISTED: usize = 40;

/// Renders a report as plain text.
pub fn render(r: &Report) -> String {
    let mut out = String::new();
    let verdict = r.verdict.map_or("no verdict yet".to_owned(), |v| {
        v.to_string().to_uppercase()
    });
    let _ = writeln!(out, "{} {}: {verdict}", r.kind, r.id);
    let _ = writeln!(
        out,
        "  address  {} ({} mode), state now: {}",
        r.vip, r.mode, r.state
    );
    let _ = writeln!(out, "  fence    {}", r.fence);
    let _ = writeln!(out, "  written  {}", r.written);
    cameras(&mut out, &r.cameras);
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
