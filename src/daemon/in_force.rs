//! Which keys of the configuration a reload puts in force, and when: one table, from which what a reload says is derived.
//! (`tests/text/config_sample.rs` walks every key of the schema through it.)

use std::collections::{BTreeMap, BTreeSet};

/// When a changed key is in force after SIGHUP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// At once.
    Now,
    /// With the next takeover; what is under way or in place goes on as it began, until it is released.
    NextTakeover,
    /// Only after a restart of the daemon; until then the old value stays.
    Restart,
    /// The whole file is refused: nothing of it is in force before a restart.
    Refused,
}

/// When `key` (`peer.cctv.fence[0].timeout`) is in force; `None`: no such key.
pub fn when(key: &str) -> Option<When> {
    let plain: String = key
        .split('.')
        .map(|part| part.split('[').next().unwrap_or(part))
        .collect::<Vec<_>>()
        .join(".");
    let parts: Vec<&str> = plain.split('.').collect();
    Some(match parts[..] {
        [
            "node",
            "name" | "state-dir" | "socket" | "socket-group" | "log" | "realtime",
        ] => When::Restart,
        // Both machines must change together, and the sockets, the key and the time-out of one go together.
        ["heartbeat", "port" | "key-file" | "interval"] => When::Restart,
        ["traps", _] => When::Now,
        ["alert", "sink", ..] => When::Now,
        // Of a fence in place the address, the credentials, the profile and the times are always the file's.
        ["switch", _, "snmp" | "ssh", _] => When::Now,
        ["switch", _, _] => When::Now,
        ["peer", _, "kind" | "vip" | "interface" | "addresses"] => When::Refused,
        ["peer", _, "port-takeover", ..] => When::Refused,
        [
            "peer",
            _,
            "mac" | "macs" | "management" | "takeover" | "preferred",
        ] => When::Now,
        ["peer", _, "detect" | "policy" | "address" | "release", _] => When::Now,
        // What stands is read, proven and lifted as it was set; the time for one try is the file's.
        ["peer", _, "fence", "timeout" | "persist"] => When::Now,
        ["peer", _, "fence", _] | ["peer", _, "fence", "also", _] => When::NextTakeover,
        // A step that stands is taken back as it was done.
        ["peer", _, "step", ..] => When::NextTakeover,
        ["peer", _, "health", ..] => When::Now,
        ["peer", _, "service", _] => When::NextTakeover,
        // The budget of an interface is made with its socket.
        ["peer", _, "announce", "arp-per-second"] => When::Restart,
        ["peer", _, "announce", "refresh"] => When::NextTakeover,
        ["peer", _, "verify", "cameras" | "within"] => When::NextTakeover,
        ["redirect", ..] => When::Restart,
        ["peer", _] | ["switch", _] => When::Refused,
        _ => return None,
    })
}

/// What differs between two files, by key. A file that cannot be parsed has no keys.
pub fn changed(before: &str, after: &str) -> BTreeSet<String> {
    let (before, after) = (keys(before), keys(after));
    let both: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differs = both.into_iter().filter(|k| before.get(*k) != after.get(*k));
    differs.cloned().collect()
}

fn keys(text: &str) -> BTreeMap<String, toml::Value> {
    let mut out = BTreeMap::new();
    if let Ok(table) = text.trim_start_matches('\u{feff}').parse::<toml::Table>() {
        note("", &toml::Value::Table(table), &mut out);
    }
    out
}

fn note(at: &str, value: &toml::Value, out: &mut BTreeMap<String, toml::Value>) {
    match value {
        toml::Value::Table(table) => {
            for (key, inner) in table {
                let dot = if at.is_empty() { "" } else { "." };
                note(&format!("{at}{dot}{key}"), inner, out);
            }
        }
        toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
            for (i, inner) in items.iter().enumerate() {
                note(&format!("{at}[{i}]"), inner, out);
            }
        }
        other => {
            out.insert(at.to_owned(), other.clone());
        }
    }
}

/// What a reload says of the keys that it changed. `in_place`: a takeover is, so that what comes with the next one has to
/// wait; `restart` are the keys that differ from what the daemon was started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// In force now.
    pub now: Vec<String>,
    /// In force after a release.
    pub after_release: Vec<String>,
    /// In force after a restart.
    pub after_restart: Vec<String>,
}

impl Said {
    /// Sorts the keys.
    pub fn of(
        changed: &BTreeSet<String>,
        since_start: &BTreeSet<String>,
        in_place: impl Fn(&str) -> bool,
    ) -> Said {
        let mut said = Said::default();
        for key in changed {
            match when(key) {
                Some(When::NextTakeover) if in_place(key) => said.after_release.push(key.clone()),
                Some(When::Now | When::NextTakeover) => said.now.push(key.clone()),
                Some(When::Restart | When::Refused) | None => {}
            }
        }
        let late = since_start
            .iter()
            .filter(|k| when(k).is_none_or(|w| w >= When::Restart));
        said.after_restart = late.cloned().collect();
        said
    }

    /// One sentence a line; empty if nothing changed.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = |keys: &[String], when: &str| {
            if !keys.is_empty() {
                lines.push(format!("in force {when}: {}", keys.join(", ")));
            }
        };
        line(&self.now, "now");
        line(
            &self.after_release,
            "after a release (a takeover is in place, and goes on as it began)",
        );
        line(
            &self.after_restart,
            "only after a restart of the daemon (until then the old value stays)",
        );
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_named_key_by_key_with_when_it_counts() {
        let before = "[node]\nname = \"a\"\n[peer.p.detect]\nmin-cameras = 3\n[[peer.p.fence]]\nports = [\"x\"]\ntimeout = \"5s\"\n";
        let after = "[node]\nname = \"b\"\n[peer.p.detect]\nmin-cameras = 4\n[[peer.p.fence]]\nports = [\"y\"]\ntimeout = \"6s\"\n";
        let changed = changed(before, after);
        let said = Said::of(&changed, &changed, |_| true);
        assert_eq!(
            said.now,
            ["peer.p.detect.min-cameras", "peer.p.fence[0].timeout"]
        );
        assert_eq!(said.after_release, ["peer.p.fence[0].ports"]);
        assert_eq!(said.after_restart, ["node.name"]);
        assert_eq!(said.lines().len(), 3);
        let said = Said::of(&changed, &BTreeSet::new(), |_| false);
        assert_eq!(said.now.len(), 3);
        assert!(said.after_release.is_empty() && said.after_restart.is_empty());
    }
}
