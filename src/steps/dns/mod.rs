//! `kind = "dns"`: names of a zone point here, by RFC 2136 updates, and are given back as they were.

mod read;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::{Facts, Kind, Kit, PlanLine, SiteStep};
use crate::config::{SecretForm, secret_file};
use crate::endpoint::dns::{
    self, NameChange, RecordSet, TsigKey, Zone, ZoneReport, change, rehearse,
};
use crate::rt::Instant;
use crate::takeover::event::Outcome;

pub(super) const KIND: Kind = Kind {
    name: "dns",
    read: read::read,
};

/// Longest time for one message.
const TRY_WITHIN: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);

struct Dns {
    zone: String,
    servers: Vec<SocketAddr>,
    readers: Vec<SocketAddr>,
    key_file: Option<PathBuf>,
    records: Vec<RecordSet>,
    restores: bool,
}

/// What is kept until it is given back, as it was written: at each name what we put there, and what stood there before.
#[derive(Clone, Serialize, Deserialize)]
struct Kept(Vec<NameChange>);

impl Dns {
    fn zone(&self) -> Result<Zone, String> {
        let key = match &self.key_file {
            None => None,
            Some(file) => {
                let text = secret_file(file, SecretForm::KeyFile)?;
                let key = TsigKey::parse(text.expose_secret());
                Some(key.map_err(|why| format!("{}: {why}", file.display()))?)
            }
        };
        Ok(Zone {
            name: self.zone.clone(),
            key,
            servers: self.servers.clone(),
            readers: self.readers.clone(),
            try_within: TRY_WITHIN,
            pause: PAUSE,
        })
    }

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

    /// What stands at each name now, by the first server that tells.
    async fn read_now(&self, zone: &Zone, within: Duration) -> Result<Vec<Vec<RecordSet>>, String> {
        let begun = Instant::now();
        let mut all = Vec::new();
        for set in &self.records {
            // An alias stands alone (RFC 1034 section 3.6.2): addresses are what it takes the place of.
            let kinds = match set.kind() {
                dns::Kind::Cname => vec![dns::Kind::A, dns::Kind::Aaaa, dns::Kind::Cname],
                kind => vec![kind, dns::Kind::Cname],
            };
            let mut why = String::new();
            let mut found = None;
            for server in &zone.servers {
                let left = within.saturating_sub(begun.elapsed());
                match dns::read(zone, *server, set.name(), &kinds, left).await {
                    Ok(sets) => {
                        found = Some(sets);
                        break;
                    }
                    Err(e) => why = e.to_string(),
                }
            }
            all.push(found.ok_or(why)?);
        }
        Ok(all)
    }

    /// Keeps what stands there, once: a try that is made again may find what we wrote ourselves.
    async fn keep_before(&self, zone: &Zone, kit: &Kit) -> Result<Vec<NameChange>, String> {
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
    async fn ours(&self, zone: &Zone, kit: &Kit) -> Result<Vec<&str>, String> {
        let now = self.read_now(zone, kit.within / 3).await?;
        let ours = now.iter().zip(&self.records);
        let ours = ours.filter(|(now, set)| now.iter().any(|n| n.has_values_of(set)));
        Ok(ours.map(|(_, set)| set.name()).collect())
    }

    async fn give_back(&self, kit: &Kit) -> Result<String, String> {
        let zone = self.zone()?;
        let Some(Kept(changes)) = kit.memory.recall() else {
            // It is kept before anything is changed; so nothing was, unless the file is lost.
            let ours = self.ours(&zone, kit).await?;
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
        let said = told(&change(&zone, &back, own_time(kit)).await)?;
        kit.memory.forget();
        Ok(format!("given back: {said}"))
    }

    async fn change(&self, kit: &Kit) -> Result<String, String> {
        let begun = Instant::now();
        let zone = self.zone()?;
        let known = self.keep_before(&zone, kit).await?;
        let left = own_time(kit).saturating_sub(begun.elapsed());
        let changed = told(&change(&zone, &self.wanted(&known), left).await);
        // Somebody else was quicker, and nothing of ours stands there: what stands there then is what is given back.
        let here = |c: &NameChange| self.records.iter().any(|r| r.name() == c.name);
        if changed.is_err()
            && known.iter().all(here)
            && self
                .ours(&zone, kit)
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

/// What became of it at all servers; one that did not do it is a failure.
fn told(report: &ZoneReport) -> Result<String, String> {
    let errors: Vec<String> = report.errors().map(ToString::to_string).collect();
    if !errors.is_empty() {
        return Err(errors.join("; "));
    }
    let each = report.servers.iter().filter_map(|s| {
        let done = s.outcome.as_ref().ok()?;
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
        Some(format!("{}: {how}{note}", s.server))
    });
    Ok(each.collect::<Vec<_>>().join("; "))
}

impl SiteStep for Dns {
    fn plan(&self, _: &Facts) -> PlanLine {
        let list = |all: &[SocketAddr]| {
            all.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let records: Vec<String> = self.records.iter().map(ToString::to_string).collect();
        let key = self
            .key_file
            .as_ref()
            .map(|f| format!(" -k {}", f.display()))
            .unwrap_or_default();
        let edits = self.records.iter().flat_map(|r| {
            let gone = [format!("update delete {} {}", r.name(), r.kind())];
            let new = r
                .values()
                .iter()
                .map(|v| format!("update add {} {} {} {v}", r.name(), r.ttl(), r.kind()));
            gone.into_iter().chain(new).collect::<Vec<_>>()
        });
        let edits: Vec<String> = edits.collect();
        let server = self
            .servers
            .first()
            .map(|s| format!("server {} {}\n", s.ip(), s.port()))
            .unwrap_or_default();
        PlanLine {
            what: format!(
                "{} at {}, read back from each of them",
                records.join("; "),
                list(&self.servers)
            ),
            command: Some(format!(
                "nsupdate{key} <<'EOF'\n{server}{}\nsend\nEOF",
                edits.join("\n")
            )),
            undo: self
                .restores
                .then(|| "what stood there before is put back, and read back".to_owned()),
        }
    }

    fn undoes(&self) -> bool {
        self.restores
    }

    fn check<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Result<String, String>> {
        async move {
            let zone = self.zone()?;
            told(&rehearse(&zone, &self.wanted(&[]), own_time(kit)).await)?;
            let now = self.read_now(&zone, kit.within / 2).await?;
            let shown = now
                .iter()
                .zip(&self.records)
                .map(|(now, set)| match now.is_empty() {
                    true => format!("nothing stands at {}", set.name()),
                    false => now
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(", "),
                });
            let shown: Vec<String> = shown.collect();
            Ok(format!("may be changed; now {}", shown.join("; ")))
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
