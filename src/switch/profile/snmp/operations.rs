//! Checks the steps and rows of a profile's operations over SNMP. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::Spanned;

use crate::switch::profile::check::Check;
use crate::switch::profile::model::*;
use crate::switch::profile::schema;

/// How long the switch may take until what was set reads back, where the profile does not say.
pub(in crate::switch::profile) const SETTLE: Duration = Duration::from_secs(2);
/// How long an object is polled, where the profile does not say.
const POLL: Duration = Duration::from_secs(60);
/// What a row's value may be filled in with.
const VARIABLES: &[&str] = &[
    "alias", "new", "old", "vlan", "new.name", "old.name", "port", "mac", "ip", "random",
];

type Objects = BTreeMap<String, Object>;

impl Check<'_> {
    pub(in crate::switch::profile) fn op(
        &mut self,
        name: &str,
        raw: &Spanned<schema::OpSnmp>,
        objects: &Objects,
    ) -> Op {
        let key = format!("op.{name}.snmp");
        let op = raw.get_ref();
        let mut out = Op {
            settle: SETTLE,
            ..Op::default()
        };
        for read in &op.read {
            self.per_port(read, &key, read.get_ref(), objects);
            out.read.push(read.get_ref().clone());
        }
        let needs = [
            ("vlan-exists", Need::VlanExists),
            ("not-forbidden", Need::NotForbidden),
            ("access-port", Need::AccessPort),
            ("trunk-port", Need::TrunkPort),
        ];
        out.need = op
            .need
            .iter()
            .filter_map(|n| self.choice(n, &key, &needs))
            .collect();
        if let Some(settle) = &op.settle {
            out.settle = self.duration(settle, &key).unwrap_or(SETTLE);
        }
        // These are sent for several ports in one PDU, and need nothing but their ifIndexes.
        if ["port-off", "port-on", "tag"].contains(&name) {
            for row in op.steps.iter().flat_map(|s| &s.get_ref().pdu) {
                if let Some(object) = &row.get_ref().set {
                    self.per_port(row, &key, object, objects);
                }
            }
        }
        for step in &op.steps {
            out.steps.extend(self.step(step, &key, objects));
        }
        for row in &op.prove {
            out.prove.extend(self.prove_row(row, &key, objects));
        }
        self.op_is_whole(name, raw, &key, &out);
        out
    }

    fn op_is_whole(&mut self, name: &str, raw: &Spanned<schema::OpSnmp>, key: &str, op: &Op) {
        if name == "port-status" {
            for must in ["name", "admin", "oper"] {
                if !op.read.iter().any(|r| r == must) {
                    self.wrong(raw, key, format!("`read` must contain `{must}`"));
                }
            }
            return;
        }
        if raw.get_ref().steps.is_empty() {
            self.wrong(raw, key, "`do` must have at least one step");
        }
        if !op.read.is_empty() {
            self.wrong(raw, key, "`read` belongs to port-status only");
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
            let message = format!("`prove` must read `{m}` back: a SET's reply proves nothing");
            self.wrong(raw, key, message);
        }
        let polls = op.steps.iter().any(|s| matches!(s, Step::Poll { .. }));
        // What leaves nothing to read back ends as unclear, and says so.
        let acts = ["save", "poe-cycle", "clear-arp"].contains(&name);
        if raw.get_ref().prove.is_empty() && !polls && !acts {
            self.wrong(
                raw,
                key,
                "`prove` must not be empty: a SET's reply proves nothing",
            );
        }
    }

    fn step(&mut self, raw: &Spanned<schema::Step>, key: &str, objects: &Objects) -> Option<Step> {
        let s = raw.get_ref();
        match (s.pdu.is_empty(), &s.poll, &s.wait) {
            (false, None, None) => {
                let rows = s
                    .pdu
                    .iter()
                    .filter_map(|r| self.set_row(r, key, objects))
                    .collect();
                let reply = s.reply.as_ref();
                let reply = reply.and_then(|r| self.choice(r, key, &[("ignore", ())]));
                let each = s.each.as_ref();
                let each = each.and_then(|e| self.choice(e, key, &[("old", ())]));
                Some(Step::Pdu {
                    rows,
                    reply_counts: reply.is_none(),
                    each_old: each.is_some(),
                })
            }
            (true, Some(object), None) => {
                if !objects.contains_key(object.get_ref()) {
                    let message =
                        format!("`{}` is not declared under [snmp.object]", object.get_ref());
                    self.wrong(object, key, message);
                }
                if s.until.is_empty() {
                    self.wrong(raw, key, "`poll` needs `until`: the values that end it");
                }
                let numbers = |check: &mut Self, of: &[String]| {
                    let bad = of.iter().find(|v| v.parse::<i64>().is_err());
                    if let Some(bad) = bad {
                        check.wrong(raw, key, format!("`{bad}` is not a number"));
                    }
                    of.iter().filter_map(|v| v.parse().ok()).collect()
                };
                let within = s
                    .within
                    .as_ref()
                    .map(|w| self.duration(w, key).unwrap_or(POLL));
                Some(Step::Poll {
                    object: object.get_ref().clone(),
                    until: numbers(self, &s.until),
                    fail: numbers(self, &s.fail),
                    within: within.unwrap_or(POLL),
                })
            }
            (true, None, Some(wait)) => self.duration(wait, key).map(Step::Wait),
            (true, None, None) => {
                self.wrong(
                    raw,
                    key,
                    "an empty PDU sets nothing: give it at least one row",
                );
                None
            }
            _ => {
                self.wrong(
                    raw,
                    key,
                    "a step has exactly one of `pdu`, `poll` and `wait`",
                );
                None
            }
        }
    }

    /// What is read together about a port may only name declared objects that a port's numbers find.
    fn per_port<T>(&mut self, at: &Spanned<T>, key: &str, object: &str, objects: &Objects) {
        match objects.get(object) {
            None => {
                let message = format!("`{object}` is not declared under [snmp.object]");
                self.wrong(at, key, message);
            }
            Some(o) if o.index != [Index::IfIndex] => {
                self.wrong(
                    at,
                    key,
                    format!("`{object}` is not indexed by ifindex alone"),
                );
            }
            Some(_) => {}
        }
    }

    fn set_row(&mut self, at: &Spanned<schema::Row>, key: &str, objects: &Objects) -> Option<Row> {
        let r = at.get_ref();
        let want = match (&r.set, &r.value, r.bit, &r.get, &r.is, &r.any) {
            (Some(_), Some(value), None, None, None, None) => Want::Any(vec![value.clone()]),
            (Some(_), None, Some(bit), None, None, None) => Want::Bit(bit != 0),
            _ => {
                self.wrong(
                    at,
                    key,
                    "a row of a PDU has exactly `set` and one of `value` and `bit`",
                );
                return None;
            }
        };
        let row = self.row(at, key, r.set.as_deref()?, want, objects)?;
        if objects
            .get(&row.object)
            .is_some_and(|o| o.kind == Kind::Ticks)
        {
            let message = format!("`{}` is of type ticks, which is never written", row.object);
            self.wrong(at, key, message);
        }
        Some(row)
    }

    fn prove_row(
        &mut self,
        at: &Spanned<schema::Row>,
        key: &str,
        objects: &Objects,
    ) -> Option<Row> {
        let r = at.get_ref();
        let want = match (&r.get, &r.is, &r.any, r.bit, &r.set, &r.value) {
            (Some(_), Some(is), None, None, None, None) => Want::Any(vec![is.clone()]),
            (Some(_), None, Some(any), None, None, None) if !any.is_empty() => {
                Want::Any(any.clone())
            }
            (Some(_), None, None, Some(bit), None, None) => Want::Bit(bit != 0),
            _ => {
                self.wrong(
                    at,
                    key,
                    "a row of `prove` has `get` and one of `is`, `any` and `bit`",
                );
                return None;
            }
        };
        self.row(at, key, r.get.as_deref()?, want, objects)
    }

    fn row(
        &mut self,
        at: &Spanned<schema::Row>,
        key: &str,
        name: &str,
        want: Want,
        objects: &Objects,
    ) -> Option<Row> {
        let Some(object) = objects.get(name) else {
            self.wrong(
                at,
                key,
                format!("`{name}` is not declared under [snmp.object]"),
            );
            return None;
        };
        let r = at.get_ref();
        let vlan = match r.vlan.as_deref() {
            None => None,
            Some("new") => Some(VlanOf::New),
            Some("old") => Some(VlanOf::Old),
            Some(number) => match number.parse() {
                Ok(n @ 1..=4094) => Some(VlanOf::Number(n)),
                _ => {
                    self.wrong(
                        at,
                        key,
                        format!("vlan = `{number}` must be `new`, `old` or 1 to 4094"),
                    );
                    None
                }
            },
        };
        let by_vlan = object
            .index
            .iter()
            .any(|i| matches!(i, Index::Vlan | Index::VlanIf));
        if by_vlan && r.vlan.is_none() {
            self.wrong(
                at,
                key,
                format!("`{name}` is indexed by VLAN: say `vlan = \"new\"` or `\"old\"`"),
            );
        }
        if (r.where_told || r.while_up) && (r.get.is_none() || r.bit.is_none()) {
            let message = "`where_told` and `while_up` belong to rows of `prove` with `bit`";
            self.wrong(at, key, message);
        }
        match &want {
            Want::Bit(_) if object.kind != Kind::PortList => {
                self.wrong(
                    at,
                    key,
                    format!("`bit` needs a portlist, and `{name}` is none"),
                );
            }
            Want::Bit(_) if r.bit.is_some_and(|b| b > 1) => {
                self.wrong(at, key, "`bit` is 0 or 1");
            }
            Want::Bit(_) => {}
            Want::Any(values) => {
                for value in values {
                    self.fits(at, key, name, object.kind, value);
                }
            }
        }
        Some(Row {
            object: name.to_owned(),
            want,
            vlan,
            unless_vlan: r.unless_vlan.clone(),
            where_told: r.where_told,
            while_up: r.while_up,
        })
    }

    fn fits<T>(&mut self, at: &Spanned<T>, key: &str, object: &str, kind: Kind, value: &str) {
        let mut plain = value.to_owned();
        for variable in VARIABLES {
            plain = plain.replace(&format!("{{{variable}}}"), "");
        }
        let whole = value.starts_with('{') && plain.is_empty();
        let fits = match kind {
            Kind::I32 => whole || value.parse::<i32>().is_ok(),
            Kind::U32 | Kind::Ticks => whole || value.parse::<u32>().is_ok(),
            Kind::Text | Kind::PortList => !plain.contains(['{', '}']),
            Kind::Octets => {
                plain.len().is_multiple_of(2) && plain.bytes().all(|b| b.is_ascii_hexdigit())
            }
            Kind::Ip => whole || value.parse::<std::net::Ipv4Addr>().is_ok(),
        };
        if !fits {
            let message = format!("`{value}` does not fit `{object}`, which is of type {kind:?}");
            self.wrong(at, key, message);
        }
    }
}
