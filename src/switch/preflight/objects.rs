//! What a switch's objects tell of the protections of one port, each by what the profile says its values mean.

use std::collections::BTreeMap;

use super::said::{Arp, Said, any_inspected, nobody};
use crate::switch::model::value::{Oid, Value};
use crate::switch::profile::{Index, Meanings, Object, Says};
use crate::switch::read::switch::{Switch, small};
use crate::switch::read::table::PortRow;

/// More VLANs of one port are not asked about, one by one.
pub(super) const VLANS: usize = 8;
/// More packets a second than any switch lets be configured: how some write that there is no limit.
const NO_RATE: u32 = 4096;

const NAMES: [&str; 13] = [
    "arp_inspection_all",
    "arp_inspection",
    "arp_inspection_vlans",
    "arp_trust",
    "arp_rate",
    "source_guard_all",
    "source_guard",
    "port_security_all",
    "port_security",
    "dot1x_all",
    "dot1x",
    "mac_auth",
    "web_auth",
];

/// What must be let in at a port; 802.1X is one way of several.
pub(super) const DOT1X: [&str; 3] = ["dot1x", "mac_auth", "web_auth"];

/// The VLANs whose ARP comes in on a port, and whether that is all of them.
pub(super) fn vlans(row: &PortRow) -> (Vec<u32>, bool) {
    let mut vlans: Vec<u32> = row.pvid.into_iter().collect();
    let tagged = row.tagged.iter().flatten();
    vlans.extend(tagged.filter(|v| Some(**v) != row.pvid));
    let all = vlans.len() <= VLANS;
    vlans.truncate(VLANS);
    (vlans, all)
}

/// The instance of an object that has one per port, one per VLAN or one for the switch.
pub(super) fn instance(object: &Object, row: &PortRow, vlan: Option<u32>) -> Option<Oid> {
    let index: Option<Vec<u32>> = object
        .index
        .iter()
        .map(|part| match part {
            Index::IfIndex => Some(row.if_index),
            Index::BasePort => row.bridge_port,
            Index::Vlan => vlan,
            Index::Fixed(n) => Some(*n),
            _ => None,
        })
        .collect();
    let index = index?;
    Some(object.oid.at(if index.is_empty() { &[0] } else { &index }))
}

/// The object that tells for the whole switch what this one tells for a port or a VLAN.
fn of_switch(name: &str) -> &'static str {
    match name {
        "arp_inspection" | "arp_trust" => "arp_inspection_all",
        "source_guard" => "source_guard_all",
        "port_security" => "port_security_all",
        _ => "dot1x_all",
    }
}

/// What the objects said, by name, and of an object that has one per VLAN by VLAN.
#[derive(Default)]
pub(super) struct Objects {
    values: BTreeMap<(&'static str, Option<u32>), Value>,
    says: BTreeMap<&'static str, Meanings>,
    vlans: (Vec<u32>, bool),
    /// Why nothing was read.
    failed: Option<String>,
}

/// Asks for all of them at once.
pub(super) async fn read(switch: &Switch, row: &PortRow) -> Objects {
    let mut out = Objects {
        vlans: vlans(row),
        ..Objects::default()
    };
    // A port that was found by its name, over SSH, has no number that an agent knows.
    if row.if_index == 0 {
        return out;
    }
    let mut asked = Vec::new();
    for name in NAMES {
        let Some(object) = switch.profile().object(name) else {
            continue;
        };
        out.says.insert(name, object.says.clone());
        let per_vlan = object.index.contains(&Index::Vlan);
        let whose: Vec<Option<u32>> = if per_vlan {
            out.vlans.0.iter().copied().map(Some).collect()
        } else {
            vec![None]
        };
        for vlan in whose {
            asked.extend(instance(object, row, vlan).map(|oid| ((name, vlan), oid)));
        }
    }
    if asked.is_empty() {
        return out;
    }
    let oids: Vec<Oid> = asked.iter().map(|(_, oid)| oid.clone()).collect();
    match switch.snmp().get(&oids).await {
        Ok(values) => out.values = asked.into_iter().map(|(key, _)| key).zip(values).collect(),
        Err(e) => out.failed = Some(e.to_string()),
    }
    out
}

impl Objects {
    fn says(&self, name: &'static str, vlan: Option<u32>) -> Option<Says> {
        let value = self.values.get(&(name, vlan))?;
        let says = self.says.get(name)?;
        // That a row is missing means something only where the agent is known to have the MIB.
        let has_mib = || {
            let all = self.values.get(&(of_switch(name), None));
            all.is_some_and(|v| v.number().is_some())
        };
        match value.number() {
            Some(number) => says.values.get(&number).copied(),
            None => says.absent.filter(|_| *value == Value::Absent && has_mib()),
        }
    }

