//! Stories of redirects, and what never happens whatever comes.

use proptest::prelude::*;

use super::*;
use crate::redirect::PlaceRule;

const MINUTE: Duration = Duration::from_secs(60);

fn s(seconds: u64) -> BootTime {
    BootTime((1000 + seconds) * 1_000_000)
}

fn rule(back: Back, places: &[(bool, u64)]) -> Rule {
    let places = places.iter().map(|(is_checked, after)| PlaceRule {
        is_checked: *is_checked,
        after: Duration::from_secs(*after),
    });
    Rule {
        places: places.collect(),
        back,
    }
}

/// Primary, backup, without compression.
fn compressor() -> Machine {
    Machine::new(rule(Back::Auto, &[(true, 60), (true, 5), (false, 0)]), None)
}

/// Which places were pointed at; each is done at once.
fn played(m: &mut Machine, at: BootTime, seen: Seen) -> Vec<usize> {
    let mut places = Vec::new();
    let mut next = vec![seen];
    while let Some(seen) = next.pop() {
        for act in m.handle(at, seen).unwrap() {
            if let Do::Point { place, attempt } = act {
                places.push(place);
                next.push(Seen::Ended(attempt, Settled::Done));
            }
        }
    }
    places
}

const UP: Condition = Condition::Up;
const DOWN: Condition = Condition::Down;

#[test]
fn a_compressor_falls_back_at_once_goes_to_the_backup_and_home_when_it_was_well_for_long() {
    let mut m = compressor();
    assert!(played(&mut m, s(0), Seen::Health(0, UP)).is_empty());
    assert_eq!(
        played(&mut m, s(10), Seen::Health(0, DOWN)),
        [2],
        "at once, without compression"
    );
    // The backup was brought up by a step, and its stream is seen.
    assert!(played(&mut m, s(20), Seen::Health(1, UP)).is_empty());
    assert!(played(&mut m, s(24), Seen::Tick).is_empty());
    assert_eq!(played(&mut m, s(25), Seen::Tick), [1]);
    assert!(played(&mut m, s(30), Seen::Health(0, UP)).is_empty());
    assert!(played(&mut m, s(89), Seen::Tick).is_empty());
    assert_eq!(played(&mut m, s(90), Seen::Tick), [0]);
    assert!(m.kept().settled && m.kept().place == 0);
}

#[test]
fn it_never_flaps_the_time_doubles_and_is_forgotten_when_it_stays_well() {
    let mut m = compressor();
    played(&mut m, s(0), Seen::Health(0, UP));
    let mut at = 10;
    for wait in [60, 120, 240, 480] {
        assert_eq!(
            played(&mut m, s(at), Seen::Health(0, DOWN)),
            [2],
            "after {wait} s"
        );
        assert_eq!(m.after(0).as_secs(), wait);
        at += 1;
        played(&mut m, s(at), Seen::Health(0, UP));
        assert!(played(&mut m, s(at + wait - 1), Seen::Tick).is_empty());
        assert_eq!(played(&mut m, s(at + wait), Seen::Tick), [0]);
        at += wait + 1;
    }
    at += 20_000;
    played(&mut m, s(at), Seen::Health(0, DOWN));
    assert_eq!(m.after(0), MINUTE, "it was well for long enough");
}

#[test]
fn a_name_stays_away_until_a_person_releases_it() {
    let mut m = Machine::new(rule(Back::Release, &[(true, 60), (false, 0)]), None);
    played(&mut m, s(0), Seen::Health(0, UP));
    assert!(m.handle(s(1), Seen::Order(Order::Release)).is_err());
    assert_eq!(played(&mut m, s(5), Seen::Health(0, DOWN)), [1]);
    let refused = m.handle(s(6), Seen::Order(Order::Release)).unwrap_err();
    assert!(refused.contains("not seen well"), "{refused}");
    assert!(played(&mut m, s(10), Seen::Health(0, UP)).is_empty());
    assert!(played(&mut m, s(9_999), Seen::Tick).is_empty());
    assert_eq!(played(&mut m, s(10_000), Seen::Order(Order::Release)), [0]);
}

