//! A recording of a switch (snmpsim's .snmprec) that answers like the switch: profiles are tried and tested on it.

pub mod capture;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::SecretString;

use crate::switch::model::value::{Oid, Value};
use crate::switch::profile::Profile;
use crate::switch::read::switch::Switch;
use crate::switch::read::target::SwitchTarget;
use crate::switch::render::SetVar;
use crate::switch::snmp::target::Credentials;
use crate::switch::snmp::{Answer, Snmp};

/// Longest recording that is read, in bytes.
pub const LONGEST: u64 = 64 << 20;
/// Problems that are told at once.
const TOLD: usize = 20;

/// Objects of a switch as they were once, kept in memory. What is SET is kept too, and nothing else changes by it.
#[derive(Clone, Default)]
pub struct Recording {
    pub(super) rows: Arc<Mutex<BTreeMap<Oid, Value>>>,
    /// Rows that were left out, each with its line and why: redacted values, tags of simulators' own.
    pub notes: Vec<String>,
}

/// Lines that cannot be read, each with its number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct BadRecording(pub Vec<String>);

impl Recording {
    /// Reads `OID|TAG|VALUE` lines; `file` is only for messages. Of an OID that is there twice the last one counts. A row
    /// whose value cannot be read (it was made unreadable on purpose, or is a simulator's rule) is left out and noted.
    ///
    /// # Errors
    /// Every line that is no row (the first twenty), with its number, or that there is none at all.
    pub fn parse(file: &str, text: &str) -> Result<Recording, BadRecording> {
        let mut rows = BTreeMap::new();
        let (mut bad, mut notes, mut left_out) = (Vec::new(), Vec::new(), 0);
        for (i, line) in text.lines().enumerate() {
            let line = line.trim_end_matches('\r');
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match row(line) {
                Ok((oid, value)) => {
                    rows.insert(oid, value);
                }
                Err(Bad::Line(why)) if bad.len() < TOLD => {
                    bad.push(format!("{file}:{}: {why}", i + 1));
                }
                Err(Bad::Line(_)) => {}
                Err(Bad::Value(why)) => {
                    left_out += 1;
                    if notes.len() < TOLD {
                        notes.push(format!("{file}:{}: left out, {why}", i + 1));
                    }
                }
            }
        }
        if bad.is_empty() && rows.is_empty() {
            bad.push(format!(
                "{file}:1: no line of it is a row: OID|TAG|VALUE, one object a line"
            ));
        }
        if left_out > notes.len() {
            notes.push(format!("{file}: {left_out} rows were left out"));
        }
        if bad.is_empty() {
            Ok(Recording {
                notes,
                ..Recording::of(rows)
            })
        } else {
            Err(BadRecording(bad))
        }
    }

    /// Of these objects.
    pub fn of(rows: BTreeMap<Oid, Value>) -> Recording {
        Recording {
            rows: Arc::new(Mutex::new(rows)),
            notes: Vec::new(),
        }
    }

    /// The recording as a file. Counters come out as Gauge32, because what was read no longer tells them apart.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (oid, value) in &*self.lock() {
            let (tag, text) = match value {
                Value::Int(n) => ("2", n.to_string()),
                Value::Uint(n) if *n <= u64::from(u32::MAX) => ("66", n.to_string()),
                Value::Uint(n) => ("70", n.to_string()),
                Value::Ticks(n) => ("67", n.to_string()),
                Value::Oid(o) => ("6", o.to_string()),
                Value::Bytes(b) if b.iter().all(|c| (0x20..0x7f).contains(c)) => {
                    ("4", String::from_utf8_lossy(b).into_owned())
                }
                Value::Bytes(b) => ("4x", b.iter().map(|c| format!("{c:02x}")).collect()),
                Value::Absent | Value::Other(_) => continue,
            };
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{oid}|{tag}|{text}");
        }
        out
    }

    /// Every object, in order.
    pub fn rows(&self) -> BTreeMap<Oid, Value> {
        self.lock().clone()
    }

    /// A switch with this name and profile that answers as the recording does; nothing is sent anywhere.
    pub fn switch(self, name: &str, profile: Profile) -> Switch {
        let target = SwitchTarget {
            name: name.to_owned(),
            address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            local: None,
            profile: Arc::new(profile),
            credentials: Credentials::V2c {
                community: SecretString::from(String::new()),
            },
            timeout: Duration::from_secs(1),
            retries: 0,
            ssh: None,
            prefer: Vec::new(),
            oper_staleness: None,
            uplinks: Vec::new(),
            own_ports: Vec::new(),
        };
        Switch::over(target, Box::new(self))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Oid, Value>> {
        // Every change is one insertion, so that what a panic elsewhere left is whole.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snmp for Recording {
    fn get<'a>(&'a self, oids: &'a [Oid]) -> Answer<'a, Vec<Value>> {
        Box::pin(async move {
            let rows = self.lock();
            let value = |o| rows.get(o).cloned().unwrap_or(Value::Absent);
            Ok(oids.iter().map(value).collect())
        })
    }

    fn set_many<'a>(&'a self, vars: &'a [SetVar]) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut rows = self.lock();
            for var in vars {
                rows.insert(var.oid.clone(), var.value.clone());
            }
            Ok(())
        })
    }

    fn walk<'a>(&'a self, column: &'a Oid) -> Answer<'a, Vec<(Oid, Value)>> {
        Box::pin(async move {
            let rows = self.lock();
            let below = rows.range(column.clone()..);
            Ok(below
                .take_while(|(o, _)| o.after(column).is_some())
                .map(|(o, v)| (o.clone(), v.clone()))
                .collect())
        })
    }

    fn of_vlan(&self, _: u16) -> Option<Arc<dyn Snmp>> {
        // A recording is made with one community: it has one view for all VLANs.
        Some(Arc::new(self.clone()))
    }
}

