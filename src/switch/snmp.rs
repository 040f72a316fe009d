//! SNMP as this program needs it, and the one implementation of it. Only this file and `snmp_wire` know the SNMP crate.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError};

use async_snmp::v3::ReportStatus;
use async_snmp::{Client, Error, ErrorStatus, Retry, UdpHandle, UdpTransport, WalkOptions};
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::credentials::{Credentials, PrivAlgorithm, SwitchTarget};
use super::render::SetVar;
pub use super::snmp_error::{Attempt, SnmpError};
use super::snmp_port::OwnPort;
use super::snmp_wire::{auth, des_salts, ours, theirs, value, wire};
use super::value::{Oid, Value};

/// The answer to come of one request.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, SnmpError>>;

/// Objects in one GET; more are asked for in several. 48 status objects fit into one Ethernet frame.
const PER_GET: usize = 48;
/// Rows per GETBULK.
const PER_BULK: u32 = 40;
/// A walk that yields more rows than this is cut off with an error.
const WALK_MAX: usize = 50_000;

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
}

/// SNMP over UDP. The socket is opened and the v3 keys are computed at the first request.
pub struct UdpSnmp {
    target: SwitchTarget,
    client: Mutex<Option<(Client<UdpHandle>, Option<OwnPort>)>>,
    vlans: std::sync::Mutex<BTreeMap<u16, Arc<UdpSnmp>>>,
}

impl UdpSnmp {
    /// For this switch; sends nothing yet.
    pub fn new(target: SwitchTarget) -> UdpSnmp {
        UdpSnmp {
            target,
            client: Mutex::default(),
            vlans: std::sync::Mutex::default(),
        }
    }

