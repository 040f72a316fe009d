//! Checks the SNMP side of a profile: its objects and the rules by which they are found. Pure.

use std::collections::BTreeMap;

use toml::Spanned;

use crate::switch::profile::check::Check;
use crate::switch::profile::model::*;
use crate::switch::profile::schema;

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
    ("stp_edge", &[&[Index::BasePort]]),
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
    ("pvid_std", &[&[Index::BasePort]]),
    ("arp_inspection_all", &[&[]]),
    ("arp_inspection", &[&[Index::Vlan]]),
    ("arp_inspection_vlans", &[&[]]),
    ("arp_trust", OF_PORT),
    ("arp_rate", OF_PORT),
    ("source_guard_all", &[&[]]),
    ("source_guard", OF_PORT),
    ("port_security_all", &[&[]]),
    ("port_security", OF_PORT),
    ("dot1x_all", &[&[]]),
    ("dot1x", OF_PORT),
    ("mac_auth", OF_PORT),
    ("web_auth", OF_PORT),
];

/// A protection of a port; HP counts ports within group 1.
const OF_PORT: &[&[Index]] = &[
    &[Index::IfIndex],
    &[Index::BasePort],
    &[Index::Fixed(1), Index::IfIndex],
];

const ON_OFF: &[(&str, Says)] = &[("on", Says::On), ("off", Says::Off)];
const TRUST: &[(&str, Says)] = &[("trusted", Says::Trusted), ("untrusted", Says::Untrusted)];

/// The words that the values of an object may mean; `None` for an object whose values mean none.
fn words(object: &str) -> Option<&'static [(&'static str, Says)]> {
    match object {
        "arp_trust" => Some(TRUST),
        "arp_inspection" | "arp_inspection_all" | "source_guard" | "source_guard_all"
        | "port_security" | "port_security_all" | "dot1x" | "dot1x_all" | "mac_auth"
        | "web_auth" => Some(ON_OFF),
        _ => None,
    }
}

impl Check<'_> {
    pub(in crate::switch::profile) fn snmp(
        &mut self,
        raw: Option<&Spanned<schema::Snmp>>,
    ) -> SnmpRules {
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
            let says = self.says(name, &raw.says, &key);
            if let (Some(oid), Some(kind)) = (oid, kind) {
                let per_vlan = raw.per_vlan;
                out.insert(
                    name.get_ref().clone(),
                    Object {
                        oid,
                        index,
                        kind,
                        per_vlan,
                        says,
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

    /// What the values of an object say. One that tells a protection must say what its values mean: nobody knows
    /// whether 2 is off.
    fn says(
        &mut self,
        name: &Spanned<String>,
        raw: &BTreeMap<Spanned<String>, Spanned<String>>,
        key: &str,
    ) -> Meanings {
        let mut out = Meanings::default();
        let words = words(name.get_ref());
        if words.is_some() == raw.is_empty() {
            let message = if raw.is_empty() {
                "it must have `says`: what its values mean, such as { 1 = \"on\" }"
            } else {
                "it tells no protection, so that nobody reads `says`"
            };
            self.wrong(name, key, message);
        }
        for (value, word) in raw {
            let Some(says) = words.and_then(|w| self.choice(word, key, w)) else {
                continue;
            };
            match value.get_ref().parse() {
                Ok(number) => {
                    out.values.insert(number, says);
                }
                Err(_) if value.get_ref() == "absent" => out.absent = Some(says),
                Err(_) => {
                    let message = format!("`{}` is neither a number nor `absent`", value.get_ref());
                    self.wrong(value, key, message);
                }
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
