//! `standin replay JOURNAL`: plays a recorded takeover back through the core and shows what it decided.

use std::path::Path;

use serde_json::{Value, json};

use super::common::{fail, say, say_json};
use super::exit::ExitCode;
use crate::daemon::journal;
use crate::daemon::recorder::{CHANGED, EVENT, SNAPSHOT};
use crate::takeover::Machine;
use crate::takeover::action::Action;
use crate::takeover::event::Event;
use crate::types::BootTime;

/// Plays every recording in the journal; exits 0 if the core decided each time what the journal says.
pub fn run(path: &Path, as_json: bool) -> ExitCode {
    let replay = match journal::read(path) {
        Ok(replay) => replay,
        Err(e) => return fail(ExitCode::NoInput, &e.to_string()),
    };
    if let Some(damage) = &replay.damage {
        let _ = fail(ExitCode::Ok, &damage.to_string());
    }
    let mut playing: Vec<(String, Playing)> = Vec::new();
    let (mut recordings, mut events, mut differ) = (0u64, 0u64, 0u64);
    for record in &replay.records {
        let slot = playing.iter().position(|(peer, _)| *peer == record.peer);
        match record.kind.as_str() {
            SNAPSHOT => match serde_json::from_value::<Machine>(record.data.clone()) {
                Ok(machine) => {
                    recordings += 1;
                    let fresh = Playing {
                        machine,
                        owed: Vec::new(),
                    };
                    match slot {
                        Some(at) => playing[at].1 = fresh,
                        None => playing.push((record.peer.clone(), fresh)),
                    }
                }
                Err(e) => {
                    return fail(
                        ExitCode::BadData,
                        &format!(
                            "{}, record {}: the snapshot cannot be read: {e}",
                            path.display(),
                            record.seq
                        ),
                    );
                }
            },
            EVENT => {
                let Some(at) = slot else { continue };
                match playing[at].1.play(&record.data) {
                    Ok(changes) => {
                        events += 1;
                        show(&record.peer, &changes, as_json);
                    }
                    Err(e) => {
                        return fail(
                            ExitCode::BadData,
                            &format!(
                                "{}, record {}: the event cannot be read: {e}",
                                path.display(),
                                record.seq
                            ),
                        );
                    }
                }
            }
            CHANGED => {
                let Some(at) = slot else { continue };
                if !playing[at].1.expects(&record.data) {
                    differ += 1;
                    super::complain(&format!(
                        "DIFFERS at record {}: the journal says {}",
                        record.seq, record.data
                    ));
                }
            }
            _ => {}
        }
    }
    if as_json {
        say_json(
            &json!({ "ok": differ == 0, "recordings": recordings, "events": events, "differ": differ }),
        );
    } else {
        say(&format!(
            "{recordings} recordings, {events} events played, {differ} decisions differ"
        ));
    }
    if differ > 0 {
        ExitCode::NotReached
    } else {
        ExitCode::Ok
    }
}

struct Playing {
    machine: Machine,
    /// Changes of state that the core made and the journal has yet to confirm.
    owed: Vec<Change>,
}

struct Change {
    from: String,
    to: String,
    why: String,
}

impl Playing {
    fn play(&mut self, data: &Value) -> Result<Vec<String>, serde_json::Error> {
        let at: BootTime = serde_json::from_value(data["at"].clone())?;
        let event: Event = serde_json::from_value(data["event"].clone())?;
        let mut lines = Vec::new();
        for action in self.machine.handle(at, event) {
            if let Action::Changed { from, to, why } = action {
                lines.push(format!(
                    "{:>14.6} s  {from} -> {to}: {why}",
                    at.0 as f64 / 1e6
                ));
                self.owed.push(Change { from, to, why });
            }
        }
        Ok(lines)
    }

    /// True if the journal's change is the next one that the core made.
    fn expects(&mut self, data: &Value) -> bool {
        if self.owed.is_empty() {
            // A change outside of a recording: nothing was played for it.
            return self.machine.label() == data["to"].as_str().unwrap_or_default()
                || crate::daemon::recorder::at_rest(&self.machine);
        }
        let next = self.owed.remove(0);
        data["from"] == json!(next.from)
            && data["to"] == json!(next.to)
            && data["why"] == json!(next.why)
    }
}

fn show(peer: &str, lines: &[String], as_json: bool) {
    for line in lines {
        if as_json {
            eprintln!("{peer} {line}");
        } else {
            say(&format!("{peer} {line}"));
        }
    }
}
