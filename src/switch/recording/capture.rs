//! A live switch into a recording, with secrets and names scrubbed: what a contributor may publish.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::ExposeSecret;
use serde::Serialize;

use super::Recording;
use crate::switch::model::value::{Oid, Value, mac_of};
use crate::switch::profile::{Index, Kind};
use crate::switch::read::error::SwitchError;
use crate::switch::read::switch::Switch;
use crate::switch::snmp::target::Credentials;
use crate::types::MacAddr;

/// What is walked besides the profile's own objects: system, interfaces, ifMIB, dot1dBridge (with Q-BRIDGE-MIB),
/// POWER-ETHERNET-MIB, LLDP-MIB.
const TREES: [&[u32]; 6] = [
    &[1, 3, 6, 1, 2, 1, 1],
    &[1, 3, 6, 1, 2, 1, 2],
    &[1, 3, 6, 1, 2, 1, 31],
    &[1, 3, 6, 1, 2, 1, 17],
    &[1, 3, 6, 1, 2, 1, 105],
    &[1, 0, 8802, 1, 1, 2],
];

/// Texts that name people, places and machines: their column, and what stands there instead.
const NAMES: [(&[u32], &str); 9] = [
    (&[1, 3, 6, 1, 2, 1, 1, 4], "contact"),          // sysContact
    (&[1, 3, 6, 1, 2, 1, 1, 5], "switch"),           // sysName
    (&[1, 3, 6, 1, 2, 1, 1, 6], "location"),         // sysLocation
    (&[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 18], "alias"), // ifAlias
    (&[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 3, 1, 1], "vlan"), // dot1qVlanStaticName
    (&[1, 0, 8802, 1, 1, 2, 1, 3, 3], "switch"),     // lldpLocSysName
    (&[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 9], "neighbour"), // lldpRemSysName
    (&[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 10], "neighbour"), // lldpRemSysDesc
    (&[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 8], "remote-port"), // lldpRemPortDesc
];

/// Rows that are left out: lldpLocManAddrTable, lldpRemManAddrTable (their index is a management address), and the
/// organisation's own TLVs.
const LEFT_OUT: [&[u32]; 4] = [
    &[1, 0, 8802, 1, 1, 2, 1, 3, 8],
    &[1, 0, 8802, 1, 1, 2, 1, 4, 2],
    &[1, 0, 8802, 1, 1, 2, 1, 4, 3],
    &[1, 0, 8802, 1, 1, 2, 1, 4, 4],
];

/// Columns whose index ends in a MAC address (dot1dTpFdbTable, dot1qTpFdbTable).
const MAC_INDEX: [&[u32]; 2] = [
    &[1, 3, 6, 1, 2, 1, 17, 4, 3, 1],
    &[1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1],
];

/// Columns whose value is a MAC address, or ends in one (bridge identifiers): ifPhysAddress, dot1dBaseBridgeAddress,
/// dot1dStpDesignatedRoot, dot1dTpFdbAddress, dot1dStpPortDesignatedRoot and -Bridge, lldpLocChassisId, and of
/// neighbours lldpRemChassisId and lldpRemPortId.
const MAC_VALUE: [&[u32]; 9] = [
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 6],
    &[1, 3, 6, 1, 2, 1, 17, 1, 1],
    &[1, 3, 6, 1, 2, 1, 17, 2, 5],
    &[1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 1],
    &[1, 3, 6, 1, 2, 1, 17, 2, 15, 1, 6],
    &[1, 3, 6, 1, 2, 1, 17, 2, 15, 1, 8],
    &[1, 0, 8802, 1, 1, 2, 1, 3, 2],
    &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 5],
    &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 7],
];

/// What was scrubbed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Scrubbed {
    /// Objects in the recording.
    pub objects: usize,
    /// Names, descriptions, contacts and places that were replaced.
    pub names: usize,
    /// MAC addresses that were replaced, each by the same one everywhere.
    pub macs: usize,
    /// Objects left out, because they are about addresses.
    pub left_out: usize,
    /// Values in which the community stood.
    pub secrets: usize,
}

/// Walks the switch and scrubs what it tells. Writes nothing to it.
///
/// # Errors
/// A walk failed.
pub async fn record(switch: &Switch) -> Result<(Recording, Scrubbed), SwitchError> {
    let mut columns: BTreeSet<Oid> = TREES.iter().map(|t| Oid::new(*t)).collect();
    let profile = switch.profile();
    let texts: BTreeSet<Oid> = profile
        .snmp
        .objects
        .values()
        .filter(|o| o.kind == Kind::Text && o.index.contains(&Index::Vlan))
        .map(|o| o.oid.clone())
        .collect();
    for object in profile.snmp.objects.values() {
        let inside = TREES.iter().any(|t| object.oid.arcs().starts_with(t));
        // A table by address tells addresses, and what is written there is not needed to read the switch.
        if !inside && !object.index.contains(&Index::Ip) {
            columns.insert(object.oid.clone());
        }
    }
    let mut rows = BTreeMap::new();
    for column in &columns {
        rows.extend(switch.snmp().walk(column).await?);
    }
    let secret = match &switch.target().credentials {
        Credentials::V1 { community } | Credentials::V2c { community } => {
            Some(community.expose_secret().to_owned())
        }
        Credentials::Off | Credentials::V3 { .. } => None,
    };
    Ok(scrub(rows, secret.as_deref(), &texts))
}

