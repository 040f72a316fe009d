//! Changing names at every server of a zone, and reading them back.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use hickory_proto::op::ResponseCode;
use serde::{Deserialize, Serialize};

use super::error::{DnsError, Fault, list};
use super::message::{Edit, update};
use super::record::{Kind, RecordSet};
use super::session::Session;
use super::zone::Zone;
use crate::rt::{self, Instant};

/// What is to stand at a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameChange {
    /// The absolute name, in lower case: [`super::absolute`].
    pub name: String,
    /// What is to stand there; nothing: its records of the types of `from` go.
    pub to: Vec<RecordSet>,
    /// What must stand there before, whatever its TTL. `None`: what is found, as long as it is what is then replaced.
    pub from: Option<Vec<RecordSet>>,
}

/// What one server did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// What stood at each name of the change before, in their order: to be restored. `None`: what is wanted stood there
    /// already, and nobody said what was there before.
    pub before: Vec<Option<Vec<RecordSet>>>,
    /// It stood there already; nothing was sent.
    pub already: bool,
    /// It was found done although no answer said so.
    pub reply_lost: bool,
    /// Messages that were sent, questions among them.
    pub sent: u32,
    /// How long it took until it was read back.
    pub took: Duration,
    /// What a person should know, such as a TTL that the server made another.
    pub note: Option<String>,
}

/// A server, and what became of the change there.
#[derive(Clone, Debug)]
pub struct ServerReport {
    /// Which.
    pub server: SocketAddr,
    /// Whether it was to be changed, or only to be read.
    pub takes_changes: bool,
    /// What became of it.
    pub outcome: Result<Changed, DnsError>,
}

/// What became of a change, by server.
#[derive(Clone, Debug)]
pub struct ZoneReport {
    /// In the order of [`Zone::servers`], then [`Zone::readers`].
    pub servers: Vec<ServerReport>,
}

impl ZoneReport {
    /// Those that did not do it.
    pub fn errors(&self) -> impl Iterator<Item = &DnsError> {
        self.servers.iter().filter_map(|s| s.outcome.as_ref().err())
    }

    /// What stood before, by the first server that knows it.
    pub fn before(&self) -> Option<&[Option<Vec<RecordSet>>]> {
        let changed = self.servers.iter().filter(|s| s.takes_changes);
        let mut changed = changed.filter_map(|s| s.outcome.as_ref().ok());
        changed
            .find(|c| c.before.iter().all(Option::is_some))
            .map(|c| c.before.as_slice())
    }
}

/// The types at a name that a change is about: what it brings and takes, and what cannot stand beside that.
pub(in crate::endpoint) fn kinds_of(change: &NameChange) -> Vec<Kind> {
    let sets = change.to.iter().chain(change.from.iter().flatten());
    let mut kinds: Vec<Kind> = sets.map(RecordSet::kind).collect();
    let has_alias = kinds.contains(&Kind::Cname);
    match has_alias {
        // An alias stands alone (RFC 1034, 3.6.2); addresses are what it takes the place of.
        true => kinds.extend([Kind::A, Kind::Aaaa]),
        false => kinds.push(Kind::Cname),
    }
    kinds.sort();
    kinds.dedup();
    kinds
}

pub(in crate::endpoint) fn has_same_values(a: &[RecordSet], b: &[RecordSet]) -> bool {
    a.len() == b.len() && a.iter().all(|x| b.iter().any(|y| x.has_values_of(y)))
}

pub(in crate::endpoint) fn is_same(a: &[RecordSet], b: &[RecordSet]) -> bool {
    a.len() == b.len() && a.iter().all(|x| b.contains(x))
}

