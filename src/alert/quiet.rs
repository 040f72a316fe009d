//! Hours in which only what is critical is told.

use std::str::FromStr;
use std::time::Duration;

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// From a minute of the local day until another, over midnight if need be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    from: u32,
    until: u32,
}

impl FromStr for Quiet {
    type Err = String;

    /// As `22:00-06:00`.
    fn from_str(text: &str) -> Result<Quiet, String> {
        let bad =
            || format!("`{text}` is no time of the day from and until: as in \"22:00-06:00\"");
        let minute = |t: &str| {
            let (hours, minutes) = t.trim().split_once(':')?;
            let (hours, minutes) = (hours.parse::<u32>().ok()?, minutes.parse::<u32>().ok()?);
            (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
        };
        let (from, until) = text.split_once('-').ok_or_else(bad)?;
        let from = minute(from).ok_or_else(bad)?;
        let until = minute(until).ok_or_else(bad)?;
        match from == until {
            true => Err(format!("`{text}` is no time at all: it ends as it begins")),
            false => Ok(Quiet { from, until }),
        }
    }
}

impl Quiet {
    /// How long it is still quiet, at this minute of the local day; `None`: it is not.
    pub fn lasts(self, minute: u32) -> Option<Duration> {
        let length = (self.until + DAY - self.from) % DAY;
        let gone = (minute + DAY - self.from) % DAY;
        let left = length.checked_sub(gone).filter(|left| *left > 0)?;
        Some(Duration::from_secs(u64::from(left) * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_goes_over_midnight_and_a_day_does_not() {
        let minutes = |d: Option<Duration>| d.map(|d| d.as_secs() / 60);
        let night: Quiet = "22:00-06:30".parse().unwrap();
        for (hour, left) in [
            (21, None),
            (22, Some(510)),
            (0, Some(390)),
            (6, Some(30)),
            (7, None),
        ] {
            assert_eq!(minutes(night.lasts(hour * 60)), left, "{hour}:00");
        }
        assert_eq!(night.lasts(6 * 60 + 30), None);
        let noon: Quiet = "12:00-13:00".parse().unwrap();
        assert_eq!(
            (minutes(noon.lasts(719)), minutes(noon.lasts(720))),
            (None, Some(60))
        );
        for bad in [
            "",
            "22-6",
            "24:00-06:00",
            "22:00",
            "22:60-06:00",
            "06:00-06:00",
        ] {
            assert!(bad.parse::<Quiet>().is_err(), "{bad}");
        }
    }
}
