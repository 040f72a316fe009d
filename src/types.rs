//! The words of the program as types: a number that could be mistaken for another has its own name.

use std::fmt;
use std::net::Ipv4Addr;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

mod peer_macs;
mod port_name;
mod shell;
mod step_name;

pub use peer_macs::PeerMacs;
pub use port_name::PortName;
pub use shell::{quoted, shell_line};
pub use step_name::StepName;

/// A point in time: microseconds of `CLOCK_BOOTTIME` (counts suspend, never steps).
///
/// Times of different boots must not be compared.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct BootTime(pub u64);

impl BootTime {
    /// The time that has passed since `earlier`, zero if `earlier` is later.
    pub fn since(self, earlier: BootTime) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for BootTime {
    type Output = BootTime;
    fn add(self, d: Duration) -> BootTime {
        BootTime(self.0.saturating_add(d.as_micros() as u64))
    }
}

impl Sub<Duration> for BootTime {
    type Output = BootTime;
    fn sub(self, d: Duration) -> BootTime {
        BootTime(self.0.saturating_sub(d.as_micros() as u64))
    }
}

/// A value that could not be parsed: what it was, what it should have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not {expected}")]
pub struct ParseValueError {
    value: String,
    expected: String,
}

impl ParseValueError {
    /// Says that `value` is not `expected` ("a MAC address such as 02:00:5e:10:00:01").
    pub fn new(value: &str, expected: impl Into<String>) -> Self {
        ParseValueError {
            value: value.to_owned(),
            expected: expected.into(),
        }
    }
}

/// An IEEE 802 MAC address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// ff:ff:ff:ff:ff:ff
    pub const BROADCAST: MacAddr = MacAddr([0xff; 6]);
    /// 00:00:00:00:00:00, the target hardware address of a request.
    pub const ZERO: MacAddr = MacAddr([0; 6]);

    /// True if this can be the address of one machine: not all zero, group bit clear.
    pub fn is_unicast(self) -> bool {
        self != MacAddr::ZERO && self.0[0] & 1 == 0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddr {
    type Err = ParseValueError;

    /// Takes `02:00:5e:10:00:01`, `02-00-5e-10-00-01` and `0200.5e10.0001`.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let err = || ParseValueError::new(s, "a MAC address such as 02:00:5e:10:00:01");
        let hex: String = s
            .chars()
            .filter(|c| !matches!(c, ':' | '-' | '.'))
            .collect();
        let shape_ok = match s.len() {
            17 => s
                .bytes()
                .enumerate()
                .all(|(i, b)| (i % 3 == 2) == matches!(b, b':' | b'-')),
            14 => s
                .bytes()
                .enumerate()
                .all(|(i, b)| (i % 5 == 4) == (b == b'.')),
            _ => false,
        };
        if !shape_ok || hex.len() != 12 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(err());
        }
        let mut out = [0u8; 6];
        for (i, byte) in out.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).map_err(|_| err())?;
        }
        Ok(MacAddr(out))
    }
}

/// The service address that moves between machines, with its prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vip {
    /// The address, for example 192.168.1.101.
    pub addr: Ipv4Addr,
    /// Prefix length in bits, 1 to 32.
    pub prefix: u8,
}

impl Vip {
    /// True if `other` is on the address's own network, so that ARP reaches it.
    pub fn on_link(&self, other: Ipv4Addr) -> bool {
        let mask = u32::MAX
            .checked_shl(32 - u32::from(self.prefix))
            .unwrap_or(0);
        u32::from(self.addr) & mask == u32::from(other) & mask
    }
}

impl fmt::Display for Vip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.prefix)
    }
}

impl FromStr for Vip {
    type Err = ParseValueError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let whole = "an IPv4 address with its prefix length, such as 192.168.1.101/24";
        let (addr, prefix) = s
            .split_once('/')
            .ok_or_else(|| ParseValueError::new(s, whole))?;
        let addr: Ipv4Addr = addr.parse().map_err(|_| {
            ParseValueError::new(
                addr,
                "an IPv4 address (four numbers from 0 to 255, such as 192.168.1.101)",
            )
        })?;
        let prefix: u8 = match prefix.parse() {
            Ok(n @ 1..=32) => n,
            _ => return Err(ParseValueError::new(prefix, "a prefix length from 1 to 32")),
        };
        Ok(Vip { addr, prefix })
    }
}

macro_rules! text_serde {
    ($($t:ty),*) => {$(
        impl Serialize for $t {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $t {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}
text_serde!(MacAddr, Vip, StepName);

macro_rules! number {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

number! {
    /// An IEEE 802.1Q VLAN identifier, 1 to 4094.
    VlanId(u16);
    /// The VLAN of untagged frames that enter a port (Q-BRIDGE-MIB `dot1qPvid`).
    Pvid(u16);
    /// `ifIndex` of IF-MIB on a switch, or of a kernel interface. May change when the device reboots.
    IfIndex(u32);
    /// `dot1dBasePort` of BRIDGE-MIB: what a PortList is indexed by. Not an ifIndex.
    BridgePort(u32);
    /// Counts takeovers of one VIP over all machines. A higher epoch always wins.
    Epoch(u64);
    /// Counts the tries of one step, so that a late answer is recognised and changes nothing.
    Attempt(u32);
}

/// A switch port as the configuration names it: the switch's name there and the port's ifName.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortRef {
    /// Name of a `[switch.NAME]` table.
    pub switch: String,
    /// ifName of the port on that switch.
    pub port: String,
}

impl PortRef {
    /// True if both can mean the same port, however it is spelt ([`PortName`]).
    pub fn is_same(&self, other: &PortRef) -> bool {
        self.switch == other.switch && PortName::same(&self.port, &other.port)
    }
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.switch, self.port)
    }
}

/// Between which VLANs a fence moves the peer's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// VLAN of the cameras.
    pub production: VlanId,
    /// VLAN in which the dead machine is kept.
    pub quarantine: VlanId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_is_read_in_the_three_usual_forms_and_nothing_else() {
        let mac = MacAddr([2, 0, 0x5e, 0x10, 0, 1]);
        for s in ["02:00:5e:10:00:01", "02-00-5E-10-00-01", "0200.5e10.0001"] {
            assert_eq!(s.parse(), Ok(mac), "{s}");
        }
        for s in [
            "",
            "02:00:5e:10:00",
            "02:00:5e:10:00:0g",
            "02005e100001",
            "02:00:5e:10:00:01:",
            "éé:00:5e:10:00:0",
        ] {
            assert!(s.parse::<MacAddr>().is_err(), "{s}");
        }
    }

    #[test]
    fn the_runbooks_301_is_refused_with_a_reason() {
        let err = "192.168.1.301/24".parse::<Vip>().unwrap_err().to_string();
        assert!(
            err.contains("`192.168.1.301` is not an IPv4 address"),
            "{err}"
        );
        assert!("192.168.1.101".parse::<Vip>().is_err());
        assert!("192.168.1.101/0".parse::<Vip>().is_err());
        assert!("192.168.1.101/33".parse::<Vip>().is_err());
    }

    #[test]
    fn on_link_follows_the_prefix() {
        let vip: Vip = "192.168.1.101/25".parse().unwrap();
        assert!(vip.on_link(Ipv4Addr::new(192, 168, 1, 1)));
        assert!(!vip.on_link(Ipv4Addr::new(192, 168, 1, 200)));
        let host: Vip = "192.168.1.101/32".parse().unwrap();
        assert!(!host.on_link(Ipv4Addr::new(192, 168, 1, 100)));
    }
}
