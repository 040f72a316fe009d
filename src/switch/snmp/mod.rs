//! SNMP as this program needs it, and the one implementation of it. Only this file and its
//! neighbours `walk` (tables), `explain` (errors), `wire` (values) and `client` (sockets, or whatever
//! else carries datagrams) know the SNMP crate.

pub(in crate::switch) mod by_hand;
mod client;
mod error;
mod explain;
mod habits;
mod socket;
pub mod target;
pub mod traps;
mod walk;
mod wire;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_snmp::v3::ReportStatus;
use async_snmp::{ClientBuilder, EngineCache, Error, ErrorStatus, Retry, UdpTransport};
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use crate::host::Datagrams;
use crate::rt::{self, Instant};
use crate::switch::model::value::{Oid, Value};
use crate::switch::render::SetVar;
use client::{Asker, Handed};
pub use error::{Attempt, SnmpError};
use habits::Habits;
use socket::OwnPort;
use target::{Credentials, PrivAlgorithm, SnmpTarget};
use wire::{auth, des_salts, theirs, value, wire};

/// The answer to come of one request.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, SnmpError>>;

/// Objects in one GET; more are asked for in several. 48 status objects fit into one Ethernet frame.
const PER_GET: usize = 48;

/// What is asked of an SNMP agent. Every call has its own timeout and retries.
pub trait Snmp: Send + Sync {
    /// Reads these instances, in this order; one that is not there is [`Value::Absent`].
    fn get<'a>(&'a self, oids: &'a [Oid]) -> Answer<'a, Vec<Value>>;
    /// Writes these instances in one PDU. An answer proves nothing but that the switch sent one.
    fn set_many<'a>(&'a self, vars: &'a [SetVar]) -> Answer<'a, ()>;
    /// Reads all instances below `column`.
    fn walk<'a>(&'a self, column: &'a Oid) -> Answer<'a, Vec<(Oid, Value)>>;
    /// The same agent, asked about one VLAN by a community or context of its own (`[snmp.per_vlan]` of the profile).
    /// `None` where the profile has no such rule.
    fn of_vlan(&self, vlan: u16) -> Option<Arc<dyn Snmp>>;
    /// What changed about the agent's SNMPv3 engine (RFC 3414) since this was asked last, in words.
    fn engine_news(&self) -> Option<String> {
        None
    }
}

/// SNMP over UDP. The socket is opened and the v3 keys are computed at the first request.
pub struct UdpSnmp {
    pub(super) target: SnmpTarget,
    /// Instead of a socket of its own.
    way: Option<Arc<dyn Datagrams>>,
    client: Mutex<Option<Kept>>,
    vlans: std::sync::Mutex<BTreeMap<u16, Arc<UdpSnmp>>>,
    habits: std::sync::Mutex<Habits>,
    /// Held for each step of a walk, and for every reading of a slow agent: some handle one request at a time.
    pub(super) turn: Mutex<()>,
}

struct Kept {
    client: Asker,
    /// What is known of its SNMPv3 engine.
    engines: Arc<EngineCache>,
    _port: Option<OwnPort>,
}

impl UdpSnmp {
    /// For this switch; sends nothing yet.
    pub fn new(target: SnmpTarget) -> UdpSnmp {
        UdpSnmp::by(target, None)
    }

    /// The same over these datagrams instead of a socket, where there are any.
    pub fn by(target: SnmpTarget, way: Option<Arc<dyn Datagrams>>) -> UdpSnmp {
        UdpSnmp {
            way,
            habits: std::sync::Mutex::new(Habits::new(target.timeout, target.retries)),
            target,
            client: Mutex::default(),
            vlans: std::sync::Mutex::default(),
            turn: Mutex::default(),
        }
    }

    /// What was learned of this agent; every change of it is whole, so that it is usable after a panic elsewhere.
    pub(super) fn habits(&self) -> std::sync::MutexGuard<'_, Habits> {
        self.habits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_answered(&self) -> bool {
        self.habits().has_answered
    }

    pub(super) async fn client(&self, request: &str) -> Result<Asker, SnmpError> {
        let mut kept = self.client.lock().await;
        if let Some(kept) = &*kept {
            return Ok(kept.client.clone());
        }
        let tries = self.habits().tries();
        let made = self
            .made(tries)
            .await
            .map_err(|e| self.error(request, &e))?;
        Ok(kept.insert(made).client.clone())
    }

