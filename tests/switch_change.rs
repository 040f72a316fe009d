//! Changes against switches that misbehave: every fault with every operation, judged by the switch's true state.
//!
//! `cargo nextest run --test switch_change --no-capture` prints the table of fault, operation and outcome.

#[expect(dead_code, reason = "each test binary uses a part of the switch")]
mod switch_agent;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use standin::switch::change::{ChangeError, UndoRecord, undo};
use standin::switch::{
    ChangeProof, ChangeRequest, Credentials, Operation, Profile, Switch, change,
};
use standin::types::VlanId;
use switch_agent::bridge::{Bridge, Current, Follows, Lists};
use switch_agent::{
    AUTH, COMMUNITY, Fake, Moment, PRIVACY, Packet, Port, State, mac, proxy, small_messages,
    target, v2c, v3,
};
use tokio::net::UdpSocket;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// What is asked for, on which port, and what is there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Off,
    On,
    Access,
    AccessBack,
    Allow,
    Remove,
}

const ASKED: [Asked; 6] = [
    Asked::Off,
    Asked::On,
    Asked::Access,
    Asked::AccessBack,
    Asked::Allow,
    Asked::Remove,
];

impl Asked {
    fn operation(self) -> Operation {
        match self {
            Asked::Off => Operation::PortOff,
            Asked::On => Operation::PortOn,
            Asked::Access => Operation::SetAccessVlan(VlanId(20)),
            Asked::AccessBack => Operation::SetAccessVlan(VlanId(10)),
            Asked::Allow => Operation::TrunkAllow(VlanId(40)),
            Asked::Remove => Operation::TrunkRemove(VlanId(30)),
        }
    }

    /// Name and bridge port.
    fn port(self) -> (&'static str, u32) {
        match self {
            Asked::Allow | Asked::Remove => ("ge2", 2),
            _ => ("ge1", 1),
        }
    }

    fn before(self, s: &mut State) {
        match self {
            Asked::On => (s.port("ge1").admin, s.port("ge1").oper) = (2, 2),
            Asked::AccessBack => move_to(s, 1, 10, 20),
            _ => {}
        }
    }

    /// Whether it is really so.
    fn is_done(self, s: &mut State) -> bool {
        let (name, base) = self.port();
        let port = s.port(name).clone();
        let bridge = s.bridge.as_ref().unwrap();
        let (pvid, egress, untagged) = bridge.of(base);
        if bridge.frames_of(base) != (egress.clone(), untagged.clone()) {
            return !self.operation().is_move();
        }
        match self {
            Asked::Off => (port.admin, port.oper) == (2, 2),
            Asked::On => port.admin == 1,
            Asked::Access => (pvid, egress, untagged) == (20, [20].into(), [20].into()),
            Asked::AccessBack => (pvid, egress, untagged) == (10, [10].into(), [10].into()),
            Asked::Allow => egress.contains(&40) && !untagged.contains(&40),
            Asked::Remove => !egress.contains(&30),
        }
    }
}

fn move_to(s: &mut State, port: u32, from: u16, to: u16) {
    let b = s.bridge.as_mut().unwrap();
    b.pvid.insert(port, to);
    for (vlan, there) in [(from, false), (to, true)] {
        let v = b.vlans.get_mut(&vlan).unwrap();
        for list in [&mut v.egress, &mut v.untagged] {
            if there {
                list.insert(port);
            } else {
                list.remove(&port);
            }
        }
    }
}

