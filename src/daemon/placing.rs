//! Looks where the switches have the peer, and what a person says of it.

use serde_json::{Value, json};

use super::bursting::Asker;
use super::hub::Input;
use super::journal::Ticket;
use super::perform::{Hands, Shared, durable};
use super::run_loop::Loop;
use crate::exit::ExitCode;
use crate::rt::{self, Lane};
use crate::takeover::Machine;
use crate::takeover::action::Run;
use crate::takeover::event::Event;
use crate::takeover::placement::Standing;
use crate::types::PeerMacs;

fn wall_s() -> u64 {
    rt::wall_us() / 1_000_000
}

impl Hands {
    pub(super) fn look_for_peer(&self, mac: PeerMacs, by_traffic: bool, shared: &Shared) {
        let (fencing, me, tx) = (self.fencing.clone(), self.me, shared.tx.clone());
        shared.slow.spawn(async move {
            let asker = by_traffic.then(|| Asker {
                tx: tx.clone(),
                peer: me,
            });
            let sights = fencing.sights_by(&mac.all(), asker.as_ref()).await;
            let wall_s = wall_s();
            let _ = tx.send(Input::Event(me, Event::PeerLookedFor { sights, wall_s }));
        });
    }

    pub(super) fn look_past_fence(&self, mac: PeerMacs, shared: &Shared) {
        let (fencing, me, tx) = (self.fencing.clone(), self.me, shared.tx.clone());
        shared.slow.spawn(async move {
            let (seen, ageing) = fencing.look_past(&mac.all()).await;
            let _ = tx.send(Input::Event(me, Event::LookedPastFence { seen, ageing }));
        });
    }
}

impl Hands {
    pub(super) fn set_fence(
        &mut self,
        run: Run,
        ticket: Option<Ticket>,
        slow: &Lane,
        shared: &Shared,
    ) {
        let (fencing, known) = (self.fencing.clone(), self.identities.clone());
        let (tx, me, epoch, mac) = (shared.tx.clone(), self.me, run.epoch, run.peer_mac);
        let (levels, spite, attempt) = (run.levels, run.in_spite_of, run.attempt);
        self.tasks.spawn(slow, run.step, attempt, async move {
            durable(ticket).await;
            let told = move || {
                let _ = tx.send(Input::Event(me, Event::FenceSet { attempt }));
            };
            let may = (levels.as_slice(), spite.as_slice());
            fencing
                .set_between_looks(epoch, &mac, &known, may, told)
                .await
        });
    }
}

impl Loop {
    /// `standin fence confirm`: a person says that the fence's ports are the peer's.
    pub(super) fn confirm_fence(
        &mut self,
        peer: usize,
        args: &Value,
    ) -> Result<Value, (ExitCode, String)> {
        let machine = &self.peers[peer].machine;
        let by = args["by"].as_str().unwrap_or("a person").to_owned();
        let all = machine.policy().levels.clone();
        let levels = match args["level"].as_str() {
            None => all.clone(),
            Some(one) if all.iter().any(|l| l == one) => vec![one.to_owned()],
            Some(one) => {
                let all = all.join(", ");
                return Err((
                    ExitCode::Usage,
                    format!("the fence has no level `{one}`; it has: {all}"),
                ));
            }
        };
        if levels.is_empty() {
            return Err((
                ExitCode::Usage,
                "no fence is configured for this peer".to_owned(),
            ));
        }
        if let Some(blind) = levels.iter().find(|l| !machine.can_confirm(l)) {
            return Err((
                ExitCode::TryAgain,
                format!(
                    "{blind}: its switch could not be read yet while the peer answered, so nobody knows what would be confirmed; see `standin status`"
                ),
            ));
        }
        for level in levels {
            let (by, wall_s) = (by.clone(), wall_s());
            self.event(peer, Event::FenceConfirmed { level, by, wall_s });
        }
        let machine = &self.peers[peer].machine;
        Ok(json!({ "ok": true, "placement": told(machine) }))
    }
}

/// For `status`: whether the fence's ports are known to be the peer's, level by level.
pub(super) fn told(machine: &Machine) -> Vec<Value> {
    let now = wall_s();
    let levels = machine.policy().levels.iter().map(|level| {
        let placement = machine.placement();
        let identity = placement.places().find(|p| p.level == *level);
        let (state, detail, by, age) = match placement.standing(level) {
            Standing::Unknown => ("unknown", None, None, None),
            Standing::Unconfirmed => ("unconfirmed", None, None, None),
            Standing::Misplaced { why, .. } => ("misplaced", Some(why), None, None),
            Standing::Confirmed(c) => {
                let age = now.saturating_sub(c.wall_s);
                ("confirmed", Some(&c.how), c.by.as_ref(), Some(age))
            }
        };
        json!({
            "level": level,
            "state": state,
            "detail": detail,
            "by": by,
            "confirmed_s_ago": age,
            "identity": identity.map(|p| &p.identity),
        })
    });
    levels.collect()
}
