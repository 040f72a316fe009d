//! What a switch does wrong, how it is made to, and how that may end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use standin::switch::{Credentials, Profile, Switch};

use crate::change_table::{ASKED, Asked, MS};
use crate::switch_agent::bridge::{Current, Follows, Lists};
use crate::switch_agent::proxies::{Way, forwarder, small_messages};
use crate::switch_agent::{AUTH, COMMUNITY, Fake, Moment, PRIVACY, Packet, State, target, v2c, v3};
use crate::switch_change::asked::somebody;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    AcknowledgesAndIgnores,
    ErrorsButApplies,
    AppliesFirstVarbindOnly,
    OneVarbindPerPdu,
    TrimsLists,
    PadsLists,
    Lists512,
    DelaysAll,
    DuplicatesReplies,
    AnswersSetsTooLate,
    LosesSets,
    TooBigGet,
    TooBigSet,
    EngineRestarts,
    WrongType,
    RebootsBetween,
    ForgetsAfterASecond,
    RenumbersBeforeSet,
    RenumbersAfterSet,
    SomebodyElse,
    SomebodyElseAndWrongType,
    SaysDownButIsUp,
    CurrentLater,
    CurrentStays,
    CurrentKeepsOld,
    CurrentMarksMove,
    NoCurrentTable,
}

pub const FAULTS: [Fault; 28] = [
    Fault::None,
    Fault::AcknowledgesAndIgnores,
    Fault::ErrorsButApplies,
    Fault::AppliesFirstVarbindOnly,
    Fault::OneVarbindPerPdu,
    Fault::TrimsLists,
    Fault::PadsLists,
    Fault::Lists512,
    Fault::DelaysAll,
    Fault::DuplicatesReplies,
    Fault::AnswersSetsTooLate,
    Fault::LosesSets,
    Fault::TooBigGet,
    Fault::TooBigSet,
    Fault::EngineRestarts,
    Fault::WrongType,
    Fault::RebootsBetween,
    Fault::ForgetsAfterASecond,
    Fault::RenumbersBeforeSet,
    Fault::RenumbersAfterSet,
    Fault::SomebodyElse,
    Fault::SomebodyElseAndWrongType,
    Fault::SaysDownButIsUp,
    Fault::CurrentLater,
    Fault::CurrentStays,
    Fault::CurrentKeepsOld,
    Fault::CurrentMarksMove,
    Fault::NoCurrentTable,
];

/// The generic profile with a short settle time, so that the whole table takes seconds.
pub fn profile() -> Profile {
    let mut text = Profile::built_in_text("generic-qbridge")
        .unwrap()
        .replace("settle = \"5s\"\n", "");
    for asked in ASKED {
        let head = format!("[op.{}.snmp]\n", asked.operation().name());
        if !text.contains(&format!("{head}settle")) {
            text = text.replace(&head, &format!("{head}settle = \"800ms\"\n"));
        }
    }
    Profile::parse("generic-qbridge", "generic-qbridge.toml", &text).unwrap()
}

pub fn over(address: std::net::SocketAddr, credentials: Credentials) -> Switch {
    let mut t = target(address, credentials);
    t.profile = Arc::new(profile());
    t.timeout = MS(500);
    t.retries = 2;
    Switch::new(t)
}

/// Two renumbered ports: ge1 and ge2 get other ifIndexes and bridge ports, and others have theirs.
pub fn renumber(s: &mut State) {
    let index: Vec<(u32, u32)> = s.ports.iter().map(|p| (p.index, p.base)).collect();
    for (port, (i, base)) in s.ports.iter_mut().zip(index.iter().cycle().skip(2)) {
        (port.index, port.base) = (*i, *base);
    }
}

pub fn current(fake: &Fake, change: impl FnOnce(&mut Current)) {
    fake.with(|s| change(&mut s.bridge.as_mut().unwrap().current));
}

