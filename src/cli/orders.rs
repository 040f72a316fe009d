//! `standin takeover`, `release` and `hold`: orders to the daemon, and what comes of them.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::common::{ask, fail, say, say_json, socket_of};
use super::redirect;
use crate::exit::ExitCode;
use crate::types::MacAddr;

/// The daemon is asked this often while an order is under way.
const LOOK: Duration = Duration::from_millis(100);
/// An order that has not ended after this goes on without us.
const PATIENCE: Duration = Duration::from_secs(120);

/// Switches the operator's hold; in a pair for both nodes, unless `here`. Says what the stopped takeover has left shut.
pub fn hold(config: &Path, name: &str, (on, here): (bool, bool), as_json: bool) -> ExitCode {
    match ask(
        &socket_of(config),
        "hold",
        Some(name),
        json!({ "on": on, "here": here }),
        as_json,
    ) {
        Ok(answer) if as_json => {
            say_json(&answer);
            ExitCode::Ok
        }
        Ok(answer) => {
            say(&format!(
                "{name}: {}",
                answer["state"].as_str().unwrap_or("?")
            ));
            if answer["durable"] == false {
                say(
                    "it is in force, but NOT on the disk: a restart of the daemon would not know of it (`standin status` says what the journal's disk says)",
                );
            }
            for line in left_lines(&answer["left"]) {
                say(&format!("  {line}"));
            }
            if answer["ports_read"].as_bool() == Some(false) {
                say(
                    "  the switch has not said yet how the peer's ports are: `standin status` shows it",
                );
            }
            ExitCode::Ok
        }
        Err(code) => code,
    }
}

/// The ports that a takeover without ownership has left, one a line, with the command that opens each.
pub fn left_lines(left: &Value) -> Vec<String> {
    let text = |v: &Value| v.as_str().unwrap_or("?").to_owned();
    let ports = left.as_array().into_iter().flatten();
    ports
        .map(|p| {
            let (port, state, command) = (text(&p["port"]), text(&p["state"]), text(&p["command"]));
            match state.as_str() {
                "open" => format!("{port} is open"),
                "shut" => format!("{port} is SHUT; it is opened by: {command}"),
                _ => format!(
                    "{port}: UNKNOWN whether it is shut; if it is, it is opened by: {command}"
                ),
            }
        })
        .collect()
}

/// Lets the daemon accept the heartbeats of a peer that lost its boot counter.
pub fn peer_reset(config: &Path, name: &str, as_json: bool) -> ExitCode {
    match ask(
        &socket_of(config),
        "peer-reset",
        Some(name),
        json!({}),
        as_json,
    ) {
        Ok(answer) if as_json => {
            say_json(&answer);
            ExitCode::Ok
        }
        Ok(_) => {
            say(&format!(
                "{name}: its next heartbeat is accepted, whatever its number"
            ));
            ExitCode::Ok
        }
        Err(code) => code,
    }
}

/// Says that the fence of a peer is on the right port.
pub fn confirm_fence(config: &Path, name: &str, level: Option<&str>, as_json: bool) -> ExitCode {
    // Under sudo the person is who called it.
    let person = ["SUDO_USER", "LOGNAME", "USER"].into_iter();
    let by = person
        .filter_map(|v| std::env::var(v).ok())
        .find(|v| !v.is_empty());
    let args = json!({ "by": by.unwrap_or_else(|| "a person".to_owned()), "level": level });
    match ask(
        &socket_of(config),
        "fence-confirm",
        Some(name),
        args,
        as_json,
    ) {
        Ok(answer) if as_json => {
            say_json(&answer);
            ExitCode::Ok
        }
        Ok(answer) => {
            for level in answer["placement"].as_array().into_iter().flatten() {
                let text = |field: &str| level[field].as_str().unwrap_or("-").to_owned();
                say(&format!(
                    "{name}: {} ({}) is {}: {}",
                    text("level"),
                    text("identity"),
                    text("state"),
                    text("detail")
                ));
            }
            ExitCode::Ok
        }
        Err(code) => code,
    }
}