/// Somebody else tags bridge port 4 in every VLAN, or takes it out.
fn somebody(s: &mut State) {
    for v in s.bridge.as_mut().unwrap().vlans.values_mut() {
        if !v.egress.remove(&4) {
            v.egress.insert(4);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
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

const FAULTS: [Fault; 28] = [
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
fn profile() -> Profile {
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

fn over(address: std::net::SocketAddr, credentials: Credentials) -> Switch {
    let mut t = target(address, credentials);
    t.profile = Arc::new(profile());
    t.timeout = MS(500);
    t.retries = 2;
    Switch::new(t)
}

/// Two renumbered ports: ge1 and ge2 get other ifIndexes and bridge ports, and others have theirs.
fn renumber(s: &mut State) {
    let index: Vec<(u32, u32)> = s.ports.iter().map(|p| (p.index, p.base)).collect();
    for (port, (i, base)) in s.ports.iter_mut().zip(index.iter().cycle().skip(2)) {
        (port.index, port.base) = (*i, *base);
    }
}

fn current(fake: &Fake, change: impl FnOnce(&mut Current)) {
    fake.with(|s| change(&mut s.bridge.as_mut().unwrap().current));
}

/// Does what the fault says, and gives the way to the switch. What is returned last lives as long as the test.
async fn arm(fault: Fault, fake: &Fake) -> (Switch, Option<Fake>) {
    let mut address = fake.address;
    let now = vec![Duration::ZERO];
    let mut other = None;
    match fault {
        Fault::None => {}
        Fault::AcknowledgesAndIgnores => fake.with(|s| s.faults.ignores = vec![0]),
        Fault::ErrorsButApplies => fake.with(|s| s.faults.fails_after_doing = true),
        Fault::AppliesFirstVarbindOnly => fake.with(|s| s.faults.first_only = true),
        Fault::OneVarbindPerPdu => fake.with(|s| s.faults.one_per_pdu = true),
        Fault::TrimsLists => fake.with(|s| s.bridge.as_mut().unwrap().lists = Lists::Trimmed),
        Fault::PadsLists => fake.with(|s| s.bridge.as_mut().unwrap().lists = Lists::Exactly(16)),
        Fault::Lists512 => fake.with(|s| s.bridge.as_mut().unwrap().lists = Lists::Exactly(512)),
        Fault::DelaysAll => {
            address = proxy(address, Box::new(|_| vec![Duration::from_millis(60)])).await;
        }
        Fault::DuplicatesReplies => {
            address = proxy(
                address,
                Box::new(move |p| match p {
                    Packet::ReplyToGet | Packet::ReplyToSet => {
                        vec![Duration::ZERO, MS(1), MS(40)]
                    }
                    Packet::Get | Packet::Set => vec![Duration::ZERO],
                }),
            )
            .await;
        }
        Fault::AnswersSetsTooLate => {
            address = proxy(
                address,
                Box::new(move |p| match p {
                    Packet::ReplyToSet => vec![MS(2200)],
                    _ => vec![Duration::ZERO],
                }),
            )
            .await;
        }
        Fault::LosesSets => {
            address = proxy(
                address,
                Box::new(move |p| {
                    if p == Packet::Set {
                        vec![]
                    } else {
                        now.clone()
                    }
                }),
            )
            .await;
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
            address = either(fake.address, again.address, moved).await;
            other = Some(again);
            return (over(address, v3(AUTH, PRIVACY)), other);
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
    (over(address, v2c(COMMUNITY)), other)
}

/// A UDP forwarder that goes to the one or to the other, whatever the SNMP version.
async fn either(
    one: std::net::SocketAddr,
    other: std::net::SocketAddr,
    moved: Arc<AtomicBool>,
) -> std::net::SocketAddr {
    let front = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let back = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = front.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut a, mut b) = (vec![0; 65536], vec![0; 65536]);
        let mut client = None;
        loop {
            tokio::select! {
                Ok((n, from)) = front.recv_from(&mut a) => {
                    client = Some(from);
                    let to = if moved.load(Ordering::SeqCst) { other } else { one };
                    let _ = back.send_to(&a[..n], to).await;
                }
                Ok((n, _)) = back.recv_from(&mut b) => {
                    let _ = front.send_to(&b[..n], client.unwrap()).await;
                }
            }
        }
    });
    address
}

/// Everything that must not change but by us: ports by name, and who is in which VLAN, without port 4 of somebody else.
fn others(s: &State, ours: u32) -> (Vec<(String, i32)>, Bridge) {
    let ports = s.ports.iter().filter(|p: &&Port| p.base != ours);
    let mut bridge = s.bridge.clone().unwrap();
    bridge.current = Current::default();
    bridge.pvid.remove(&ours);
    for v in bridge.vlans.values_mut() {
        v.egress.remove(&ours);
        v.untagged.remove(&ours);
    }
    (
        ports.map(|p| (p.name.to_owned(), p.admin)).collect(),
        bridge,
    )
}

fn ours(s: &mut State, port: (&str, u32)) -> (i32, u16, BTreeSet<u16>, BTreeSet<u16>) {
    let admin = s.port(port.0).admin;
    let (pvid, mut egress, untagged) = s.bridge.as_ref().unwrap().of(port.1);
    egress.extend(s.bridge.as_ref().unwrap().frames_of(port.1).0);
    (admin, pvid, egress, untagged)
}

/// How it ended, in a word, and what was said.
fn word(done: &Result<ChangeProof, ChangeError>) -> (&'static str, String) {
    match done {
        Ok(p) => ("proven", p.notes.join("; ")),
        Err(e @ ChangeError::Undone { .. }) => ("undone", e.to_string()),
        Err(e @ ChangeError::Unclear { .. }) => ("unclear", e.to_string()),
        Err(e) => ("refused", e.to_string()),
    }
}

/// The words that a fault may end in. `proven` is checked against the switch besides.
fn allowed(fault: Fault, asked: Asked) -> &'static [&'static str] {
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

struct Case {
    fault: Fault,
    asked: Asked,
    ended: &'static str,
    said: String,
    wrong: Vec<String>,
}

async fn run(fault: Fault, asked: Asked) -> Case {
    let fake = Fake::with_vlans().await;
    let (name, base) = asked.port();
    fake.with(|s| asked.before(s));
    let before = fake.with(|s| ours(s, asked.port()));
    let (switch, _other) = arm(fault, &fake).await;
    let around = fake.with(|s| others(s, base));
    let request = ChangeRequest::new(asked.operation(), Some(name), MS(30_000));
    let done = change(&switch, request).await;
    let (ended, said) = word(&done);
    let mut wrong = Vec::new();
    if !allowed(fault, asked).contains(&ended) {
        wrong.push(format!("should have ended {:?}", allowed(fault, asked)));
    }
    let renumbered = matches!(fault, Fault::RenumbersBeforeSet | Fault::RenumbersAfterSet);
    fake.with(|s| {
        match ended {
            "proven" if !asked.is_done(s) => wrong.push("a wrong `proven`".into()),
            "undone" if !renumbered && ours(s, asked.port()) != before => {
                wrong.push(format!("a wrong `undone`: {:?}", ours(s, asked.port())));
            }
            "refused" if !s.sets.is_empty() => wrong.push("refused, but something was sent".into()),
            _ => {}
        }
        if ended == "undone" && renumbered {
            let bridge = s.bridge.as_ref().unwrap().of(base);
            if bridge != (before.1, before.2.clone(), before.3.clone()) {
                wrong.push("undone, but the instances written are not as before".into());
            }
        }
        let somebody = matches!(fault, Fault::SomebodyElse | Fault::SomebodyElseAndWrongType);
        if !renumbered && !somebody && others(s, base) != around {
            wrong.push(format!("another port was changed: {:?}", others(s, base)));
        }
    });
    if matches!(fault, Fault::SomebodyElse | Fault::SomebodyElseAndWrongType) {
        wrong.extend(fake.with(|s| somebody_survived(s, asked)));
    }
    Case {
        fault,
        asked,
        ended,
        said,
        wrong,
    }
}

/// Somebody turned port 4 over once before our first SET and once after it, so that it is as at the start - unless one
/// of our writes put an old list back.
fn somebody_survived(s: &mut State, asked: Asked) -> Option<String> {
    // A port's state is no list: somebody came by only once or not at all.
    if !asked.operation().is_move() {
        return None;
    }
    let there: Vec<u16> = (s.bridge.as_ref().unwrap().of(4).1).into_iter().collect();
    let was: Vec<u16> = Bridge::new().of(4).1.into_iter().collect();
    let turned: Vec<u16> = [20, 30, 40].into();
    let once = s.sets.is_empty() || there == turned;
    (there != was && !once)
        .then(|| format!("somebody else's change is lost: port 4 is in {there:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_ends_proven_undone_or_unclear_and_never_in_a_wrong_proven() {
    let gate = Arc::new(tokio::sync::Semaphore::new(10));
    let mut tasks = Vec::new();
    for fault in FAULTS {
        for asked in ASKED {
            let gate = gate.clone();
            tasks.push(tokio::spawn(async move {
                let _turn = gate.acquire().await.unwrap();
                run(fault, asked).await
            }));
        }
    }
    let mut cases = Vec::new();
    for task in tasks {
        cases.push(task.await.unwrap());
    }
    println!(
        "{:26} {}",
        "fault",
        ASKED.map(|a| format!("{:10}", format!("{a:?}"))).join(" ")
    );
    for fault in FAULTS {
        let of = cases.iter().filter(|c| c.fault == fault);
        let cells: Vec<String> = of.map(|c| format!("{:10}", c.ended)).collect();
        println!("{:26} {}", format!("{fault:?}"), cells.join(" "));
    }
    let wrong: Vec<String> = cases
        .iter()
        .filter(|c| !c.wrong.is_empty())
        .map(|c| {
            format!(
                "{:?} x {:?}: {} ({}): {}",
                c.fault,
                c.asked,
                c.ended,
                c.said,
                c.wrong.join("; ")
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn moved(fake: &Fake) -> (Switch, UndoRecord) {
    let switch = over(fake.address, v2c(COMMUNITY));
    let request = ChangeRequest::new(Asked::Access.operation(), Some("ge1"), MS(5000));
    let proof = change(&switch, request).await.unwrap();
    (switch, proof.undo.unwrap())
}

#[tokio::test]
async fn an_undo_puts_back_our_port_and_leaves_what_others_did_meanwhile() {
    let fake = Fake::with_vlans().await;
    let before = fake.with(|s| ours(s, ("ge1", 1)));
    let (switch, record) = moved(&fake).await;
    // Port 3 went to VLAN 20 after our change.
    fake.with(|s| move_to(s, 3, 10, 20));
    undo(&switch, &record, MS(1000)).await.unwrap();
    fake.with(|s| {
        assert_eq!(ours(s, ("ge1", 1)), before);
        assert_eq!(
            s.bridge.as_ref().unwrap().of(3),
            (20, [20].into(), [20].into())
        );
    });
}

#[tokio::test]
async fn what_a_switch_forgets_is_seen_at_the_next_look_and_done_again() {
    let fake = Fake::with_vlans().await;
    fake.with(|s| s.faults.forgets = Some(MS(300)));
    let (switch, _) = moved(&fake).await;
    tokio::time::sleep(MS(600)).await;
    fake.with(|s| {
        assert!(!Asked::Access.is_done(s));
        s.faults.forgets = None;
    });
    let request = ChangeRequest::new(Asked::Access.operation(), Some("ge1"), MS(5000));
    let again = change(&switch, request.clone()).await.unwrap();
    assert!(!again.already);
    assert!(change(&switch, request).await.unwrap().already);
    fake.with(|s| assert!(Asked::Access.is_done(s)));
}

/// Name of the guard that refuses, if one does; nothing may have been written then.
async fn refused(
    fake: &Fake,
    change_it: impl FnOnce(&mut ChangeRequest, &mut Vec<String>, &mut Vec<String>),
) -> Option<&'static str> {
    let mut t = target(fake.address, v2c(COMMUNITY));
    t.profile = Arc::new(profile());
    let mut request = ChangeRequest::new(Asked::Access.operation(), Some("ge1"), MS(5000));
    change_it(&mut request, &mut t.uplinks, &mut t.own_ports);
    match change(&Switch::new(t), request).await {
        Ok(_) => None,
        Err(ChangeError::Guarded { guard, .. }) => {
            fake.with(|s| assert!(s.sets.is_empty(), "{} refused after a write", guard.name()));
            Some(guard.name())
        }
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn each_guard_refuses_by_its_name_before_any_write_and_is_overridden_only_where_it_may_be() {
    type Change = Box<dyn Fn(&mut State, &mut ChangeRequest, &mut Vec<String>, &mut Vec<String>)>;
    let crowd = |s: &mut State| s.fdb.extend((20..26).map(|n| (1, mac(n), 1)));
    let cases: Vec<(&str, bool, Change)> = vec![
        (
            "uplink",
            false,
            Box::new(|_, _, up, _| up.push("ge1".into())),
        ),
        (
            "own-port",
            true,
            Box::new(|_, _, _, own| own.push("ge1".into())),
        ),
        (
            "own-mac",
            true,
            Box::new(|_, r, _, _| r.own_macs = vec![mac(1)]),
        ),
        (
            "alias",
            true,
            Box::new(|_, r, _, _| r.expected_alias = Some("slave-b".into())),
        ),
        ("too-many-macs", true, Box::new(move |s, _, _, _| crowd(s))),
        (
            "other-host",
            true,
            Box::new(|_, r, _, _| r.expected_mac = Some(mac(7))),
        ),
        (
            "vlan-exists",
            false,
            Box::new(|_, r, _, _| r.operation = Operation::SetAccessVlan(VlanId(77))),
        ),
        (
            "not-forbidden",
            false,
            Box::new(|s, _, _, _| {
                s.bridge
                    .as_mut()
                    .unwrap()
                    .vlans
                    .get_mut(&20)
                    .unwrap()
                    .forbidden
                    .insert(1);
            }),
        ),
        (
            "access-port",
            true,
            Box::new(|_, r, _, _| r.port = Some("ge2".into())),
        ),
    ];
    for (name, may, set) in cases {
        for overridden in [false, true] {
            let fake = Fake::with_vlans().await;
            let got = refused(&fake, |r, up, own| {
                fake.with(|s| set(s, r, up, own));
                if overridden {
                    r.overrides.insert(name.into());
                }
            })
            .await;
            let want = (!(overridden && may)).then_some(name);
            assert_eq!(got, want, "{name}, overridden: {overridden}");
        }
    }
}

#[tokio::test]
async fn our_own_tag_does_not_trip_the_alias_guard() {
    let fake = Fake::with_vlans().await;
    fake.with(|s| s.port("ge1").alias = b"slave-a [standin:standby-b:7]".to_vec());
    let got = refused(&fake, |r, _, _| r.expected_alias = Some("slave-a".into())).await;
    assert_eq!(got, None);
}

#[tokio::test]
async fn a_port_without_a_link_need_not_be_in_the_current_lists_but_must_have_left_them() {
    let fake = Fake::with_vlans().await;
    fake.with(|s| s.cable("ge1", 2));
    current(&fake, |c| c.linkless = [1].into());
    let switch = over(fake.address, v2c(COMMUNITY));
    let request = ChangeRequest::new(Asked::Access.operation(), Some("ge1"), MS(5000));
    let proof = change(&switch, request.clone()).await.unwrap();
    fake.with(|s| assert!(Asked::Access.is_done(s)));
    let notes = proof.notes.join("; ");
    assert!(
        notes.contains("dot1qVlanCurrentEgressPorts.117070.20"),
        "{notes}"
    );
    let counted = proof.proven.iter().filter(|p| p.contains("Current"));
    assert_eq!(
        counted.collect::<Vec<_>>(),
        ["dot1qVlanCurrentEgressPorts.117070.10 is without port 1"]
    );
    // With a link it must be there.
    fake.with(|s| s.cable("ge1", 1));
    match change(&switch, request.clone()).await {
        Err(ChangeError::Undone { why, .. }) => assert!(why.contains("Current"), "{why}"),
        other => panic!("{other:?}"),
    }
    current(&fake, |c| c.linkless.clear());
    assert!(change(&switch, request).await.unwrap().already);
}

#[tokio::test]
async fn an_undo_by_order_says_so_if_the_switch_goes_on_as_before() {
    let fake = Fake::with_vlans().await;
    let (switch, record) = moved(&fake).await;
    current(&fake, |c| c.follows = Follows::AddsOnly);
    let said = undo(&switch, &record, MS(300)).await.unwrap_err();
    assert_eq!(
        said,
        "the current egress list of VLAN 20 still has the port"
    );
}

/// A switch whose oper state may be `stale` old, which it says to be so.
fn stale(fake: &Fake, stale: Duration) -> Switch {
    let mut t = target(fake.address, v2c(COMMUNITY));
    t.profile = Arc::new(profile());
    t.oper_staleness = Some(stale);
    fake.with(|s| s.faults.oper_cache = Some(stale));
    Switch::new(t)
}

#[tokio::test]
async fn a_port_that_was_shut_before_is_proven_off_only_when_its_old_state_cannot_be_an_old_value()
{
    let off = || ChangeRequest::new(Operation::PortOff, Some("ge1"), MS(10_000));
    let fake = Fake::with_vlans().await;
    let switch = stale(&fake, MS(700));
    fake.with(|s| (s.port("ge1").admin, s.port("ge1").oper) = (2, 2));
    let proof = change(&switch, off()).await.unwrap();
    assert!(proof.already);
    assert!(proof.took >= MS(700), "{:?}", proof.took);
    fake.with(|s| assert_eq!(s.admin_sets(), 0));

    // Admin down, and the link is up all the same: the cache holds what was before.
    fake.with(|s| s.faults.oper_stays_up = true);
    tokio::time::sleep(MS(750)).await;
    switch.port("ge1").await.unwrap();
    fake.with(|s| s.cable("ge1", 1));
    let done = change(&switch, off()).await;
    assert_eq!(word(&done).0, "unclear", "{done:?}");
    fake.with(|s| assert_eq!(s.admin_sets(), 1));
}