/// Scrubs it.
fn scrub(
    rows: BTreeMap<Oid, Value>,
    secret: Option<&str>,
    vlan_names: &BTreeSet<Oid>,
) -> (Recording, Scrubbed) {
    let mut done = Scrubbed::default();
    let under = |oid: &Oid, lists: &[&[u32]]| lists.iter().any(|l| oid.arcs().starts_with(l));
    let all = rows.len();
    let rows: BTreeMap<Oid, Value> = rows
        .into_iter()
        .filter(|(oid, _)| !under(oid, &LEFT_OUT))
        .collect();
    done.left_out = all - rows.len();
    let macs = Macs::in_rows(&rows);
    let mut names = Names::default();
    for (oid, value) in &rows {
        if let Some((prefix, text)) = name_of(oid, vlan_names).zip(value.text()) {
            names.learn(prefix, &text);
        }
    }
    let mut out = BTreeMap::new();
    for (oid, value) in rows {
        let value = match value {
            Value::Bytes(octets) => {
                let hidden = secret.filter(|s| contains(&octets, s.as_bytes()));
                if hidden.is_some() {
                    done.secrets += 1;
                    Value::Bytes(b"scrubbed".to_vec())
                } else if let Some(prefix) = name_of(&oid, vlan_names) {
                    let text = String::from_utf8_lossy(&octets).into_owned();
                    let new = names.of(prefix, &text);
                    done.names += usize::from(!text.is_empty());
                    Value::Bytes(new.into_bytes())
                } else {
                    Value::Bytes(names.out_of(&macs.out_of(octets)))
                }
            }
            other => other,
        };
        out.insert(macs.out_of_index(&oid), value);
    }
    done.macs = macs.new.len();
    done.objects = out.len();
    (Recording::of(out), done)
}

fn name_of(oid: &Oid, vlan_names: &BTreeSet<Oid>) -> Option<&'static str> {
    let known = NAMES.iter().find(|(c, _)| oid.arcs().starts_with(c));
    let vlan = || vlan_names.iter().any(|o| oid.after(o).is_some());
    known.map(|(_, p)| *p).or_else(|| vlan().then_some("vlan"))
}

fn contains(all: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && all.windows(part.len()).any(|w| w == part)
}

/// Names, and what stands in their place: the same everywhere.
#[derive(Default)]
struct Names {
    new: BTreeMap<String, String>,
}

impl Names {
    fn learn(&mut self, prefix: &str, text: &str) {
        let number = self.new.len() + 1;
        // What a factory calls its VLANs tells nothing, and profiles look for it.
        let plain = text.is_empty() || text.eq_ignore_ascii_case("default");
        if !plain {
            self.new
                .entry(text.to_owned())
                .or_insert_with(|| format!("{prefix}-{number}"));
        }
    }

    fn of(&self, prefix: &str, text: &str) -> String {
        let text = text.trim_end_matches('\0');
        match self.new.get(text) {
            Some(new) => new.clone(),
            None if text.is_empty() || text.eq_ignore_ascii_case("default") => text.to_owned(),
            None => prefix.to_owned(),
        }
    }

    /// Other texts, such as sysDescr, without the names in them. A name of three letters or fewer is in too many words.
    fn out_of(&self, octets: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(octets) else {
            return octets.to_vec();
        };
        let mut text = text.to_owned();
        for (old, new) in self.new.iter().filter(|(o, _)| o.len() > 3) {
            // A port or a family that an engineer used as a description is still the port's name.
            if text != *old && text.contains(old.as_str()) {
                text = text.replace(old.as_str(), new);
            }
        }
        text.into_bytes()
    }
}

/// MAC addresses, and what stands in their place: the same everywhere, locally administered, with a prefix of their own
/// so that none is another's old one.
struct Macs {
    new: BTreeMap<MacAddr, MacAddr>,
}

