//! OIDs and SNMP values as this program sees them, so that the SNMP crate's types stay in one file. Pure.

use std::fmt;
use std::str::FromStr;

use crate::types::{MacAddr, ParseValueError};

/// An object identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(Vec<u32>);

impl Oid {
    /// The identifier with these arcs.
    pub fn new(arcs: impl Into<Vec<u32>>) -> Oid {
        Oid(arcs.into())
    }

    /// The arcs, from the root.
    pub fn arcs(&self) -> &[u32] {
        &self.0
    }

    /// This object with an instance index behind it.
    pub fn at(&self, index: &[u32]) -> Oid {
        Oid([&self.0, index].concat())
    }

    /// What follows `prefix`, if this identifier begins with it.
    pub fn after(&self, prefix: &Oid) -> Option<&[u32]> {
        self.0.strip_prefix(prefix.0.as_slice())
    }

    /// Name and index as people write them (`ifAdminStatus.7`), or the numbers where the object is not well known.
    pub fn named(&self) -> String {
        WELL_KNOWN
            .iter()
            .find_map(|(name, arcs)| {
                let index = self.0.strip_prefix(*arcs)?;
                Some(
                    std::iter::once((*name).to_owned())
                        .chain(index.iter().map(u32::to_string))
                        .collect::<Vec<_>>()
                        .join("."),
                )
            })
            .unwrap_or_else(|| self.to_string())
    }
}

/// The standard objects that messages call by name.
const WELL_KNOWN: &[(&str, &[u32])] = &[
    ("sysDescr", &[1, 3, 6, 1, 2, 1, 1, 1]),
    ("sysObjectID", &[1, 3, 6, 1, 2, 1, 1, 2]),
    ("sysUpTime", &[1, 3, 6, 1, 2, 1, 1, 3]),
    ("sysName", &[1, 3, 6, 1, 2, 1, 1, 5]),
    ("ifDescr", &[1, 3, 6, 1, 2, 1, 2, 2, 1, 2]),
    ("ifAdminStatus", &[1, 3, 6, 1, 2, 1, 2, 2, 1, 7]),
    ("ifOperStatus", &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8]),
    ("ifLastChange", &[1, 3, 6, 1, 2, 1, 2, 2, 1, 9]),
    ("ifName", &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1]),
    ("ifAlias", &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 18]),
    ("dot1dBasePortIfIndex", &[1, 3, 6, 1, 2, 1, 17, 1, 4, 1, 2]),
    ("dot1dTpFdbPort", &[1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 2]),
    ("dot1qTpFdbPort", &[1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1, 2]),
    ("dot1qVlanFdbId", &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1, 3]),
    (
        "dot1qVlanCurrentEgressPorts",
        &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1, 4],
    ),
    (
        "dot1qVlanCurrentUntaggedPorts",
        &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1, 5],
    ),
    (
        "dot1qVlanStaticRowStatus",
        &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 3, 1, 5],
    ),
    (
        "dot1qVlanStaticName",
        &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 3, 1, 1],
    ),
    (
        "dot1qVlanStaticEgressPorts",
        &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 3, 1, 2],
    ),
    (
        "dot1qVlanForbiddenEgressPorts",
        &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 3, 1, 3],
    ),
    (
        "dot1qVlanStaticUntaggedPorts",
        &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 3, 1, 4],
    ),
    ("dot1qPvid", &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 5, 1, 1]),
    ("dot1dStpPortState", &[1, 3, 6, 1, 2, 1, 17, 2, 15, 1, 3]),
    ("snmpEngineBoots", &[1, 3, 6, 1, 6, 3, 10, 2, 1, 2]),
];

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, arc) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            write!(f, "{arc}")?;
        }
        Ok(())
    }
}

impl FromStr for Oid {
    type Err = ParseValueError;

