//! What must follow in a story, and the record that is shown where it does not.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::stories::scenario::{Who, nobody};
use crate::stories::world::{MS, Said, World};

/// One claim about what follows. Exactly one of the middle fields is set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    #[serde(default = "nobody")]
    on: Who,
    /// This state is entered in the window.
    enters: Option<String>,
    /// This state is never entered in the window.
    never_enters: Option<String>,
    action: Option<String>,
    never_action: Option<String>,
    alert: Option<String>,
    never_alert: Option<String>,
    /// This is the state at `to_ms`.
    is: Option<String>,
    /// At `to_ms` one machine, whichever, has the VIP.
    one_owner: Option<bool>,
    /// The live owners at `to_ms`: `a`, `b`, `none`.
    owner: Option<String>,
    /// The steps of the site that are in effect at `to_ms`, with blanks between them; `none`.
    in_effect: Option<String>,
    #[serde(default)]
    from_ms: u64,
    to_ms: u64,
    /// At most so many times in the window.
    at_most: Option<usize>,
}

impl Expect {
    pub fn check(&self, w: &World, phase: u64) -> Result<(), String> {
        let (from, to) = (self.from_ms * MS + phase, self.to_ms * MS + phase);
        let me = self.on as usize;
        let count = |is: &dyn Fn(&Said) -> bool| {
            let mine = w.record.iter().filter(|(_, i, _)| *i == me);
            let mut at = mine.filter(|(at, _, said)| (from..=to).contains(at) && is(said));
            let first = at.next().map(|(at, _, _)| *at);
            (first, first.map_or(0, |_| 1 + at.count()))
        };
        let entered = |s: &String| count(&|said| matches!(said, Said::State(x) if x == s));
        let done = |s: &String| count(&|said| matches!(said, Said::Action(x) if x == s));
        let told = |s: &String| count(&|said| matches!(said, Said::Alert(x) if x.contains(s)));
        let found = if let Some(s) = &self.enters {
            (true, entered(s))
        } else if let Some(s) = &self.never_enters {
            (false, entered(s))
        } else if let Some(s) = &self.action {
            (true, done(s))
        } else if let Some(s) = &self.never_action {
            (false, done(s))
        } else if let Some(s) = &self.alert {
            (true, told(s))
        } else if let Some(s) = &self.never_alert {
            (false, told(s))
        } else if let Some(s) = &self.is {
            let state = w
                .record
                .iter()
                .filter(|(at, i, _)| *i == me && *at <= to)
                .filter_map(|(_, _, said)| match said {
                    Said::State(s) => Some(s.as_str()),
                    Said::Action(_) | Said::Alert(_) => None,
                })
                .next_back()
                .unwrap_or("standby");
            return (state == s).then_some(()).ok_or(format!("it is {state}"));
        } else if let Some(one) = self.one_owner {
            let owners = w.owners.iter().rev().find(|(at, _)| *at <= to);
            let n = owners.map_or(0, |(_, o)| o.len());
            return ((n == 1) == one).then_some(()).ok_or(format!("it has {n}"));
        } else if let Some(s) = &self.owner {
            let want: BTreeSet<&str> = s.split(' ').filter(|s| *s != "none").collect();
            let owners = w.owners.iter().rev().find(|(at, _)| *at <= to);
            let owners = owners.map(|(_, o)| o.clone()).unwrap_or_default();
            return (owners == want)
                .then_some(())
                .ok_or(format!("it is {owners:?}"));
        } else if let Some(s) = &self.in_effect {
            let want: BTreeSet<String> = s
                .split(' ')
                .filter(|s| *s != "none")
                .map(str::to_owned)
                .collect();
            let then = w
                .in_effect
                .iter()
                .rev()
                .find(|(at, i, _)| *at <= to && *i == me);
            let is: BTreeSet<String> = then.map_or_else(BTreeSet::new, |(_, _, all)| {
                all.iter().map(ToString::to_string).collect()
            });
            return (is == want).then_some(()).ok_or(format!("it is {is:?}"));
        } else {
            return Err("expects nothing".to_owned());
        };
        match found {
            (true, (None, _)) => Err("it did not happen".to_owned()),
            (true, (Some(_), n)) if self.at_most.is_some_and(|m| n > m) => {
                Err(format!("it happened {n} times"))
            }
            (true, (Some(_), _)) | (false, (None, _)) => Ok(()),
            (false, (Some(at), _)) => Err(format!("it happened at {} ms", at / MS)),
        }
    }
}

/// The record without the everyday probes.
pub fn shown(w: &World) -> Vec<String> {
    let dull = |said: &Said| {
        matches!(said, Said::Action(a)
            if ["arp-probe", "ping", "probe-service", "poll-port", "ask-witnesses", "read-fence", "read-tie", "renew", "ask-vip"]
                .contains(&a.as_str()))
    };
    let mut lines: Vec<(u64, String)> = w
        .record
        .iter()
        .filter(|(_, _, said)| !dull(said))
        .map(|(at, i, said)| (*at, format!("{} {said:?}", w.hosts[*i].name)))
        .collect();
    lines.extend(
        w.owners
            .iter()
            .map(|(at, o)| (*at, format!("  owners {o:?}"))),
    );
    lines.sort_by_key(|(at, _)| *at);
    lines
        .into_iter()
        .map(|(at, line)| format!("{:>10.1} {line}", at as f64 / 1000.0))
        .collect()
}
