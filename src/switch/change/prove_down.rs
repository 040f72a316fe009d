//! Ports that were shut: reads back until they are proven down, that is refuted, or the time is over. A fence and
//! `port-off` are proven by this.

use std::time::Duration;

use super::freshness::{
    Doubt, Expect, Freshness, PeerSeen, Sample, SetTimes, Verdict, judge, judge_peer,
};
use super::read_until::{Looks, PORT};
use super::send_ports::{Sent, SetOutcome, send_apart};
use super::unproven::{PortSeen, Unproven};
use crate::rt::{Instant, timeout_at};
use crate::switch::model::port::{Admin, Oper, Place, PortState};
use crate::switch::profile::{Profile, Transport};
use crate::switch::read::over_snmp::Reading;
use crate::switch::read::switch::Switch;
use crate::switch::render::proving;
use crate::types::{MacAddr, VlanId};

/// A port whose SET was refused is still looked at for so long: some switches refuse and do it all the same.
const REFUSED_FOR: Duration = Duration::from_millis(200);

/// What is known when the SET has been sent.
pub(crate) struct Known<'a> {
    pub start: Instant,
    pub deadline: Instant,
    /// No reading begins after this; one that has begun may take until `deadline`.
    pub until: Instant,
    pub names: &'a [&'a str],
    pub peer: Vec<MacAddr>,
    pub vlan: Option<VlanId>,
    pub expect: Expect,
    pub before: Vec<Sample>,
    /// Where the peer's MACs were.
    pub places_before: Vec<Place>,
    /// Aggregates all of whose members are fenced, by name.
    pub aggregates: Vec<String>,
    /// The fenced ports' own numbers: some switches take a port that is down out of the bridge.
    pub fenced_before: Vec<u32>,
}

impl<'a> Known<'a> {
    /// From the order (`start`) to the end of the time, as `before` has it; `peer` are the first MACs that it was asked for.
    pub fn of(
        switch: &Switch,
        (start, deadline): (Instant, Instant),
        names: &'a [&'a str],
        peer: Vec<MacAddr>,
        before: &Reading,
    ) -> Known<'a> {
        let profile = switch.profile();
        let places_before = before.places[..peer.len()].concat();
        let oper = [Oper::Down, Oper::NotPresent, Oper::LowerLayerDown];
        Known {
            start,
            deadline,
            until: deadline,
            names,
            peer,
            vlan: None,
            aggregates: Vec::new(),
            expect: Expect {
                admin: down(profile, "admin", &[Admin::Down]),
                oper: down(profile, "oper", &oper),
                staleness: switch.target().staleness(),
            },
            before: (before.ports.iter())
                .map(|p| sample(p, start, before))
                .collect(),
            fenced_before: (before.ports.iter())
                .filter_map(|p| switch.place_of(p))
                .collect(),
            places_before,
        }
    }
}

/// The numbers that mean down: as the profile proves it over SNMP, else as IF-MIB has them.
fn down<T: Copy + Into<i64>>(profile: &Profile, object: &str, standard: &[T]) -> Vec<i64> {
    let told = proving(profile, "port-off", object);
    if told.is_empty() {
        standard.iter().map(|s| (*s).into()).collect()
    } else {
        told
    }
}

/// A port's reading with its times counted from `start`.
fn sample(p: &PortState, start: Instant, reading: &Reading) -> Sample {
    Sample {
        started: reading.started.saturating_duration_since(start),
        ended: reading.ended.saturating_duration_since(start),
        // A command line shows what is, not what was.
        live: reading.over == Transport::Ssh,
        uptime_cs: p.sys_uptime_cs,
        admin: p.admin.into(),
        oper: p.oper.into(),
        last_change_cs: p.last_change_cs,
    }
}

/// All ports are proven.
pub(crate) struct Proven {
    pub ports: Vec<((Admin, Oper), Freshness)>,
    pub sets: Vec<Sent>,
    pub peer: PeerSeen,
    pub reads: u32,
}

struct Port {
    last: Option<(Admin, Oper)>,
    verdict: Verdict,
}

/// Reads back until it is known. `after_first` is called when the first read-back was answered, so that whatever else
/// has to be written does not stand before it.
pub(crate) async fn prove(
    switch: &Switch,
    known: &Known<'_>,
    mut sets: Vec<Sent>,
    before: &[PortState],
    mut after_first: impl FnMut(),
) -> Result<Proven, Box<Unproven>> {
    let mut ports: Vec<Port> = known
        .names
        .iter()
        .map(|_| Port {
            last: None,
            verdict: Verdict::NotYet(Doubt::NotRead),
        })
        .collect();
    let (mut looks, mut reads, mut last_error) = (Looks::until(known.until, PORT), 0, None);
    let mut peer = PeerSeen::NotAsked;
    let mut sent_apart = known.names.len() < 2;
    loop {
        match timeout_at(
            known.deadline,
            switch.read(known.names, &known.peer, known.vlan),
        )
        .await
        {
            Err(_) => break,
            Ok(Err(e)) => last_error = Some(e.to_string()),
            Ok(Ok(reading)) => {
                reads += 1;
                look(known, &sets, &reading, &mut ports);
                peer = where_peer_is(switch, known, &reading);
                after_first();
                if matches!(peer, PeerSeen::MovedElsewhere { .. }) {
                    break;
                }
                // An entry behind another port, however old, may be of a machine that hangs there. It is not flushed:
                // that would destroy what it says. It ages out in time, or the fence is not proven.
                if let Some(proven) = all_proven(&ports).filter(|_| !peer.refutes()) {
                    return Ok(Proven {
                        ports: proven,
                        sets,
                        peer,
                        reads,
                    });
                }
            }
        }
        if hopeless(&sets, &ports) {
            break;
        }
        // Some switches acknowledge a PDU and apply only its first varbind.
        if !sent_apart && reads >= 3 {
            sent_apart = true;
            resend(switch, known, before, &ports, &mut sets).await;
            continue;
        }
        let useful = next_useful(known, &sets, Instant::now());
        if !looks.again_by(useful).await {
            break;
        }
    }
    Err(Box::new(Unproven {
        switch: switch.target().name.clone(),
        ports: seen(known, sets, ports),
        peer_at: peer.elsewhere().map(|place| switch.words_of_place(place)),
        peer,
        after: known.start.elapsed(),
        reads,
        last_error,
    }))
}

