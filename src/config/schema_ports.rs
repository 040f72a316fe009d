//! `ports` of a fence: a list of ifNames, or the word `"auto"`.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// What the text form must be.
const AUTO: &str = "auto";

/// Which ports a fence writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// These, by ifName.
    Named(Vec<String>),
    /// The one behind which the peer is seen while it is healthy.
    Auto,
}

impl Default for Ports {
    fn default() -> Self {
        Ports::Named(Vec::new())
    }
}

impl Ports {
    /// The ifNames; none for `auto`.
    pub fn names(&self) -> &[String] {
        match self {
            Ports::Named(names) => names,
            Ports::Auto => &[],
        }
    }
}

// Not an untagged enum: that would lose the place of a wrong element.
impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Ports;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of ifNames such as [\"ge7\", \"ge8\"], or \"auto\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Ports, E> {
                if text == AUTO {
                    Ok(Ports::Auto)
                } else {
                    Err(E::invalid_type(de::Unexpected::Str(text), &self))
                }
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Ports, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element()? {
                    names.push(name);
                }
                Ok(Ports::Named(names))
            }
        }
        d.deserialize_any(Visitor)
    }
}
