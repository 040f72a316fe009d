//! What `standin status` says. Field names are documented in src/manual/json.md and kept.

use std::time::Duration;

use serde_json::{Value, json};

use super::alarms;
use super::conflicts;
use super::holding;
use super::placing;
use super::run_loop::Loop;
use super::traps;
use crate::report::{self, fence_of_flow, is_release};
use crate::rt;
use crate::takeover::Machine;
use crate::takeover::flow::{Flow, Progress};
use crate::takeover::past_fence::PAST_IT;
use crate::takeover::state::State;
use crate::takeover::step::Step;
use crate::takeover::verdict::Verified;
use crate::types::BootTime;

/// What is true of the daemon as a whole.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// This node's name.
    pub node: String,
    /// What is not as it should be: no real-time priority, unlocked memory.
    pub limits: Vec<String>,
    /// Whether the fences of each peer outlive a switch reboot, as configured.
    pub persist: Vec<bool>,
}

/// A port that was read longer ago is not shown as it was then.
const STALE: Duration = Duration::from_secs(5);

/// The status of everything.
pub fn status(l: &Loop) -> Value {
    let now = rt::boot();
    let peers: Vec<Value> = l
        .peers
        .iter()
        .enumerate()
        .map(|(i, p)| {
            let m = &p.machine;
            let e = m.evidence();
            let why = match m.state() {
                State::Suspect(s) => Some(m.words_of(s.why)),
                State::Halted { why } => Some(why.clone()),
                State::Taking(t) => held_up(&t.flow, now),
                State::Confirming(_) => Some(m.words_of_confirming()),
                State::Active { .. } => given_up(m),
                State::Standby | State::Releasing(_) => None,
            };
            let verdict = match m.state() {
                State::Active { verdict } => Some(*verdict),
                State::Standby
                | State::Suspect(_)
                | State::Confirming(_)
                | State::Taking(_)
                | State::Releasing(_)
                | State::Halted { .. } => None,
            };
            let ago = |t: BootTime| now.since(t).as_millis() as u64;
            let interface = &l.interfaces[p.interface];
            // Of a takeover that is over nobody knows any more where the cameras are.
            let counted = m.ownership().is_some() || matches!(m.state(), State::Taking(_));
            let (expected, back) = if counted { m.cameras() } else { (0, 0) };
            // A fence that stands although nobody owns the address: halted, held, or still on the way.
            let stands = m.ownership().is_none() && p.hands.fencing.marks.any();
            // The port is polled while the peer is watched; what was read before it was fenced is no news. Behind a fence
            // that is read each second it is down.
            // Right before the claim the step itself says so.
            let step = matches!(m.state(), State::Taking(_)).then(|| fence_of_flow(m));
            let shut = m.fence_words().or(step).is_some_and(|w| ["proven", "shut, unconfirmed", PAST_IT].contains(&w));
            // What is read is the port that the fence names: where the peer hangs on another, it is not the peer's.
            let placement = placing::told(m);
            let elsewhere = placement.iter().any(|l| l["state"] == "misplaced");
            let read = e.port_up.filter(|(_, at)| now.since(*at) < STALE && !elsewhere);
            let port_up = if shut { Some(false) } else { read.map(|(up, _)| up) };
            let past = p.past_fence.is_some_and(|past| past.is_told());
            let fence = m.fence_words().map(|w| if past && w == "proven" { PAST_IT } else { w });
            // An owner reads the fence instead of polling the port.
            let stale = m.fence_words() == Some("stale");
            let fence_unread = || stale.then(|| "the fence of the peer is not read: its switch does not answer".to_owned());
            let polled = p.switch_fault.clone().filter(|_| !shut);
            let switch_fault = polled.or_else(fence_unread);
            json!({
                "name": p.hands.name,
                "state": m.label(),
                "why": why,
                "mode": if m.policy().pair { "pair" } else { "agentless" },
                "vip": m.policy().vip,
                "interface": interface.name,
                "carrier": interface.carrier,
                "epoch": m.epoch(),
                "owner": m.ownership().is_some(),
                "grounds": m.ownership().map(|o| o.grounds),
                "fence": fence.or_else(|| stands.then(|| fence_of_flow(m)).filter(|w| !["lifted", "none"].contains(w))),
                "fence_read_ms_ago": m.ownership().and(m.looks().fence_read()).map(ago),
                "conflict": conflicts::shown(m, now),
                "placement": placement,
                "fence_ports": p.hands.fencing.told(),
                "fence_survives_switch_reboot": l.about.persist.get(i),
                "verdict": verdict,
                "hold": m.held(),
                "hold_of": hold_of(m),
                "steps": report::step_lines(m.site_steps().filter(not_undone)),
                "health": p.health.shown(now),
                "left": holding::left(m.left()),
                "alarms": alarms::shown(&p.hands.name, [m.alarms(), &p.alarms], now),
                "cameras": { "expected": expected, "back": back },
                "peer": {
                    "mac": e.pinned.now(),
                    "macs": e.pinned.all(),
                    "healthy_since_boot": e.healthy,
                    "vip_answered_ms_ago": e.vip_at.map(ago),
                    "heartbeat_ms_ago": e.beat_at.map(ago),
                    "fence_confirmed": e.beat.as_ref().and_then(|b| b.confirmed),
                    "port_up": port_up,
                    "switch_silent": switch_fault.is_some(),
                    "switch_fault": switch_fault,
                    "service_ok_ms_ago": e.service_ok.map(ago),
                    "service_fault": if e.service_fails > 0 { Some(&e.service_fault) } else { None },
                },
            })
        })
        .collect();
    json!({
        "ok": true,
        "node": l.about.node,
        "limits": l.about.limits,
        "alarms": alarms::shown("", [&l.alarms], now),
        "sinks": l.sinks.shown(now),
        "traps": l.traps.as_ref().map(|t| traps(t, now)),
        "peers": peers,
        "redirects": l.redirects.shown(),
    })
}

