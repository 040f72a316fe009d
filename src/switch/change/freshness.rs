//! Whether what was read proves the fence. Pure: numbers and times in, a verdict out.
//!
//! Times are measured from the start of the fence. A reading has no one moment: it was taken somewhere between
//! `started` and `ended`.

use std::time::Duration;

use serde::Serialize;

use crate::switch::model::port::Place;

/// One reading of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When the request was sent.
    pub started: Duration,
    /// When the answer was there.
    pub ended: Duration,
    /// sysUpTime of the same answer, hundredths of a second.
    pub uptime_cs: Option<u32>,
    /// ifAdminStatus.
    pub admin: i64,
    /// ifOperStatus.
    pub oper: i64,
    /// ifLastChange, hundredths of a second of sysUpTime.
    pub last_change_cs: Option<u32>,
    /// True if it cannot be older than the request, whatever the switch's staleness over SNMP.
    pub live: bool,
}

/// When the SET was sent, and when its fate was known (answered, or given up).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetTimes {
    /// When the first SET for this port left.
    pub sent: Duration,
    /// When the last one was answered or given up; a read-back counts only if it began after this.
    pub settled: Duration,
}

/// What must be read, and how old it may be.
#[derive(Clone, Debug)]
pub struct Expect {
    /// Values of ifAdminStatus that mean down.
    pub admin: Vec<i64>,
    /// Values of ifOperStatus that mean down.
    pub oper: Vec<i64>,
    /// How old ifOperStatus may be when it is read.
    pub staleness: Duration,
}

/// How it is known that the reading is newer than the SET.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// The switch's column is live.
    Live,
    /// It was up before the SET and is down after it. (Of a cache this says only that it was filled anew since the
    /// reading before, some milliseconds earlier than the SET.)
    Changed,
    /// ifLastChange is newer than the SET.
    LastChange,
    /// It was read later than any cache could be old.
    Waited,
}

/// What one reading says about one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Down, and known to be newer than the SET.
    Proven(Freshness),
    /// Not proven by this reading.
    NotYet(Doubt),
}

/// Why a reading proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "doubt")]
pub enum Doubt {
    /// It was never read after the SET.
    #[error("it could not be read after the SET")]
    NotRead,
    /// The reading began before the SET was answered.
    #[error("it was only read before the SET was answered")]
    TooEarly,
    /// ifAdminStatus is not down: the SET was not applied.
    #[error(
        "ifAdminStatus still reads {admin} (2 is down): the switch did not do what the SET asked"
    )]
    AdminNotDown {
        /// What was read.
        admin: i64,
    },
    /// ifOperStatus is not down although ifAdminStatus is.
    #[error(
        "ifAdminStatus reads down but ifOperStatus still reads {oper} (1 is up, 2 is down): the link may carry frames"
    )]
    OperNotDown {
        /// What was read.
        oper: i64,
    },
    /// Down, but it was down before the SET already and may be a cached value.
    #[error(
        "ifOperStatus reads down, but it did so before the SET already, and this switch's value may be {staleness:?} old"
    )]
    MayBeStale {
        /// How old the value may be.
        staleness: Duration,
    },
}

/// Judges one reading of one port.
pub fn judge(expect: &Expect, before: &Sample, set: SetTimes, read: &Sample) -> Verdict {
    if read.started < set.settled {
        return Verdict::NotYet(Doubt::TooEarly);
    }
    if !expect.admin.contains(&read.admin) {
        return Verdict::NotYet(Doubt::AdminNotDown { admin: read.admin });
    }
    if !expect.oper.contains(&read.oper) {
        return Verdict::NotYet(Doubt::OperNotDown { oper: read.oper });
    }
    let fresh = if read.live || expect.staleness.is_zero() {
        Some(Freshness::Live)
    } else if !expect.oper.contains(&before.oper) {
        Some(Freshness::Changed)
    } else if changed_after(before, set, read) {
        Some(Freshness::LastChange)
    } else if read.started >= set.settled + expect.staleness {
        Some(Freshness::Waited)
    } else {
        None
    };
    fresh.map_or(
        Verdict::NotYet(Doubt::MayBeStale {
            staleness: expect.staleness,
        }),
        Verdict::Proven,
    )
}

