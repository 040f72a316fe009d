//! Names of a zone point here, and are given back as they were: what the kinds of steps that change names have in common.
//! What is kept, what is given back to whom, and how it is said; how servers are asked is a [`Way`] of the kind's own.

mod read;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};

use super::{Facts, Kit, Look, PlanLine, SiteStep};
use crate::endpoint::dns::{Changed, Kind, NameChange, RecordSet, Zone, read as ask};
use crate::rt::Instant;
use crate::takeover::event::Outcome;

pub(super) use read::{read, servers};

/// A client may keep what it was told for so long, in seconds: more is said.
const LONG_TTL: u32 = 60;
/// Longest time for one message to a name server.
pub(super) const TRY_WITHIN: Duration = Duration::from_secs(2);
/// Between two messages.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// How a kind reaches what serves a zone.
pub(super) trait Way: Send + Sync {
    /// With the secrets that it needs, read now.
    fn open(&self, zone: &str) -> Result<Box<dyn Servers>, String>;

    /// Who is told, in words.
    fn shown(&self) -> String;

    /// The same by hand.
    fn command(&self, zone: &str, records: &[RecordSet]) -> String;
}

/// What became of it, in words.
pub(super) type Said<'a, T = String> = BoxFuture<'a, Result<T, String>>;

/// What serves a zone, for one try.
pub(super) trait Servers: Send + Sync {
    /// What stands at a name, of these types, by whoever tells first.
    fn read<'a>(
        &'a self,
        name: &'a str,
        kinds: &'a [Kind],
        within: Duration,
    ) -> Said<'a, Vec<RecordSet>>;

    /// Changes all of them and reads them back; one server that did not do it is a failure.
    fn change<'a>(&'a self, changes: &'a [NameChange], within: Duration) -> Said<'a>;

    /// Whether it would be taken, without changing anything that matters.
    fn rehearse<'a>(&'a self, changes: &'a [NameChange], within: Duration) -> Said<'a>;
}

/// The step: these names, changed in this way.
struct Names {
    zone: String,
    records: Vec<RecordSet>,
    restores: bool,
    way: Box<dyn Way>,
}

/// What is kept until it is given back, as it was written: at each name what we put there, and what stood there before.
#[derive(Clone, Serialize, Deserialize)]
struct Kept(Vec<NameChange>);

/// An alias stands alone (RFC 1034 section 3.6.2): addresses are what it takes the place of.
fn kinds_beside(set: &RecordSet) -> Vec<Kind> {
    match set.kind() {
        Kind::Cname => vec![Kind::A, Kind::Aaaa, Kind::Cname],
        kind => vec![kind, Kind::Cname],
    }
}

impl Names {
    /// `from`: what is known of each name.
    fn wanted(&self, from: &[NameChange]) -> Vec<NameChange> {
        let records = self.records.iter();
        records
            .map(|set| {
                let to = vec![set.clone()];
                let known = from.iter().find(|c| c.name == set.name() && c.to == to);
                NameChange {
                    name: set.name().to_owned(),
                    from: known.and_then(|c| c.from.clone()),
                    to,
                }
            })
            .collect()
    }

    /// What stands at each name now.
    async fn read_now(
        &self,
        zone: &dyn Servers,
        within: Duration,
    ) -> Result<Vec<Vec<RecordSet>>, String> {
        let begun = Instant::now();
        let mut all = Vec::new();
        for set in &self.records {
            let left = within.saturating_sub(begun.elapsed());
            all.push(zone.read(set.name(), &kinds_beside(set), left).await?);
        }
        Ok(all)
    }

    /// Keeps what stands there, once: a try that is made again may find what we wrote ourselves.
    async fn keep_before(&self, zone: &dyn Servers, kit: &Kit) -> Result<Vec<NameChange>, String> {
        if !self.restores {
            return Ok(Vec::new());
        }
        let kept = kit.memory.recall::<Kept>().map_or_else(Vec::new, |k| k.0);
        let known = |set: &RecordSet| kept.iter().find(|c| c.name == set.name());
        if self
            .records
            .iter()
            .all(|set| known(set).is_some_and(|c| c.to == [set.clone()]))
        {
            return Ok(kept);
        }
        let now = self.read_now(zone, kit.within / 3).await.map_err(|e| {
            format!("what stands there cannot be read, and nothing was changed: {e}")
        })?;
        // Of a name that is ours already it is known what stood there before us.
        let mut changes: Vec<NameChange> = (self.records.iter().zip(now))
            .map(|(set, now)| NameChange {
                name: set.name().to_owned(),
                to: vec![set.clone()],
                from: known(set).map_or(Some(now), |c| c.from.clone()),
            })
            .collect();
        let gone = kept
            .iter()
            .filter(|c| self.records.iter().all(|r| r.name() != c.name));
        changes.extend(gone.cloned());
        kit.memory.keep(&Kept(changes.clone())).map_err(|why| {
            format!("what stood there cannot be kept, and nothing was changed: {why}")
        })?;
        // What was ours under another value is replaced whatever stood there before.
        let other = |c: &NameChange| kept.iter().any(|k| k.name == c.name && k.to != c.to);
        changes.retain(|c| !other(c));
        Ok(changes)
    }

    /// Names at which one of our values stands, whatever its TTL.
    async fn ours(&self, zone: &dyn Servers, kit: &Kit) -> Result<Vec<&str>, String> {
        let now = self.read_now(zone, kit.within / 3).await?;
        let ours = now.iter().zip(&self.records);
        let ours = ours.filter(|(now, set)| now.iter().any(|n| n.has_values_of(set)));
        Ok(ours.map(|(_, set)| set.name()).collect())
    }