/// Changes the names at all servers at once, each until it answers with the change or the time is over.
pub async fn change(zone: &Zone, changes: &[NameChange], within: Duration) -> ZoneReport {
    let deadline = Instant::now() + within;
    let takers = zone.servers.iter().map(|s| (*s, true));
    let readers = zone.readers.iter().map(|s| (*s, false));
    let work = takers
        .chain(readers)
        .map(|(server, takes_changes)| async move {
            let mut session = Session::new(zone, server, takes_changes, deadline);
            let outcome = match takes_changes {
                true => session.change(changes).await,
                false => session.wait_until_shown(changes).await,
            };
            ServerReport {
                server,
                takes_changes,
                outcome: outcome.map_err(|fault| session.error(what(changes), fault)),
            }
        });
    ZoneReport {
        servers: join_all(work).await,
    }
}

/// Proves that the names could be changed: what stands there is replaced by itself, under the same prerequisites.
pub async fn rehearse(zone: &Zone, changes: &[NameChange], within: Duration) -> ZoneReport {
    let deadline = Instant::now() + within;
    let work = zone.servers.iter().map(|server| async move {
        let mut session = Session::new(zone, *server, true, deadline);
        let outcome = session.rehearse(changes).await;
        ServerReport {
            server: *server,
            takes_changes: true,
            outcome: outcome.map_err(|fault| session.error(what(changes), fault)),
        }
    });
    ZoneReport {
        servers: join_all(work).await,
    }
}

/// What stands at a name at one server of the zone, of these types; an alias is told wherever there is one.
///
/// # Errors
/// The server does not tell, or not as the zone's server.
pub async fn read(
    zone: &Zone,
    server: SocketAddr,
    name: &str,
    kinds: &[Kind],
    within: Duration,
) -> Result<Vec<RecordSet>, DnsError> {
    let takes_changes = zone.servers.contains(&server);
    let mut session = Session::new(zone, server, takes_changes, Instant::now() + within);
    let found = session.read_name(name, kinds).await;
    found.map_err(|fault| session.error(format!("read {name}"), fault))
}

fn what(changes: &[NameChange]) -> String {
    let names: Vec<&str> = changes.iter().map(|c| c.name.as_str()).collect();
    format!("change {}", names.join(", "))
}