/// True if ifLastChange is certainly newer than the SET, in the switch's own time.
///
/// The switch's clock at the moment of the SET is not known, but its latest possible value is: the clock read before,
/// plus all the time since that reading was asked for, plus one tick for rounding. A switch that restarted in between
/// (its clock went back) tells nothing this way.
fn changed_after(before: &Sample, set: SetTimes, read: &Sample) -> bool {
    let (Some(then), Some(now), Some(change)) =
        (before.uptime_cs, read.uptime_cs, read.last_change_cs)
    else {
        return false;
    };
    let since = set.sent.saturating_sub(before.started).as_millis() / 10 + 1;
    now >= then && change <= now && u128::from(change) > u128::from(then) + since
}

/// What the forwarding table says about the peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "seen")]
pub enum PeerSeen {
    /// Nothing was asked, or the switch does not tell.
    NotAsked,
    /// Nowhere.
    Absent,
    /// Only behind fenced ports: the entry has not aged yet.
    OnFencedPort,
    /// Behind another port, as before the SET. It may be old news, but only the switch's ageing can tell: a machine that
    /// hangs says nothing either. Refutes for as long as the entry is there.
    ElsewhereAsBefore {
        /// The bridge port, or ifIndex.
        port: u32,
    },
    /// Learned behind another port after the SET: the peer lives.
    MovedElsewhere {
        /// The bridge port, or ifIndex.
        port: u32,
    },
}

impl PeerSeen {
    /// True if the peer's MAC address is behind a port that is not fenced: then nothing is proven, however down the
    /// fenced ports are.
    pub fn refutes(&self) -> bool {
        self.elsewhere().is_some()
    }

    /// The number of the port that is not fenced, where its MAC address is.
    pub fn elsewhere(&self) -> Option<u32> {
        match self {
            PeerSeen::ElsewhereAsBefore { port } | PeerSeen::MovedElsewhere { port } => Some(*port),
            PeerSeen::NotAsked | PeerSeen::Absent | PeerSeen::OnFencedPort => None,
        }
    }
}

