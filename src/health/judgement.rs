//! How many looks make a judgement. Pure.

use serde::Serialize;

use super::Looked;

/// How a service is, as judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Not known: not looked at often enough, or it cannot be asked.
    #[default]
    Unknown,
    /// It is well.
    Up,
    /// It is not.
    Down,
}

/// What the looks at one service add up to.
///
/// The first good look makes `Up` what was not known yet. Whatever is `Up` or not known becomes `Down` by `fall` bad looks
/// in a row, `Down` becomes `Up` by `rise` good ones in a row. A look that could not be made counts for neither, and ends
/// both rows: what lies on both sides of it was not seen in a row. After `fall` of those nothing is known any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    rise: u32,
    fall: u32,
    condition: Condition,
    /// How many looks of the newest sort came in a row.
    row: u32,
    last: Option<Sort>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Good,
    Bad,
    NotAsked,
}

impl Judgement {
    /// Nothing is known yet. Both numbers count as 1 if they are 0.
    pub fn new(rise: u32, fall: u32) -> Judgement {
        Judgement {
            rise: rise.max(1),
            fall: fall.max(1),
            condition: Condition::Unknown,
            row: 0,
            last: None,
        }
    }

    /// How it is.
    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// Bad looks in a row, up to now.
    pub fn failed(&self) -> u32 {
        match self.last {
            Some(Sort::Bad) => self.row,
            Some(Sort::Good | Sort::NotAsked) | None => 0,
        }
    }

    /// It could not be asked for so long that nothing is known.
    pub fn is_blind(&self) -> bool {
        self.last == Some(Sort::NotAsked) && self.row >= self.fall
    }

    /// One more look; what it was before, if that changes it.
    pub fn take(&mut self, looked: &Looked) -> Option<Condition> {
        let sort = match looked {
            Looked::Good(_) => Sort::Good,
            Looked::Bad(_) => Sort::Bad,
            Looked::NotAsked(_) => Sort::NotAsked,
        };
        self.row = match self.last == Some(sort) {
            true => self.row.saturating_add(1),
            false => 1,
        };
        self.last = Some(sort);
        let now = match (sort, self.condition) {
            (Sort::Good, Condition::Unknown) => Condition::Up,
            (Sort::Good, Condition::Down) if self.row >= self.rise => Condition::Up,
            (Sort::Bad, _) if self.row >= self.fall => Condition::Down,
            (Sort::NotAsked, _) if self.row >= self.fall => Condition::Unknown,
            (Sort::Good | Sort::Bad | Sort::NotAsked, as_it_was) => as_it_was,
        };
        let before = std::mem::replace(&mut self.condition, now);
        (before != now).then_some(before)
    }

    /// Nothing is known any more: it was not looked at for a while.
    pub fn forget(&mut self) {
        *self = Judgement::new(self.rise, self.fall);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn looked(c: char) -> Looked {
        match c {
            'g' => Looked::Good(String::new()),
            'b' => Looked::Bad(String::new()),
            _ => Looked::NotAsked(String::new()),
        }
    }

    /// How it is after each look: `u`p, `d`own, `?`.
    fn told(rise: u32, fall: u32, looks: &str) -> String {
        let mut judgement = Judgement::new(rise, fall);
        let each = looks.chars().map(|c| {
            judgement.take(&looked(c));
            match judgement.condition() {
                Condition::Unknown => '?',
                Condition::Up => 'u',
                Condition::Down => 'd',
            }
        });
        each.collect()
    }

    #[test]
    fn it_falls_and_rises_by_rows() {
        for (looks, is) in [
            ("gbbgbbb", "uuuuuud"),
            ("bbb", "??d"),
            ("bbg", "??u"),
            ("bbbgbgg", "??ddddu"),
            // What could not be asked counts for neither, and is no part of a row.
            ("gbbnb", "uuuuu"),
            ("gbbnbbb", "uuuuuud"),
            ("bbbgngg", "??ddddu"),
            // And for long enough it makes nothing known.
            ("gnnn", "uuu?"),
            ("bbbnnn", "??ddd?"),
        ] {
            assert_eq!(told(2, 3, looks), is, "{looks}");
        }
        assert_eq!(told(0, 0, "bgb"), "dud");
    }

    #[test]
    fn what_it_was_is_told_once() {
        let mut judgement = Judgement::new(1, 2);
        let changes: Vec<Option<Condition>> = "gbbbg"
            .chars()
            .map(|c| judgement.take(&looked(c)))
            .collect();
        let (unknown, up, down) = (Condition::Unknown, Condition::Up, Condition::Down);
        assert_eq!(changes, [Some(unknown), None, Some(up), None, Some(down)]);
    }

    proptest! {
        /// By the looks alone, without the machine: the last row says what may have become of it.
        #[test]
        fn nothing_falls_or_rises_without_its_row(
            looks in "[gbn]{0,60}",
            rise in 1u32..6,
            fall in 1u32..6,
        ) {
            let mut judgement = Judgement::new(rise, fall);
            let mut seen = String::new();
            let mut was = Condition::Unknown;
            for c in looks.chars() {
                seen.push(c);
                let before = judgement.take(&looked(c));
                let now = judgement.condition();
                prop_assert_eq!(before.is_some(), now != was);
                let row = seen.chars().rev().take_while(|x| *x == c).count() as u32;
                match (c, now) {
                    ('b', Condition::Down) if was != Condition::Down => prop_assert_eq!(row, fall),
                    ('g', Condition::Up) if was == Condition::Down => prop_assert_eq!(row, rise),
                    ('g', Condition::Unknown) => prop_assert!(false, "a good look is known"),
                    ('b', is) => prop_assert!(row < fall || is == Condition::Down),
                    ('n', is) => prop_assert!(row < fall || is == Condition::Unknown),
                    _ => {}
                }
                // Nothing rises by a bad look, or falls by a good one.
                prop_assert!(!(c == 'b' && now == Condition::Up && was != Condition::Up));
                prop_assert!(!(c != 'b' && now == Condition::Down && was != Condition::Down));
                prop_assert_eq!(judgement.failed(), if c == 'b' { row } else { 0 });
                was = now;
            }
        }
    }
}