    /// A client that sends a request so often before it gives up, within the same time.
    async fn made(&self, tries: u32) -> Result<Kept, Box<Error>> {
        let engines = Arc::new(EngineCache::new());
        let builder = self.builder(tries)?.engine_cache(Arc::clone(&engines));
        if let Some(way) = &self.way {
            let handed = Handed {
                way: Arc::clone(way),
                agent: self.target.address,
                within: self.patience(tries),
            };
            return Ok(Kept {
                client: Asker::Handed(builder.build_with_transport(handed)?),
                engines,
                _port: None,
            });
        }
        let any = match self.target.address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let local = self.target.local.unwrap_or(any);
        // Where loopback is down no port can be held, and the crate's own way has to do.
        let port = OwnPort::take(local).ok();
        let at = (port.as_ref()).map_or(SocketAddr::new(local, 0), OwnPort::address);
        let share = |on| port.as_ref().map_or(Ok(()), |p| p.share(on));
        let failed = |source| Error::Network { target: at, source }.boxed();
        share(true).map_err(failed)?;
        let transport = UdpTransport::bind(at.to_string()).await?;
        share(false).map_err(failed)?;
        let builder = builder.target(self.target.address);
        Ok(Kept {
            client: Asker::Udp(builder.build_with(&transport).await?),
            engines,
            _port: port,
        })
    }

    /// Says what failed, and drops a client that cannot recover: its socket is closed, or the switch was replaced and
    /// is another SNMPv3 engine now. The next request makes a new one.
    pub(super) async fn failed(&self, request: &str, error: &Error) -> SnmpError {
        let lost = match error.exchange_source() {
            Error::Closed { .. } => true,
            Error::Report { status, .. } => {
                matches!(**status, ReportStatus::UnknownEngineId { .. })
            }
            Error::Timeout { .. } => self.habits().silent(),
            _ => false,
        };
        if lost {
            *self.client.lock().await = None;
        }
        self.error(request, error)
    }

    /// After an answer that began at `since`: how slow the agent is, and which engine it is.
    pub(super) async fn answered(&self, since: Instant) {
        let mut kept = self.client.lock().await;
        let engine = match &*kept {
            Some(kept) if self.is_v3() => kept.engines.get(&self.target.address),
            _ => None,
        };
        let engine = engine.and_then(|e| {
            let boots = e.authenticated_time()?.boots();
            Some((e.engine_id().to_vec(), boots))
        });
        let (pace, news) = {
            let mut habits = self.habits();
            (habits.answered(since.elapsed()), habits.engine(engine))
        };
        if let Some(news) = news {
            tracing::warn!(switch = %self.target.name, address = %self.target.address, "switch engine changed: {news}");
        }
        if pace {
            // Made anew with the other pace at the next request.
            *kept = None;
        }
    }

    fn is_v3(&self) -> bool {
        matches!(self.target.credentials, Credentials::V3 { .. })
    }

    /// After silence: whether the agent answers a discovery (RFC 3414, 4) made from nothing. It does where its engine
    /// lost count of its boots or is another one, which an established client can only take for a replay. Asked with
    /// one try, and only of an agent that has answered before.
    pub(super) async fn is_found_anew(&self, error: &Error) -> bool {
        let silent = matches!(error.exchange_source(), Error::Timeout { .. });
        if !silent || !self.is_v3() || !self.has_answered() {
            return false;
        }
        let all = self.target.retries + 1;
        let Ok(new) = self.made(all).await else {
            return false;
        };
        let found = rt::timeout(self.target.timeout, new.client.rediscover_engine());
        if !matches!(found.await, Ok(Ok(()))) {
            return false;
        }
        *self.client.lock().await = Some(new);
        true
    }

    /// How long one of so many tries is waited for.
    fn patience(&self, tries: u32) -> Duration {
        self.target.timeout * (self.target.retries + 1) / tries.max(1)
    }

    fn builder(&self, tries: u32) -> Result<ClientBuilder, Box<Error>> {
        let t = &self.target;
        let config = |e: String| Error::Config(e.into()).boxed();
        let retry = Retry::fixed(tries.saturating_sub(1), Duration::ZERO)
            .map_err(|e| config(format!("retries = {}: {e}", t.retries)))?;
        let client = ClientBuilder::new(auth(&t.credentials).map_err(config)?)
            .request_timeout(self.patience(tries))
            .retry(retry)
            .max_oids_per_request(PER_GET)
            // Turns the Report about a wrong password into an error instead of a timeout. An injected Report can at
            // worst spoil the time of one authenticated packet.
            .allow_unauthenticated_v3_time_correction(true);
        Ok(match &t.credentials {
            Credentials::V3 {
                privacy: Some((PrivAlgorithm::Des, _)),
                ..
            } => client.des_salt_state(des_salts().map_err(config)?),
            _ => client,
        })
    }

    /// One GET, and once more where the agent's engine is found to be another. The outer error is about our side.
    async fn get_many(
        &self,
        request: &str,
        asked: &[async_snmp::Oid],
    ) -> Result<async_snmp::Result<async_snmp::FixedCardinalityResponse>, SnmpError> {
        let slow = self.habits().is_slow();
        let _turn = match slow {
            true => Some(self.turn.lock().await),
            false => None,
        };
        let mut anew = false;
        loop {
            let client = self.client(request).await?;
            let since = Instant::now();
            let got = client.get_many(asked).await;
            match &got {
                Err(e) if !anew && self.is_found_anew(e).await => anew = true,
                Err(e) if matches!(e.exchange_source(), Error::Timeout { .. }) => return Ok(got),
                _ => {
                    self.answered(since).await;
                    return Ok(got);
                }
            }
        }
    }