    async fn give_back(&self, kit: &Kit) -> Result<String, String> {
        let zone = self.way.open(&self.zone)?;
        let Some(Kept(changes)) = kit.memory.recall() else {
            // It is kept before anything is changed; so nothing was, unless the file is lost.
            let ours = self.ours(&*zone, kit).await?;
            return match ours.is_empty() {
                true => Ok("nothing of ours stands there".to_owned()),
                false => Err(format!(
                    "what we wrote stands at {}, and what stood there before is not known: put it right by hand",
                    ours.join(", ")
                )),
            };
        };
        let back: Vec<NameChange> = (changes.into_iter())
            .map(|c| NameChange {
                name: c.name,
                to: c.from.unwrap_or_default(),
                from: Some(c.to),
            })
            .collect();
        let said = zone.change(&back, own_time(kit)).await?;
        kit.memory.forget();
        Ok(format!("given back: {said}"))
    }

    async fn change(&self, kit: &Kit) -> Result<String, String> {
        let begun = Instant::now();
        let zone = self.way.open(&self.zone)?;
        let known = self.keep_before(&*zone, kit).await?;
        let left = own_time(kit).saturating_sub(begun.elapsed());
        let changed = zone.change(&self.wanted(&known), left).await;
        // Somebody else was quicker, and nothing of ours stands there: what stands there then is what is given back.
        let here = |c: &NameChange| self.records.iter().any(|r| r.name() == c.name);
        if changed.is_err()
            && known.iter().all(here)
            && self
                .ours(&*zone, kit)
                .await
                .is_ok_and(|ours| ours.is_empty())
        {
            kit.memory.forget();
        }
        changed
    }
}

/// So that our own words are heard before the step is stopped.
fn own_time(kit: &Kit) -> Duration {
    kit.within - kit.within / 20
}

/// What was done, in words.
pub(super) fn words(done: &Changed) -> String {
    let how = match (done.already, done.reply_lost) {
        (true, _) => "it stands there already".to_owned(),
        (false, true) => format!(
            "no answer said so, but it is read back after {} ms",
            done.took.as_millis()
        ),
        (false, false) => format!("read back after {} ms", done.took.as_millis()),
    };
    let note = done
        .note
        .as_ref()
        .map(|n| format!(" ({n})"))
        .unwrap_or_default();
    format!("{how}{note}")
}

fn list(sets: &[RecordSet]) -> String {
    let all: Vec<String> = sets.iter().map(ToString::to_string).collect();
    all.join(", ")
}

/// Servers as they stand in a text.
pub(super) fn listed(servers: &[SocketAddr]) -> String {
    let all: Vec<String> = servers.iter().map(ToString::to_string).collect();
    all.join(", ")
}

/// Whether servers that are only read answer for the zone.
pub(super) async fn answer(
    zone: &Zone,
    readers: &[SocketAddr],
    changes: &[NameChange],
    within: Duration,
) -> Result<(), String> {
    let Some(set) = changes.iter().flat_map(|c| &c.to).next() else {
        return Ok(());
    };
    let kinds = [set.kind()];
    let asked = readers
        .iter()
        .map(|r| ask(zone, *r, set.name(), &kinds, within));
    let all = futures_util::future::join_all(asked).await;
    let silent = all.into_iter().filter_map(Result::err);
    let silent: Vec<String> = silent.map(|e| e.to_string()).collect();
    match silent.is_empty() {
        true => Ok(()),
        false => Err(silent.join("; ")),
    }
}

impl SiteStep for Names {
    fn plan(&self, _: &Facts) -> PlanLine {
        let records: Vec<String> = self.records.iter().map(ToString::to_string).collect();
        PlanLine {
            what: format!("{} at {}", records.join("; "), self.way.shown()),
            command: Some(self.way.command(&self.zone, &self.records)),
            undo: self
                .restores
                .then(|| "what stood there before is put back, and read back".to_owned()),
        }
    }

    fn undoes(&self) -> bool {
        self.restores
    }

    fn check<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Result<Look, String>> {
        async move {
            let zone = self.way.open(&self.zone)?;
            zone.rehearse(&self.wanted(&[]), own_time(kit)).await?;
            let now = self.read_now(&*zone, kit.within / 2).await?;
            let shown = now.iter().zip(&self.records);
            let shown = shown.map(|(now, set)| match now.is_empty() {
                true => format!("nothing stands at {}", set.name()),
                false => list(now),
            });
            let shown: Vec<String> = shown.collect();
            let slow = now.iter().flatten().filter(|s| s.ttl() > LONG_TTL);
            let warnings = slow.map(|s| {
                format!(
                    "{} {} stands with a TTL of {} s: for so long clients may keep what stands there after a takeover; \
                     make it {LONG_TTL} s or less before",
                    s.name(),
                    s.kind(),
                    s.ttl()
                )
            });
            Ok(Look {
                said: format!("may be changed; now {}", shown.join("; ")),
                warnings: warnings.collect(),
            })
        }
        .boxed()
    }

    fn apply<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Outcome> {
        async move {
            match self.change(kit).await {
                Ok(how) => Outcome::Done(how),
                Err(why) => Outcome::Failed(why),
            }
        }
        .boxed()
    }

    fn undo<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Outcome> {
        async move {
            match self.give_back(kit).await {
                Ok(how) => Outcome::Done(how),
                Err(why) => Outcome::Failed(why),
            }
        }
        .boxed()
    }
}