    /// Takes dotted numbers of at least two arcs, with or without a dot at the front or the end.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let err = || ParseValueError::new(s, "an object identifier such as 1.3.6.1.2.1.2.2.1.7");
        let arcs: Vec<u32> = s
            .trim_matches('.')
            .split('.')
            .map(|arc| arc.parse().map_err(|_| err()))
            .collect::<Result<_, _>>()?;
        if arcs.len() < 2 || arcs.len() > 128 {
            return Err(err());
        }
        Ok(Oid(arcs))
    }
}

/// The instance index of a MAC address: its six octets, one arc each.
pub fn mac_index(mac: MacAddr) -> [u32; 6] {
    mac.0.map(u32::from)
}

/// Reads a MAC address from six arcs of an instance index.
pub fn mac_of(index: &[u32]) -> Option<MacAddr> {
    let mut mac = [0u8; 6];
    if index.len() != 6 {
        return None;
    }
    for (octet, arc) in mac.iter_mut().zip(index) {
        *octet = u8::try_from(*arc).ok()?;
    }
    Some(MacAddr(mac))
}

/// One SNMP value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// INTEGER.
    Int(i64),
    /// Counter32, Gauge32, Unsigned32 or Counter64.
    Uint(u64),
    /// TimeTicks, hundredths of a second.
    Ticks(u32),
    /// OCTET STRING.
    Bytes(Vec<u8>),
    /// OBJECT IDENTIFIER.
    Oid(Oid),
    /// The switch has no such object or no such instance (noSuchObject, noSuchInstance, v1 noSuchName).
    Absent,
    /// Anything else, by the name of its type.
    Other(String),
}

impl Value {
    /// The number, of INTEGER and of the unsigned types alike: agents mix them up.
    pub fn number(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            Value::Uint(n) => i64::try_from(*n).ok(),
            Value::Ticks(n) => Some(i64::from(*n)),
            _ => None,
        }
    }

    /// The octets of a string, with NULs at the end taken off (some agents send C strings).
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(b) => {
                let end = b.iter().rposition(|c| *c != 0).map_or(0, |i| i + 1);
                Some(&b[..end])
            }
            _ => None,
        }
    }

    /// The string as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> Option<String> {
        Some(String::from_utf8_lossy(self.bytes()?).into_owned())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(n) => write!(f, "{n}"),
            Value::Uint(n) => write!(f, "{n}"),
            Value::Ticks(n) => write!(f, "{n} cs"),
            Value::Bytes(b) => write!(f, "\"{}\"", String::from_utf8_lossy(b).escape_debug()),
            Value::Oid(o) => write!(f, "{o}"),
            Value::Absent => f.write_str("nothing (no such object)"),
            Value::Other(kind) => f.write_str(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oid_reads_with_and_without_its_leading_dot_and_refuses_what_is_none() {
        let oid: Oid = ".1.3.6.1.2.1.2.2.1.7.10101".parse().unwrap();
        assert_eq!(oid.to_string(), "1.3.6.1.2.1.2.2.1.7.10101");
        assert_eq!(oid.named(), "ifAdminStatus.10101");
        for bad in ["", "1", "1.3.x", "1..3", "1.3.99999999999", "ifName.3"] {
            assert!(bad.parse::<Oid>().is_err(), "{bad}");
        }
        let vendor: Oid = "1.3.6.1.4.1.9.2.1".parse().unwrap();
        assert_eq!(vendor.named(), "1.3.6.1.4.1.9.2.1");
    }

    #[test]
    fn a_mac_is_found_again_in_an_index_only_if_every_arc_is_an_octet() {
        let mac: MacAddr = "02:00:5e:10:ff:01".parse().unwrap();
        assert_eq!(mac_of(&mac_index(mac)), Some(mac));
        assert_eq!(mac_of(&[2, 0, 94, 16, 256, 1]), None);
        assert_eq!(mac_of(&[2, 0, 94, 16, 255]), None);
    }

    #[test]
    fn nuls_at_the_end_of_a_string_are_not_part_of_a_name() {
        assert_eq!(
            Value::Bytes(b"ge-0/0/1\0\0".to_vec()).text().as_deref(),
            Some("ge-0/0/1")
        );
        assert_eq!(Value::Bytes(vec![]).text().as_deref(), Some(""));
    }
}
