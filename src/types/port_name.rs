//! The name of a switch port, compared as switches compare it: without regard to case, blanks, leading zeros, and whether
//! the type of the interface is written out (`Gi1/0/3`, `gi1/0/3`, `Gi 1/0/3`, `GigabitEthernet1/0/3`). Pure.
//!
//! Guards rest on it: where two spellings could mean the same port, they are taken for the same. Families whose names
//! differ in other ways rewrite them in their profile (`[[ssh.port_name]]`).

/// Types of interfaces: the word written out first, then what is neither its beginning nor the word itself. What begins
/// such a word with at least so many letters is short for it.
const TYPES: [(&str, usize, &[&str]); 18] = [
    // Not short for `port-channel`.
    ("port", 4, &[]),
    ("ethernet", 1, &["eth"]),
    ("fastethernet", 2, &["fe"]),
    ("gigabitethernet", 1, &["gige", "ge", "gbe", "1ge"]),
    ("twogigabitethernet", 2, &["tw"]),
    ("fivegigabitethernet", 2, &["5ge", "fivegige"]),
    (
        "tengigabitethernet",
        2,
        &["xge", "10ge", "tengige", "xgigabitethernet", "xe"],
    ),
    (
        "twentyfivegige",
        3,
        &["25ge", "wge", "twentyfivegigabitethernet"],
    ),
    ("fortygige", 2, &["40ge", "fge", "fortygigabitethernet"]),
    ("fiftygige", 3, &["50ge", "lge"]),
    (
        "hundredgige",
        2,
        &["100ge", "hge", "hundredgigabitethernet"],
    ),
    ("twohundredgige", 4, &["200ge"]),
    (
        "fourhundredgige",
        3,
        &["400ge", "fourhundredgigabitethernet"],
    ),
    ("portchannel", 2, &[]),
    ("bridgeaggregation", 2, &["bagg"]),
    ("vlanif", 2, &["vlaninterface"]),
    ("management", 2, &["mgmt", "mg"]),
    ("loopback", 2, &[]),
];

/// A port's name, for comparing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortName {
    /// The type of the interface, written out and in lower case; empty where the name is a number.
    kind: String,
    /// What follows, without blanks and leading zeros.
    place: String,
}

impl PortName {
    /// Reads a name as it was typed or shown. Every text is one.
    pub fn new(text: &str) -> PortName {
        let text: String = text
            .chars()
            .filter(|c| !c.is_whitespace())
            .flat_map(char::to_lowercase)
            .collect();
        let word = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        // `10GE1/0/1`: a number that begins the name of a type. `1/0/1` has none.
        let letters = text[word..]
            .find(|c: char| !(c.is_alphabetic() || matches!(c, '-' | '_')))
            .map_or(text.len(), |n| word + n);
        let (kind, place) = if letters == word {
            ("", text.as_str())
        } else {
            text.split_at(letters)
        };
        let plain: String = kind.chars().filter(|c| !matches!(c, '-' | '_')).collect();
        PortName {
            kind: whole(&plain).map_or(plain, str::to_owned),
            place: without_zeros(place),
        }
    }

    /// True if the two texts can be names of the same port.
    pub fn same(a: &str, b: &str) -> bool {
        a == b || PortName::new(a) == PortName::new(b)
    }

    /// True if it is the name of several ports bundled into one, as most families call them.
    pub fn is_aggregate(&self) -> bool {
        const NAMES: [&str; 10] = [
            "portchannel",
            "bridgeaggregation",
            "ethtrunk",
            "lag",
            "lg",
            "trk",
            "bond",
            "bonding",
            "ae",
            "ag",
        ];
        NAMES.contains(&self.kind.as_str())
    }

    /// The first of `names` that can be the same port as `name`.
    pub fn position(names: &[String], name: &str) -> Option<usize> {
        names.iter().position(|n| PortName::same(n, name))
    }
}

/// The type written out, if it is one that is known.
fn whole(kind: &str) -> Option<&'static str> {
    let is = |(word, least, other): &&(&'static str, usize, &[&str])| {
        other.contains(&kind) || *word == kind || (kind.len() >= *least && word.starts_with(kind))
    };
    let own = TYPES
        .iter()
        .find(|(word, _, other)| *word == kind || other.contains(&kind));
    own.or_else(|| TYPES.iter().find(is))
        .map(|(word, ..)| *word)
}

/// `1/0/03` is `1/0/3`.
fn without_zeros(place: &str) -> String {
    let mut out = String::with_capacity(place.len());
    let mut rest = place;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        out.push_str(&rest[..at]);
        let number = &rest[at..];
        let end = number
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(number.len());
        let digits = number[..end].trim_start_matches('0');
        out.push_str(if digits.is_empty() { "0" } else { digits });
        rest = &number[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_port_is_the_same_port() {
        for family in [
            &[
                "Gi1/0/3",
                "gi1/0/3",
                "GI1/0/3",
                "Gi 1/0/3",
                "GigabitEthernet1/0/3",
                "gigabitethernet 1/0/03",
                "GE1/0/3",
                "gig1/0/3",
            ][..],
            &[
                "Te1/1/1",
                "TenGigabitEthernet1/1/1",
                "Ten-GigabitEthernet1/1/1",
                "XGE1/1/1",
                "XGigabitEthernet1/1/1",
                "10GE1/1/1",
                "TenGigE1/1/1",
            ],
            &["Eth1/1", "Ethernet1/1", "ethernet 1/1", "Et1/1", "e1/1"],
            &["Po1", "Port-channel1", "port-channel 1", "PO1"],
            &["Twe1/0/1", "TwentyFiveGigE1/0/1", "Twenty-FiveGigE1/0/1"],
            &["Hu1/0/49", "HundredGigE1/0/49", "100GE1/0/49"],
            &["Fo1/0/1", "FortyGigE1/0/1", "FGE1/0/1"],
            &["BAGG1", "Bridge-Aggregation1"],
            &["1/1/1", "1/1/01"],
            &["port3", "PORT3", "port 3", "port03"],
            &["A1", "a1"],
            &["Trk1", "trk1"],
            &["ge-0/0/1", "GE-0/0/1"],
        ] {
            for a in family {
                for b in family {
                    assert!(PortName::same(a, b), "{a} and {b}");
                }
            }
        }
    }

    #[test]
    fn other_ports_are_other_ports() {
        for (a, b) in [
            ("Gi1/0/3", "Gi1/0/30"),
            ("Gi1/0/3", "Te1/0/3"),
            ("Gi1/0/3", "Fa1/0/3"),
            ("Tw1/0/1", "Twe1/0/1"),
            ("Tw1/0/1", "Te1/0/1"),
            ("Fi1/0/1", "Fo1/0/1"),
            ("Gi1/0/1", "Gi1/0/1.100"),
            ("1/0/1", "1/1/0"),
            ("1/11", "11/1"),
            ("ge-0/0/1", "xe-0/0/1"),
            ("port1", "port10"),
            ("Po1", "Gi1"),
            ("Trk1", "Trk2"),
            ("A1", "B1"),
            ("ether1", "ether2"),
            ("sfp-sfpplus1", "sfp-sfpplus2"),
            ("eth0", "eth1"),
            ("Fa0", "Fo0"),
            ("Vl1", "V1x"),
        ] {
            assert!(!PortName::same(a, b), "{a} and {b}");
        }
    }
}
