//! Whose port is it, where a switch tells no MAC addresses? A burst of questions to the machine, which it answers, must
//! be seen in the port's counters, and not in a quiet moment before and after.
//!
//! Judged so: over three spans of one length, the burst in the middle one, a port *follows* if what came in and what went
//! out rose in the middle one by as many frames as were sent (four fifths at least, half as many more at most), and the
//! two quiet ones differ by less than a quarter of them; a port through which so much goes that this cannot be seen says
//! nothing. That the machine hangs elsewhere is said only if no port that is named moved at all (by less than a quarter,
//! either way), and exactly one port of the switch that is neither an uplink nor ours follows, and our own ports are
//! listed: else that one may be ours, through which the same frames go.

use std::collections::BTreeMap;

use super::error::SwitchError;
use super::switch::Switch;
use super::target::Listed;
use crate::switch::model::value::{Oid, Value};
use crate::switch::snmp::target::Credentials;

/// ifHCInUcastPkts and ifHCOutUcastPkts (IF-MIB, RFC 2863): frames to one machine, 64 bits. Frames, not octets: the
/// octets of other traffic would hide so small a burst.
const IN: [u32; 11] = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 7];
const OUT: [u32; 11] = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 11];

/// Frames that came in through a port and went out of it since its counters began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// In.
    pub came: u64,
    /// Out.
    pub went: u64,
}

/// One reading of all ports, by name.
pub type Counts = BTreeMap<String, Count>;

/// What a burst showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Burst {
    /// The named ports followed it.
    Followed {
        /// How, in words.
        how: String,
    },
    /// They did not, and this one did.
    Elsewhere {
        /// ifName.
        port: String,
    },
    /// Nobody can tell.
    Unclear,
}

impl Switch {
    /// The counters of all its ports; none where it does not tell them. Over SNMP only: no profile reads them from a
    /// command line.
    ///
    /// # Errors
    /// The switch does not answer.
    pub async fn unicast_counts(&self) -> Result<Counts, SwitchError> {
        let mut counts = Counts::new();
        if matches!(self.target().credentials, Credentials::Off) {
            return Ok(counts);
        }
        let map = self.whole_map().await;
        let (came, went) = (Oid::new(IN), Oid::new(OUT));
        let rows = self.snmp().walk(&came).await?;
        let out = self.snmp().walk(&went).await?;
        let by_index = |rows: Vec<(Oid, Value)>, column: &Oid| {
            let rows = rows
                .into_iter()
                .filter_map(|(oid, v)| match oid.after(column)? {
                    [index] => Some((*index, u64::try_from(v.number()?).ok()?)),
                    _ => None,
                });
            rows.collect::<BTreeMap<u32, u64>>()
        };
        let (rows, out) = (by_index(rows, &came), by_index(out, &went));
        for (index, name) in map.ports() {
            if let (Some(came), Some(went)) = (rows.get(&index), out.get(&index)) {
                let (came, went) = (*came, *went);
                counts.insert(name.to_owned(), Count { came, went });
            }
        }
        Ok(counts)
    }

    /// Whether these ports followed a burst of `sent` questions, by readings before the first quiet span, after it, after
    /// the span with the burst, and after the second quiet one.
    pub fn judge_burst(&self, ports: &[&str], at: &[Counts; 4], sent: u32) -> Burst {
        let named = |port: &str| ports.iter().any(|p| self.target().same_port(p, port));
        let sum = |counts: &Counts| {
            let mine = counts.iter().filter(|(name, _)| named(name));
            mine.fold(Count::default(), |a, (_, b)| Count {
                came: a.came.saturating_add(b.came),
                went: a.went.saturating_add(b.went),
            })
        };
        let counted = ports.iter().all(|p| {
            at.iter()
                .all(|c| c.keys().any(|k| self.target().same_port(p, k)))
        });
        let sent = u64::from(sent);
        if !counted || sent == 0 {
            return Burst::Unclear;
        }
        let ours = Rise::of(at.each_ref().map(sum));
        if ours.follows(sent) {
            return Burst::Followed {
                how: format!(
                    "by traffic: of {sent} questions to the peer, {} went out there and {} answers came in, beside what passes in a quiet moment",
                    ours.went.0, ours.came.0
                ),
            };
        }
        let listed = |port: &str| self.target().listed(port);
        let own_known = !self.target().own_ports.is_empty();
        if !ours.is_still(sent) || !own_known {
            return Burst::Unclear;
        }
        let others = at[0].keys().filter(|port| {
            let all = at.each_ref().map(|c| c.get(*port).copied());
            let [Some(a), Some(b), Some(c), Some(d)] = all else {
                return false;
            };
            Rise::of([a, b, c, d]).follows(sent) && !named(port)
        });
        let others = others.filter(|p| listed(p) != Some(Listed::OwnPort));
        match others.collect::<Vec<_>>().as_slice() {
            [one] if listed(one).is_none() => Burst::Elsewhere {
                port: (*one).clone(),
            },
            _ => Burst::Unclear,
        }
    }
}