impl Macs {
    fn in_rows(rows: &BTreeMap<Oid, Value>) -> Macs {
        let mut new = BTreeMap::new();
        let mut learn = |mac: MacAddr| {
            let n = u32::try_from(new.len()).unwrap_or(u32::MAX).to_be_bytes();
            // Group addresses are the standard's, and zeros are nobody's.
            if mac.is_unicast() && mac.0 != [0; 6] {
                new.entry(mac)
                    .or_insert(MacAddr([0x02, 0x5c, n[0], n[1], n[2], n[3]]));
            }
        };
        for (oid, value) in rows {
            let arcs = oid.arcs();
            if MAC_INDEX.iter().any(|c| arcs.starts_with(c)) {
                let index = arcs.get(arcs.len().saturating_sub(6)..);
                if let Some(mac) = index.and_then(mac_of) {
                    learn(mac);
                }
            }
            if let Value::Bytes(octets) = value
                && MAC_VALUE.iter().any(|c| arcs.starts_with(c))
                && (octets.len() == 6 || octets.len() == 8)
                && let Some(Ok(mac)) = octets.get(octets.len() - 6..).map(<[u8; 6]>::try_from)
            {
                learn(MacAddr(mac));
            }
        }
        Macs { new }
    }

    /// Every known address in a string, also within a longer one.
    fn out_of(&self, mut octets: Vec<u8>) -> Vec<u8> {
        let mut at = 0;
        while let Some(window) = octets.get_mut(at..at + 6) {
            let old = <[u8; 6]>::try_from(&*window).ok().map(MacAddr);
            match old.and_then(|old| self.new.get(&old)) {
                Some(new) => {
                    window.copy_from_slice(&new.0);
                    at += 6;
                }
                None => at += 1,
            }
        }
        // As text, the way agents and people write them.
        let Ok(text) = std::str::from_utf8(&octets) else {
            return octets;
        };
        if text.len() < 12 {
            return octets;
        }
        let mut text = text.to_owned();
        for (old, new) in &self.new {
            for (was, is) in spellings(*old).into_iter().zip(spellings(*new)) {
                if text.contains(&was) {
                    text = text.replace(&was, &is);
                }
            }
        }
        text.into_bytes()
    }

    fn out_of_index(&self, oid: &Oid) -> Oid {
        let mut arcs = oid.arcs().to_vec();
        let mut at = 0;
        while let Some(window) = arcs.get_mut(at..at + 6) {
            match mac_of(window).and_then(|old| self.new.get(&old)) {
                Some(new) => {
                    window.copy_from_slice(&new.0.map(u32::from));
                    at += 6;
                }
                None => at += 1,
            }
        }
        Oid::new(arcs)
    }
}

/// A MAC address as text: with colons, dashes, dots, and bare, in both cases.
fn spellings(mac: MacAddr) -> Vec<String> {
    let octets: Vec<String> = mac.0.iter().map(|b| format!("{b:02x}")).collect();
    let bare = octets.concat();
    let dots = [&bare[..4], &bare[4..8], &bare[8..]].join(".");
    let lower = [octets.join(":"), octets.join("-"), dots, bare];
    let upper = lower.iter().map(|s| s.to_uppercase());
    lower.iter().cloned().chain(upper).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_go_everywhere_and_the_ports_stay() {
        let rows = "1.3.6.1.2.1.1.1.0|4|FastSwitch 9 on sw-lobby\n1.3.6.1.2.1.1.5.0|4|sw-lobby\n1.3.6.1.2.1.1.6.0|4|Main Street 1\n\
            1.3.6.1.2.1.31.1.1.1.1.7|4|ge7\n1.3.6.1.2.1.31.1.1.1.18.7|4|camera door\n\
            1.3.6.1.2.1.2.2.1.6.7|4x|001122334455\n1.3.6.1.2.1.17.2.5.0|4x|8000001122334455\n\
            1.3.6.1.2.1.17.7.1.2.2.1.2.10.170.187.204.1.2.4|2|7\n1.3.6.1.2.1.17.7.1.2.2.1.2.20.170.187.204.1.2.4|2|7\n\
            1.0.8802.1.1.2.1.4.1.1.7.0.7.1|4|AABB.CC01.0204\n1.0.8802.1.1.2.1.4.2.1.3.0.7.1.1.4.10.0.0.9|2|1\n\
            1.3.6.1.4.1.9.1.1.0|4|key SENTINEL-c here\n";
        let rows = Recording::parse("x", rows).unwrap().rows();
        let (recording, done) = scrub(rows, Some("SENTINEL-c"), &BTreeSet::new());
        let text = recording.text();
        for gone in [
            "lobby",
            "Main",
            "camera",
            "SENTINEL",
            "001122334455",
            "170.187",
            "10.0.0.9",
            "AABB",
        ] {
            assert!(!text.contains(gone), "{gone} in\n{text}");
        }
        assert!(
            text.contains("FastSwitch 9 on switch-") && text.contains("|4|ge7\n"),
            "{text}"
        );
        assert_eq!(
            (done.macs, done.left_out, done.secrets, done.names),
            (2, 1, 1, 3)
        );
        let host = text
            .lines()
            .filter(|l| l.contains("17.7.1.2.2.1.2."))
            .map(|l| {
                let index = l.split('|').next().unwrap().to_owned();
                index
                    .rsplitn(7, '.')
                    .take(6)
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            });
        let hosts: BTreeSet<_> = host.collect();
        assert_eq!(hosts.len(), 1, "the same host in both VLANs: {text}");
    }
}