impl Session<'_> {
    async fn read_all(&mut self, changes: &[NameChange]) -> Result<Vec<Vec<RecordSet>>, Fault> {
        let mut all = Vec::new();
        for change in changes {
            let mut kinds = kinds_of(change);
            // Asking for another type tells of an alias too: one question less.
            if kinds.len() == 2 && kinds.contains(&Kind::Cname) {
                kinds.retain(|k| *k != Kind::Cname);
            }
            all.push(self.read_name(&change.name, &kinds).await?);
        }
        Ok(all)
    }

    async fn change(&mut self, changes: &[NameChange]) -> Result<Changed, Fault> {
        let mut before: Option<Vec<Option<Vec<RecordSet>>>> = None;
        // What the last update got: nothing sent yet, accepted, or why not.
        let mut last: Option<Result<(), Fault>> = None;
        loop {
            let stands = self.read_all(changes).await.map_err(|read| match &last {
                // Why it was not done says more than that it cannot be read back now.
                Some(Err(fault)) if !fault.may_pass() => fault.clone(),
                _ => read,
            })?;
            self.is_unclear = false;
            let before = before.get_or_insert_with(|| first_found(changes, &stands));
            let differing: Vec<usize> = (0..changes.len())
                .filter(|i| !has_same_values(&stands[*i], &changes[*i].to))
                .collect();
            let is_whole = (stands.iter().zip(changes)).all(|(s, c)| is_same(s, &c.to));
            let accepted = matches!(last, Some(Ok(())));
            if differing.is_empty() && (is_whole || accepted) {
                return Ok(Changed {
                    before: before.clone(),
                    already: last.is_none(),
                    reply_lost: matches!(last, Some(Err(_))),
                    sent: self.sent,
                    took: self.begun.elapsed(),
                    note: (!is_whole).then(|| {
                        let shown = list(&stands.concat());
                        format!("the server made another TTL of it: {shown}")
                    }),
                });
            }
            for i in differing {
                let expected = changes[i].from.as_ref().or(before[i].as_ref());
                // It stood already when it was first looked at, and does no more.
                let expected = expected.unwrap_or(&changes[i].to);
                if !has_same_values(&stands[i], expected) {
                    return Err(Fault::Conflict {
                        expected: expected.clone(),
                        now: stands[i].clone(),
                    });
                }
            }
            match &last {
                Some(Err(fault)) if !fault.may_pass() => return Err(fault.clone()),
                Some(Err(fault)) if self.is_over() => return Err(self.in_all(fault.clone())),
                Some(Ok(())) if self.is_over() => {
                    return Err(Fault::NotShown {
                        shown: stands.concat(),
                    });
                }
                Some(_) => rt::sleep(self.zone.pause).await,
                None => {}
            }
            if !accepted {
                last = Some(self.update(changes, &stands, false).await);
            }
        }
    }

    /// One update from what stands to what is wanted.
    async fn update(
        &mut self,
        changes: &[NameChange],
        stands: &[Vec<RecordSet>],
        writes_all: bool,
    ) -> Result<(), Fault> {
        let edits: Vec<Edit<'_>> = (changes.iter().zip(stands))
            .map(|(change, stands)| Edit {
                name: &change.name,
                kinds: kinds_of(change),
                stands: stands.clone(),
                to: &change.to,
            })
            .collect();
        let id = rt::random() as u16;
        let message = update(id, &self.zone.name, &edits, writes_all).map_err(Fault::Unfit)?;
        self.is_unclear = true;
        let answer = self.send(&message).await;
        if let Err(fault) = &answer {
            self.is_unclear = fault.may_pass();
        }
        match answer?.response_code {
            ResponseCode::NoError => Ok(()),
            // Somebody was quicker, or we were and the answer was lost: what stands there says which.
            _ => Err(Fault::NotReally {
                shown: stands.concat(),
            }),
        }
    }

    /// What stands there is written again; that it stands afterwards proves nothing, the answer does.
    async fn rehearse(&mut self, changes: &[NameChange]) -> Result<Changed, Fault> {
        loop {
            let stands = self.read_all(changes).await?;
            let same: Vec<NameChange> = (changes.iter().zip(&stands))
                .map(|(change, stands)| NameChange {
                    name: change.name.clone(),
                    to: stands.clone(),
                    from: None,
                })
                .collect();
            let is_nothing = stands.iter().all(Vec::is_empty);
            match self.update(&same, &stands, true).await {
                Ok(()) => {
                    return Ok(Changed {
                        before: stands.into_iter().map(Some).collect(),
                        already: true,
                        reply_lost: false,
                        sent: self.sent,
                        took: self.begun.elapsed(),
                        note: is_nothing
                            .then(|| "nothing stands there yet: only the key was tried".to_owned()),
                    });
                }
                Err(fault) if !fault.may_pass() || self.is_over() => return Err(self.in_all(fault)),
                Err(_) => rt::sleep(self.zone.pause).await,
            }
        }
    }

    /// Of one that is only read: until it answers with the change.
    async fn wait_until_shown(&mut self, changes: &[NameChange]) -> Result<Changed, Fault> {
        loop {
            let stands = self.read_all(changes).await?;
            if (stands.iter().zip(changes)).all(|(s, c)| has_same_values(s, &c.to)) {
                return Ok(Changed {
                    before: vec![None; changes.len()],
                    already: false,
                    reply_lost: false,
                    sent: self.sent,
                    took: self.begun.elapsed(),
                    note: None,
                });
            }
            if self.is_over() {
                return Err(Fault::NotCopied {
                    shown: stands.concat(),
                });
            }
            rt::sleep(self.zone.pause).await;
        }
    }
}

/// What stood before, as far as it can be known at the first look.
pub(in crate::endpoint) fn first_found(
    changes: &[NameChange],
    stands: &[Vec<RecordSet>],
) -> Vec<Option<Vec<RecordSet>>> {
    let each = changes.iter().zip(stands).map(|(change, stands)| {
        if is_same(stands, &change.to) {
            return change.from.clone();
        }
        // With the TTL that it has there.
        Some(stands.clone())
    });
    each.collect()
}
