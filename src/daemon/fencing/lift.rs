//! Lifting a fence: what can be lifted is lifted, and what cannot is named with the command that does it later.

use std::time::Duration;

use futures_util::future::join_all;

use super::{Fencing, Level};
use crate::daemon::moving::{self, Where};
use crate::daemon::{quarantine, saving};
use crate::rt::timeout;
use crate::switch::unfence::{Lift, unfence};
use crate::switch::{Admin, Switch};
use crate::takeover::event::Outcome;
use crate::types::{Epoch, PortRef};

/// A level that was not written is only looked at, for this long: its switch may be dead, and nothing hangs on it.
const LOOK: Duration = Duration::from_secs(2);

/// What became of one level.
enum Lifted {
    /// Its ports are up, by what.
    Up(String),
    /// Nothing was written there, and it does not answer.
    NotOurs(String),
    /// It is in place, and stays.
    Stays(String),
}

impl Fencing {
    /// Lifts every level's ports that carry our tag; a port that is up already stays.
    ///
    /// Done as soon as one level that was written is lifted: whether the peer is reached by that is proven by the steps
    /// that follow. A level whose switch does not answer stays marked, and is named.
    pub async fn lift(&self, how: &Lift, within: Duration) -> Outcome {
        let any_set = self.marks.any();
        let levels = self.levels.iter().enumerate();
        let levels = levels.filter(|(_, l)| !l.fence.ports.is_empty());
        let results = join_all(levels.map(|(i, level)| async move {
            // Without any mark (a journal of an older version) every level may be in place.
            let set = !any_set || self.marks.is_set(i);
            let within = if set { within } else { within.min(LOOK) };
            let lifted = match timeout(within, lift_level(level, how, within)).await {
                Ok(Ok(done)) => Lifted::Up(done),
                Ok(Err(why)) if set => Lifted::Stays(why),
                Err(_) if set => Lifted::Stays(format!(
                    "switch {}: no answer within {within:?}",
                    level.fence.switch
                )),
                Ok(Err(why)) => Lifted::NotOurs(why),
                Err(_) => Lifted::NotOurs(format!("switch {} is silent", level.fence.switch)),
            };
            if matches!(lifted, Lifted::Up(_)) {
                self.marks.lifted(i);
            }
            (set, level, lifted)
        }))
        .await;
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        let mut lifted = false;
        for (set, level, result) in results {
            match result {
                Lifted::Up(how) => {
                    lifted |= set;
                    done.push(how);
                }
                Lifted::NotOurs(why) => {
                    tracing::info!("not lifted, and not set by us: {why}");
                }
                Lifted::Stays(why) => {
                    let commands = commands(level);
                    failed.push(format!("{why}; when it answers again: {commands}"));
                }
            }
        }
        if !lifted && !failed.is_empty() {
            return Outcome::Failed(failed.join("; "));
        }
        for why in &failed {
            tracing::error!("a level of the fence is not lifted, and stays: {why}");
        }
        done.extend(failed.into_iter().map(|why| format!("NOT lifted: {why}")));
        Outcome::Done(done.join(", "))
    }

    /// Which levels are in place is read: one that was lifted by hand is none any more. At rest only.
    pub async fn look_at_marks(&self) {
        for (i, level) in self.levels.iter().enumerate() {
            if self.marks.is_set(i) && stands(level).await == Some(false) {
                self.marks.lifted(i);
            }
        }
    }

    /// The highest epoch in a tag of this machine on a port of the fence.
    pub async fn tagged_epoch(&self) -> Option<Epoch> {
        let mut highest = None;
        for level in self.levels.iter().filter(|l| l.fence.quarantine.is_none()) {
            let ports: Vec<&str> = level.fence.ports.iter().map(String::as_str).collect();
            let states = level.switch.ports(&ports).await.unwrap_or_default();
            let ours = states.into_iter().filter_map(|p| p.tag);
            let ours = ours.filter(|t| t.node == self.node).map(|t| t.epoch);
            highest = highest.max(ours.max());
        }
        highest
    }

    /// The ports of the levels that are, or may be, in place, with what lifts them.
    pub fn in_place(&self) -> Vec<(PortRef, String)> {
        let standing = self.standing();
        let set = standing.levels.iter().filter(|l| l.set);
        let ports = set.flat_map(|l| l.ports());
        ports
            .map(|at| {
                let command = format!("`standin unfence {at}`");
                (at, command)
            })
            .collect()
    }
}

fn commands(level: &Level) -> String {
    let ports = level.fence.ports.iter();
    let commands = ports.map(|p| format!("`standin unfence {}:{p}`", level.fence.switch));
    commands.collect::<Vec<_>>().join(", ")
}

async fn lift_level(level: &Level, how: &Lift, within: Duration) -> Result<String, String> {
    let done = match level.fence.quarantine {
        Some(vlans) => quarantine::lift(&level.switch, &level.fence, vlans, within).await?,
        None => {
            let ports: Vec<&str> = level.fence.ports.iter().map(String::as_str).collect();
            let proof = unfence(&level.switch, &ports, how, within).await;
            let proof = proof.map_err(|e| e.to_string())?;
            let up = proof.ports.iter();
            let up = up.map(|p| format!("{}:{} admin up", proof.switch, p.port));
            up.collect::<Vec<_>>().join(", ")
        }
    };
    if level.fence.persist {
        saving::save(&level.switch);
    }
    Ok(done)
}

/// False if every port of the level is seen to be open; `None` if that cannot be read.
async fn stands(level: &Level) -> Option<bool> {
    match level.fence.quarantine {
        Some(vlans) => {
            for port in &level.fence.ports {
                if in_vlan(&level.switch, port).await? == vlans.quarantine.0 {
                    return Some(true);
                }
            }
            Some(false)
        }
        None => {
            let ports: Vec<&str> = level.fence.ports.iter().map(String::as_str).collect();
            let states = level.switch.ports(&ports).await.ok()?;
            Some(states.iter().any(|p| p.admin != Admin::Up))
        }
    }
}

async fn in_vlan(switch: &Switch, port: &str) -> Option<u16> {
    match moving::vlan_of(switch, port).await {
        Ok(Where::In(vlan)) => Some(vlan.0),
        Ok(Where::Between) | Err(_) => None,
    }
}
