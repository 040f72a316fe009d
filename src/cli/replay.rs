//! `standin replay JOURNAL`: plays a recorded takeover back through the core and shows what it decided.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{fail, say, say_json};
use crate::daemon::journal::{self, Gap, Record};
use crate::daemon::recorder::{CHANGED, EVENT, RECORDED, SNAPSHOT};
use crate::exit::ExitCode;
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
    let mut player = Player::new(as_json);
    for record in &replay.records {
        if let Err((what, e)) = player.take(record) {
            return fail(
                ExitCode::BadData,
                &format!(
                    "{}, record {}: the {what} cannot be read: {e}",
                    path.display(),
                    record.seq
                ),
            );
        }
    }
    player.sum()
}

/// Plays a journal's records in their order.
struct Player {
    as_json: bool,
    /// By peer.
    playing: BTreeMap<String, Playing>,
    recordings: u64,
    events: u64,
    differ: u64,
    gaps: Vec<Value>,
}

impl Player {
    fn new(as_json: bool) -> Player {
        Player {
            as_json,
            playing: BTreeMap::new(),
            recordings: 0,
            events: 0,
            differ: 0,
            gaps: Vec::new(),
        }
    }

    /// Plays one record, or says what of it cannot be read.
    fn take(&mut self, record: &Record) -> Result<(), (&'static str, serde_json::Error)> {
        if let Some(gap) = Gap::of(record) {
            self.skip(record.seq, &gap);
        }
        self.playing.retain(|_, p| p.is_recorded(record));
        let playing = self.playing.get_mut(&record.peer);
        match (record.kind.as_str(), playing) {
            (SNAPSHOT, _) => {
                let machine = Machine::deserialize(&record.data).map_err(|e| ("snapshot", e))?;
                self.recordings += 1;
                let fresh = Playing::begin(machine, record);
                self.playing.insert(record.peer.clone(), fresh);
            }
            (EVENT, Some(playing)) => {
                let changes = playing.play(&record.data).map_err(|e| ("event", e))?;
                self.events += 1;
                show(&record.peer, &changes, self.as_json);
            }
            (CHANGED, Some(playing)) => {
                let same = playing.expects(&record.data);
                self.differ += u64::from(!same);
                if !same {
                    super::complain(&format!(
                        "DIFFERS at record {}: the journal says {}",
                        record.seq, record.data
                    ));
                }
            }
            // Without a snapshot before it there is nothing to play it on.
            _ => {}
        }
        Ok(())
    }

    /// What was recorded before a gap does not lead to what comes after it.
    fn skip(&mut self, seq: u64, gap: &Gap) {
        self.playing.clear();
        let said = format!("record {seq}: {gap}; what follows is played from the next snapshot on");
        show("", &[said], self.as_json);
        let mut told = json!(gap);
        told["record"] = json!(seq);
        self.gaps.push(told);
    }

    fn sum(&self) -> ExitCode {
        let Player {
            recordings,
            events,
            differ,
            gaps,
            ..
        } = self;
        if self.as_json {
            say_json(
                &json!({ "ok": *differ == 0, "recordings": recordings, "events": events, "differ": differ, "gaps": gaps }),
            );
        } else {
            let gaps = match gaps.len() {
                0 => String::new(),
                1 => "; the journal has 1 gap".to_owned(),
                n => format!("; the journal has {n} gaps"),
            };
            say(&format!(
                "{recordings} recordings, {events} events played, {differ} decisions differ{gaps}"
            ));
        }
        match differ {
            0 => ExitCode::Ok,
            _ => ExitCode::NotReached,
        }
    }
}

struct Playing {
    machine: Machine,
    /// When the recording began, and in which boot.
    since: (String, BootTime),
    /// Changes of state that the core made and the journal has yet to confirm.
    owed: Vec<Change>,
}

struct Change {
    from: String,
    to: String,
    why: String,
}

impl Playing {
    fn begin(machine: Machine, snapshot: &Record) -> Playing {
        Playing {
            machine,
            since: (snapshot.boot_id.clone(), snapshot.boot_us),
            owed: Vec::new(),
        }
    }

    /// False if the recording was over by the time of this record: only what begins a new one is played then.
    fn is_recorded(&self, record: &Record) -> bool {
        let (boot, since) = &self.since;
        *boot == record.boot_id && record.boot_us.since(*since) <= RECORDED
    }

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
            say(format!("{peer} {line}").trim_start());
        }
    }
}