/// What did not go well in the takeover that made us the owner, or in a release that failed since.
fn given_up(m: &Machine) -> Option<String> {
    let flow = m.flow()?;
    let of = if is_release(flow) {
        "release"
    } else {
        "takeover"
    };
    let all_back = matches!(
        m.state(),
        State::Active {
            verdict: Verified::Verified
        }
    );
    let failed = flow.iter().filter_map(|(step, progress)| match progress {
        // The missing ones came later.
        Progress::Failed { .. } if step == Step::Verify && all_back => None,
        Progress::Failed { why } => Some(format!("step {step} of the {of} failed: {why}")),
        Progress::Waiting
        | Progress::Running { .. }
        | Progress::Stopping { .. }
        | Progress::Pausing { .. }
        | Progress::Done { .. }
        | Progress::Skipped => None,
    });
    let mut failed: Vec<String> = failed.collect();
    failed.extend(m.site_failed());
    (!failed.is_empty()).then(|| failed.join("; "))
}

/// What was taken back is no news any more.
fn not_undone((step, progress): &(Step, &Progress)) -> bool {
    !(matches!(step, Step::Undo(_)) && matches!(progress, Progress::Done { .. }))
}

/// Whose hold it is.
fn hold_of(m: &Machine) -> Option<&'static str> {
    match (m.hold(), m.held_by_peer()) {
        (true, _) => Some("this node"),
        (false, true) => Some("the other node"),
        (false, false) => None,
    }
}

fn traps(service: &traps::Service, now: BootTime) -> Value {
    let heard = service.heard();
    json!({
        "listen": service.listen(),
        "fault": heard.fault,
        "received": heard.received,
        "ignored": heard.not_taken.count,
        "last": heard.last.map(|(switch, trap, at)| json!({
            "switch": switch,
            "if_index": trap.if_index,
            "link_up": trap.up,
            "authentic": trap.authentic,
            "ms_ago": now.since(at).as_millis() as u64,
        })),
        "last_ignored": heard.not_taken.last.map(|(from, why)| format!("from {from}: {}", why.words())),
    })
}

/// What a takeover that is under way waits for, where a person should know.
fn held_up(flow: &Flow, now: BootTime) -> Option<String> {
    let paused = |step| match flow.get(step) {
        Progress::Pausing { why, .. } => Some(why.clone()),
        // What is missing does not become unknown because it is tried once more.
        Progress::Running { .. } | Progress::Stopping { .. } => flow
            .failed_before(step)
            .map(|why| format!("{why} (it is being tried again now)")),
        Progress::Waiting | Progress::Done { .. } | Progress::Failed { .. } | Progress::Skipped => {
            None
        }
    };
    let forward = || match flow.get(Step::Forward) {
        Progress::Running { since, .. } => Some(format!(
            "spanning tree does not forward on our moved port yet, {} ms after the move",
            now.since(*since).as_millis()
        )),
        Progress::Waiting
        | Progress::Stopping { .. }
        | Progress::Pausing { .. }
        | Progress::Done { .. }
        | Progress::Failed { .. }
        | Progress::Skipped => None,
    };
    paused(Step::Fence)
        .or_else(|| paused(Step::Rewire))
        .or_else(forward)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::takeover::event::Outcome;
    use crate::takeover::step::TAKEOVER;
    use crate::types::Attempt;

    #[test]
    fn why_a_step_is_not_proven_is_said_while_it_is_tried_again() {
        for step in [Step::Fence, Step::Rewire] {
            let mut flow = Flow::new(&TAKEOVER);
            let mut at = 1;
            let mut start = |flow: &mut Flow, n: u32| {
                at += 1000;
                flow.start(step, Attempt(n), BootTime(at), BootTime(at + 500));
                BootTime(at)
            };
            let now = start(&mut flow, 1);
            assert_eq!(held_up(&flow, now), None, "nothing has failed yet");
            let failed = |why: &str| Outcome::Failed(why.to_owned());
            flow.ended(now, step, Attempt(1), failed("the port reads up"));
            let said = |flow: &Flow, now| held_up(flow, now).unwrap_or_default();
            assert_eq!(said(&flow, now), "the port reads up", "{step:?}");
            let now = start(&mut flow, 2);
            assert!(said(&flow, now).starts_with("the port reads up ("));
            // While it is stopped too; then the newer reason counts.
            flow.overdue(BootTime(now.0 + 500));
            assert!(said(&flow, now).starts_with("the port reads up ("));
            flow.ended(now, step, Attempt(2), Outcome::Cancelled);
            assert!(said(&flow, now).starts_with("no answer within"));
            let now = start(&mut flow, 3);
            assert!(said(&flow, now).starts_with("no answer within"));
            flow.ended(now, step, Attempt(3), Outcome::Done("shut".to_owned()));
            assert_eq!(held_up(&flow, now), None);
        }
    }
}