/// Orders a planned takeover or a release, and waits for its end unless `no_wait`.
pub fn order(
    config: &Path,
    (command, new_mac): (&str, Option<MacAddr>),
    name: &str,
    no_wait: bool,
    as_json: bool,
) -> ExitCode {
    let args = new_mac.map_or(json!({}), |mac| json!({ "new_mac": mac.to_string() }));
    let socket = socket_of(config);
    match ask(&socket, command, Some(name), args, as_json) {
        Ok(answer) if no_wait && as_json => {
            say_json(&answer);
            return ExitCode::Ok;
        }
        Ok(_) if no_wait => return ExitCode::Ok,
        Ok(_) => {
            if let Some(code) = redirect::followed(&socket, name, as_json) {
                return code;
            }
        }
        Err(code) => return code,
    }
    let begun = Instant::now();
    let mut shown = String::new();
    let mut taken_back = false;
    loop {
        let peer = match ask(&socket, "status", None, json!({}), as_json) {
            Ok(status) => find(&status, name),
            Err(code) => return code,
        };
        let state = peer["state"].as_str().unwrap_or("?").to_owned();
        if state != shown && !as_json {
            eprintln!("{:>7.1} s  {state}", begun.elapsed().as_secs_f64());
            shown.clone_from(&state);
        }
        taken_back |= command == "release" && state.starts_with("taking");
        if let Some(code) = ended(command, &state, &peer) {
            if as_json {
                say_json(
                    &json!({ "ok": code == ExitCode::Ok, "state": state, "verdict": peer["verdict"], "cameras": peer["cameras"] }),
                );
            } else {
                say(&end_line(command, name, &state, &peer, taken_back));
                if code != ExitCode::Ok {
                    if let Some(why) = peer["why"].as_str() {
                        say(&format!("  {why}"));
                    }
                    for alarm in peer["alarms"].as_array().into_iter().flatten() {
                        say(&format!("  {}", alarm["text"].as_str().unwrap_or("?")));
                    }
                }
            }
            return code;
        }
        if begun.elapsed() > PATIENCE {
            return fail(
                ExitCode::TryAgain,
                &format!(
                    "still {state} after {} s; it goes on, `standin status` shows how",
                    PATIENCE.as_secs()
                ),
            );
        }
        std::thread::sleep(LOOK);
    }
}

/// What became of an order, in one line.
fn end_line(command: &str, name: &str, state: &str, peer: &Value, taken_back: bool) -> String {
    let cameras = &peer["cameras"];
    match (command, state) {
        ("release", "standby" | "held") => format!(
            "release of {name} ended: {state}; the peer serves {}",
            peer["vip"].as_str().unwrap_or("the address")
        ),
        ("release", _) if taken_back => format!(
            "release of {name} FAILED, and the address was taken back: {state}, {} of {} cameras; the log says why",
            cameras["back"], cameras["expected"]
        ),
        ("release", _) => format!("release of {name} FAILED: this machine stays {state}"),
        // It has not begun, or was ended: there is no report of it.
        (_, "standby" | "held" | "suspect") => format!("{command} of {name} was not done: {state}"),
        _ => format!(
            "{command} of {name} ended: {state}, {} of {} cameras; `standin report` has the details",
            cameras["back"], cameras["expected"]
        ),
    }
}

fn ended(command: &str, state: &str, peer: &Value) -> Option<ExitCode> {
    match (command, state) {
        ("takeover", "active") if peer["verdict"].as_str() == Some("verified") => {
            Some(ExitCode::Ok)
        }
        ("takeover", "active" | "halted" | "standby" | "held" | "suspect") => {
            Some(ExitCode::NotReached)
        }
        ("release", "standby" | "held") => Some(ExitCode::Ok),
        ("release", "active" | "halted") => Some(ExitCode::NotReached),
        _ => None,
    }
}

fn find(status: &Value, name: &str) -> Value {
    let peers = status["peers"].as_array().into_iter().flatten();
    peers
        .into_iter()
        .find(|p| p["name"].as_str() == Some(name))
        .cloned()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_order_is_told_as_it_was() {
        let peer = json!({ "vip": "192.168.1.101/24", "cameras": { "expected": 12, "back": 11 } });
        let line = |command, state, taken_back| end_line(command, "cctv", state, &peer, taken_back);
        // Who is back at the peer is not seen from here.
        let released = line("release", "standby", false);
        assert!(
            released.contains("the peer serves 192.168.1.101/24"),
            "{released}"
        );
        assert!(!released.contains("cameras"), "{released}");
        assert!(line("release", "active", false).contains("FAILED: this machine stays active"));
        assert!(line("release", "active", true).contains("FAILED, and the address was taken back"));
        assert!(line("takeover", "active", false).contains("11 of 12 cameras"));
        assert!(line("takeover", "suspect", false).contains("was not done: suspect"));
    }
}
