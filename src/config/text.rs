//! Values that are written as text in the file: durations with their unit, addresses, "empty means none".

use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::types::{MacAddr, Vip};

/// The UDP port of SNMP, where a switch's address names none.
pub const SNMP_PORT: u16 = 161;
/// The UDP port of SNMP notifications (RFC 3417), where the address to listen on names none.
pub const TRAP_PORT: u16 = 162;

/// A type that is read from a quoted text, with a message that says what would be right.
pub trait FromText: Sized {
    /// What belongs here, for "expected ..." messages: `a duration such as "250ms"`.
    const EXPECTED: &'static str;
    /// Reads the text; the error names the text and what was expected.
    fn from_text(text: &str) -> Result<Self, String>;
}

impl FromText for Duration {
    const EXPECTED: &'static str =
        "a duration with its unit, in quotes, such as \"250ms\" or \"3s\"";

    fn from_text(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not {}", Self::EXPECTED);
        let signed: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
        signed.try_into().map_err(|_| wrong())
    }
}

impl FromText for Ipv4Addr {
    const EXPECTED: &'static str =
        "an IPv4 address (four numbers from 0 to 255, such as \"192.168.1.101\")";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| format!("`{text}` is not {}", Self::EXPECTED))
    }
}

impl FromText for SocketAddrV4 {
    const EXPECTED: &'static str = "an IPv4 address, with its port if that is not 161 (\"192.168.20.2\" or \"192.168.20.2:1161\")";

    fn from_text(text: &str) -> Result<Self, String> {
        let with_port = text.parse::<SocketAddrV4>().ok();
        let alone = || text.parse().ok().map(|a| SocketAddrV4::new(a, SNMP_PORT));
        with_port
            .or_else(alone)
            .filter(|a| a.port() != 0)
            .ok_or_else(|| format!("`{text}` is not {}", Self::EXPECTED))
    }
}

/// Where SNMP notifications are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapAddress(pub SocketAddrV4);

impl FromText for TrapAddress {
    const EXPECTED: &'static str = "an IPv4 address of this machine, with the UDP port if that is not 162 (\"192.168.20.102\" or \"0.0.0.0:1162\")";

    fn from_text(text: &str) -> Result<Self, String> {
        let with_port = text.parse::<SocketAddrV4>().ok();
        let alone = || text.parse().ok().map(|a| SocketAddrV4::new(a, TRAP_PORT));
        with_port
            .or_else(alone)
            .filter(|a| a.port() != 0)
            .map(TrapAddress)
            .ok_or_else(|| format!("`{text}` is not {}", Self::EXPECTED))
    }
}

impl FromText for Vip {
    const EXPECTED: &'static str =
        "an IPv4 address with its prefix length, such as \"192.168.1.101/24\"";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|e: crate::types::ParseValueError| e.to_string())
    }
}

impl FromText for MacAddr {
    const EXPECTED: &'static str = "a MAC address such as \"02:00:5e:10:00:01\"";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|e: crate::types::ParseValueError| e.to_string())
    }
}

/// A value of type `T` read from a quoted text.
struct Text<T>(T);

impl<'de, T: FromText> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<T: FromText> de::Visitor<'_> for Visitor<T> {
            type Value = Text<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(T::EXPECTED)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::from_text(text).map(Text).map_err(E::custom)
            }
        }
        d.deserialize_str(Visitor(PhantomData))
    }
}

/// `#[serde(deserialize_with)]`: a text that must be there.
pub fn one<'de, D: Deserializer<'de>, T: FromText>(d: D) -> Result<T, D::Error> {
    Text::deserialize(d).map(|t| t.0)
}

/// `#[serde(deserialize_with)]`: a key whose absence is judged later.
pub fn some<'de, D: Deserializer<'de>, T: FromText>(d: D) -> Result<Option<T>, D::Error> {
    one(d).map(Some)
}

/// `#[serde(deserialize_with)]`: an empty text means "none".
pub fn or_empty<'de, D: Deserializer<'de>, T: FromText>(d: D) -> Result<Option<T>, D::Error> {
    struct OrEmpty<T>(Option<T>);
    impl<T: FromText> FromText for OrEmpty<T> {
        const EXPECTED: &'static str = T::EXPECTED;
        fn from_text(text: &str) -> Result<Self, String> {
            if text.is_empty() {
                return Ok(OrEmpty(None));
            }
            T::from_text(text).map(|t| OrEmpty(Some(t)))
        }
    }
    one::<D, OrEmpty<T>>(d).map(|o| o.0)
}

/// `#[serde(deserialize_with)]`: a list of texts.
pub fn list<'de, D: Deserializer<'de>, T: FromText>(d: D) -> Result<Vec<T>, D::Error> {
    let texts: Vec<Text<T>> = Vec::deserialize(d)?;
    Ok(texts.into_iter().map(|t| t.0).collect())
}

/// A duration as it is written in the file: `250ms`, `3s`, `5m`.
pub fn show(d: Duration) -> String {
    let ms = d.as_millis();
    match (ms, d.subsec_nanos() % 1_000_000) {
        (_, 1..) => format!("{}us", d.as_micros()),
        (0, _) => "0s".to_owned(),
        _ if !ms.is_multiple_of(1000) => format!("{ms}ms"),
        _ => format!("{}s", ms / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_a_unit_and_cannot_be_negative() {
        assert_eq!(Duration::from_text("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(Duration::from_text("1m 30s"), Ok(Duration::from_secs(90)));
        for text in ["250", "-3s", "", "3 parsecs"] {
            let said = Duration::from_text(text).unwrap_err();
            assert!(said.contains("\"250ms\""), "{said}");
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_is_written() {
        for text in ["0s", "250ms", "3s", "300s", "1500ms"] {
            assert_eq!(show(Duration::from_text(text).unwrap()), text);
        }
    }

    #[test]
    fn a_switch_address_may_carry_its_port() {
        let at = |s| SocketAddrV4::from_text(s);
        assert_eq!(at("192.168.20.2").unwrap().port(), 161);
        assert_eq!(at("192.168.20.2:1161").unwrap().port(), 1161);
        for text in ["192.168.20.301", "core", "192.168.20.2:0", ""] {
            assert!(at(text).is_err(), "{text}");
        }
    }
}
