//! What can be asked of a switch: the operations by the names that profiles use. Pure.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::types::{MacAddr, VlanId};

/// A change that a switch is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// The port is shut (ifAdminStatus down).
    PortOff,
    /// The port is opened.
    PortOn,
    /// The port becomes an untagged member of this VLAN, and of no other.
    SetAccessVlan(VlanId),
    /// The port becomes a tagged member of this VLAN too.
    TrunkAllow(VlanId),
    /// The port is no member of this VLAN any more.
    TrunkRemove(VlanId),
    /// What was learned of this MAC address (in this VLAN) is forgotten.
    FlushMac(MacAddr, Option<VlanId>),
    /// The switch's own ARP entry of this address is forgotten.
    ClearArp(Ipv4Addr),
    /// The port's power over Ethernet goes off and on.
    PoeCycle,
    /// The running configuration becomes the start-up configuration.
    Save,
}

impl Operation {
    /// Every operation's name, in the order they are shown.
    pub const NAMES: [&'static str; 9] = [
        "port-off",
        "port-on",
        "set-access-vlan",
        "trunk-allow",
        "trunk-remove",
        "flush-mac",
        "clear-arp",
        "poe-cycle",
        "save",
    ];

    /// The operation with this name, filled in with what a person has given: at most one of a VLAN, a MAC address
    /// (with the VLAN that it may be looked for in) and an IPv4 address.
    ///
    /// # Errors
    /// There is no such operation, or it needs something else; says what would be right.
    pub fn from_words(name: &str, words: &[String]) -> Result<Operation, String> {
        let usage = |what: &str| format!("`{name}` wants {what}");
        let vlan = |text: &str| match text.parse::<u16>() {
            Ok(v @ 1..=4094) => Ok(VlanId(v)),
            _ => Err(format!("`{text}` is no VLAN: a number from 1 to 4094")),
        };
        let plain = |op: Operation| match words {
            [] => Ok(op),
            [more, ..] => Err(format!(
                "`{name}` wants nothing more, but `{more}` was given"
            )),
        };
        let one_vlan = |op: fn(VlanId) -> Operation| match words {
            [v] => vlan(v).map(op),
            _ => Err(usage("a port and a VLAN, such as: ge7 10")),
        };
        match name {
            "port-off" => plain(Operation::PortOff),
            "port-on" => plain(Operation::PortOn),
            "poe-cycle" => plain(Operation::PoeCycle),
            "save" => plain(Operation::Save),
            "set-access-vlan" => one_vlan(Operation::SetAccessVlan),
            "trunk-allow" => one_vlan(Operation::TrunkAllow),
            "trunk-remove" => one_vlan(Operation::TrunkRemove),
            "flush-mac" => {
                let mac = |m: &str| m.parse::<MacAddr>().map_err(|e| e.to_string());
                match words {
                    [m] => Ok(Operation::FlushMac(mac(m)?, None)),
                    [m, v] => Ok(Operation::FlushMac(mac(m)?, Some(vlan(v)?))),
                    _ => Err(usage("a MAC address and perhaps a VLAN")),
                }
            }
            "clear-arp" => match words {
                [ip] => ip
                    .parse()
                    .map(Operation::ClearArp)
                    .map_err(|_| format!("`{ip}` is no IPv4 address (four numbers from 0 to 255)")),
                _ => Err(usage("an IPv4 address")),
            },
            other => Err(format!(
                "there is no operation `{other}`; there are: {}",
                Operation::NAMES.join(", ")
            )),
        }
    }

    /// True if an operation of this name is about a port.
    pub fn name_needs_port(name: &str) -> bool {
        !matches!(name, "flush-mac" | "clear-arp" | "save")
    }

