//! When to send which announcement: a pure scheduler for taking an address over and giving it back.
//!
//! The gratuitous forms go first, then one question per camera; every camera that has not answered
//! is asked again after 1.1, 2.2, 4.4 and 8.8 s. No gap is shorter than 1.1 s: Linux ignores some
//! forms, and old kernels all of them, within a second of the last change ("locktime"), and ignored
//! ones start that second anew. After the tail only the gratuitous forms remain, at a low rate, so
//! that switches and routers do not forget us.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::arp::ArpFrame;
use super::budget::Budget;
use crate::types::{BootTime, MacAddr};

/// Gaps between the repeats of a claim.
const CLAIM_GAPS: &[Duration] = &[
    Duration::from_millis(1100),
    Duration::from_millis(2200),
    Duration::from_millis(4400),
    Duration::from_millis(8800),
];

/// Gaps between the repeats of a release: everything is said twice.
const RELEASE_GAPS: &[Duration] = &[Duration::from_millis(1100)];

/// The shortest time between two refreshes: shorter ones would eat a small budget whole.
pub const MIN_REFRESH: Duration = Duration::from_millis(2200);

/// What [`Announcer::next`] wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this now. Where it could not be sent, say so with [`Announcer::not_sent`].
    Send(ArpFrame),
    /// Nothing now: ask again at this time (the schedule's, or the budget's).
    At(BootTime),
    /// Nothing more, ever: a release that is done.
    Done,
}

/// Announces one address on one interface, from the moment it is made.
#[derive(Clone, Debug)]
pub struct Announcer {
    our_mac: MacAddr,
    vip: Ipv4Addr,
    release_to: Option<MacAddr>,
    refresh: Option<Duration>,
    gaps: &'static [Duration],
    broadcast: Broadcast,
    cameras: Vec<Camera>,
}

#[derive(Clone, Debug)]
struct Broadcast {
    due: Option<BootTime>,
    // True between the request form and the reply form of one pair.
    reply_next: bool,
    rounds: usize,
}

#[derive(Clone, Debug)]
struct Camera {
    addr: Ipv4Addr,
    due: Option<BootTime>,
    asked: usize,
    receipt: Option<BootTime>,
}

impl Announcer {
    /// Announces that `vip` is at `our_mac`, starting at `now`: request and reply form, then a
    /// question to each of `cameras` in the order given (doubles are asked once), repeats, then the
    /// gratuitous forms every `refresh` (at least [`MIN_REFRESH`]).
    ///
    /// `cameras` must be on the link; for those behind a router, give the router.
    pub fn claim(
        our_mac: MacAddr,
        vip: Ipv4Addr,
        cameras: &[Ipv4Addr],
        refresh: Duration,
        now: BootTime,
    ) -> Self {
        let refresh = Some(refresh.max(MIN_REFRESH));
        Self::new(our_mac, vip, None, refresh, CLAIM_GAPS, cameras, now)
    }

    /// Gives `vip` back to `peer_mac`, starting at `now`: an announcement, then a question to each
    /// of `cameras` that names the peer as the asker; all of it twice, then done. The answers go to
    /// the peer, so there are no receipts.
    pub fn release(
        our_mac: MacAddr,
        peer_mac: MacAddr,
        vip: Ipv4Addr,
        cameras: &[Ipv4Addr],
        now: BootTime,
    ) -> Self {
        Self::new(
            our_mac,
            vip,
            Some(peer_mac),
            None,
            RELEASE_GAPS,
            cameras,
            now,
        )
    }

    fn new(
        our_mac: MacAddr,
        vip: Ipv4Addr,
        release_to: Option<MacAddr>,
        refresh: Option<Duration>,
        gaps: &'static [Duration],
        addresses: &[Ipv4Addr],
        now: BootTime,
    ) -> Self {
        let mut cameras: Vec<Camera> = Vec::with_capacity(addresses.len());
        for &addr in addresses {
            // A question for the address itself would be an announcement, not a sweep.
            if addr != vip && !cameras.iter().any(|c| c.addr == addr) {
                cameras.push(Camera {
                    addr,
                    due: Some(now),
                    asked: 0,
                    receipt: None,
                });
            }
        }
        Announcer {
            our_mac,
            vip,
            release_to,
            refresh,
            gaps,
            broadcast: Broadcast {
                due: Some(now),
                reply_next: false,
                rounds: 0,
            },
            cameras,
        }
    }

    /// When there is something to send next, whatever the budget says; `None` when all is done.
    pub fn due(&self) -> Option<BootTime> {
        let camera = self.cameras.iter().filter_map(|c| c.due).min();
        [self.broadcast.due, camera].into_iter().flatten().min()
    }

