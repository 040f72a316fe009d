//! A session with the switch: what is printed at each line, how it is paged, and the faults that strike.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use russh::MethodKind;

use super::family::{Asked, At, Family, Said};
use super::{DOWN, ENABLE, Kind, LATE, PASSWORD, Shared};
use crate::ssh_server::{Out, Screen, Shell};

#[derive(Clone, Debug, PartialEq)]
enum State {
    Line,
    Answer(Asked),
    Unanswerable,
    More(Vec<String>),
    Hung,
}

/// One session with the switch.
pub struct Session {
    family: Family,
    shared: Arc<Mutex<Shared>>,
    id: usize,
    at: At,
    state: State,
    line: Vec<u8>,
    out: Option<Screen>,
}

impl Session {
    pub fn new(family: Family, shared: Arc<Mutex<Shared>>, id: usize) -> Session {
        Session {
            family,
            shared,
            id,
            at: family.start(),
            state: State::Line,
            line: Vec::new(),
            out: None,
        }
    }

    fn say(&self, text: &str) {
        self.put(Out::Text(text.replace('\n', "\r\n")));
    }

    fn put(&self, out: Out) {
        if let Some(to) = &self.out {
            to.put(out);
        }
    }

    fn logs(&self) -> bool {
        self.shared.lock().unwrap().faults.logs
    }

    fn prompt(&self) {
        let dirty = self.shared.lock().unwrap().truth.is_dirty(self.id);
        self.say(&self.family.prompt(&self.at, dirty));
        if self.logs() {
            self.put(Out::Pause(Duration::from_millis(5)));
            self.say(self.family.log_line());
        }
    }

    fn page(&mut self, mut lines: Vec<String>) {
        let rest = lines.split_off(lines.len().min(1));
        for line in lines {
            self.say(&format!("{line}\n"));
        }
        if rest.is_empty() {
            self.state = State::Line;
            self.prompt();
        } else {
            self.say(self.family.pager());
            self.state = State::More(rest);
        }
    }

    /// What it was logged in with, if it is one that says so, in a line that is a refusal.
    fn repeated(&self) -> String {
        if self.shared.lock().unwrap().faults.repeats_secrets {
            format!("% Invalid is nothing of ops, {PASSWORD}, {ENABLE}\n")
        } else {
            String::new()
        }
    }

    /// Prints an output, and the prompt behind it.
    fn print(&mut self, text: &str) {
        let pages = self.shared.lock().unwrap().faults.pages;
        if pages && text.lines().count() > 1 {
            self.page(text.lines().map(str::to_owned).collect());
        } else {
            self.say(text);
            self.state = State::Line;
            self.prompt();
        }
    }

    fn answer(&mut self, asked: Asked, line: &str) {
        self.state = State::Line;
        match asked {
            Asked::Enable if line == ENABLE => {
                self.say("\n");
                self.at = At::Exec;
                self.prompt();
            }
            Asked::Enable => {
                self.say("\n% Access denied\n\n");
                self.prompt();
            }
            Asked::Destination
                if std::mem::take(&mut self.shared.lock().unwrap().faults.confirms) =>
            {
                self.hear(Said::Asks(
                    "Warning: Attempting to overwrite an NVRAM configuration previously written\nby a different version of the system image.\nOverwrite the previous NVRAM configuration?[confirm]".to_owned(),
                    Asked::Destination,
                ));
            }
            Asked::Destination => {
                let mut s = self.shared.lock().unwrap();
                s.truth.startup = s.truth.running.clone();
                drop(s);
                self.print("\nBuilding configuration...\n[OK]\n");
            }
            Asked::Uncommitted | Asked::RollBack => {
                let mut s = self.shared.lock().unwrap();
                let (family, id) = (self.family, self.id);
                let text = family.answer(&mut s.truth, id, &mut self.at, asked, line);
                drop(s);
                self.print(text);
            }
            Asked::Discard => {
                let mut s = self.shared.lock().unwrap();
                let id = self.id;
                s.truth.candidates.remove(&id);
                s.truth.lock.take_if(|l| *l == id);
                drop(s);
                self.at = At::Exec;
                self.print("\nExiting configuration mode\n");
            }
        }
    }

    /// The answer to a show, as the faults have it.
    fn spoilt(&self, line: &str, text: String) -> String {
        let mut s = self.shared.lock().unwrap();
        if s.faults.untold.is_some_and(|word| line.contains(word)) {
            let asked = line.split_whitespace().nth(2).unwrap_or_default();
            return text.replace(asked, "Gi9/0/9");
        }
        if !line.ends_with("status") || s.faults.torn == 0 {
            return text;
        }
        s.faults.torn -= 1;
        let row = text.lines().last().filter(|l| !l.is_empty());
        let at = text.rfind("connected").unwrap_or(row.map_or(0, str::len)) + 4;
        format!("{}\n{}{}", &text[..at], self.family.log_line(), &text[at..])
    }

    /// The fault that strikes at this line, if one does.
    fn strikes(&self, line: &str) -> Option<Kind> {
        let mut s = self.shared.lock().unwrap();
        s.truth.lines.push((self.id, line.to_owned()));
        if !Family::writes(line) {
            return None;
        }
        let number = s.writes;
        s.writes += 1;
        let kind = s.faults.at.take_if(|(_, at)| *at == number).map(|(k, _)| k);
        s.struck = kind.map(|_| line.to_owned()).or(s.struck.take());
        kind
    }

