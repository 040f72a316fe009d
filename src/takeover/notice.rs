//! How fast the peers of one interface are asked with its budget, and how soon a death is noticed then. Pure: `check`
//! and `plan` print it, the daemon asks at this pace.

use std::time::Duration;

use super::loss;

/// The loss bound of a link that lost nothing for 60 s at the shipped pace (0 of 600).
const CLEAN: f64 = 0.005;
/// Heartbeats that may be missed before a peer in a pair is suspected.
pub const BEATS_MISSED: u32 = 3;
/// It is not looked further than this.
const LIMIT: Duration = Duration::from_secs(60);

/// What the time to notice depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// `detect.probe-interval`, as configured.
    pub probe_interval: Duration,
    /// `detect.suspect-after`.
    pub suspect_after: Duration,
    /// `detect.confirm-probes`.
    pub confirm_probes: u32,
    /// `detect.confirm-interval`.
    pub confirm_interval: Duration,
    /// `detect.witnesses`: asked with each probe of the burst.
    pub witnesses: u32,
    /// `detect.min-cameras`.
    pub min_cameras: u32,
    /// `detect.false-death`.
    pub false_death: f64,
    /// From one heartbeat of the peer to the next; `None` where it sends none.
    pub heartbeat: Option<Duration>,
    /// Peers that are asked on the interface.
    pub peers: u32,
    /// ARP frames in a second that may leave it (`announce.arp-per-second`).
    pub per_second: u32,
}

/// What follows from it, on a link that loses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// From one probe of a peer to the next.
    pub interval: Duration,
    /// From a death to the verdict, at most.
    pub time: Duration,
    /// The longest gap of the peer alone that is survived: it answers again before it is taken for dead.
    pub gap: Duration,
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "asked every {} ms; on a link without loss a death is taken for one after {} ms, and a gap of the peer alone of up to {} ms is survived",
            self.interval.as_millis(),
            self.time.as_millis(),
            self.gap.as_millis()
        )
    }
}

impl Pace {
    /// From one probe of a peer to the next: as configured, or slower where the peers of the interface would use up
    /// more than half of its budget. All of them slow down together.
    pub fn interval(&self) -> Duration {
        let half = f64::from(self.per_second.max(1)) / 2.0;
        let shared = Duration::from_secs_f64(f64::from(self.peers.max(1)) / half);
        self.probe_interval.max(shared)
    }

    /// Plays the silence of one peer of many, with a bucket of tokens as the interface has it.
    pub fn notice(&self) -> Notice {
        let interval = self.interval();
        let step = self.confirm_interval.max(Duration::from_millis(1));
        let silent = self.suspect_after.max(interval * 2 + step);
        // Whichever is missed first: answers and heartbeats both, or heartbeats alone.
        let missed = self.heartbeat.map(|beat| beat * BEATS_MISSED);
        let suspect = missed.map_or(silent, |missed| silent.min(missed));
        // The last sign of life may be this old when a gap begins.
        let last = self.heartbeat.map_or(interval, |beat| beat.min(interval));
        let mut rounds = ((suspect - step).as_secs_f64() / interval.as_secs_f64()) as u32;
        let others = f64::from(self.peers.saturating_sub(1)) / interval.as_secs_f64();
        let gain = (f64::from(self.per_second.max(1)) - others) * step.as_secs_f64();
        let burst = if self.per_second < 50 { 10 } else { 5 };
        let full = f64::from((self.per_second / burst).max(1));
        let (mut tokens, mut turn) = (full, false);
        let (mut sent, mut asked) = (0u32, 0u32);
        let mut at = suspect;
        while at < LIMIT {
            let bound = loss::upper_bound(0, asked).max(CLEAN);
            let proven = loss::silence(bound, rounds) < self.false_death;
            if sent >= self.confirm_probes && asked >= self.min_cameras && proven {
                break;
            }
            // The witnesses leave one frame for the probe, unless it is their turn.
            for _ in 0..self.witnesses {
                if tokens >= 2.0 || (tokens >= 1.0 && turn) {
                    turn &= tokens >= 2.0;
                    tokens -= 1.0;
                    asked += 1;
                }
            }
            if tokens >= 1.0 {
                turn = true;
                tokens -= 1.0;
                sent += 1;
                rounds += 1;
            }
            tokens = (tokens + gain).min(full);
            at += step;
        }
        Notice {
            interval,
            time: at,
            gap: at.saturating_sub(last + step),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(peers: u32, per_second: u32) -> Pace {
        let ms = Duration::from_millis;
        Pace {
            probe_interval: ms(100),
            suspect_after: ms(250),
            confirm_probes: 4,
            confirm_interval: ms(25),
            witnesses: 8,
            min_cameras: 3,
            false_death: 1e-6,
            heartbeat: None,
            peers,
            per_second,
        }
    }

    #[test]
    fn one_peer_with_the_shipped_budget_is_noticed_as_soon_as_ever() {
        let n = pace(1, 200).notice();
        assert_eq!(n.interval, Duration::from_millis(100));
        assert_eq!(n.time, Duration::from_millis(350));
        assert_eq!(n.gap, Duration::from_millis(225));
    }

    #[test]
    fn who_sends_heartbeats_is_suspected_sooner_and_survives_a_shorter_gap() {
        let pair = Pace {
            heartbeat: Some(Duration::from_millis(50)),
            ..pace(1, 200)
        };
        let n = pair.notice();
        assert_eq!(n.time, Duration::from_millis(250));
        assert_eq!(n.gap, Duration::from_millis(175));
    }

    #[test]
    fn forty_peers_slow_down_together_and_ten_a_second_is_enough() {
        let n = pace(40, 200).notice();
        assert_eq!(n.interval, Duration::from_millis(400));
        assert!(n.time < Duration::from_millis(1500), "{n:?}");
        let n = pace(1, 10).notice();
        assert_eq!(n.interval, Duration::from_millis(200));
        assert!(n.time < Duration::from_secs(3), "{n:?}");
        assert!(pace(40, 10).notice().time > Duration::from_secs(5));
    }
}
