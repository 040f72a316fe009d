//! Checks a profile as a whole: every mistake at once, each at its place. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use toml::Spanned;

use super::super::schema::{self, ProfileFile};
use super::super::value::Oid;
use super::model::*;
use super::{Problem, Profile, Transport};

/// The objects that the program itself asks for, and the indexes each may have.
const KNOWN: &[(&str, &[&[Index]])] = &[
    ("name", &[&[Index::IfIndex]]),
    ("descr", &[&[Index::IfIndex]]),
    ("alias", &[&[Index::IfIndex]]),
    ("admin", &[&[Index::IfIndex]]),
    ("oper", &[&[Index::IfIndex]]),
    ("last_change", &[&[Index::IfIndex]]),
    ("port_mode", &[&[Index::IfIndex]]),
    ("bridge_port", &[&[Index::BasePort]]),
    ("stp", &[&[Index::BasePort]]),
    ("fdb", &[&[Index::FdbId, Index::Mac]]),
    ("fdb_1d", &[&[Index::Mac]]),
    ("vlan_fdb", &[&[Index::TimeMark, Index::Vlan]]),
    ("egress_now", &[&[Index::TimeMark, Index::Vlan]]),
    ("untagged_now", &[&[Index::TimeMark, Index::Vlan]]),
    (
        "vlan_row",
        &[
            &[Index::Vlan],
            &[Index::VlanIf],
            &[Index::Fixed(1), Index::Vlan],
        ],
    ),
    (
        "vlan_name",
        &[
            &[Index::Vlan],
            &[Index::VlanIf],
            &[Index::Fixed(1), Index::Vlan],
        ],
    ),
    ("egress", &[&[Index::Vlan], &[Index::VlanIf]]),
    ("untagged", &[&[Index::Vlan], &[Index::VlanIf]]),
    ("forbidden", &[&[Index::Vlan], &[Index::VlanIf]]),
    ("pvid", &[&[Index::BasePort], &[Index::IfIndex]]),
];