    fn take(&mut self, line: &str) {
        let kind = self.strikes(line);
        let echo = format!("{line}\n");
        let half = &line[..line.len() / 2];
        if self.logs() {
            self.say(self.family.log_line());
        }
        match kind {
            None => {
                self.say(&echo);
                let garbles = self.shared.lock().unwrap().faults.garbles;
                let said = match self.carry_out(line) {
                    Said::Text(text) if line.starts_with("show ") && !garbles => {
                        Said::Text(self.spoilt(line, text))
                    }
                    Said::Text(_) if garbles && line.starts_with("show ") => {
                        Said::Text(self.repeated().replace("% Invalid", "Here"))
                    }
                    said => said,
                };
                self.hear(said);
            }
            Some(Kind::DropsBefore) => {
                self.say(half);
                self.put(Out::Drop);
                self.state = State::Hung;
            }
            Some(Kind::DropsMid) => {
                self.carry_out(line);
                self.say(half);
                self.put(Out::Drop);
                self.state = State::Hung;
            }
            Some(kind @ (Kind::DropsAfter | Kind::DropsAndKeepsSession)) => {
                self.say(&echo);
                if let Said::Text(text) = self.carry_out(line) {
                    self.say(&text);
                }
                if kind == Kind::DropsAndKeepsSession {
                    self.shared.lock().unwrap().ghosts.insert(self.id);
                }
                self.put(Out::Drop);
                self.state = State::Hung;
            }
            Some(Kind::DropsThenApplies) => {
                self.put(Out::Drop);
                self.state = State::Hung;
                // The session's own candidate and mode live on for as long.
                self.shared.lock().unwrap().ghosts.insert(self.id);
                let (shared, family) = (self.shared.clone(), self.family);
                let (id, mut at, line) = (self.id, self.at.clone(), line.to_owned());
                tokio::spawn(async move {
                    tokio::time::sleep(LATE).await;
                    let mut s = shared.lock().unwrap();
                    family.take(&mut s.truth, id, &mut at, &line);
                });
            }
            Some(Kind::HangsBefore) => {
                self.say(&echo);
                self.say(&self.repeated());
                self.state = State::Hung;
            }
            Some(Kind::HangsAfter) => {
                self.say(&echo);
                self.carry_out(line);
                self.state = State::Hung;
            }
            Some(Kind::Ignores) => self.print(&echo),
            Some(Kind::ErrorsButApplies) => {
                self.say(&echo);
                self.carry_out(line);
                let refusal = self.family.refusal();
                self.print(refusal);
            }
            Some(Kind::Refuses) => {
                self.say(&echo);
                let refusal = format!("{}{}", self.repeated(), self.family.refusal());
                self.print(&refusal);
            }
            Some(Kind::AsksUnexpected) => {
                self.say(&format!(
                    "{echo}This may affect traffic. Are you quite sure? (yes/no): "
                ));
                self.state = State::Unanswerable;
            }
            Some(Kind::Reboots) => {
                self.say(&echo);
                self.carry_out(line);
                let mut s = self.shared.lock().unwrap();
                s.truth.reboot(DOWN);
                for out in s.outs.values() {
                    out.put(Out::Drop);
                }
                drop(s);
                self.state = State::Hung;
            }
        }
    }

    fn hear(&mut self, said: Said) {
        match said {
            Said::Text(text) => self.print(&text),
            Said::Asks(text, asked) => {
                self.say(&text);
                self.state = State::Answer(asked);
            }
        }
    }

    /// Carries a line out, and whatever follows from a change.
    fn carry_out(&mut self, line: &str) -> Said {
        let mut s = self.shared.lock().unwrap();
        let s = &mut *s;
        if s.faults.locked > 0 && (line.starts_with("configure") || line == "system-view") {
            s.faults.locked -= 1;
            return Said::Text(self.family.locked().to_owned());
        }
        let before = s.truth.running.clone();
        let said = self.family.take(&mut s.truth, self.id, &mut self.at, line);
        if s.truth.running == before {
            return said;
        }
        if let Some(time) = s.faults.stale.take() {
            s.truth.stale = Some((before.clone(), Instant::now() + time));
        }
        if s.faults.bounces.take_if(|t| t.is_zero()).is_some() {
            s.truth.bounces_to = Some(before.clone());
        }
        if let Some(time) = s.faults.bounces.take() {
            let shared = self.shared.clone();
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                shared.lock().unwrap().truth.running = before;
            });
        }
        if s.truth.cut_unless.is_some() && !s.truth.is_reachable() {
            for out in s.outs.values() {
                out.put(Out::Mute);
            }
            self.state = State::Hung;
        }
        said
    }
}

impl Shell for Session {
    fn asks(&self) -> bool {
        false
    }

    fn lets_in(&mut self, method: MethodKind, user: &str, password: &[u8]) -> bool {
        method == MethodKind::Password && user == "ops" && password == PASSWORD.as_bytes()
    }

    fn open(&mut self, screen: Screen) {
        let mut s = self.shared.lock().unwrap();
        s.outs.insert(self.id, screen.clone());
        s.truth.open.insert(self.id);
        drop(s);
        self.out = Some(screen);
        self.say("\nAuthorised users only.\n\n");
        self.prompt();
    }

    fn key(&mut self, byte: u8) {
        match &self.state {
            State::Hung | State::Unanswerable => {}
            State::More(rest) => {
                let rest = rest.clone();
                let back = "\x08".repeat(self.family.pager().len());
                let blank = " ".repeat(self.family.pager().len());
                self.say(&format!("{back}{blank}{back}"));
                self.page(rest);
            }
            _ if matches!(byte, b'\n' | b'\r') => {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
                match self.state.clone() {
                    State::Answer(asked) => self.answer(asked, &line),
                    _ => self.take(&line),
                }
            }
            _ => self.line.push(byte),
        }
    }
}
