//! Whether the levels' ports are the peer's, as one look sees it: plain values for the core.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::super::auto::Auto;
use super::super::bursting::Asker;
use super::{Fencing, Level, Part};
use crate::config;
use crate::rt::Instant;
use crate::switch::read::placing::Placing;
use crate::switch::read::placing_together::place_together;
use crate::takeover::placement::{Seen, Sight};
use crate::types::MacAddr;

/// Whether the forwarding table's port numbers are to be believed is looked at again after this: it takes whole tables.
const NUMBERED_FOR: Duration = Duration::from_secs(3600);

/// How the core and people call a level: the switch and its ports, and each further switch and its ports.
pub fn level_name(fence: &config::Fence) -> String {
    let parts = fence.by_switch().map(|(switch, ports)| match fence.auto {
        true => format!("{switch}:auto"),
        false => format!("{switch}:{}", ports.join(",")),
    });
    let how = if fence.quarantine.is_some() {
        " (quarantine)"
    } else {
        ""
    };
    format!("{}{how}", parts.collect::<Vec<_>>().join(" + "))
}

/// A fence is under way as long as this lives.
pub(super) struct Urgent(Arc<AtomicU32>);

impl Urgent {
    pub(super) fn begin(count: &Arc<AtomicU32>) -> Urgent {
        count.fetch_add(1, Ordering::SeqCst);
        Urgent(count.clone())
    }
}

impl Drop for Urgent {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Fencing {
    /// One look at every level, while the peer answers. It ends after the request that is on its way when a fence is
    /// ordered: what was not looked at by then is unread.
    pub async fn sights(&self, macs: &[MacAddr]) -> Vec<Sight> {
        self.sights_by(macs, None).await
    }

    /// The same; where a switch tells no MAC addresses, `asker` sends a burst that its counters must follow.
    pub(in crate::daemon) async fn sights_by(
        &self,
        macs: &[MacAddr],
        asker: Option<&Asker>,
    ) -> Vec<Sight> {
        let mut out = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            let (identity, seen) = if self.is_urgent() {
                let why = "a fence is under way".to_owned();
                (String::new(), Seen::Unread { why })
            } else {
                self.sight(level, macs, asker).await
            };
            out.push(Sight {
                level: level.name.clone(),
                identity,
                seen,
            });
        }
        out
    }

    /// Where the peer is, seen from the levels that stand: on their ports, elsewhere on one of their switches, or nowhere;
    /// and how long a switch keeps what it has learned. Single rows of the forwarding tables; a fence goes first.
    pub(in crate::daemon) async fn look_past(&self, macs: &[MacAddr]) -> (Seen, Option<Duration>) {
        let mut ageing = None;
        let all = !self.marks.any();
        let standing = self.levels.iter().enumerate();
        let standing = standing.filter(|(i, _)| all || self.marks.is_set(*i));
        for part in standing.flat_map(|(_, level)| level.parts()) {
            if self.is_urgent() {
                let why = "a fence is under way".to_owned();
                return (Seen::Unread { why }, None);
            }
            ageing = ageing.max(part.switch.ageing().await);
            let seen = match part.switch.elsewhere(&part.ports, macs).await {
                Ok(None) => continue,
                Ok(Some((at, why))) => Seen::Elsewhere { at, why },
                Err(e) => Seen::Unread { why: e.to_string() },
            };
            return (seen, ageing.map(|s| Duration::from_secs(s.into())));
        }
        (Seen::Nowhere, None)
    }

    /// A fence was ordered, and looks have to stop.
    pub(in crate::daemon) fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::SeqCst) > 0
    }

    async fn sight(
        &self,
        level: &Level,
        macs: &[MacAddr],
        asker: Option<&Asker>,
    ) -> (String, Seen) {
        if let (Auto::Unknown { why, .. }, true) = (&level.auto, level.fence.ports.is_empty()) {
            return (String::new(), Seen::Unread { why: why.clone() });
        }
        let parts: Vec<_> = level.parts().map(|p| (p.switch, p.ports)).collect();
        let look = place_together(&parts, macs, &self.own_macs).await;
        let seen = match look.placing {
            Err(why) => Seen::Unread { why },
            Ok(Placing::Here { how, .. }) => {
                for (part, aggregate) in level.parts().zip(look.aggregates) {
                    self.note_aggregate(level, part.on, aggregate);
                }
                match self.misread(level).await {
                    None => Seen::Here { how },
                    Some(why) => Seen::Elsewhere {
                        at: "a misread table".to_owned(),
                        why,
                    },
                }
            }
            Ok(Placing::Elsewhere { at, why }) => Seen::Elsewhere { at, why },
            Ok(Placing::Nowhere) => Seen::Nowhere,
            Ok(Placing::Untold) => match asker {
                Some(asker) => self.by_traffic(level, asker).await,
                None => Seen::Untold,
            },
        };
        (look.identity, seen)
    }

    /// Why a switch's port numbers are not believed.
    async fn misread(&self, level: &Level) -> Option<String> {
        for part in level.parts() {
            if let Some(why) = self.misread_on(&part).await {
                return Some(format!("switch {}: {why}", part.on));
            }
        }
        None
    }

    /// The same of one switch. Looked at anew after [`NUMBERED_FOR`], or if it was so before.
    async fn misread_on(&self, part: &Part<'_>) -> Option<String> {
        let name = part.on;
        let known = |all: &BTreeMap<String, Instant>| {
            all.get(name).is_some_and(|at| at.elapsed() < NUMBERED_FOR)
        };
        if known(&self.numbered.lock().unwrap_or_else(PoisonError::into_inner)) {
            return None;
        }
        // A switch that cannot be walked contradicts nothing.
        let why = part.switch.numbering().await.ok()?;
        let mut all = self.numbered.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            None => all.insert(name.to_owned(), Instant::now()),
            Some(_) => all.remove(name),
        };
        why
    }

    fn note_aggregate(&self, level: &Level, on: &str, aggregate: Option<String>) {
        let mut all = self
            .aggregates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let key = (level.name.clone(), on.to_owned());
        match aggregate {
            Some(name) => all.insert(key, name),
            None => all.remove(&key),
        };
    }

    /// Ports of this switch of the level that are no others than the fenced ones, whatever their names: an aggregate of them, and
    /// where the tables have the peer although a person says that it is here.
    pub(super) fn counted_as_fenced(
        &self,
        level: &Level,
        on: &str,
        in_spite_of: &[String],
    ) -> Vec<String> {
        let all = self
            .aggregates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let switch = format!("{on}:");
        let wrong = in_spite_of.iter().filter_map(|at| {
            let port = at.strip_prefix(&switch)?;
            Some(port.split(" (").next().unwrap_or(port).to_owned())
        });
        all.get(&(level.name.clone(), on.to_owned()))
            .cloned()
            .into_iter()
            .chain(wrong)
            .collect()
    }

    /// The levels' names, in their order.
    pub fn level_names(&self) -> Vec<String> {
        self.levels.iter().map(|l| l.name.clone()).collect()
    }
}
