//! Status codes that mean that it was done.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Status codes that mean that it was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statuses(Vec<RangeInclusive<u16>>);

impl Default for Statuses {
    fn default() -> Statuses {
        Statuses(vec![200..=299])
    }
}

impl Statuses {
    /// Whether it is one of them.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|r| r.contains(&status))
    }
}

impl FromStr for Statuses {
    type Err = String;

    /// As `200-204, 404`.
    fn from_str(text: &str) -> Result<Statuses, String> {
        let bad = || {
            format!(
                "`{text}` is no list of status codes: as in \"200-204, 404\", each from 100 to 599"
            )
        };
        let mut all = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let code = |t: &str| {
                let code = t.trim().parse::<u16>().ok();
                code.filter(|c| (100..=599).contains(c)).ok_or_else(bad)
            };
            let range = code(first)?..=code(last)?;
            if range.is_empty() {
                return Err(bad());
            }
            all.push(range);
        }
        Ok(Statuses(all))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.0.iter().map(|r| match r.start() == r.end() {
            true => r.start().to_string(),
            false => format!("{}-{}", r.start(), r.end()),
        });
        f.write_str(&parts.collect::<Vec<_>>().join(", "))
    }
}
