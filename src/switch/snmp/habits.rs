//! What was learned of an agent while it was asked: how slow it is, what it does not know, which engine it is. Pure.

use std::time::Duration;

/// Answers in time after which a slow agent is taken to be as fast as others again.
const FAST_AGAIN: u32 = 3;
/// Rows per GETBULK.
const PER_BULK: u32 = 40;

/// What is known of one agent.
#[derive(Debug)]
pub(in crate::switch) struct Habits {
    /// One try, and all of them, as configured.
    timeout: Duration,
    retries: u32,
    /// It has answered something.
    pub has_answered: bool,
    /// Rows that are asked for at once; one: by GETNEXT.
    pub rows: u32,
    /// How often a request is sent within the time that is configured for all tries.
    tries: u32,
    /// Fast answers in a row.
    fast: u32,
    /// snmpEngineID, and the most snmpEngineBoots that it had.
    engine: Option<(Vec<u8>, u32)>,
    /// What changed about it.
    pub news: Option<String>,
}

impl Habits {
    /// Of an agent that was not asked yet.
    pub fn new(timeout: Duration, retries: u32) -> Habits {
        Habits {
            timeout,
            retries,
            has_answered: false,
            rows: PER_BULK,
            tries: retries + 1,
            fast: 0,
            engine: None,
            news: None,
        }
    }

    /// What is known of the same agent, asked by another community: whether it answers that one is not.
    pub fn learn(&mut self, other: &Habits) {
        self.rows = other.rows;
    }

    /// How often a request is sent.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// True if it takes so long that one request at a time is enough for it, and each is sent less often: what is sent
    /// again while it works on the first only makes it slower.
    pub fn is_slow(&self) -> bool {
        self.tries <= self.retries
    }

    /// After an answer that took so long; true if requests are to be paced in another way from now on.
    pub fn answered(&mut self, took: Duration) -> bool {
        self.has_answered = true;
        let before = self.tries;
        if took > self.timeout * 4 / 5 {
            self.fast = 0;
            let all = self.timeout * (self.retries + 1);
            let fit = all.as_micros() * 4 / (took.as_micros() * 5).max(1);
            let fit = u32::try_from(fit).unwrap_or(u32::MAX).max(1);
            self.tries = self.tries.min(fit);
        } else if self.is_slow() && took < self.timeout / 2 {
            self.fast += 1;
            if self.fast >= FAST_AGAIN {
                self.tries = self.retries + 1;
            }
        }
        self.tries != before
    }

    /// After no answer at all: true if requests are to be paced as configured again.
    pub fn silent(&mut self) -> bool {
        let before = self.tries;
        self.tries = self.retries + 1;
        self.tries != before
    }

    /// The engine that answered: what changed, where it is another one or counts its boots from lower than it had.
    pub fn engine(&mut self, now: Option<(Vec<u8>, u32)>) -> Option<String> {
        let now = now?;
        let hex = |id: &[u8]| id.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let news = match &self.engine {
            Some((id, _)) if *id != now.0 => Some(format!(
                "snmpEngineID was {} and is {}: the switch was replaced or reset. What it proved before counts no longer; if nobody did that, somebody answers in its place",
                hex(id),
                hex(&now.0)
            )),
            Some((_, boots)) if now.1 < *boots => Some(format!(
                "snmpEngineBoots was {boots} and is {}: it lost count (a factory reset, firmware that keeps none, another stack master), and messages recorded from before could be replayed. If nobody did that, change its SNMPv3 passwords",
                now.1
            )),
            _ => None,
        };
        self.engine = Some(now);
        if news.is_some() {
            self.news.clone_from(&news);
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_slow_agent_is_asked_less_often_within_the_same_time_until_it_is_fast_again() {
        let mut habits = Habits::new(MS(300), 2);
        assert!(!habits.answered(MS(150)) && !habits.is_slow() && habits.tries() == 3);
        assert!(habits.answered(MS(350)) && habits.is_slow() && habits.tries() == 2);
        assert!(habits.answered(MS(600)) && habits.tries() == 1);
        assert!(!habits.answered(MS(20)) && !habits.answered(MS(200)) && !habits.answered(MS(20)));
        assert!(habits.answered(MS(20)) && habits.tries() == 3);
        habits.answered(MS(800));
        assert!(habits.silent() && !habits.is_slow());
    }

    #[test]
    fn another_engine_and_lower_boots_are_told_once_and_more_boots_are_not() {
        let mut habits = Habits::new(MS(300), 2);
        let mut at = |id: u8, boots| habits.engine(Some((vec![0x80, id], boots)));
        assert_eq!(at(1, 51), None);
        assert_eq!(at(1, 52), None);
        assert!(
            at(1, 4)
                .unwrap()
                .contains("snmpEngineBoots was 52 and is 4")
        );
        assert_eq!(at(1, 4), None);
        assert!(
            at(2, 900)
                .unwrap()
                .contains("snmpEngineID was 8001 and is 8002")
        );
        assert_eq!(at(2, 900), None);
        assert!(habits.news.is_some());
        assert_eq!(habits.engine(None), None);
    }
}