/// Does what the fault says, and gives the way to the switch. What is returned last lives as long as the test.
pub async fn arm(fault: Fault, fake: &Fake) -> (Switch, Option<Fake>) {
    let mut address = fake.address;
    match fault {
        Fault::None => {}
        Fault::AcknowledgesAndIgnores => fake.with(|s| s.faults.ignores = vec![0]),
        Fault::ErrorsButApplies => fake.with(|s| s.faults.fails_after_doing = true),
        Fault::AppliesFirstVarbindOnly => fake.with(|s| s.faults.first_only = true),
        Fault::OneVarbindPerPdu => fake.with(|s| s.faults.one_per_pdu = true),
        Fault::TrimsLists => fake.with(|s| s.bridge.as_mut().unwrap().lists = Lists::Trimmed),
        Fault::PadsLists => fake.with(|s| s.bridge.as_mut().unwrap().lists = Lists::Exactly(16)),
        Fault::Lists512 => fake.with(|s| s.bridge.as_mut().unwrap().lists = Lists::Exactly(512)),
        Fault::DelaysAll => address = fake.through(|_| vec![MS(60)]).await,
        Fault::DuplicatesReplies => {
            let twice_more = |p| match p {
                Packet::ReplyToGet | Packet::ReplyToSet => vec![Duration::ZERO, MS(1), MS(40)],
                Packet::Get | Packet::Set => vec![Duration::ZERO],
            };
            address = fake.through(twice_more).await;
        }
        Fault::AnswersSetsTooLate => {
            let late = |p| match p {
                Packet::ReplyToSet => vec![MS(2200)],
                _ => vec![Duration::ZERO],
            };
            address = fake.through(late).await;
        }
        Fault::LosesSets => {
            let lossy = |p| match p {
                Packet::Set => vec![],
                _ => vec![Duration::ZERO],
            };
            address = fake.through(lossy).await;
        }
        Fault::TooBigGet => address = small_messages(address, 0xa0, 6).await,
        Fault::TooBigSet => address = small_messages(address, 0xa3, 1).await,
        Fault::EngineRestarts => {
            let again = fake.restarted().await;
            let moved = Arc::new(AtomicBool::new(false));
            let flag = moved.clone();
            fake.with(|s| {
                s.hook = Some(Box::new(move |s, m| {
                    if m == Moment::SetDone(1) {
                        s.reboot();
                        flag.store(true, Ordering::SeqCst);
                    }
                }));
            });
            let (before, after) = (fake.address, again.address);
            let way = move |_: &[u8]| match moved.load(Ordering::SeqCst) {
                true => Way::To(after),
                false => Way::To(before),
            };
            let switch = over(forwarder(way).await, v3(AUTH, PRIVACY));
            return (switch, Some(again));
        }
        Fault::WrongType => fake.with(|s| {
            s.faults.wrong_type = Some(vec![1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 5, 1, 1]);
        }),
        Fault::RebootsBetween => fake.with(|s| {
            let (ports, bridge) = (s.ports.clone(), s.bridge.clone());
            s.hook = Some(Box::new(move |s, m| {
                if m == Moment::SetDone(1) {
                    (s.ports, s.bridge) = (ports.clone(), bridge.clone());
                    s.reboot();
                }
            }));
        }),
        Fault::ForgetsAfterASecond => fake.with(|s| s.faults.forgets = Some(MS(1000))),
        Fault::RenumbersBeforeSet => fake.with(|s| {
            s.hook = Some(Box::new(|s, m| {
                // The names and numbers are known, and the forwarding table is walked last before the write.
                if m == Moment::Walk && s.sets.is_empty() && s.gets.len() > 1 {
                    renumber(s);
                    s.hook = Some(Box::new(|_, _| {}));
                }
            }));
        }),
        Fault::RenumbersAfterSet => fake.with(|s| {
            s.hook = Some(Box::new(|s, m| {
                if m == Moment::SetDone(1) {
                    renumber(s);
                }
            }));
        }),
        Fault::SomebodyElse | Fault::SomebodyElseAndWrongType => fake.with(|s| {
            if fault == Fault::SomebodyElseAndWrongType {
                s.faults.wrong_type = Some(vec![1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 5, 1, 1]);
            }
            let mut walked = false;
            s.hook = Some(Box::new(move |s, m| match m {
                Moment::Walk if s.gets.len() > 1 && s.sets.is_empty() && !walked => {
                    walked = true;
                    somebody(s);
                }
                Moment::SetDone(1) => somebody(s),
                _ => {}
            }));
        }),
        Fault::SaysDownButIsUp => fake.with(|s| s.faults.oper_stays_up = true),
        Fault::CurrentLater => current(fake, |c| c.follows = Follows::After(MS(300))),
        Fault::CurrentStays => current(fake, |c| c.follows = Follows::Never),
        Fault::CurrentKeepsOld => current(fake, |c| c.follows = Follows::AddsOnly),
        Fault::CurrentMarksMove => current(fake, |c| c.marks_move = true),
        Fault::NoCurrentTable => current(fake, |c| c.untold = true),
    }
    (over(address, v2c(COMMUNITY)), None)
}

/// The words that a fault may end in. `proven` is checked against the switch besides.
pub fn allowed(fault: Fault, asked: Asked) -> &'static [&'static str] {
    let a_move = asked.operation().is_move();
    let access = matches!(asked, Asked::Access | Asked::AccessBack);
    match fault {
        Fault::None
        | Fault::ErrorsButApplies
        | Fault::AppliesFirstVarbindOnly
        | Fault::OneVarbindPerPdu
        | Fault::TrimsLists
        | Fault::PadsLists
        | Fault::Lists512
        | Fault::DelaysAll
        | Fault::DuplicatesReplies
        | Fault::AnswersSetsTooLate
        | Fault::TooBigGet
        | Fault::TooBigSet
        | Fault::EngineRestarts
        | Fault::ForgetsAfterASecond
        | Fault::SomebodyElse => &["proven"],
        Fault::AcknowledgesAndIgnores if a_move => &["undone"],
        Fault::AcknowledgesAndIgnores => &["unclear"],
        Fault::LosesSets => &["unclear"],
        Fault::WrongType | Fault::SomebodyElseAndWrongType if access => &["undone"],
        Fault::WrongType | Fault::SomebodyElseAndWrongType => &["proven"],
        Fault::RebootsBetween if access => &["proven", "undone"],
        Fault::RebootsBetween if a_move => &["undone"],
        Fault::RebootsBetween => &["unclear"],
        Fault::RenumbersBeforeSet => &["refused"],
        Fault::RenumbersAfterSet => &["undone", "unclear"],
        Fault::SaysDownButIsUp if asked == Asked::Off => &["unclear"],
        Fault::SaysDownButIsUp => &["proven"],
        Fault::CurrentLater | Fault::CurrentMarksMove | Fault::NoCurrentTable => &["proven"],
        Fault::CurrentStays if a_move => &["undone"],
        Fault::CurrentStays => &["proven"],
        // It stays in the VLAN that it was to leave, and then in the one that it was to leave again.
        Fault::CurrentKeepsOld if access => &["unclear"],
        Fault::CurrentKeepsOld if asked == Asked::Remove => &["undone"],
        Fault::CurrentKeepsOld => &["proven"],
    }
}