    /// The next frame, if one is due at `now` and `budget` has room for it.
    ///
    /// A due broadcast goes before every question, and questions go in the order in which they
    /// became due: a small budget delays receipts, never recovery, and nobody is left out.
    pub fn next(&mut self, now: BootTime, budget: &mut Budget) -> Next {
        match self.due() {
            None => return Next::Done,
            Some(due) if due > now => return Next::At(due),
            Some(_) => {}
        }
        let broadcast = self.broadcast.due.is_some_and(|due| due <= now);
        let room = match broadcast {
            true => budget.take(now),
            false => budget.take_for_sweep(now),
        };
        if let Err(when) = room {
            return Next::At(when);
        }
        if broadcast {
            return Next::Send(self.next_broadcast(now));
        }
        let (our_mac, vip, release_to, gaps) = (self.our_mac, self.vip, self.release_to, self.gaps);
        // `min_by_key` keeps the first of equals: the order given.
        let due = self.cameras.iter_mut().filter(|c| c.due.is_some());
        match due.min_by_key(|c| c.due) {
            None => Next::Done,
            Some(camera) => {
                camera.due = gaps.get(camera.asked).map(|gap| now + *gap);
                camera.asked += 1;
                Next::Send(match release_to {
                    None => ArpFrame::sweep(our_mac, vip, camera.addr),
                    Some(peer) => ArpFrame::directed_release(our_mac, peer, vip, camera.addr),
                })
            }
        }
    }

    fn next_broadcast(&mut self, now: BootTime) -> ArpFrame {
        let form = &mut self.broadcast;
        if let (None, false) = (self.release_to, form.reply_next) {
            // The reply form stays due at once.
            form.reply_next = true;
            return ArpFrame::announce_request(self.our_mac, self.vip);
        }
        let gap = self.gaps.get(form.rounds).copied().or(self.refresh);
        form.due = gap.map(|gap| now + gap);
        form.rounds += 1;
        form.reply_next = false;
        match self.release_to {
            None => ArpFrame::announce_reply(self.our_mac, self.vip),
            Some(peer) => ArpFrame::release_announce(self.our_mac, peer, self.vip),
        }
    }

    /// Takes a frame back that could not be sent (queue full, link down): it is due again at
    /// `retry_at`, and the try does not count.
    pub fn not_sent(&mut self, frame: &ArpFrame, retry_at: BootTime) {
        if let Some(camera) = self.cameras.iter_mut().find(|c| c.addr == frame.tpa) {
            if camera.receipt.is_none() {
                camera.asked = camera.asked.saturating_sub(1);
                camera.due = Some(retry_at);
            }
        } else if frame.tpa == self.vip {
            let form = &mut self.broadcast;
            let was_request = self.release_to.is_none() && form.reply_next;
            if was_request {
                form.reply_next = false;
            } else {
                form.rounds = form.rounds.saturating_sub(1);
                form.reply_next = self.release_to.is_none();
            }
            form.due = Some(retry_at);
        }
    }

    /// A camera answered at `now` (see [`ArpFrame::is_receipt`]): it is not asked again. True for
    /// its first receipt; false for one that was not asked for, for strangers and for doubles.
    pub fn receipt(&mut self, camera: Ipv4Addr, now: BootTime) -> bool {
        let asked = |c: &&mut Camera| c.addr == camera && c.asked > 0 && c.receipt.is_none();
        match self.cameras.iter_mut().find(asked) {
            Some(c) if self.release_to.is_none() => {
                c.receipt = Some(now);
                c.due = None;
                true
            }
            _ => false,
        }
    }

    /// Every camera with the time of its receipt, in the order given.
    pub fn receipts(&self) -> impl Iterator<Item = (Ipv4Addr, Option<BootTime>)> {
        self.cameras.iter().map(|c| (c.addr, c.receipt))
    }

