//! Lifting a fence: what can be lifted is lifted, and what cannot is named with the command that does it later.

use std::time::Duration;

use futures_util::future::join_all;

use super::{Fencing, Level, Part};
use crate::rt::{Instant, timeout};
use crate::switch::change::vlan_move::{Where, vlan_of};
use crate::switch::fence::lift::{Lift, may_lift, unfence};
use crate::switch::fence::quarantine;
use crate::switch::fence::save::save;
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
    /// It is in place, and stays; with what lifts it later.
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
                Ok(Err((why, commands))) if set => {
                    Lifted::Stays(format!("{why}; when it answers again: {commands}"))
                }
                Err(_) if set => Lifted::Stays(format!(
                    "switch {}: no answer within {within:?}; when it answers again: {}",
                    switches(level),
                    commands(level.parts())
                )),
                Ok(Err((why, _))) => Lifted::NotOurs(why),
                Err(_) => Lifted::NotOurs(format!("switch {} is silent", switches(level))),
            };
            if matches!(lifted, Lifted::Up(_)) {
                self.marks.lifted(i);
            }
            (set, lifted)
        }))
        .await;
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        let mut lifted = false;
        for (set, result) in results {
            match result {
                Lifted::Up(how) => {
                    lifted |= set;
                    done.push(how);
                }
                Lifted::NotOurs(why) => {
                    tracing::info!("not lifted, and not set by us: {why}");
                }
                Lifted::Stays(why) => failed.push(why),
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

    /// Before anything is given away: whether a fence in place that is over several switches could be lifted now.
    ///
    /// # Errors
    /// Why not, and what opens its ports.
    pub async fn liftable(&self) -> Result<(), String> {
        let set = self.levels.iter().enumerate();
        let set: Vec<&Level> = set
            .filter(|(i, _)| self.marks.is_set(*i))
            .map(|(_, l)| l)
            .collect();
        let how = Lift::Known {
            node: self.node.clone(),
        };
        let mut blind = Vec::new();
        for level in set {
            // One level that is lifted is enough.
            if !level.is_spread() {
                return Ok(());
            }
            match all_answer(level, &how, LOOK).await {
                Ok(()) => return Ok(()),
                Err((why, commands)) => blind.push(format!("{why} (by hand: {commands})")),
            }
        }
        match blind.is_empty() {
            true => Ok(()),
            false => Err(blind.join("; ")),
        }
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
            for part in level.parts() {
                let states = part.switch.ports(&part.ports).await.unwrap_or_default();
                let ours = states.into_iter().filter_map(|p| p.tag);
                let ours = ours.filter(|t| t.node == self.node).map(|t| t.epoch);
                highest = highest.max(ours.max());
            }
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

fn switches(level: &Level) -> String {
    let names: Vec<&str> = level.fence.by_switch().map(|(name, _)| name).collect();
    names.join(" and ")
}

fn commands<'a>(parts: impl Iterator<Item = Part<'a>>) -> String {
    let commands = parts.flat_map(|part| {
        let ports = part.ports.iter();
        let commands = ports.map(|p| format!("`standin unfence {}`", part.at(p)));
        commands.collect::<Vec<_>>()
    });
    commands.collect::<Vec<_>>().join(", ")
}

/// In words what is up; or why not, and what lifts the ports that are not.
async fn lift_level(
    level: &Level,
    how: &Lift,
    within: Duration,
) -> Result<String, (String, String)> {
    let end = Instant::now() + within;
    let done = match level.fence.quarantine {
        Some(vlans) => {
            let lifted = quarantine::lift(&level.switch, &level.fence.ports, vlans, within).await;
            lifted.map_err(|e| (e.to_string(), commands(level.parts())))?
        }
        None => {
            if level.is_spread() {
                // Half of the time: the other is for the lifting.
                all_answer(level, how, within / 2).await?;
            }
            let parts = level.parts().map(async |part| {
                let left = end.saturating_duration_since(Instant::now());
                let proof = timeout(left, unfence(part.switch, &part.ports, how, left)).await;
                let why = match proof {
                    Ok(Ok(proof)) => {
                        let up = proof.ports.iter();
                        let up = up.map(|p| format!("{}:{} admin up", proof.switch, p.port));
                        return Ok(up.collect::<Vec<_>>().join(", "));
                    }
                    Ok(Err(e)) => e.to_string(),
                    Err(_) => format!("switch {}: no answer within {within:?}", part.on),
                };
                Err((why, part))
            });
            as_a_whole(join_all(parts).await)?
        }
    };
    for part in level.parts().filter(|_| level.fence.persist) {
        save(part.switch);
    }
    Ok(done)
}

/// Nothing of a level over several switches is lifted while one of them is silent, or would refuse: half a fence keeps
/// nobody away.
async fn all_answer(level: &Level, how: &Lift, within: Duration) -> Result<(), (String, String)> {
    let looks = level.parts().map(async |part| {
        let why = match timeout(within, may_lift(part.switch, &part.ports, how)).await {
            Ok(Ok(())) => return Ok(String::new()),
            Ok(Err(e)) => e.to_string(),
            Err(_) => format!("switch {}: no answer within {within:?}", part.on),
        };
        Err((why, part))
    });
    let whole = as_a_whole(join_all(looks).await);
    whole.map(|_| ()).map_err(|(why, _)| {
        let why =
            format!("{why}; nothing of this level was lifted, since it is lifted only as a whole");
        (why, commands(level.parts()))
    })
}

fn as_a_whole(parts: Vec<Result<String, (String, Part<'_>)>>) -> Result<String, (String, String)> {
    let (mut done, mut whys, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match part {
            Ok(how) => done.push(how),
            Err((why, part)) => {
                whys.push(why);
                left.push(part);
            }
        }
    }
    if left.is_empty() {
        return Ok(done.join(", "));
    }
    whys.extend(done.into_iter().filter(|how| !how.is_empty()));
    Err((whys.join("; "), commands(left.into_iter())))
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
            let mut unread = false;
            for part in level.parts() {
                match part.switch.ports(&part.ports).await {
                    Ok(states) if states.iter().any(|p| p.admin != Admin::Up) => return Some(true),
                    Ok(_) => {}
                    Err(_) => unread = true,
                }
            }
            (!unread).then_some(false)
        }
    }
}

async fn in_vlan(switch: &Switch, port: &str) -> Option<u16> {
    match vlan_of(switch, port).await {
        Ok(Where::In(vlan)) => Some(vlan.0),
        Ok(Where::Between) | Err(_) => None,
    }
}