    async fn client(&self, request: &str) -> Result<Client<UdpHandle>, SnmpError> {
        let mut kept = self.client.lock().await;
        if let Some((client, _)) = &*kept {
            return Ok(client.clone());
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
        let made = async {
            share(true).map_err(failed)?;
            let transport = UdpTransport::bind(at.to_string()).await?;
            share(false).map_err(failed)?;
            self.builder()?.build_with(&transport).await
        };
        let client = made
            .await
            .map_err(|e: Box<Error>| self.error(request, &e))?;
        let (client, _) = kept.insert((client, port));
        Ok(client.clone())
    }

    /// Says what failed, and drops a client that cannot recover: its socket is closed, or the switch was replaced and
    /// is another SNMPv3 engine now. The next request makes a new one.
    async fn failed(&self, request: &str, error: &Error) -> SnmpError {
        let lost = match error.exchange_source() {
            Error::Closed { .. } => true,
            Error::Report { status, .. } => {
                matches!(**status, ReportStatus::UnknownEngineId { .. })
            }
            _ => false,
        };
        if lost {
            *self.client.lock().await = None;
        }
        self.error(request, error)
    }

    fn builder(&self) -> Result<async_snmp::TargetClientBuilder, Box<Error>> {
        let t = &self.target;
        let config = |e: String| Error::Config(e.into()).boxed();
        let retry = Retry::fixed(t.retries, std::time::Duration::ZERO)
            .map_err(|e| config(format!("retries = {}: {e}", t.retries)))?;
        let walk = WalkOptions {
            max_repetitions: PER_BULK,
            result_limit: Some(WALK_MAX),
            ..WalkOptions::default()
        };
        let client = Client::builder(t.address, auth(&t.credentials).map_err(config)?)
            .request_timeout(t.timeout)
            .retry(retry)
            .max_oids_per_request(PER_GET)
            .walk_options(walk)
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

    fn attempt(&self, request: &str) -> Box<Attempt> {
        Box::new(Attempt {
            switch: self.target.name.clone(),
            address: self.target.address,
            request: request.to_owned(),
        })
    }

    /// Says in this program's words what the crate reported; its own text is used only where no case fits.
    fn error(&self, request: &str, error: &Error) -> SnmpError {
        let at = self.attempt(request);
        match error.exchange_source() {
            Error::Timeout { elapsed, .. } => SnmpError::Unreachable {
                at,
                waited: *elapsed,
                hint: if self.target.credentials.is_community() {
                    "wrong community, or switch unreachable, or SNMP not enabled for our address"
                } else {
                    "switch unreachable, or SNMP not enabled for our address, or wrong privacy password"
                },
            },
            Error::Network { source, .. } => SnmpError::NotSent {
                at,
                came_back: source.to_string(),
            },
            Error::Report { status, .. } => match &**status {
                ReportStatus::WrongDigest { .. } => {
                    self.wrong(at, "wrong authentication password or algorithm")
                }
                ReportStatus::UnknownUserName { .. } => {
                    self.wrong(at, "it does not know this user")
                }
                ReportStatus::UnsupportedSecurityLevel { .. } => self.wrong(
                    at,
                    "the user does not have this security level (authentication, encryption)",
                ),
                ReportStatus::DecryptionError { .. } => {
                    self.wrong(at, "wrong privacy password or algorithm")
                }
                other => SnmpError::BadAnswer {
                    at,
                    came_back: other.to_string(),
                },
            },
            Error::Auth { .. } => self.wrong(at, "its answer is not authentic"),
            Error::Snmp { status, oid, .. } => self.status(at, *status, oid.as_deref()),
            Error::Config(e) => SnmpError::NotSent {
                at,
                came_back: e.to_string(),
            },
            other => SnmpError::BadAnswer {
                at,
                came_back: other.kind().to_string(),
            },
        }
    }

    fn wrong(&self, at: Box<Attempt>, came_back: &str) -> SnmpError {
        SnmpError::WrongCredentials {
            at,
            came_back: came_back.to_owned(),
        }
    }

    fn status(
        &self,
        at: Box<Attempt>,
        status: ErrorStatus,
        oid: Option<&async_snmp::Oid>,
    ) -> SnmpError {
        use ErrorStatus as S;
        let object = oid.map_or("an object it does not name".into(), |o| ours(o).named());
        let set = at.request.starts_with("SET");
        let word = status.to_string();
        match status {
            S::TooBig => SnmpError::TooBig { at },
            // SNMPv1 has no other word for "you may not write this".
            S::NoSuchName if set => SnmpError::Denied {
                at,
                object,
                status: word,
            },
            S::ReadOnly | S::NoAccess | S::NotWritable | S::AuthorizationError | S::NoCreation => {
                SnmpError::Denied {
                    at,
                    object,
                    status: word,
                }
            }
            S::BadValue | S::WrongType | S::WrongLength | S::WrongEncoding | S::WrongValue => {
                SnmpError::BadValue {
                    at,
                    object,
                    status: word,
                }
            }
            _ => SnmpError::Refused {
                at,
                object,
                status: word,
            },
        }
    }

    /// SNMPv1 fails the whole request for one missing instance: leave that one out and ask again.
    async fn get_all(
        &self,
        client: &Client<UdpHandle>,
        request: &str,
        oids: &[Oid],
    ) -> Result<Vec<Value>, SnmpError> {
        let mut values = vec![Value::Absent; oids.len()];
        let mut left: Vec<usize> = (0..oids.len()).collect();
        while !left.is_empty() {
            let asked: Vec<async_snmp::Oid> = left.iter().map(|i| theirs(&oids[*i])).collect();
            match client.get_many(&asked).await {
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
                        let mut got = Box::pin(self.get_all(client, request, first)).await?;
                        got.extend(Box::pin(self.get_all(client, request, second)).await?);
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
            let client = self.client(&request).await?;
            self.get_all(&client, &request, oids).await
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
            match client.set_many(&binds).await {
                Ok(_) => Ok(()),
                Err(e) => Err(self.failed(&request, &e).await),
            }
        })
    }

    fn walk<'a>(&'a self, column: &'a Oid) -> Answer<'a, Vec<(Oid, Value)>> {
        Box::pin(async move {
            let request = describe("walk of", std::iter::once(column));
            let client = self.client(&request).await?;
            let rows = match client.walk(theirs(column)) {
                Ok(stream) => stream.collect().await,
                Err(e) => Err(e),
            };
            let rows = match rows {
                Ok(rows) => rows,
                Err(e) => return Err(self.failed(&request, &e).await),
            };
            Ok(rows
                .iter()
                .map(|r| (ours(&r.oid), value(&r.value)))
                .collect())
        })
    }

    fn of_vlan(&self, vlan: u16) -> Option<Arc<dyn Snmp>> {
        let rule = self.target.profile.snmp.per_vlan.as_ref()?;
        // A client is whole or not there: what a panic elsewhere left is usable.
        let mut kept = self.vlans.lock().unwrap_or_else(PoisonError::into_inner);
        let made = kept.entry(vlan).or_insert_with(|| {
            let mut target = self.target.clone();
            target.credentials = target.credentials.of_vlan(rule, vlan);
            Arc::new(UdpSnmp::new(target))
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