#[test]
fn what_was_never_seen_well_begins_nothing() {
    let mut m = compressor();
    assert!(played(&mut m, s(0), Seen::Health(0, DOWN)).is_empty());
    assert!(m.is_lost());
    played(&mut m, s(1), Seen::Health(0, UP));
    // Over a restart too.
    let mut m = Machine::new(m.rule.clone(), Some(m.kept().clone()));
    assert_eq!(played(&mut m, s(2), Seen::Health(0, DOWN)), [2]);
}

#[test]
fn a_hold_holds_and_an_order_stays() {
    let mut m = compressor();
    played(&mut m, s(0), Seen::Health(0, UP));
    played(&mut m, s(1), Seen::Order(Order::Hold(true)));
    assert!(played(&mut m, s(2), Seen::Health(0, DOWN)).is_empty());
    assert!(m.handle(s(3), Seen::Order(Order::Takeover)).is_err());
    assert_eq!(played(&mut m, s(4), Seen::Order(Order::Hold(false))), [2]);
    played(&mut m, s(5), Seen::Order(Order::Takeover));
    played(&mut m, s(6), Seen::Health(0, UP));
    assert!(
        played(&mut m, s(5_000), Seen::Tick).is_empty(),
        "it was ordered away"
    );
    assert_eq!(played(&mut m, s(5_001), Seen::Order(Order::Release)), [0]);
}

#[test]
fn steps_of_another_place_begin_when_those_before_have_ended() {
    let mut m = compressor();
    played(&mut m, s(0), Seen::Health(0, UP));
    played(&mut m, s(0), Seen::Health(1, UP));
    let out = m.handle(s(10), Seen::Health(0, DOWN)).unwrap();
    assert!(
        out.contains(&Do::Point {
            place: 1,
            attempt: 1
        }),
        "{out:?}"
    );
    let out = m.handle(s(11), Seen::Health(1, DOWN)).unwrap();
    assert!(
        out.contains(&Do::Stop(1)) && !out.iter().any(|d| matches!(d, Do::Point { .. })),
        "{out:?}"
    );
    // It is told once, and what comes too late changes nothing.
    assert!(m.handle(s(12), Seen::Tick).unwrap().is_empty());
    let out = m.handle(s(13), Seen::Ended(1, Settled::Done)).unwrap();
    assert_eq!(
        out,
        [Do::Point {
            place: 2,
            attempt: 2
        }]
    );
    assert!(
        m.handle(s(14), Seen::Ended(1, Settled::Done))
            .unwrap()
            .is_empty()
    );
    assert!(!m.kept().settled);
}

#[test]
fn what_fails_is_told_and_tried_again_with_growing_pauses() {
    let mut m = compressor();
    played(&mut m, s(0), Seen::Health(0, UP));
    m.handle(s(10), Seen::Health(0, DOWN)).unwrap();
    let mut at = 10;
    for (attempt, pause) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30)] {
        let failed = Settled::Failed("refused".to_owned());
        assert!(
            m.handle(s(at), Seen::Ended(attempt, failed))
                .unwrap()
                .is_empty()
        );
        assert_eq!(m.failed(), Some("refused"));
        assert!(m.handle(s(at + pause - 1), Seen::Tick).unwrap().is_empty());
        at += pause;
        let out = m.handle(s(at), Seen::Tick).unwrap();
        assert_eq!(
            out,
            [Do::Point {
                place: 2,
                attempt: attempt + 1
            }]
        );
    }
}

