//! Checks a profile as a whole: every mistake at once, each at its place. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;

use super::profile::{Fdb, Index, Kind, Object, Op, Persistence, Problem, Profile};
use super::schema::{self, ProfileFile};
use super::value::Oid;

/// The objects that the program itself asks for, and the index each must have.
const KNOWN: &[(&str, &[Index])] = &[
    ("name", &[Index::IfIndex]),
    ("alias", &[Index::IfIndex]),
    ("admin", &[Index::IfIndex]),
    ("oper", &[Index::IfIndex]),
    ("last_change", &[Index::IfIndex]),
    ("bridge_port", &[Index::BasePort]),
    ("fdb", &[Index::FdbId, Index::Mac]),
    ("fdb_1d", &[Index::Mac]),
    ("vlan_fdb", &[Index::TimeMark, Index::Vlan]),
    ("vlan_row", &[Index::Vlan]),
];

/// Turns what the file says into a profile, or says everything that is wrong with it.
pub(super) fn check(
    name: &str,
    file: &str,
    text: &str,
    raw: ProfileFile,
) -> Result<Profile, Vec<Problem>> {
    let check = Check {
        file,
        text,
        problems: Vec::new(),
    };
    check.profile(name, raw)
}

/// Line and column (from 1, in characters) of a byte offset.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    (
        before.matches('\n').count() + 1,
        before[start..].chars().count() + 1,
    )
}

/// The key on a line, for what serde found: it tells the place but not the path.
pub(super) fn key_at(text: &str, line: usize) -> String {
    let lines: Vec<&str> = text.lines().take(line).collect();
    let table = lines
        .iter()
        .rev()
        .find_map(|l| l.trim().strip_prefix('[')?.split(']').next())
        .unwrap_or("");
    let key = lines
        .last()
        .and_then(|l| l.split_once('='))
        .map_or("", |(k, _)| k.trim());
    match (table, key) {
        ("", "") => "profile".to_owned(),
        (t, "") => t.to_owned(),
        ("", k) => k.to_owned(),
        (t, k) => format!("{t}.{k}"),
    }
}

pub(super) struct Check<'a> {
    file: &'a str,
    text: &'a str,
    problems: Vec<Problem>,
}