/// The operations there are.
pub(super) const OPS: &[&str] = &[
    "port-status",
    "port-off",
    "port-on",
    "tag",
    "set-access-vlan",
    "trunk-allow",
    "trunk-remove",
    "flush-mac",
    "clear-arp",
    "poe-cycle",
    "save",
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

    pub(super) fn choice<T: Copy>(
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

    /// Reads `3s`, `500ms` or `0`.
    pub(super) fn duration(&mut self, at: &Spanned<String>, key: &str) -> Option<Duration> {
        let found = parse_duration(at.get_ref());
        if found.is_none() {
            let message = format!("`{}` is not a time such as 3s, 500ms or 0", at.get_ref());
            self.wrong(at, key, message);
        }
        found
    }

    /// Compiles a regular expression that must have these named captures.
    fn regex(&mut self, at: &Spanned<String>, key: &str, captures: &[&str]) -> Option<Regex> {
        let made = RegexBuilder::new(at.get_ref())
            .case_insensitive(true)
            .build();
        let regex = made
            .map_err(|e| self.wrong(at, key, format!("not a regular expression: {e}")))
            .ok()?;
        for must in captures {
            if !regex.capture_names().flatten().any(|n| n == *must) {
                self.wrong(at, key, format!("it must have a capture (?<{must}>...)"));
            }
        }
        Some(regex)
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
        let oper_staleness = self.duration(&raw.oper_staleness, "oper_staleness");
        let sysobjectid = raw
            .identify
            .sysobjectid
            .iter()
            .filter_map(|s| self.oid(s, "identify.sysobjectid"))
            .collect();
        let sysdescr = raw.identify.sysdescr.as_ref();
        let sysdescr = sysdescr.and_then(|r| self.regex(r, "identify.sysdescr", &[]));
        let mut snmp = self.snmp(raw.snmp.as_ref());
        for (name, op) in &raw.op {
            let key = format!("op.{}", name.get_ref());
            if !OPS.contains(&name.get_ref().as_str()) {
                let message = format!("there is no such operation; there are {}", OPS.join(", "));
                self.wrong(name, &key, message);
            }
            if op.snmp.is_none() && op.ssh.is_none() {
                self.wrong(
                    name,
                    &key,
                    "it says neither how it is done over SNMP nor over SSH",
                );
            }
            if let Some(op) = &op.snmp {
                let checked = self.op(name.get_ref(), op, &snmp.objects);
                snmp.ops.insert(name.get_ref().clone(), checked);
            }
        }
        self.required(&raw);
        let prefer = self.prefer(&raw.prefer);
        if !self.problems.is_empty() {
            self.problems.sort_by_key(|p| (p.line, p.column));
            self.problems.dedup();
            return Err(self.problems);
        }
        Ok(Profile {
            name: name.to_owned(),
            tested: raw.tested,
            // Both were reported above if they were missing, and then this line is not reached.
            persistence: persistence.unwrap_or(Persistence::Unknown),
            oper_staleness: oper_staleness.unwrap_or(Duration::from_secs(3)),
            prefer,
            sysobjectid,
            sysdescr,
            snmp,
        })
    }

    /// A port that cannot be shut, opened and looked at is no port for standin, whichever way it is done.
    fn required(&mut self, raw: &ProfileFile) {
        let over = |op: &str, ssh: bool| {
            raw.op.iter().any(|(n, o)| {
                n.get_ref() == op
                    && if ssh {
                        o.ssh.is_some()
                    } else {
                        o.snmp.is_some()
                    }
            })
        };
        if raw.snmp.is_none() && raw.ssh.is_none() {
            self.wrong(
                &raw.format,
                "profile",
                "there must be an [snmp] or an [ssh] table",
            );
        }
        for must in ["port-off", "port-on"] {
            if !over(must, false) && !over(must, true) {
                let message = format!("there must be an [op.{must}.snmp] or [op.{must}.ssh]");
                self.wrong(&raw.format, "op", message);
            }
        }
        if let Some(snmp) = &raw.snmp
            && !over("port-status", false)
        {
            self.wrong(
                snmp,
                "op",
                "there must be an [op.port-status.snmp]: how ports are read",
            );
        }
        for (name, op) in &raw.op {
            for (there, table, at) in [
                (
                    op.snmp.as_ref().map(Spanned::span),
                    "snmp",
                    raw.snmp.is_some(),
                ),
                (op.ssh.as_ref().map(Spanned::span), "ssh", raw.ssh.is_some()),
            ] {
                if there.is_some() && !at {
                    let key = format!("op.{}.{table}", name.get_ref());
                    self.wrong(
                        name,
                        &key,
                        format!("there is no [{table}] table that it could use"),
                    );
                }
            }
        }
    }

    fn prefer(
        &mut self,
        raw: &BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    ) -> BTreeMap<String, Vec<Transport>> {
        let mut out = BTreeMap::new();
        for (op, order) in raw {
            let key = format!("prefer.{}", op.get_ref());
            if op.get_ref() != "default" && !OPS.contains(&op.get_ref().as_str()) {
                self.wrong(op, &key, "there is no such operation");
            }
            let words = [("snmp", Transport::Snmp), ("ssh", Transport::Ssh)];
            let order = order
                .iter()
                .filter_map(|t| self.choice(t, &key, &words))
                .collect();
            out.insert(op.get_ref().clone(), order);
        }
        out
    }

    fn snmp(&mut self, raw: Option<&Spanned<schema::Snmp>>) -> SnmpRules {
        let mut rules = SnmpRules {
            portlist: PortListRule {
                encoding: Encoding::Bitmap,
                bit: BitOf::BasePort,
                first: 1,
            },
            per_vlan: None,
            fdb: Fdb {
                id: FdbId::Table,
                port: FdbPort::BasePort,
            },
            vlanif: None,
            slot_port: None,
            poe: None,
            objects: BTreeMap::new(),
            ops: BTreeMap::new(),
        };
        let Some(raw) = raw else { return rules };
        let snmp = raw.get_ref();
        if let Some(list) = &snmp.portlist {
            rules.portlist = self.portlist(list);
        }
        if let Some(per_vlan) = &snmp.per_vlan {
            for (at, must) in [
                (&per_vlan.v2c, "{community}"),
                (&per_vlan.v2c, "{vlan}"),
                (&per_vlan.v3, "{vlan}"),
            ] {
                if !at.get_ref().contains(must) {
                    self.wrong(at, "snmp.per_vlan", format!("it must contain {must}"));
                }
            }
            rules.per_vlan = Some(PerVlan {
                v2c: per_vlan.v2c.get_ref().clone(),
                v3: per_vlan.v3.get_ref().clone(),
            });
        }
        if let Some(rule) = &snmp.fdb {
            rules.fdb = self.fdb(rule);
        }
        let slot_port = snmp.slot_port.as_ref();
        rules.slot_port = slot_port.and_then(|r| self.regex(r, "snmp.slot_port", &["port"]));
        let poe = snmp.poe.as_ref();
        rules.poe = poe.and_then(|r| self.regex(&r.from, "snmp.poe.from", &["port"]));
        rules.objects = self.objects(raw);
        rules.vlanif = snmp
            .vlanif
            .as_ref()
            .and_then(|v| match (&v.name, &v.object) {
                (Some(name), None) => Some(VlanIf::Name(name.get_ref().clone())),
                (None, Some(object)) => {
                    if !rules.objects.contains_key(object.get_ref()) {
                        let message =
                            format!("`{}` is not declared under [snmp.object]", object.get_ref());
                        self.wrong(object, "snmp.vlanif", message);
                    }
                    Some(VlanIf::Object(object.get_ref().clone()))
                }
                _ => {
                    self.wrong(
                        raw,
                        "snmp.vlanif",
                        "it must have exactly one of `name` and `object`",
                    );
                    None
                }
            });
        self.rules_are_whole(raw, &rules);
        rules
    }

    /// An index part or an encoding that needs a rule must have it.
    fn rules_are_whole(&mut self, at: &Spanned<schema::Snmp>, rules: &SnmpRules) {
        let uses = |index: Index| rules.objects.values().any(|o| o.index.contains(&index));
        let lacking = [
            (
                uses(Index::VlanIf) && rules.vlanif.is_none(),
                "snmp.vlanif",
                "an index has the part `vlanif`",
            ),
            (
                (uses(Index::Slot) || rules.portlist.bit == BitOf::SlotPort)
                    && rules.slot_port.is_none(),
                "snmp.slot_port",
                "an index has the part `slot`, or a PortList has bits by `slotport`",
            ),
            (
                uses(Index::Poe) && rules.poe.is_none(),
                "snmp.poe",
                "an index has the part `poe`",
            ),
            (
                rules.objects.values().any(|o| o.per_vlan) && rules.per_vlan.is_none(),
                "snmp.per_vlan",
                "an object has per_vlan = true",
            ),
            (
                rules.fdb.id == FdbId::Shift16 && !rules.objects.contains_key("fdb_vlan"),
                "snmp.object.fdb_vlan",
                "fdb.id is `shift16`",
            ),
        ];
        for (_, key, why) in lacking.iter().filter(|(lacks, ..)| *lacks) {
            self.wrong(at, key, format!("it is missing, and {why}"));
        }
    }

    fn portlist(&mut self, raw: &schema::PortList) -> PortListRule {
        let encodings = [
            ("bitmap", Encoding::Bitmap),
            ("csv", Encoding::Csv),
            ("ranges", Encoding::Ranges),
        ];
        let bits = [
            ("baseport", BitOf::BasePort),
            ("ifindex", BitOf::IfIndex),
            ("slotport", BitOf::SlotPort),
        ];
        if *raw.first.get_ref() > 1 {
            self.wrong(
                &raw.first,
                "snmp.portlist.first",
                "the first bit is number 0 or 1",
            );
        }
        PortListRule {
            encoding: self
                .choice(&raw.encoding, "snmp.portlist.encoding", &encodings)
                .unwrap_or(Encoding::Bitmap),
            bit: self
                .choice(&raw.bit, "snmp.portlist.bit", &bits)
                .unwrap_or(BitOf::BasePort),
            first: *raw.first.get_ref(),
        }
    }

    fn fdb(&mut self, rule: &schema::FdbRule) -> Fdb {
        let ids = [
            ("table", FdbId::Table),
            ("vlan", FdbId::Vlan),
            ("shift16", FdbId::Shift16),
        ];
        let ports = [
            ("baseport", FdbPort::BasePort),
            ("ifindex", FdbPort::IfIndex),
            ("panel", FdbPort::Panel),
        ];
        Fdb {
            id: self
                .choice(&rule.id, "snmp.fdb.id", &ids)
                .unwrap_or(FdbId::Table),
            port: self
                .choice(&rule.port, "snmp.fdb.port", &ports)
                .unwrap_or(FdbPort::BasePort),
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
                .filter_map(|i| self.index(i, &key))
                .collect();
            let kinds = [
                ("i32", Kind::I32),
                ("u32", Kind::U32),
                ("text", Kind::Text),
                ("ticks", Kind::Ticks),
                ("portlist", Kind::PortList),
                ("octets", Kind::Octets),
                ("ip", Kind::Ip),
            ];
            let kind = self.choice(&raw.kind, &key, &kinds);
            if let Some((_, want)) = KNOWN.iter().find(|(n, _)| n == name.get_ref())
                && !want.contains(&index.as_slice())
            {
                let want: Vec<String> = want
                    .iter()
                    .map(|w| format!("{w:?}").to_lowercase())
                    .collect();
                self.wrong(
                    name,
                    &key,
                    format!("its index must be {}", want.join(" or ")),
                );
            }
            if let (Some(oid), Some(kind)) = (oid, kind) {
                let per_vlan = raw.per_vlan;
                out.insert(
                    name.get_ref().clone(),
                    Object {
                        oid,
                        index,
                        kind,
                        per_vlan,
                    },
                );
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

    fn index(&mut self, raw: &Spanned<String>, key: &str) -> Option<Index> {
        if let Ok(n) = raw.get_ref().parse() {
            return Some(Index::Fixed(n));
        }
        let parts = [
            ("ifindex", Index::IfIndex),
            ("baseport", Index::BasePort),
            ("vlan", Index::Vlan),
            ("vlanif", Index::VlanIf),
            ("slot", Index::Slot),
            ("fdbid", Index::FdbId),
            ("mac", Index::Mac),
            ("timemark", Index::TimeMark),
            ("poe", Index::Poe),
            ("ip", Index::Ip),
            ("random", Index::Random),
        ];
        self.choice(raw, key, &parts)
    }
}

/// Reads `3s`, `500ms` or `0`.
pub(super) fn parse_duration(s: &str) -> Option<Duration> {
    if s == "0" {
        return Some(Duration::ZERO);
    }
    if let Some(ms) = s.strip_suffix("ms") {
        return ms.parse().ok().map(Duration::from_millis);
    }
    s.strip_suffix('s')?.parse().ok().map(Duration::from_secs)
}