/// Judges where the peer's MAC is, given the fenced ports' own places and what was there before the SET.
pub fn judge_peer(fenced: &[u32], before: &[Place], after: &[Place]) -> PeerSeen {
    // Port 0 means "the switch itself" or "not known": no place that a frame can come from.
    let mut elsewhere = after
        .iter()
        .filter(|(_, p)| *p != 0 && !fenced.contains(p))
        .peekable();
    match elsewhere.clone().find(|place| !before.contains(place)) {
        Some((_, port)) => PeerSeen::MovedElsewhere { port: *port },
        None => match elsewhere.peek() {
            Some((_, port)) => PeerSeen::ElsewhereAsBefore { port: *port },
            None if after.iter().any(|(_, p)| fenced.contains(p)) => PeerSeen::OnFencedPort,
            None => PeerSeen::Absent,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn sample(started: u64, admin: i64, oper: i64, uptime: u32, change: u32) -> Sample {
        Sample {
            started: MS(started),
            ended: MS(started + 1),
            uptime_cs: Some(uptime),
            admin,
            oper,
            last_change_cs: Some(change),
            live: false,
        }
    }

    fn expect(staleness_ms: u64) -> Expect {
        Expect {
            admin: vec![2],
            oper: vec![2, 6, 7],
            staleness: MS(staleness_ms),
        }
    }

    const SET: SetTimes = SetTimes {
        sent: Duration::from_millis(10),
        settled: Duration::from_millis(12),
    };

    #[test]
    fn the_table_of_readings() {
        use Doubt::*;
        use Freshness::*;
        let up = sample(0, 1, 1, 1000, 500);
        let cut = sample(0, 1, 2, 1000, 990);
        let stale = MayBeStale {
            staleness: MS(3000),
        };
        let table: &[(&str, u64, &Sample, Sample, Verdict)] = &[
            (
                "up before, down after",
                3000,
                &up,
                sample(13, 2, 2, 1001, 1001),
                Verdict::Proven(Changed),
            ),
            (
                "live column, down before",
                0,
                &cut,
                sample(13, 2, 2, 1001, 990),
                Verdict::Proven(Live),
            ),
            (
                "began before the answer",
                0,
                &up,
                sample(11, 2, 2, 1001, 1001),
                Verdict::NotYet(TooEarly),
            ),
            (
                "acknowledged, did nothing",
                0,
                &up,
                sample(13, 1, 1, 1001, 500),
                Verdict::NotYet(AdminNotDown { admin: 1 }),
            ),
            (
                "did nothing, link cut",
                0,
                &cut,
                sample(5000, 1, 2, 1500, 990),
                Verdict::NotYet(AdminNotDown { admin: 1 }),
            ),
            (
                "testing is not down",
                0,
                &up,
                sample(13, 3, 2, 1001, 500),
                Verdict::NotYet(AdminNotDown { admin: 3 }),
            ),
            (
                "admin lies, oper up",
                0,
                &up,
                sample(13, 2, 1, 1001, 500),
                Verdict::NotYet(OperNotDown { oper: 1 }),
            ),
            (
                "dormant is not down",
                0,
                &up,
                sample(13, 2, 5, 1001, 500),
                Verdict::NotYet(OperNotDown { oper: 5 }),
            ),
            (
                "unknown is not down",
                0,
                &up,
                sample(13, 2, 4, 1001, 500),
                Verdict::NotYet(OperNotDown { oper: 4 }),
            ),
            (
                "notPresent",
                0,
                &up,
                sample(13, 2, 6, 1001, 500),
                Verdict::Proven(Live),
            ),
            (
                "lowerLayerDown",
                3000,
                &up,
                sample(13, 2, 7, 1001, 500),
                Verdict::Proven(Changed),
            ),
            (
                "down before, cached",
                3000,
                &cut,
                sample(13, 2, 2, 1001, 990),
                Verdict::NotYet(stale.clone()),
            ),
            (
                "down before, 1 ms too soon",
                3000,
                &cut,
                sample(3011, 2, 2, 1300, 990),
                Verdict::NotYet(stale.clone()),
            ),
            (
                "down before, waited",
                3000,
                &cut,
                sample(3012, 2, 2, 1301, 990),
                Verdict::Proven(Waited),
            ),
            (
                "changed well after the SET",
                3000,
                &cut,
                sample(100, 2, 2, 1010, 1003),
                Verdict::Proven(LastChange),
            ),
            (
                "changed perhaps before the SET",
                3000,
                &cut,
                sample(100, 2, 2, 1010, 1002),
                Verdict::NotYet(stale.clone()),
            ),
            (
                "a change in the future is nonsense",
                3000,
                &cut,
                sample(100, 2, 2, 1010, 1011),
                Verdict::NotYet(stale.clone()),
            ),
            (
                "the switch restarted: its clock tells nothing",
                3000,
                &cut,
                sample(100, 2, 2, 40, 30),
                Verdict::NotYet(stale.clone()),
            ),
        ];
        for (what, staleness, before, read, want) in table {
            assert_eq!(
                &judge(&expect(*staleness), before, SET, read),
                want,
                "{what}"
            );
        }
    }

    #[test]
    fn without_the_switchs_clock_only_waiting_helps() {
        let mut cut = sample(0, 1, 2, 0, 0);
        cut.uptime_cs = None;
        let read = sample(100, 2, 2, 1010, 1009);
        assert!(matches!(
            judge(&expect(3000), &cut, SET, &read),
            Verdict::NotYet(_)
        ));
    }

    #[test]
    fn a_mac_learned_elsewhere_after_the_set_refutes_and_an_old_entry_does_not() {
        let (fenced, other) = ((Some(10), 3), (Some(10), 7));
        let cases: &[(&[Place], &[Place], PeerSeen)] = &[
            (&[], &[], PeerSeen::Absent),
            (&[fenced], &[fenced], PeerSeen::OnFencedPort),
            (&[fenced], &[], PeerSeen::Absent),
            (&[fenced], &[other], PeerSeen::MovedElsewhere { port: 7 }),
            (&[], &[other], PeerSeen::MovedElsewhere { port: 7 }),
            (&[other], &[other], PeerSeen::ElsewhereAsBefore { port: 7 }),
            (
                &[other],
                &[(Some(20), 7)],
                PeerSeen::MovedElsewhere { port: 7 },
            ),
            (
                &[other],
                &[other, (Some(20), 8)],
                PeerSeen::MovedElsewhere { port: 8 },
            ),
            (&[fenced], &[(Some(10), 0)], PeerSeen::Absent),
        ];
        for (before, after, want) in cases {
            assert_eq!(
                &judge_peer(&[3, 4], before, after),
                want,
                "{before:?} -> {after:?}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_but_admin_down_and_oper_down_after_the_set_is_ever_proven(
            admin in 0i64..8, oper in 0i64..8, was in 0i64..8, started in 0u64..5000,
            staleness in 0u64..4000, up in 0u32..2000, change in 0u32..2000,
        ) {
            let before = sample(0, 1, was, 1000, 900);
            let read = sample(started, admin, oper, up, change);
            if let Verdict::Proven(_) = judge(&expect(staleness), &before, SET, &read) {
                proptest::prop_assert!(admin == 2 && [2, 6, 7].contains(&oper) && started >= 12);
            }
        }
    }
}
