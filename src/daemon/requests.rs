//! What people ask of the daemon through the control socket.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::hub::Ask;
use super::journal::Entry;
use super::run_loop::Loop;
use super::status;
use crate::exit::ExitCode;
use crate::rt;
use crate::takeover::event::{Event, Order};
use crate::takeover::state::State;

/// Kind of the journal record that holds an order that was answered.
const ORDER: &str = "order";
/// The answer to a hold waits for the disk at most this long.
const DURABLE: Duration = Duration::from_secs(2);

impl Loop {
    pub(super) fn ask(&mut self, ask: Ask) {
        let on = ask.args["on"].as_bool().unwrap_or(true);
        let Ask {
            command,
            peer,
            args,
            reply,
        } = ask;
        let named = peer.clone().unwrap_or_default();
        let Some(reply) = self.order_redirect(&named, (&command, on), reply) else {
            return;
        };
        let ask = Ask {
            command,
            peer,
            args,
            reply,
        };
        let peer = self.find(ask.peer.as_deref().unwrap_or_default());
        if ask.command == "hold"
            && let Ok(i) = peer
        {
            let arg = |name: &str| ask.args[name].as_bool();
            let what = (arg("on").unwrap_or(true), arg("here").unwrap_or(false));
            return self.hold(i, what, ask.reply);
        }
        let answer = match ask.command.as_str() {
            "status" => Ok(status::status(self)),
            "report" => peer.map(|i| json!(self.report(i))),
            "takeover" => peer.and_then(|i| self.order(i, Order::Takeover)),
            "release" => peer.and_then(|i| {
                let order = match ask.args["new_mac"].as_str() {
                    None => Order::Release,
                    Some(text) => Order::ReleaseTo(text.parse().map_err(|_| {
                        (ExitCode::Usage, format!("`{text}` is not a MAC address"))
                    })?),
                };
                self.order(i, order)
            }),
            "hold" => peer.map(|_| json!({})),
            "fence-confirm" => peer.and_then(|i| self.confirm_fence(i, &ask.args)),
            "peer-reset" => peer.map(|i| {
                if let Some(beats) = &mut self.beats {
                    beats.forget(i);
                }
                json!({ "ok": true })
            }),
            other => Err((
                ExitCode::Usage,
                format!("`{other}` is not a command of this daemon"),
            )),
        };
        // The client may have gone away.
        let _ = ask.reply.send(answer);
    }

    /// A hold that a restart would not know of is said to be none: the answer waits for the disk, and tells.
    pub(super) fn answer_when_durable(
        &self,
        mut said: Value,
        reply: oneshot::Sender<Result<Value, (ExitCode, String)>>,
    ) {
        // Behind the state record in the queue: where this is on the disk, that is.
        let order = Entry::new(rt::boot(), "", ORDER, said.clone());
        let ticket = self.journal.append(order);
        self.shared.slow.spawn(async move {
            said["durable"] = json!(ticket.durable(DURABLE).await);
            let _ = reply.send(Ok(said));
        });
    }

    fn find(&self, name: &str) -> Result<usize, (ExitCode, String)> {
        let found = self.peers.iter().position(|p| p.hands.name == name);
        found.ok_or_else(|| {
            let known = self.peers.iter().map(|p| p.hands.name.as_str());
            let known: Vec<&str> = known.chain(self.redirects.names()).collect();
            let known = known.join(", ");
            (
                ExitCode::Usage,
                format!("there is no peer `{name}`; the configuration has: {known}"),
            )
        })
    }

    fn order(&mut self, peer: usize, order: Order) -> Result<Value, (ExitCode, String)> {
        let label = self.peers[peer].machine.label();
        let fits = match (order, self.peers[peer].machine.state()) {
            (Order::Hold(_) | Order::HoldHere(_), _) => true,
            (
                Order::Takeover,
                State::Standby | State::Suspect(_) | State::Confirming(_) | State::Halted { .. },
            ) => true,
            (Order::Release | Order::ReleaseTo(_), State::Active { .. }) => true,
            (Order::Takeover | Order::Release | Order::ReleaseTo(_), _) => false,
        };
        if !fits {
            let name = &self.peers[peer].hands.name;
            return Err((ExitCode::TryAgain, unfit(order, &label, name)));
        }
        self.event(peer, Event::Order(order));
        let p = &self.peers[peer];
        Ok(json!({ "ok": true, "state": p.machine.label(), "epoch": p.machine.epoch() }))
    }
}

/// Why an order cannot be followed in a state, and what can be done instead.
fn unfit(order: Order, label: &str, name: &str) -> String {
    let why = match (order, label) {
        (Order::Takeover, "active") => "this machine has the address already".to_owned(),
        (_, _) if label.starts_with("releasing") => "a release is under way".to_owned(),
        (Order::Takeover, _) => "a takeover is under way".to_owned(),
        (_, "standby" | "held" | "suspect" | "confirming") => {
            "this machine does not have the address, so there is nothing to hand back".to_owned()
        }
        (_, "halted") => format!(
            "this machine does not have the address; where a port is still shut, `standin status {name}` names the command that opens it"
        ),
        (_, _) => "the takeover is not over: wait until it is active".to_owned(),
    };
    format!("not possible while {label}: {why}")
}