#[test]
fn a_restart_in_the_middle_points_again() {
    let mut m = compressor();
    played(&mut m, s(0), Seen::Health(0, UP));
    m.handle(s(10), Seen::Health(0, DOWN)).unwrap();
    let mut again = Machine::new(m.rule.clone(), Some(m.kept().clone()));
    assert_eq!(played(&mut again, s(20), Seen::Tick), [2]);
    let mut once_more = Machine::new(again.rule.clone(), Some(again.kept().clone()));
    assert!(
        played(&mut once_more, s(21), Seen::Tick).is_empty(),
        "it was done"
    );
    // The file has fewer places now.
    let fewer = rule(Back::Auto, &[(true, 60), (false, 0)]);
    let mut m = Machine::new(fewer, Some(once_more.kept().clone()));
    assert_eq!(played(&mut m, s(22), Seen::Tick), [0]);
}

#[derive(Clone, Debug)]
enum Happens {
    Health(usize, Condition),
    Ends(bool),
    Order(Order),
    Restart,
    Pass(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    let condition = prop_oneof![Just(Condition::Unknown), Just(UP), Just(DOWN)];
    let order = prop_oneof![
        any::<bool>().prop_map(Order::Hold),
        Just(Order::Takeover),
        Just(Order::Release)
    ];
    prop_oneof![
        6 => (0usize..2, condition).prop_map(|(p, c)| Happens::Health(p, c)),
        4 => any::<bool>().prop_map(Happens::Ends),
        1 => order.prop_map(Happens::Order),
        1 => Just(Happens::Restart),
        4 => (1u64..200).prop_map(Happens::Pass),
    ]
}

proptest! {
    #[test]
    fn one_thing_at_a_time_and_nothing_moves_without_a_reason(
        all in prop::collection::vec(happens(), 0..80),
        auto in any::<bool>(),
    ) {
        let back = if auto { Back::Auto } else { Back::Release };
        let rule = rule(back, &[(true, 60), (true, 5), (false, 0)]);
        let mut m = Machine::new(rule.clone(), None);
        let (mut now, mut running) = (0u64, None::<(u64, usize)>);
        let mut health = [Condition::Unknown, Condition::Unknown, UP];
        // Since when the first place is well without a break, by what was told.
        let mut well: Option<u64> = None;
        for one in all {
            let before = m.kept().clone();
            let mut is_order = false;
            let seen = match one {
                Happens::Health(p, c) => {
                    health[p] = c;
                    if p == 0 {
                        well = if c == UP { well.or(Some(now)) } else { None };
                    }
                    Seen::Health(p, c)
                }
                Happens::Ends(fine) => {
                    let Some((attempt, _)) = running.take() else { continue };
                    let failed = Settled::Failed("no".to_owned());
                    Seen::Ended(attempt, if fine { Settled::Done } else { failed })
                }
                Happens::Order(order) => {
                    is_order = true;
                    Seen::Order(order)
                }
                Happens::Restart => {
                    m = Machine::new(rule.clone(), Some(m.kept().clone()));
                    running = None;
                    health = [Condition::Unknown, Condition::Unknown, UP];
                    well = None;
                    Seen::Tick
                }
                Happens::Pass(seconds) => {
                    now += seconds;
                    Seen::Tick
                }
            };
            let out = m.handle(s(now), seen).unwrap_or_default();
            for act in &out {
                if let Do::Point { place, attempt } = act {
                    prop_assert!(running.is_none(), "two at a time");
                    prop_assert_eq!(*place, m.kept().place);
                    running = Some((*attempt, *place));
                }
            }
            let after = m.kept();
            if before.place != after.place {
                prop_assert!(is_order || !before.hold || !after.hold, "it moved under a hold");
                prop_assert_eq!(health[after.place], UP, "it moved to what is not well");
                prop_assert!(!after.settled);
                if after.place == 0 && !is_order {
                    prop_assert!(auto && !after.ordered, "it came back by itself");
                    prop_assert!(well.is_some_and(|at| now - at >= 60), "too soon");
                }
                if before.place == 0 && !is_order {
                    prop_assert_eq!(health[0], DOWN, "it left what is not down");
                }
                prop_assert!(out.iter().any(|d| matches!(d, Do::Changed(_))), "nothing is journaled");
            }
            // What is wanted and not there is being worked on, or waits for its pause.
            prop_assert!(after.settled || running.is_some() || m.failed().is_some());
        }
    }
}
