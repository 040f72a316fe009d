//! `standin takeover`, `release` and `hold`: orders to the daemon, and what comes of them.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::common::{ask, fail, say, say_json, socket_of};
use super::exit::ExitCode;
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
        Ok(_) => {}
        Err(code) => return code,
    }
    let begun = Instant::now();
    let mut shown = String::new();
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
        if let Some(code) = ended(command, &state, &peer) {
            if as_json {
                say_json(
                    &json!({ "ok": code == ExitCode::Ok, "state": state, "verdict": peer["verdict"], "cameras": peer["cameras"] }),
                );
            } else {
                let cameras = &peer["cameras"];
                say(&format!(
                    "{command} of {name} ended: {state}, {} of {} cameras; `standin report` has the details",
                    cameras["back"], cameras["expected"]
                ));
                if code != ExitCode::Ok {
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