    /// SNMPv1 fails the whole request for one missing instance: leave that one out and ask again.
    async fn get_all(&self, request: &str, oids: &[Oid]) -> Result<Vec<Value>, SnmpError> {
        let mut values = vec![Value::Absent; oids.len()];
        let mut left: Vec<usize> = (0..oids.len()).collect();
        while !left.is_empty() {
            let asked: Vec<async_snmp::Oid> = left.iter().map(|i| theirs(&oids[*i])).collect();
            match self.get_many(request, &asked).await? {
                Ok(response) => {
                    for (i, want) in left.iter().zip(&asked) {
                        let Some(found) = response.varbinds.iter().find(|v| v.oid == *want) else {
                            return Err(SnmpError::BadAnswer {
                                at: self.attempt(request),
                                came_back: format!("{} is missing from it", oids[*i].named()),
                            });
                        };
                        values[*i] = value(&found.value);
                    }
                    return Ok(values);
                }
                Err(e) => match e.exchange_source() {
                    // An answer that does not fit: half as much, as often as it takes.
                    Error::Snmp {
                        status: ErrorStatus::TooBig,
                        ..
                    } if left.len() > 1 => {
                        let asked: Vec<Oid> = left.iter().map(|i| oids[*i].clone()).collect();
                        let (first, second) = asked.split_at(asked.len() / 2);
                        let mut got = Box::pin(self.get_all(request, first)).await?;
                        got.extend(Box::pin(self.get_all(request, second)).await?);
                        for (i, value) in left.iter().zip(got) {
                            values[*i] = value;
                        }
                        return Ok(values);
                    }
                    Error::Snmp {
                        status: ErrorStatus::NoSuchName,
                        oid,
                        ..
                    } => {
                        let missing = oid
                            .as_ref()
                            .and_then(|o| asked.iter().position(|a| *a == **o));
                        match missing {
                            Some(at) => left.remove(at),
                            None if left.len() == 1 => left.remove(0),
                            None => return Err(self.failed(request, &e).await),
                        };
                    }
                    _ => return Err(self.failed(request, &e).await),
                },
            }
        }
        Ok(values)
    }
}

impl Snmp for UdpSnmp {
    fn get<'a>(&'a self, oids: &'a [Oid]) -> Answer<'a, Vec<Value>> {
        Box::pin(async move {
            let request = describe("GET", oids.iter());
            self.get_all(&request, oids).await
        })
    }

    fn set_many<'a>(&'a self, vars: &'a [SetVar]) -> Answer<'a, ()> {
        Box::pin(async move {
            let request = describe("SET", vars.iter().map(|v| &v.oid));
            let client = self.client(&request).await?;
            let mut binds = Vec::with_capacity(vars.len());
            for var in vars {
                let value = wire(var.kind, &var.value).ok_or_else(|| SnmpError::NotSent {
                    at: self.attempt(&request),
                    came_back: format!("{} cannot be sent as {:?}", var.value, var.kind),
                })?;
                binds.push((theirs(&var.oid), value));
            }
            let since = Instant::now();
            match client.set_many(&binds).await {
                Ok(_) => {
                    self.answered(since).await;
                    Ok(())
                }
                Err(e) => Err(self.failed(&request, &e).await),
            }
        })
    }

    fn walk<'a>(&'a self, column: &'a Oid) -> Answer<'a, Vec<(Oid, Value)>> {
        Box::pin(async move {
            let request = describe("walk of", std::iter::once(column));
            self.walk_table(&request, column).await
        })
    }

    fn engine_news(&self) -> Option<String> {
        self.habits().news.take()
    }

    fn of_vlan(&self, vlan: u16) -> Option<Arc<dyn Snmp>> {
        let rule = self.target.per_vlan.as_ref()?;
        // A client is whole or not there: what a panic elsewhere left is usable.
        let mut kept = self.vlans.lock().unwrap_or_else(PoisonError::into_inner);
        let made = kept.entry(vlan).or_insert_with(|| {
            let mut target = self.target.clone();
            target.credentials = target.credentials.of_vlan(rule, vlan);
            let of_vlan = UdpSnmp::by(target, self.way.clone());
            of_vlan.habits().learn(&self.habits());
            Arc::new(of_vlan)
        });
        Some(Arc::<UdpSnmp>::clone(made))
    }
}

/// `GET ifName.3, ifAlias.3 and 4 more`.
fn describe<'a>(what: &str, mut oids: impl ExactSizeIterator<Item = &'a Oid>) -> String {
    let many = oids.len();
    let named: Vec<String> = oids.by_ref().take(3).map(Oid::named).collect();
    match many.saturating_sub(named.len()) {
        0 => format!("{what} {}", named.join(", ")),
        more => format!("{what} {} and {more} more", named.join(", ")),
    }
}