    /// Its name in profiles and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Operation::PortOff => "port-off",
            Operation::PortOn => "port-on",
            Operation::SetAccessVlan(_) => "set-access-vlan",
            Operation::TrunkAllow(_) => "trunk-allow",
            Operation::TrunkRemove(_) => "trunk-remove",
            Operation::FlushMac(..) => "flush-mac",
            Operation::ClearArp(_) => "clear-arp",
            Operation::PoeCycle => "poe-cycle",
            Operation::Save => "save",
        }
    }

    /// The VLAN that it sets, allows, removes or flushes.
    pub fn vlan(self) -> Option<VlanId> {
        match self {
            Operation::SetAccessVlan(v) | Operation::TrunkAllow(v) | Operation::TrunkRemove(v) => {
                Some(v)
            }
            Operation::FlushMac(_, v) => v,
            Operation::PortOff
            | Operation::PortOn
            | Operation::ClearArp(_)
            | Operation::PoeCycle
            | Operation::Save => None,
        }
    }

    /// The MAC address that it forgets.
    pub fn mac(self) -> Option<MacAddr> {
        match self {
            Operation::FlushMac(mac, _) => Some(mac),
            Operation::PortOff
            | Operation::PortOn
            | Operation::SetAccessVlan(_)
            | Operation::TrunkAllow(_)
            | Operation::TrunkRemove(_)
            | Operation::ClearArp(_)
            | Operation::PoeCycle
            | Operation::Save => None,
        }
    }

    /// The IPv4 address that it forgets.
    pub fn ip(self) -> Option<Ipv4Addr> {
        match self {
            Operation::ClearArp(ip) => Some(ip),
            Operation::PortOff
            | Operation::PortOn
            | Operation::SetAccessVlan(_)
            | Operation::TrunkAllow(_)
            | Operation::TrunkRemove(_)
            | Operation::FlushMac(..)
            | Operation::PoeCycle
            | Operation::Save => None,
        }
    }

    /// True if it is about a port.
    pub fn needs_port(self) -> bool {
        !matches!(
            self,
            Operation::FlushMac(..) | Operation::ClearArp(_) | Operation::Save
        )
    }

    /// True if it moves a port between VLANs: only then is a change that fails half-way undone by itself. A port that
    /// was shut stays shut.
    pub fn is_move(self) -> bool {
        matches!(
            self,
            Operation::SetAccessVlan(_) | Operation::TrunkAllow(_) | Operation::TrunkRemove(_)
        )
    }

    /// The operation that takes it back, given the untagged VLAN before.
    pub fn inverse(self, old: Option<VlanId>) -> Option<Operation> {
        match self {
            Operation::PortOff => Some(Operation::PortOn),
            Operation::PortOn => Some(Operation::PortOff),
            Operation::SetAccessVlan(_) => old.map(Operation::SetAccessVlan),
            Operation::TrunkAllow(v) => Some(Operation::TrunkRemove(v)),
            Operation::TrunkRemove(v) => Some(Operation::TrunkAllow(v)),
            Operation::FlushMac(..)
            | Operation::ClearArp(_)
            | Operation::PoeCycle
            | Operation::Save => None,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Operation::FlushMac(mac, vlan) => {
                write!(f, " {mac}")?;
                vlan.map_or(Ok(()), |v| write!(f, " in VLAN {}", v.0))
            }
            Operation::ClearArp(ip) => write!(f, " {ip}"),
            other => other.vlan().map_or(Ok(()), |v| write!(f, " {}", v.0)),
        }
    }
}

#[cfg(test)]
pub(in crate::switch) mod tests {
    use super::*;

    /// Every operation as a person orders it.
    pub const ORDERS: [(&str, &[&str]); 10] = [
        ("port-off", &[]),
        ("port-on", &[]),
        ("set-access-vlan", &["20"]),
        ("trunk-allow", &["21"]),
        ("trunk-remove", &["22"]),
        ("flush-mac", &["02:00:00:00:5e:01"]),
        ("flush-mac", &["02:00:00:00:5e:02", "23"]),
        ("clear-arp", &["192.168.1.101"]),
        ("poe-cycle", &[]),
        ("save", &[]),
    ];

    /// What is shown to a person, put into JSON, proven, undone and sent is what was ordered: nothing is lost of it, and
    /// nothing is put in its place.
    #[test]
    fn what_an_operation_is_about_is_what_was_ordered() {
        for name in Operation::NAMES {
            assert!(ORDERS.iter().any(|(n, _)| *n == name), "{name}");
        }
        for (name, words) in ORDERS {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            let op = Operation::from_words(name, &words).unwrap();
            assert_eq!(op.name(), name);
            let (mac, vlan, ip) = (op.mac(), op.vlan(), op.ip());
            let meant = [
                mac.map(|m| m.to_string()),
                vlan.map(|v| v.0.to_string()),
                ip.map(|i| i.to_string()),
            ];
            let meant: Vec<String> = meant.into_iter().flatten().collect();
            assert_eq!(meant, words, "{name}");
            let shown = op.to_string().replace("in VLAN ", "");
            let said: Vec<&str> = shown.split(' ').collect();
            assert_eq!(said[0], name);
            assert_eq!(said[1..], words[..], "{name}: {op}");
            let json = serde_json::to_string(&op).unwrap();
            assert_eq!(
                serde_json::from_str::<Operation>(&json).unwrap(),
                op,
                "{json}"
            );
            assert!(words.iter().all(|w| json.contains(w.as_str())), "{json}");
            assert_eq!(op.needs_port(), Operation::name_needs_port(name), "{name}");
            // What takes it back is about the same VLAN, or the one before.
            let back = op.inverse(Some(VlanId(10))).map(|b| (b.name(), b.vlan()));
            let expected = match name {
                "port-off" => Some(("port-on", None)),
                "port-on" => Some(("port-off", None)),
                "set-access-vlan" => Some(("set-access-vlan", Some(VlanId(10)))),
                "trunk-allow" => Some(("trunk-remove", vlan)),
                "trunk-remove" => Some(("trunk-allow", vlan)),
                _ => None,
            };
            assert_eq!(back, expected, "{name}");
            let moves = ["set-access-vlan", "trunk-allow", "trunk-remove"];
            assert_eq!(op.is_move(), moves.contains(&name), "{name}");
        }
    }
}