    /// True once every camera has been asked at least once and the first broadcasts are out.
    pub fn first_round_done(&self) -> bool {
        self.broadcast.rounds > 0 && self.cameras.iter().all(|c| c.asked > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::arp::ArpOp;
    use proptest::prelude::*;

    const US: MacAddr = MacAddr([2, 0, 0, 0, 1, 2]);
    const PEER: MacAddr = MacAddr([2, 0, 0, 0, 1, 1]);
    const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 101);
    const REFRESH: Duration = Duration::from_secs(60);
    const START: BootTime = BootTime(1_000_000);

    fn cameras(n: u8) -> Vec<Ipv4Addr> {
        (0..n).map(|i| Ipv4Addr::new(192, 168, 2, i)).collect()
    }

    /// Runs the schedule until `end`; `answers` says after how long a camera answers, if at all.
    fn run(
        announcer: &mut Announcer,
        budget: &mut Budget,
        end: BootTime,
        answers: impl Fn(Ipv4Addr) -> Option<Duration>,
    ) -> Vec<(BootTime, ArpFrame)> {
        let (mut now, mut sent) = (START, Vec::new());
        let mut coming: Vec<(BootTime, Ipv4Addr)> = Vec::new();
        while now <= end {
            for &(at, camera) in coming.iter().filter(|c| c.0 <= now) {
                announcer.receipt(camera, at);
            }
            coming.retain(|c| c.0 > now);
            match announcer.next(now, budget) {
                Next::Send(frame) => {
                    if let Some(after) = answers(frame.tpa) {
                        coming.push((now + after, frame.tpa));
                    }
                    sent.push((now, frame));
                }
                Next::At(when) => {
                    assert!(when > now, "asked to wait for the past");
                    now = coming
                        .iter()
                        .map(|c| c.0)
                        .chain([when])
                        .min()
                        .unwrap()
                        .max(now);
                }
                Next::Done => break,
            }
        }
        sent
    }

    fn is_broadcast(frame: &ArpFrame) -> bool {
        frame.tpa == VIP
    }

    fn at(millis: u64) -> BootTime {
        START + Duration::from_millis(millis)
    }

    #[test]
    fn both_gratuitous_forms_go_first_then_each_camera_in_order() {
        let mut announcer = Announcer::claim(US, VIP, &cameras(3), REFRESH, START);
        let sent = run(&mut announcer, &mut Budget::new(1000, 100), at(0), |_| None);
        let frames: Vec<_> = sent.iter().map(|s| s.1).collect();
        let mut expected = vec![
            ArpFrame::announce_request(US, VIP),
            ArpFrame::announce_reply(US, VIP),
        ];
        expected.extend(cameras(3).iter().map(|c| ArpFrame::sweep(US, VIP, *c)));
        assert_eq!(frames, expected);
        assert!(announcer.first_round_done());
    }

    #[test]
    fn the_repeats_decay_and_then_only_the_refresh_goes_on() {
        let mut announcer = Announcer::claim(US, VIP, &cameras(1), REFRESH, START);
        let sent = run(
            &mut announcer,
            &mut Budget::new(1000, 100),
            at(140_000),
            |_| None,
        );
        let times = |keep: fn(&ArpFrame) -> bool| -> Vec<u64> {
            let kept = sent.iter().filter(|s| keep(&s.1));
            kept.map(|s| s.0.since(START).as_millis() as u64).collect()
        };
        assert_eq!(times(|f| !is_broadcast(f)), [0, 1100, 3300, 7700, 16_500]);
        let requests = times(|f| is_broadcast(f) && f.op == ArpOp::Request);
        assert_eq!(requests, [0, 1100, 3300, 7700, 16_500, 76_500, 136_500]);
        assert_eq!(times(|f| f.op == ArpOp::Reply), requests);
    }

    #[test]
    fn a_camera_that_answered_is_left_alone_and_the_silent_one_asked_again() {
        let list = cameras(2);
        let silent = list[1];
        let mut announcer = Announcer::claim(US, VIP, &list, REFRESH, START);
        let answer = |c| (c != silent).then_some(Duration::from_millis(2));
        let sent = run(
            &mut announcer,
            &mut Budget::new(1000, 100),
            at(50_000),
            answer,
        );
        let asked = |c: Ipv4Addr| sent.iter().filter(|s| s.1.tpa == c).count();
        assert_eq!((asked(list[0]), asked(silent)), (1, 5));
        let receipts: Vec<_> = announcer.receipts().collect();
        assert_eq!(receipts, [(list[0], Some(at(2))), (silent, None)]);
    }

    #[test]
    fn a_receipt_that_nobody_asked_for_counts_for_nothing() {
        let list = cameras(1);
        let mut announcer = Announcer::claim(US, VIP, &list, REFRESH, START);
        assert!(!announcer.receipt(list[0], START), "not asked yet");
        run(&mut announcer, &mut Budget::new(1000, 100), at(0), |_| None);
        assert!(
            !announcer.receipt(Ipv4Addr::new(9, 9, 9, 9), START),
            "a stranger"
        );
        assert!(announcer.receipt(list[0], START));
        assert!(!announcer.receipt(list[0], START), "a double");
    }

    #[test]
    fn a_budget_of_ten_a_second_delays_the_receipts_not_the_broadcast() {
        let mut announcer = Announcer::claim(US, VIP, &cameras(100), REFRESH, START);
        let sent = run(
            &mut announcer,
            &mut Budget::per_second(10),
            at(12_000),
            |_| None,
        );
        assert_eq!(sent[0], (at(0), ArpFrame::announce_request(US, VIP)));
        assert_eq!(sent[1], (at(100), ArpFrame::announce_reply(US, VIP)));
        let repeat = sent
            .iter()
            .filter(|s| s.1.op == ArpOp::Reply)
            .nth(1)
            .unwrap();
        assert!(repeat.0 <= at(1400), "{:?}", repeat.0.since(START));
        let firsts = sent.iter().filter(|s| !is_broadcast(&s.1)).take(100);
        let mut asked: Vec<_> = firsts.map(|s| s.1.tpa).collect();
        asked.dedup();
        assert_eq!(asked, cameras(100), "everyone once before anyone twice");
    }

    #[test]
    fn a_release_names_the_peer_says_all_twice_and_ends() {
        let list = cameras(2);
        let mut announcer = Announcer::release(US, PEER, VIP, &list, START);
        let sent = run(
            &mut announcer,
            &mut Budget::new(1000, 100),
            at(99_000),
            |_| None,
        );
        let round = [
            ArpFrame::release_announce(US, PEER, VIP),
            ArpFrame::directed_release(US, PEER, VIP, list[0]),
            ArpFrame::directed_release(US, PEER, VIP, list[1]),
        ];
        let frames: Vec<_> = sent.iter().map(|s| s.1).collect();
        assert_eq!(frames, [round, round].concat());
        assert_eq!(sent[3].0, at(1100));
        assert_eq!(announcer.due(), None);
        assert_eq!(
            announcer.next(at(99_000), &mut Budget::new(1, 1)),
            Next::Done
        );
        assert!(!announcer.receipt(list[0], START));
    }

    #[test]
    fn a_frame_that_could_not_be_sent_is_sent_later_and_nothing_is_skipped() {
        let mut announcer = Announcer::claim(US, VIP, &cameras(2), REFRESH, START);
        let mut budget = Budget::new(1000, 100);
        let retry = at(50);
        for i in 0..4 {
            let Next::Send(frame) = announcer.next(START, &mut budget) else {
                panic!("frame {i} is due");
            };
            announcer.not_sent(&frame, retry);
            if is_broadcast(&frame) {
                // Nothing else may overtake for good: the camera is still due at once.
                assert_eq!(announcer.due(), Some(START));
            }
            if i == 2 {
                break;
            }
        }
        let sent = run(&mut announcer, &mut budget, at(60), |_| None);
        for frame in [
            ArpFrame::announce_request(US, VIP),
            ArpFrame::announce_reply(US, VIP),
            ArpFrame::sweep(US, VIP, cameras(2)[0]),
            ArpFrame::sweep(US, VIP, cameras(2)[1]),
        ] {
            assert_eq!(sent.iter().filter(|s| s.1 == frame).count(), 1, "{frame}");
        }
    }

    #[test]
    fn doubles_and_the_address_itself_are_not_swept() {
        let list = [cameras(1)[0], VIP, cameras(1)[0]];
        let announcer = Announcer::claim(US, VIP, &list, REFRESH, START);
        assert_eq!(announcer.receipts().count(), 1);
    }

    proptest! {
        #[test]
        fn the_budget_holds_in_every_window_and_every_camera_is_asked(
            rate in 1u32..400, count in 0u8..60, answering in 0u8..60, refresh_ms in 0u64..30_000,
        ) {
            let list = cameras(count);
            let refresh = Duration::from_millis(refresh_ms);
            let mut announcer = Announcer::claim(US, VIP, &list, refresh, START);
            let answer = |c: Ipv4Addr| (c.octets()[3] < answering && c != VIP)
                .then_some(Duration::from_millis(3));
            // The slowest case: one a second, half of it taken by broadcasts.
            let end = at(30_000 + 8_000 * u64::from(count) / u64::from(rate));
            let sent = run(&mut announcer, &mut Budget::per_second(rate), end, answer);

            let burst = (rate / if rate < 50 { 10 } else { 5 }).max(1);
            for (i, from) in sent.iter().enumerate() {
                for (j, to) in sent.iter().enumerate().skip(i) {
                    let window = to.0.since(from.0).as_secs_f64();
                    let allowed = f64::from(burst) + window * f64::from(rate);
                    prop_assert!((j - i + 1) as f64 <= allowed + 1e-6);
                }
            }
            for camera in &list {
                let asked: Vec<_> = sent.iter().filter(|s| s.1.tpa == *camera).collect();
                prop_assert!(!asked.is_empty(), "{camera} was never asked");
                for pair in asked.windows(2) {
                    prop_assert!(pair[1].0.since(pair[0].0) >= CLAIM_GAPS[0]);
                }
            }
            prop_assert!(announcer.first_round_done());
        }
    }
}