/// Why a line yields no row.
enum Bad {
    /// It is none.
    Line(String),
    /// Its value cannot be read.
    Value(String),
}

/// Why a file cannot be read as it is, where it is compressed.
pub fn compressed(octets: &[u8]) -> Option<&'static str> {
    match octets {
        [0x1f, 0x8b, ..] => Some("it is compressed with gzip; unpack it with gunzip first"),
        [b'B', b'Z', b'h', ..] => Some("it is compressed with bzip2; unpack it with bunzip2 first"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            Some("it is compressed with xz; unpack it with unxz first")
        }
        _ => None,
    }
}

fn row(line: &str) -> Result<(Oid, Value), Bad> {
    let mut parts = line.splitn(3, '|');
    let (Some(oid), Some(tag), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Bad::Line("not a row: OID|TAG|VALUE".to_owned()));
    };
    let oid: Oid = oid
        .parse()
        .map_err(|e: crate::types::ParseValueError| Bad::Line(e.to_string()))?;
    let number = |what: &str| Bad::Value(format!("`{text}` is no {what}"));
    let value = match tag {
        "2" => Value::Int(text.parse().map_err(|_| number("INTEGER"))?),
        "4" => Value::Bytes(text.as_bytes().to_vec()),
        "4x" | "64x" => Value::Bytes(octets(text).ok_or_else(|| number("hexadecimal string"))?),
        "5" => Value::Absent,
        "6" => Value::Oid(text.parse().map_err(|_| number("object identifier"))?),
        "64" => {
            let ip: std::net::Ipv4Addr = text.parse().map_err(|_| number("IPv4 address"))?;
            Value::Bytes(ip.octets().to_vec())
        }
        "65" | "66" | "70" => Value::Uint(text.parse().map_err(|_| number("unsigned number"))?),
        "67" => Value::Ticks(text.parse().map_err(|_| number("number of ticks"))?),
        other => {
            return Err(Bad::Value(format!(
                "the tag `{other}` is not one of 2, 4, 4x, 5, 6, 64, 65, 66, 67, 70"
            )));
        }
    };
    Ok((oid, value))
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return None;
    }
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_every_bad_line_is_named() {
        let text = "1.3.6.1.2.1.1.1.0|4|a | b\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.9\n1.3.6.1.2.1.1.3.0|67|12\n\
                    1.3.6.1.2.1.17.1.1.0|4x|02005e10ff01\n1.3.6.1.2.1.2.2.1.7.1|2|-1\n1.3.6.1.2.1.2.2.1.10.1|70|5000000000\n";
        let once = Recording::parse("a", text).unwrap().text();
        assert_eq!(Recording::parse("a", &once).unwrap().text(), once);
        assert!(once.contains("|4|a | b\n") && once.contains("|4x|02005e10ff01\n"));
        let BadRecording(bad) = Recording::parse("x", "hello\n1.3.x|2|1\n1.3.6|2|1\n")
            .err()
            .unwrap();
        let lines: Vec<&str> = bad.iter().map(|b| &b[..3]).collect();
        assert_eq!(lines, ["x:1", "x:2"], "{bad:?}");
        assert!(Recording::parse("x", "").is_err());
    }

    #[test]
    fn a_value_that_cannot_be_read_costs_its_row_and_a_note() {
        let text = "1.3.6.1|2|1\n1.3.6.2|2|<private>\n1.3.6.3|68x|9f7804\n1.3.6.4|2:numeric|rate=1\n1.3.6.5|64|a.b\n\
                    1.3.6.6|4x|\u{fc}\n1.3.6.7|4|<private>\n";
        let recording = Recording::parse("x", text).unwrap();
        assert_eq!(recording.rows().len(), 2);
        let lines: Vec<&str> = recording.notes.iter().map(|b| &b[..3]).collect();
        assert_eq!(
            lines,
            ["x:2", "x:3", "x:4", "x:5", "x:6"],
            "{:?}",
            recording.notes
        );
        let only = Recording::parse("x", "1.3.6.1|68x|00\n");
        assert!(only.is_err(), "no row is left");
        let many: String = (0..40).map(|n| format!("1.3.6.{n}|99|1\n")).collect();
        let notes = Recording::parse("x", &format!("{many}1.3|2|1\n"))
            .unwrap()
            .notes;
        assert!(
            notes.len() == 21 && notes[20].contains("40 rows"),
            "{notes:?}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(1\\.3\\.6\\|[0-9x]{1,3}\\|.{0,12}\n){0,4}") {
            let _ = Recording::parse("x", &text);
        }
    }
}