fn times(known: &Known<'_>, sent: &Sent) -> SetTimes {
    SetTimes {
        sent: sent.sent.saturating_duration_since(known.start),
        settled: sent.settled.saturating_duration_since(known.start),
    }
}

fn look(known: &Known<'_>, sets: &[Sent], reading: &Reading, ports: &mut [Port]) {
    for (i, port) in ports.iter_mut().enumerate() {
        let state = &reading.ports[i];
        let read = sample(state, known.start, reading);
        port.last = Some((state.admin, state.oper));
        port.verdict = judge(
            &known.expect,
            &known.before[i],
            times(known, &sets[i]),
            &read,
        );
    }
}

fn where_peer_is(switch: &Switch, known: &Known<'_>, reading: &Reading) -> PeerSeen {
    if known.peer.is_empty() {
        return PeerSeen::NotAsked;
    }
    // Any of its addresses behind a port that is not fenced refutes.
    let places = &reading.places[..known.peer.len()].concat();
    let now = reading.ports.iter().filter_map(|p| switch.place_of(p));
    let mut fenced: Vec<u32> = now.chain(known.fenced_before.iter().copied()).collect();
    let named = |place: u32| switch.name_of_port_at(reading.over, place);
    // An aggregate of the fenced ports, by its name; and a port that left the bridge when it went down.
    fenced.extend(places.iter().map(|(_, place)| *place).filter(|place| {
        let is = |known: &str, shown: &String| switch.target().same_port(known, shown);
        named(*place).is_some_and(|n| {
            known.names.iter().any(|k| is(k, &n)) || known.aggregates.iter().any(|k| is(k, &n))
        })
    }));
    if fenced.is_empty() && places.iter().all(|(_, place)| named(*place).is_none()) {
        // Neither the fenced ports' numbers are known nor whose number the entry has: nobody can tell.
        return PeerSeen::NotAsked;
    }
    judge_peer(&fenced, &known.places_before, places)
}

/// All ports by one and the same reading.
fn all_proven(ports: &[Port]) -> Option<Vec<((Admin, Oper), Freshness)>> {
    ports
        .iter()
        .map(|p| match (&p.verdict, p.last) {
            (Verdict::Proven(fresh), Some(last)) => Some((last, *fresh)),
            _ => None,
        })
        .collect()
}

/// True if a refused port has been looked at for long enough.
fn hopeless(sets: &[Sent], ports: &[Port]) -> bool {
    sets.iter().zip(ports).any(|(set, port)| {
        matches!(set.outcome, SetOutcome::Refused { .. })
            && matches!(
                port.verdict,
                Verdict::NotYet(Doubt::AdminNotDown { .. } | Doubt::NotRead)
            )
            && set.settled.elapsed() >= REFUSED_FOR
    })
}

async fn resend(
    switch: &Switch,
    known: &Known<'_>,
    before: &[PortState],
    ports: &[Port],
    sets: &mut [Sent],
) {
    let _writer = switch.writer().await;
    for (i, port) in ports.iter().enumerate() {
        let not_done = matches!(port.verdict, Verdict::NotYet(Doubt::AdminNotDown { .. }));
        if not_done && sets[i].outcome == SetOutcome::Acknowledged {
            let until =
                Instant::now() + known.deadline.saturating_duration_since(Instant::now()) / 2;
            // It was rendered before, so that it can be rendered now.
            if let Ok(mut again) = send_apart(switch, "port-off", &before[i..=i], until).await {
                sets[i] = again.remove(0);
            }
        }
    }
}

/// The moment at which the longest wait for a cache is over, so that no pause runs past it.
fn next_useful(known: &Known<'_>, sets: &[Sent], now: Instant) -> Instant {
    let over = sets
        .iter()
        .map(|s| s.settled + known.expect.staleness)
        .max();
    over.filter(|t| *t > now).unwrap_or(known.deadline)
}

fn seen(known: &Known<'_>, sets: Vec<Sent>, ports: Vec<Port>) -> Vec<PortSeen> {
    known
        .names
        .iter()
        .zip(sets)
        .zip(ports)
        .map(|((name, set), port)| PortSeen {
            port: (*name).to_owned(),
            proven: matches!(port.verdict, Verdict::Proven(_)),
            last: port.last,
            doubt: match port.verdict {
                Verdict::Proven(_) => None,
                Verdict::NotYet(doubt) => Some(doubt),
            },
            set: set.outcome,
        })
        .collect()
}
