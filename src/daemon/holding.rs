//! `standin hold`: what it stopped, and how the ports are that the stopped takeover may have shut, is part of the answer.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::run_loop::Loop;
use crate::exit::ExitCode;
use crate::rt;
use crate::takeover::event::{Event, Order};
use crate::takeover::left::Left;
use crate::types::BootTime;

/// A person is answered after this at the latest, whatever the switch does.
const PATIENCE: Duration = Duration::from_millis(4500);

/// One `standin hold` that waits for the switch.
pub struct HoldAsked {
    peer: usize,
    until: BootTime,
    reply: oneshot::Sender<Result<Value, (ExitCode, String)>>,
}

/// What is left shut, as `status` and the answer of `hold` show it.
pub fn left(left: &Left) -> Value {
    let ports = left.ports().iter();
    ports
        .map(|p| json!({ "port": p.port.to_string(), "state": p.state, "command": p.command() }))
        .collect()
}

impl Loop {
    /// Carries out a hold; it is answered when the ports are known that a stopped takeover may have shut.
    pub(super) fn hold(
        &mut self,
        peer: usize,
        (on, here): (bool, bool),
        reply: oneshot::Sender<Result<Value, (ExitCode, String)>>,
    ) {
        let m = &self.peers[peer].machine;
        if !on && !here && m.held_by_peer() && m.evidence().beats(rt::boot()) {
            let why = "the hold was given at the other node of the pair, which is alive: end it there, or free this node alone with --this-node";
            let _ = reply.send(Err((ExitCode::TryAgain, why.to_owned())));
            return;
        }
        let order = if here {
            Order::HoldHere(on)
        } else {
            Order::Hold(on)
        };
        self.event(peer, Event::Order(order));
        self.holds.push(HoldAsked {
            peer,
            until: rt::boot() + PATIENCE,
            reply,
        });
        self.answer_holds();
    }

    /// When somebody who waits is answered at the latest.
    pub(super) fn holds_due(&self) -> Option<BootTime> {
        self.holds.iter().map(|h| h.until).min()
    }

    /// Answers everybody for whom there is nothing more to wait for.
    pub(super) fn answer_holds(&mut self) {
        let now = rt::boot();
        let mut waiting = Vec::new();
        for asked in std::mem::take(&mut self.holds) {
            let m = &self.peers[asked.peer].machine;
            if m.left().awaited() && asked.until > now {
                waiting.push(asked);
                continue;
            }
            let said = json!({
                "ok": true,
                "state": m.label(),
                "epoch": m.epoch(),
                "owner": m.ownership().is_some(),
                "ports_read": !m.left().awaited(),
                "left": left(m.left()),
            });
            self.answer_when_durable(said, asked.reply);
        }
        self.holds = waiting;
    }
}