impl Check<'_> {
    pub(super) fn wrong<T>(&mut self, at: &Spanned<T>, key: &str, message: impl Into<String>) {
        let (line, column) = place(self.text, at.span().start);
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line,
            column,
            key: key.to_owned(),
            message: message.into(),
        });
    }

    fn choice<T: Copy>(
        &mut self,
        at: &Spanned<String>,
        key: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let found = choices
            .iter()
            .find(|(word, _)| word == at.get_ref())
            .map(|(_, t)| *t);
        if found.is_none() {
            let words: Vec<String> = choices.iter().map(|(w, _)| format!("`{w}`")).collect();
            self.wrong(
                at,
                key,
                format!("`{}` must be one of {}", at.get_ref(), words.join(", ")),
            );
        }
        found
    }

    fn oid(&mut self, at: &Spanned<String>, key: &str) -> Option<Oid> {
        at.get_ref()
            .parse()
            .map_err(|e| self.wrong(at, key, format!("{e}")))
            .ok()
    }

    fn profile(mut self, name: &str, raw: ProfileFile) -> Result<Profile, Vec<Problem>> {
        if *raw.format.get_ref() != 1 {
            self.wrong(
                &raw.format,
                "format",
                format!("this program reads format 1, not {}", raw.format.get_ref()),
            );
        }
        let persistence = self.choice(
            &raw.persistence,
            "persistence",
            &[
                ("instant", Persistence::Instant),
                ("save", Persistence::Save),
                ("unknown", Persistence::Unknown),
            ],
        );
        let oper_staleness = parse_duration(raw.oper_staleness.get_ref());
        if oper_staleness.is_none() {
            let message = format!(
                "`{}` is not a time such as 3s, 500ms or 0",
                raw.oper_staleness.get_ref()
            );
            self.wrong(&raw.oper_staleness, "oper_staleness", message);
        }
        let sysobjectid = raw
            .identify
            .sysobjectid
            .iter()
            .filter_map(|s| self.oid(s, "identify.sysobjectid"))
            .collect();
        let Some(snmp) = &raw.snmp else {
            self.wrong(&raw.format, "snmp", "there must be an [snmp] table");
            return Err(self.problems);
        };
        let fdb = self.fdb(snmp.get_ref());
        let objects = self.objects(snmp);
        let mut ops = BTreeMap::new();
        for (name, op) in &raw.op {
            if let Some(op) = &op.snmp {
                let checked = self.op(name.get_ref(), op, &objects);
                ops.insert(name.get_ref().clone(), checked);
            }
        }
        for must in ["port-off", "port-on", "port-status"] {
            if !ops.contains_key(must) {
                self.wrong(snmp, "op", format!("there must be an [op.{must}.snmp]"));
            }
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        Ok(Profile {
            name: name.to_owned(),
            tested: raw.tested,
            // Both were reported above if they were missing, and then this line is not reached.
            persistence: persistence.unwrap_or(Persistence::Unknown),
            oper_staleness: oper_staleness.unwrap_or(Duration::from_secs(3)),
            sysobjectid,
            fdb,
            objects,
            ops,
        })
    }

    fn fdb(&mut self, snmp: &schema::Snmp) -> Fdb {
        let Some(rule) = &snmp.fdb else {
            return Fdb {
                by_table: true,
                is_if_index: false,
            };
        };
        let id = self.choice(&rule.id, "snmp.fdb.id", &[("table", true), ("vlan", false)]);
        let port = self.choice(
            &rule.port,
            "snmp.fdb.port",
            &[("baseport", false), ("ifindex", true)],
        );
        Fdb {
            by_table: id.unwrap_or(true),
            is_if_index: port.unwrap_or(false),
        }
    }

    fn objects(&mut self, snmp: &Spanned<schema::Snmp>) -> BTreeMap<String, Object> {
        let mut out = BTreeMap::new();
        for (name, raw) in &snmp.get_ref().object {
            let key = format!("snmp.object.{}", name.get_ref());
            let oid = self.oid(&raw.oid, &key);
            let index: Vec<Index> = raw
                .index
                .iter()
                .filter_map(|i| {
                    self.choice(
                        i,
                        &key,
                        &[
                            ("ifindex", Index::IfIndex),
                            ("baseport", Index::BasePort),
                            ("vlan", Index::Vlan),
                            ("fdbid", Index::FdbId),
                            ("mac", Index::Mac),
                            ("timemark", Index::TimeMark),
                        ],
                    )
                })
                .collect();
            let kind = self.choice(
                &raw.kind,
                &key,
                &[
                    ("i32", Kind::I32),
                    ("u32", Kind::U32),
                    ("text", Kind::Text),
                    ("ticks", Kind::Ticks),
                ],
            );
            if let Some((_, want)) = KNOWN.iter().find(|(n, _)| n == name.get_ref())
                && index != *want
            {
                self.wrong(
                    name,
                    &key,
                    format!("its index must be {want:?}, in lower case"),
                );
            }
            if let (Some(oid), Some(kind)) = (oid, kind) {
                out.insert(name.get_ref().clone(), Object { oid, index, kind });
            }
        }
        for must in ["name", "admin", "oper"] {
            if !snmp.get_ref().object.keys().any(|n| n.get_ref() == must) {
                self.wrong(
                    snmp,
                    "snmp.object",
                    format!("the object `{must}` must be declared: no port can be told without it"),
                );
            }
        }
        out
    }

    fn op(
        &mut self,
        name: &str,
        raw: &Spanned<schema::OpSnmp>,
        objects: &BTreeMap<String, Object>,
    ) -> Op {
        let key = format!("op.{name}.snmp");
        let mut op = Op::default();
        for read in &raw.get_ref().read {
            self.per_port(read, &key, read.get_ref(), objects);
            op.read.push(read.get_ref().clone());
        }
        for step in &raw.get_ref().steps {
            if step.get_ref().pdu.is_empty() {
                self.wrong(
                    step,
                    &key,
                    "an empty PDU sets nothing: give it at least one row",
                );
            }
            let rows = &step.get_ref().pdu;
            op.steps.push(
                rows.iter()
                    .filter_map(|r| self.set_row(r, &key, objects))
                    .collect(),
            );
        }
        for row in &raw.get_ref().prove {
            op.prove.extend(self.prove_row(row, &key, objects));
        }
        if name == "port-status" {
            for must in ["name", "admin", "oper"] {
                if !op.read.iter().any(|r| r == must) {
                    self.wrong(raw, &key, format!("`read` must contain `{must}`"));
                }
            }
        } else {
            if op.steps.is_empty() {
                self.wrong(raw, &key, "`do` must have at least one step");
            }
            if !op.read.is_empty() {
                self.wrong(raw, &key, "`read` belongs to port-status only");
            }
            let must: &[&str] = match name {
                "port-off" => &["admin", "oper"],
                "port-on" => &["admin"],
                _ => &[],
            };
            for m in must
                .iter()
                .filter(|m| !op.prove.iter().any(|p| p.object == **m))
            {
                self.wrong(
                    raw,
                    &key,
                    format!("`prove` must read `{m}` back: a SET's reply proves nothing"),
                );
            }
            if op.prove.is_empty() {
                self.wrong(
                    raw,
                    &key,
                    "`prove` must not be empty: a SET's reply proves nothing",
                );
            }
        }
        op
    }
}

/// Reads `3s`, `500ms` or `0`.
fn parse_duration(s: &str) -> Option<Duration> {
    if s == "0" {
        return Some(Duration::ZERO);
    }
    if let Some(ms) = s.strip_suffix("ms") {
        return ms.parse().ok().map(Duration::from_millis);
    }
    s.strip_suffix('s')?.parse().ok().map(Duration::from_secs)
}