/// By how many frames the span with the burst was above the quiet ones, and by how many these differ; in and out.
struct Rise {
    came: (u64, u64),
    went: (u64, u64),
}

impl Rise {
    fn of([a, b, c, d]: [Count; 4]) -> Rise {
        let one = |of: fn(&Count) -> u64| {
            let span = |from: &Count, to: &Count| of(to).saturating_sub(of(from));
            let (before, during, after) = (span(&a, &b), span(&b, &c), span(&c, &d));
            let rise = during.saturating_sub(before.max(after));
            // A span below the quiet ones is no stillness either.
            let noise = before.abs_diff(after);
            (rise, noise.max(before.min(after).saturating_sub(during)))
        };
        Rise {
            came: one(|c| c.came),
            went: one(|c| c.went),
        }
    }

    fn follows(&self, sent: u64) -> bool {
        let fits = |(rise, noise): (u64, u64)| {
            rise * 5 >= sent * 4 && rise * 2 <= sent * 3 && noise * 4 < sent
        };
        fits(self.came) && fits(self.went)
    }

    fn is_still(&self, sent: u64) -> bool {
        let still = |(rise, noise): (u64, u64)| rise * 4 < sent && noise * 4 < sent;
        still(self.came) && still(self.went)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::switch::{Profile, SwitchTarget};

    fn switch(own: &[&str]) -> Switch {
        Switch::new(SwitchTarget {
            name: "core".into(),
            address: "127.0.0.1:161".parse().unwrap(),
            local: None,
            profile: Arc::new(Profile::find("generic-qbridge", None).unwrap()),
            credentials: Credentials::Off,
            timeout: Duration::from_secs(1),
            retries: 0,
            ssh: None,
            prefer: Vec::new(),
            oper_staleness: None,
            uplinks: vec!["ge48".into()],
            own_ports: own.iter().map(|p| (*p).to_owned()).collect(),
        })
    }

    /// Four readings of ports, from what came in and went out in each of three spans.
    fn counts(ports: &[(&str, [u64; 3], [u64; 3])]) -> [Counts; 4] {
        let mut at = [(); 4].map(|()| Counts::new());
        for (name, came, went) in ports {
            let mut sum = Count::default();
            for (i, counts) in at.iter_mut().enumerate() {
                counts.insert((*name).to_owned(), sum);
                if i < 3 {
                    sum.came += came[i];
                    sum.went += went[i];
                }
            }
        }
        at
    }

    #[test]
    fn a_port_follows_if_as_much_more_came_and_went_as_was_asked() {
        let on = switch(&["ge2"]);
        let own = ("ge2", [30, 70, 30], [30, 70, 30]);
        let judged = |a: ([u64; 3], [u64; 3]), more: &[(&str, [u64; 3], [u64; 3])]| {
            let all = [&[("ge1", a.0, a.1), own], more].concat();
            on.judge_burst(&["ge1"], &counts(&all), 40)
        };
        let with = [30, 70, 31];
        let Burst::Followed { how } = judged((with, with), &[]) else {
            panic!()
        };
        assert!(
            how.contains("of 40 questions") && how.contains("39 went out"),
            "{how}"
        );
        let quiet = [30, 31, 30];
        let moved = ("ge9", with, with);
        let elsewhere = Burst::Elsewhere { port: "ge9".into() };
        assert_eq!(judged((quiet, quiet), &[moved]), elsewhere);
        // One way only; far more than was asked; a port through which much goes; one that is not quite still.
        for bad in [
            (with, quiet),
            (quiet, with),
            ([30, 330, 30], [30, 330, 30]),
            ([5000, 5040, 5900], [5000, 5040, 5900]),
            ([30, 50, 30], [30, 50, 30]),
            ([50, 0, 50], [50, 0, 50]),
        ] {
            assert_eq!(judged(bad, &[moved]), Burst::Unclear, "{bad:?}");
        }
        // Two others followed, or it went through an uplink, or nobody's port did.
        for others in [
            &[moved, ("ge10", with, with)][..],
            &[("ge48", with, with)],
            &[],
        ] {
            assert_eq!(judged((quiet, quiet), others), Burst::Unclear, "{others:?}");
        }
        // Our own port is not listed: the one that followed may be it.
        let all = counts(&[("ge1", quiet, quiet), moved]);
        assert_eq!(switch(&[]).judge_burst(&["ge1"], &all, 40), Burst::Unclear);
        // A port without counters, and nothing that left.
        let none = counts(&[("ge9", with, with)]);
        assert_eq!(on.judge_burst(&["ge1"], &none, 40), Burst::Unclear);
        let all = counts(&[("ge1", with, with)]);
        assert_eq!(on.judge_burst(&["ge1"], &all, 0), Burst::Unclear);
        // Two members of an aggregate: the questions by one, the answers by the other.
        let lag = counts(&[("ge1", with, quiet), ("ge3", quiet, with), own]);
        assert!(matches!(
            on.judge_burst(&["ge1", "ge3"], &lag, 40),
            Burst::Followed { .. }
        ));
    }
}