    /// Why an object that the profile has says nothing.
    fn why(&self, names: &[&'static str]) -> String {
        let there: Vec<_> = (self.values.iter())
            .filter(|((name, _), _)| names.contains(name))
            .collect();
        let odd = there
            .iter()
            .find(|((name, vlan), v)| v.number().is_some() && self.says(name, *vlan).is_none());
        if !names.iter().any(|n| self.says.contains_key(n)) {
            return nobody();
        }
        match (&self.failed, odd) {
            (Some(e), _) => e.clone(),
            (None, Some((_, value))) => {
                format!("its object reads {value}, which the profile does not explain")
            }
            (None, None) => "the switch has no such object for this port".into(),
        }
    }

    /// Of a protection that is there for the whole switch and for each port: the objects that tell it for the port.
    /// It is off where all that the profile has say so.
    pub(super) fn say(&self, ports: &[&'static str]) -> Said {
        let all = ports.first().copied().map_or("", of_switch);
        let there: Vec<&'static str> = (ports.iter().copied())
            .filter(|name| self.says.contains_key(name))
            .collect();
        let each: Vec<Option<Says>> = there.iter().map(|name| self.says(name, None)).collect();
        if NAMES
            .iter()
            .any(|n| *n == all && self.says(n, None) == Some(Says::Off))
        {
            Said::Off("is off for the whole switch".into())
        } else if let Some(at) = each.iter().position(|s| *s == Some(Says::On)) {
            Said::On(match there.get(at).copied() {
                Some("mac_auth") => "authentication by MAC address is on".into(),
                Some("web_auth") => "authentication by a web page is on".into(),
                _ => "is on".into(),
            })
        } else if !each.is_empty() && each.iter().all(|s| *s == Some(Says::Off)) {
            Said::Off("is off".into())
        } else {
            Said::Not(self.why(ports))
        }
    }

    pub(super) fn arp(&self) -> Arp {
        let mut why = None;
        let inspected = if self.says("arp_inspection_all", None) == Some(Says::Off) {
            Some(false)
        } else {
            let (vlans, all) = &self.vlans;
            let each = vlans.iter().map(|vlan| {
                let in_list = || listed(self.values.get(&("arp_inspection_vlans", None))?, *vlan);
                match self.says("arp_inspection", Some(*vlan)) {
                    Some(Says::On) => Some(true),
                    Some(Says::Off) => Some(false),
                    _ => in_list(),
                }
            });
            let rest = if *all { Some(false) } else { None };
            let known = any_inspected(each.chain([rest]));
            known.filter(|_| !vlans.is_empty())
        };
        let trusted = match self.says("arp_trust", None) {
            Some(Says::Trusted) => Some(true),
            Some(Says::Untrusted) => Some(false),
            _ => None,
        };
        if inspected.is_none() && trusted != Some(true) {
            why = Some(self.why(&[
                "arp_inspection_all",
                "arp_inspection",
                "arp_inspection_vlans",
                "arp_trust",
            ]));
        }
        Arp {
            inspected,
            trusted,
            rate: (self.values.get(&("arp_rate", None)))
                .and_then(small)
                .filter(|n| *n < NO_RATE),
            why,
        }
    }
}

/// Whether a VLAN is in a string with a bit for each, the first for VLAN 1; `None` if the string is too short to tell.
fn listed(value: &Value, vlan: u32) -> Option<bool> {
    let Value::Bytes(bits) = value else {
        return None;
    };
    let at = usize::try_from(vlan.checked_sub(1)?).ok()?;
    let octet = bits.get(at / 8)?;
    Some(octet & (0x80 >> (at % 8)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(
        values: &[(&'static str, Option<u32>, Value)],
        says: &[(&'static str, &[(i64, Says)])],
        vlans: &[u32],
    ) -> Objects {
        Objects {
            values: (values.iter().cloned())
                .map(|(name, vlan, value)| ((name, vlan), value))
                .collect(),
            says: (says.iter())
                .map(|(name, says)| {
                    let values = says.iter().copied().filter(|(n, _)| *n != ABSENT).collect();
                    let absent = says.iter().find(|(n, _)| *n == ABSENT).map(|(_, s)| *s);
                    (*name, Meanings { values, absent })
                })
                .collect(),
            vlans: (vlans.to_vec(), true),
            failed: None,
        }
    }

    /// Stands for a row that is not there.
    const ABSENT: i64 = -1;
    const ON_OFF: &[(i64, Says)] = &[(1, Says::On), (2, Says::Off)];
    const ROW: &[(i64, Says)] = &[(1, Says::On), (ABSENT, Says::Off)];
    const TRUST: &[(i64, Says)] = &[(1, Says::Trusted), (2, Says::Untrusted)];

    #[test]
    fn a_value_that_the_profile_does_not_explain_says_nothing() {
        let of = |n: i64| {
            let values = [("dot1x", None, Value::Int(n))];
            objects(&values, &[("dot1x", ON_OFF)], &[]).say(&DOT1X)
        };
        assert_eq!(of(1), Said::On("is on".into()));
        assert_eq!(of(2), Said::Off("is off".into()));
        assert!(matches!(of(3), Said::Not(why) if why.contains("reads 3")));
    }

    #[test]
    fn what_is_absent_and_what_has_no_object_is_not_known() {
        let absent = objects(&[("dot1x", None, Value::Absent)], &[("dot1x", ON_OFF)], &[]);
        assert!(matches!(absent.say(&DOT1X), Said::Not(why) if why.contains("no such object")));
        let none = Objects::default();
        assert_eq!(none.say(&DOT1X), Said::Not(nobody()));
        assert_eq!(none.arp().said(), Said::Not(nobody()));
    }

    #[test]
    fn what_is_off_for_the_switch_is_off_on_the_port() {
        let values = [
            ("dot1x_all", None, Value::Int(2)),
            ("dot1x", None, Value::Int(1)),
        ];
        let says = [("dot1x_all", ON_OFF), ("dot1x", ON_OFF)];
        let said = objects(&values, &says, &[]).say(&DOT1X);
        assert!(matches!(said, Said::Off(_)), "{said:?}");
    }

    #[test]
    fn a_missing_row_is_off_only_where_the_switch_has_the_mib() {
        let of = |all: Value| {
            let values = [
                ("source_guard_all", None, all),
                ("source_guard", None, Value::Absent),
            ];
            let says = [("source_guard_all", ON_OFF), ("source_guard", ROW)];
            objects(&values, &says, &[]).say(&["source_guard"])
        };
        assert_eq!(of(Value::Int(1)), Said::Off("is off".into()));
        assert!(matches!(of(Value::Absent), Said::Not(_)));
    }

    #[test]
    fn whoever_must_be_let_in_by_its_address_must_be_let_in() {
        let of = |dot1x: i64, mac: Value| {
            let values = [("dot1x", None, Value::Int(dot1x)), ("mac_auth", None, mac)];
            let says = [("dot1x", ON_OFF), ("mac_auth", ON_OFF)];
            objects(&values, &says, &[]).say(&DOT1X)
        };
        assert_eq!(of(2, Value::Int(2)), Said::Off("is off".into()));
        assert!(matches!(of(2, Value::Int(1)), Said::On(what) if what.contains("MAC")));
        assert_eq!(of(1, Value::Int(2)), Said::On("is on".into()));
        assert!(matches!(of(2, Value::Absent), Said::Not(_)));
    }

    #[test]
    fn arp_of_every_vlan_of_the_port_counts() {
        let says = [("arp_inspection", ON_OFF), ("arp_trust", TRUST)];
        let of = |ten: i64, twenty: Value, vlans: &[u32]| {
            let values = [
                ("arp_inspection", Some(10), Value::Int(ten)),
                ("arp_inspection", Some(20), twenty),
                ("arp_trust", None, Value::Int(2)),
            ];
            objects(&values, &says, vlans).arp()
        };
        assert_eq!(of(2, Value::Int(2), &[10, 20]).inspected, Some(false));
        assert_eq!(of(2, Value::Int(1), &[10, 20]).inspected, Some(true));
        assert_eq!(of(2, Value::Absent, &[10, 20]).inspected, None);
        assert_eq!(of(2, Value::Int(2), &[]).inspected, None);
        assert_eq!(of(2, Value::Int(2), &[10]).trusted, Some(false));
    }

    #[test]
    fn a_list_of_vlans_is_read_as_far_as_it_goes() {
        let bits = Value::Bytes(vec![0x00, 0x40]);
        assert_eq!(listed(&bits, 10), Some(true));
        assert_eq!(listed(&bits, 9), Some(false));
        assert_eq!(listed(&bits, 17), None);
        assert_eq!(listed(&bits, 0), None);
        assert_eq!(listed(&Value::Absent, 1), None);
    }

    #[test]
    fn a_rate_beyond_every_limit_is_none() {
        for (raw, rate) in [(15, Some(15)), (u64::from(u32::MAX), None)] {
            let values = [("arp_rate", None, Value::Uint(raw))];
            assert_eq!(objects(&values, &[], &[]).arp().rate, rate);
        }
    }
}
