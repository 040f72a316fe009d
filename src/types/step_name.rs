//! Names of the steps that a site adds to a takeover.

use std::fmt;
use std::str::FromStr;

use super::ParseValueError;

/// Name of a step that the configuration adds: `KIND:NAME`, such as `http:twin`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepName {
    /// The text, and zeros behind it. Held here rather than on the heap, so that a step stays a plain value.
    bytes: [u8; StepName::LONGEST],
}

impl StepName {
    /// Bytes of the longest name, with its kind.
    pub const LONGEST: usize = 48;

    /// The whole of it.
    pub fn as_str(&self) -> &str {
        let end = self.bytes.iter().position(|b| *b == 0);
        std::str::from_utf8(&self.bytes[..end.unwrap_or(Self::LONGEST)]).unwrap_or_default()
    }

    /// What kind of step it is.
    pub fn kind(&self) -> &str {
        self.as_str().split(':').next().unwrap_or_default()
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StepName {
    type Err = ParseValueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || {
            let expected = "the name of a step: KIND:NAME, of letters, digits, `-` and `_`, at most 48 characters";
            ParseValueError::new(text, expected)
        };
        let (kind, name) = text.split_once(':').ok_or_else(refused)?;
        let plain = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        if !plain(kind) || !plain(name) || text.len() > Self::LONGEST {
            return Err(refused());
        }
        let mut bytes = [0; Self::LONGEST];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(StepName { bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_as_it_was_given_and_sorts_as_its_text() {
        let longest = format!("http:{}", "x".repeat(StepName::LONGEST - 5));
        for text in ["http:twin", "wait:a", longest.as_str()] {
            let name: StepName = text.parse().expect("it is a name");
            assert_eq!(name.to_string(), text);
            let json = serde_json::to_string(&name).expect("it is written");
            assert_eq!(serde_json::from_str::<StepName>(&json).ok(), Some(name));
        }
        let (a, b): (StepName, StepName) = ("a:b".parse().unwrap(), "a:bb".parse().unwrap());
        assert!(a < b && a.kind() == "a");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = format!("http:{}", "x".repeat(StepName::LONGEST));
        for text in [
            "", "http", "http:", ":a", "a b:c", "a:b:c", "a:ü", "a:\0", &long,
        ] {
            assert!(text.parse::<StepName>().is_err(), "{text:?}");
        }
    }
}
