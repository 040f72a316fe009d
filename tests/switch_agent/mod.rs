//! A switch in the test's own process, on loopback, that misbehaves as it is told.

pub mod bridge;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_snmp::agent::Agent;
use async_snmp::handler::{
    BoxFuture, GetNextResult, GetResult, HandlerResult, MibHandler, OidTable, PreparedSet,
    RequestContext, SetCommitError, SetCommitResult, SetTestError, SetTestResult, SetUndoResult,
};
use async_snmp::pdu::PduType;
use async_snmp::v3::{AuthoritativeEngine, PersistedAuthoritativeEngine};
use async_snmp::{AuthProtocol, Oid, PrivProtocol, Value, VarBind, oid};
use secrecy::SecretString;
use standin::switch::{AuthAlgorithm, Credentials, PrivAlgorithm, Profile, Switch, SwitchTarget};
use standin::types::MacAddr;
use tokio::net::UdpSocket;

use bridge::Bridge;

pub const COMMUNITY: &str = "SENTINEL-community";
pub const AUTH: &str = "SENTINEL-auth-password";
pub const PRIVACY: &str = "SENTINEL-priv-password";
const ENGINE: &[u8] = b"\x80\x00\x00\x00\x05standin";

/// One port of the switch.
#[derive(Clone, Debug)]
pub struct Port {
    pub index: u32,
    pub name: &'static str,
    pub alias: Vec<u8>,
    pub admin: i32,
    pub oper: i32,
    pub base: u32,
    pub changed: u32,
}

/// What the switch does wrong.
#[derive(Clone, Default)]
pub struct Faults {
    /// Acknowledges and does nothing, for ports with these ifIndexes (0: all).
    pub ignores: Vec<u32>,
    /// Says admin down while the link stays up.
    pub oper_stays_up: bool,
    /// Applies only the first varbind of a PDU.
    pub first_only: bool,
    /// Refuses a PDU with more than one varbind.
    pub one_per_pdu: bool,
    /// Refuses to write ifAdminStatus.
    pub admin_read_only: bool,
    /// Refuses to write ifAlias.
    pub alias_read_only: bool,
    /// Refuses with an error, but does it.
    pub refuses_but_does: bool,
    /// Serves ifOperStatus from a cache this old.
    pub oper_cache: Option<Duration>,
    /// Answers GETs this late.
    pub get_delay: Duration,
    /// Takes a port that is down out of the bridge.
    pub hides_down_ports: bool,
    /// When a port goes down, this MAC is learned on that bridge port.
    pub moves: Option<(MacAddr, u32)>,
    /// Applies a PDU as a whole, and says that it failed.
    pub fails_after_doing: bool,
    /// Refuses varbinds of this column for their type.
    pub wrong_type: Option<Vec<u32>>,
    /// Is as it was before this long after each SET.
    pub forgets: Option<Duration>,
    /// Answers SETs this late.
    pub set_delay: Duration,
}

/// When a [`Hook`] is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the first varbind of the n-th SET (from 1) is looked at.
    SetComes(usize),
    /// After the last varbind of the n-th SET was applied, before its answer.
    SetDone(usize),
    /// A walk has begun or goes on.
    Walk,
}

/// What happens at a moment.
pub type Hook = Box<dyn FnMut(&mut State, Moment) + Send>;

/// ifIndex, ifOperStatus and ifLastChange of each port.
type Shown = Vec<(u32, i32, u32)>;

/// The switch's memory.
pub struct State {
    pub ports: Vec<Port>,
    /// FDB: (filtering database, MAC, bridge port).
    pub fdb: Vec<(u32, MacAddr, u32)>,
    pub faults: Faults,
    /// Its VLANs, where it tells them.
    pub bridge: Option<Bridge>,
    pub hook: Option<Hook>,
    /// Further rows, such as LLDP neighbours.
    pub more: Vec<(Oid, Value)>,
    /// Every SET that was tried: OID and value.
    pub sets: Vec<(String, Value)>,
    /// GET requests and walks (GETNEXT and GETBULK), counted by request.
    pub gets: HashMap<i32, usize>,
    pub walks: usize,
    pub uptime_offset: u32,
    start: Instant,
    cache: Option<(Instant, Shown)>,
    tested: HashMap<i32, usize>,
    committed: HashMap<i32, usize>,
    pdus: usize,
}

impl State {
    fn at(&mut self, moment: Moment) {
        if let Some(mut hook) = self.hook.take() {
            hook(self, moment);
            self.hook.get_or_insert(hook);
        }
    }

    /// Starts again: sysUpTime is near zero.
    pub fn reboot(&mut self) {
        (self.start, self.uptime_offset) = (Instant::now(), 0);
    }

    pub fn uptime(&self) -> u32 {
        self.uptime_offset + (self.start.elapsed().as_millis() / 10) as u32
    }

    pub fn port(&mut self, name: &str) -> &mut Port {
        self.ports.iter_mut().find(|p| p.name == name).unwrap()
    }

    pub fn admin_sets(&self) -> usize {
        self.sets
            .iter()
            .filter(|(o, _)| o.starts_with("1.3.6.1.2.1.2.2.1.7."))
            .count()
    }

    /// Cuts the cable (or plugs it in).
    pub fn cable(&mut self, name: &str, oper: i32) {
        let now = self.uptime();
        let p = self.port(name);
        (p.oper, p.changed) = (oper, now);
    }

    /// Oper and last change as the agent shows them, possibly from its cache.
    fn shown(&mut self) -> Shown {
        let live = self
            .ports
            .iter()
            .map(|p| (p.index, p.oper, p.changed))
            .collect::<Vec<_>>();
        match (self.faults.oper_cache, &self.cache) {
            (None, _) => live,
            (Some(age), Some((at, old))) if at.elapsed() < age => old.clone(),
            _ => {
                self.cache = Some((Instant::now(), live.clone()));
                live
            }
        }
    }

    fn table(&mut self) -> OidTable<Value> {
        let shown = self.shown();
        let mut t = vec![(
            oid!(1, 3, 6, 1, 2, 1, 1, 3, 0),
            Value::TimeTicks(self.uptime()),
        )];
        t.push((
            oid!(1, 3, 6, 1, 2, 1, 1, 1, 0),
            Value::from("A switch that lies"),
        ));
        t.push((oid!(1, 3, 6, 1, 2, 1, 1, 5, 0), Value::from("core1")));
        let column = |arcs: &[u32], index: &[u32]| Oid::from_slice(&[arcs, index].concat());
        for (p, (_, oper, changed)) in self.ports.iter().zip(shown) {
            let i = &[p.index];
            t.push((
                column(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 7], i),
                Value::Integer(p.admin),
            ));
            t.push((
                column(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 8], i),
                Value::Integer(oper),
            ));
            t.push((
                column(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 9], i),
                Value::TimeTicks(changed),
            ));
            t.push((
                column(&[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1], i),
                Value::from(p.name),
            ));
            t.push((
                column(&[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 18], i),
                Value::OctetString(p.alias.clone().into()),
            ));
            if !(self.faults.hides_down_ports && p.admin == 2) {
                t.push((
                    column(&[1, 3, 6, 1, 2, 1, 17, 1, 4, 1, 2], &[p.base]),
                    Value::Integer(p.index as i32),
                ));
            }
        }
        for (fdb, mac, port) in &self.fdb {
            let index = [&[*fdb][..], &mac.0.map(u32::from)].concat();
            t.push((
                column(&[1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1, 2], &index),
                Value::Integer(*port as i32),
            ));
        }
        match &self.bridge {
            Some(bridge) => t.extend(bridge.rows()),
            None => {
                for (vlan, fdb) in [(10, 1), (20, 2)] {
                    t.push((
                        column(&[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1, 3], &[0, vlan]),
                        Value::Gauge32(fdb),
                    ));
                }
            }
        }
        t.extend(self.more.iter().cloned());
        t.into_iter().collect()
    }

    /// Applies one varbind as a switch with these faults would.
    fn apply(&mut self, request: i32, oid: &Oid, value: &Value) {
        let nth = self.committed.entry(request).or_default();
        *nth += 1;
        if self.faults.first_only && *nth > 1 {
            return;
        }
        let (now, faults) = (self.uptime(), self.faults.clone());
        let index = *oid.arcs().last().unwrap();
        if faults.ignores.contains(&index) || faults.ignores.contains(&0) {
            return;
        }
        if let (Some(bridge), true) = (&mut self.bridge, Bridge::has(oid)) {
            bridge.apply(oid, value);
            return;
        }
        let Some(p) = self.ports.iter_mut().find(|p| p.index == index) else {
            return;
        };
        match value {
            Value::Integer(admin) => {
                p.admin = *admin;
                let oper = if *admin == 1 || faults.oper_stays_up {
                    1
                } else {
                    2
                };
                if p.oper != oper {
                    (p.oper, p.changed) = (oper, now);
                }
                if let (2, Some((mac, port))) = (*admin, faults.moves) {
                    self.fdb.retain(|(_, m, _)| *m != mac);
                    self.fdb.push((1, mac, port));
                }
            }
            Value::OctetString(alias) => p.alias = alias.to_vec(),
            _ => {}
        }
    }
}

/// The state, and the subtree that this handler answers for.
struct Handler(Arc<Mutex<State>>, Oid);

struct Prepared(Arc<Mutex<State>>);

impl PreparedSet for Prepared {
    fn commit<'a>(
        &'a mut self,
        ctx: &'a RequestContext,
        oid: &'a Oid,
        value: &'a Value,
    ) -> BoxFuture<'a, SetCommitResult> {
        Box::pin(async move {
            let (delay, done) = {
                let mut s = self.0.lock().unwrap();
                let id = ctx.request_id();
                s.apply(id, oid, value);
                let last = s.committed.get(&id) == s.tested.get(&id);
                if last {
                    let n = s.pdus;
                    s.at(Moment::SetDone(n));
                }
                let done = match s.faults.fails_after_doing {
                    true => Err(SetCommitError::Failed),
                    false => Ok(()),
                };
                (s.faults.set_delay, if last { done } else { Ok(()) })
            };
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            done
        })
    }

    fn undo<'a>(
        &'a mut self,
        _: &'a RequestContext,
        _: &'a Oid,
        _: &'a Value,
    ) -> BoxFuture<'a, SetUndoResult> {
        Box::pin(async { Ok(()) })
    }
}

impl MibHandler for Handler {
    fn get<'a>(
        &'a self,
        ctx: &'a RequestContext,
        oid: &'a Oid,
    ) -> BoxFuture<'a, HandlerResult<GetResult>> {
        Box::pin(async move {
            let (value, first, delay) = {
                let mut s = self.0.lock().unwrap();
                let n = s.gets.entry(ctx.request_id()).or_default();
                *n += 1;
                let first = *n == 1;
                (s.table().get(oid).cloned(), first, s.faults.get_delay)
            };
            if first && !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            Ok(value.map_or(GetResult::NoSuchInstance, GetResult::Value))
        })
    }

    fn get_next<'a>(
        &'a self,
        ctx: &'a RequestContext,
        oid: &'a Oid,
    ) -> BoxFuture<'a, HandlerResult<GetNextResult>> {
        Box::pin(async move {
            let mut s = self.0.lock().unwrap();
            if matches!(
                ctx.pdu_type(),
                PduType::GetNextRequest | PduType::GetBulkRequest
            ) {
                s.walks += 1;
                s.at(Moment::Walk);
            }
            Ok(match s.table().get_next(oid) {
                Some((o, v)) if o.starts_with(&self.1) => {
                    GetNextResult::Value(VarBind::new(o.clone(), v.clone()))
                }
                Some(_) | None => GetNextResult::EndOfMibView,
            })
        })
    }

    fn test_set<'a>(
        &'a self,
        ctx: &'a RequestContext,
        oid: &'a Oid,
        value: &'a Value,
    ) -> BoxFuture<'a, SetTestResult> {
        Box::pin(async move {
            let mut s = self.0.lock().unwrap();
            s.sets.push((oid.to_string(), value.clone()));
            let nth = s.tested.entry(ctx.request_id()).or_default();
            *nth += 1;
            let nth = *nth;
            if nth == 1 {
                s.pdus += 1;
                let n = s.pdus;
                if let Some(after) = s.faults.forgets {
                    let (ports, bridge, state) =
                        (s.ports.clone(), s.bridge.clone(), self.0.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(after).await;
                        let mut s = state.lock().unwrap();
                        (s.ports, s.bridge) = (ports, bridge);
                    });
                }
                s.at(Moment::SetComes(n));
            }
            if s.faults
                .wrong_type
                .as_ref()
                .is_some_and(|c| oid.arcs().starts_with(c))
            {
                return Err(SetTestError::WrongType);
            }
            if let (Some(bridge), true) = (&s.bridge, Bridge::has(oid)) {
                bridge.test(oid, value)?;
            }
            if nth > 1 && s.faults.one_per_pdu {
                return Err(SetTestError::ResourceUnavailable);
            }
            let admin = matches!(value, Value::Integer(_));
            if s.faults.refuses_but_does {
                s.apply(ctx.request_id(), oid, value);
                return Err(SetTestError::GeneralFailure);
            }
            if (admin && s.faults.admin_read_only) || (!admin && s.faults.alias_read_only) {
                return Err(SetTestError::NotWritable);
            }
            Ok(Box::new(Prepared(self.0.clone())) as Box<dyn PreparedSet>)
        })
    }
}

/// The running switch.
pub struct Fake {
    pub state: Arc<Mutex<State>>,
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

impl Fake {
    /// Four ports: ge1 and ge2 the peer's (MAC 1 on ge1), ge3 another's (MAC 3), ge48 the uplink. Bridge port = ifIndex - 100.
    pub async fn start() -> Fake {
        let port = |index, name, alias: &str| Port {
            index,
            name,
            alias: alias.into(),
            admin: 1,
            oper: 1,
            base: index - 100,
            changed: 100,
        };
        let state = Arc::new(Mutex::new(State {
            ports: vec![
                port(101, "ge1", "slave-a"),
                port(102, "ge2", "slave-a second"),
                port(103, "ge3", "camera"),
                port(148, "ge48", "uplink"),
            ],
            fdb: vec![(1, mac(1), 1), (1, mac(3), 3)],
            faults: Faults::default(),
            more: Vec::new(),
            sets: Vec::new(),
            gets: HashMap::new(),
            walks: 0,
            uptime_offset: 100_000,
            start: Instant::now(),
            cache: None,
            tested: HashMap::new(),
            committed: HashMap::new(),
            pdus: 0,
            bridge: None,
            hook: None,
        }));
        Fake::serve(state, false).await
    }

    /// The same switch with LLDP neighbours.
    pub async fn with_neighbours(more: Vec<(Oid, Value)>) -> Fake {
        let first = Fake::start().await;
        first.with(|s| s.more = more);
        Fake::serve(first.state.clone(), false).await
    }

    /// The same switch with VLANs.
    pub async fn with_vlans() -> Fake {
        let fake = Fake::start().await;
        fake.with(|s| s.bridge = Some(Bridge::new()));
        fake
    }

    /// The same switch's agent after a restart: its SNMPv3 engine counts one boot more, and its clock is at zero.
    pub async fn restarted(&self) -> Fake {
        Fake::serve(self.state.clone(), true).await
    }

    async fn serve(state: Arc<Mutex<State>>, restarted: bool) -> Fake {
        let keep = |_: &PersistedAuthoritativeEngine| Ok::<(), Infallible>(());
        let engine = if restarted {
            let before = PersistedAuthoritativeEngine::new(ENGINE.to_vec(), 1).unwrap();
            AuthoritativeEngine::restart(before, keep).unwrap()
        } else {
            AuthoritativeEngine::install(ENGINE.to_vec(), keep).unwrap()
        };
        let (mib2, lldp) = (oid!(1, 3, 6, 1, 2, 1), oid!(1, 0, 8802));
        let agent = Agent::builder()
            .bind("127.0.0.1:0")
            .community(COMMUNITY)
            .authoritative_engine(engine)
            .usm_user("ops", |u| {
                u.auth_priv(AuthProtocol::Sha256, AUTH, PrivProtocol::Aes128, PRIVACY)
            })
            .unwrap()
            .handler(mib2.clone(), Arc::new(Handler(state.clone(), mib2)))
            .allow_all_access();
        // Every handler is asked at each step of a walk: only who has neighbours pays for it.
        let has_more = !state.lock().unwrap().more.is_empty();
        let agent = match has_more {
            true => agent.handler(lldp.clone(), Arc::new(Handler(state.clone(), lldp))),
            false => agent,
        };
        let agent = agent.build().await.unwrap();
        let address = agent.local_addr();
        let task = tokio::spawn(async move { agent.run().await.unwrap() });
        Fake {
            state,
            address,
            task,
        }
    }

    pub fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap())
    }

    pub fn switch(&self, credentials: Credentials) -> Switch {
        Switch::new(target(self.address, credentials))
    }
}

pub fn target(address: SocketAddr, credentials: Credentials) -> SwitchTarget {
    SwitchTarget {
        name: "core1".into(),
        address,
        local: None,
        profile: Arc::new(Profile::find("generic-qbridge", None).unwrap()),
        credentials,
        timeout: Duration::from_millis(200),
        retries: 2,
        ssh: None,
        prefer: Vec::new(),
        oper_staleness: Some(Duration::ZERO),
        uplinks: vec!["ge48".into()],
        own_ports: Vec::new(),
    }
}

pub fn v2c(community: &str) -> Credentials {
    Credentials::V2c {
        community: SecretString::from(community),
    }
}

pub fn v3(auth: &str, privacy: &str) -> Credentials {
    Credentials::V3 {
        user: "ops".into(),
        auth: Some((AuthAlgorithm::Sha256, SecretString::from(auth))),
        privacy: Some((PrivAlgorithm::Aes128, SecretString::from(privacy))),
        context: String::new(),
    }
}

/// What the proxy does with one datagram: how many copies, and how late each.
pub type Rule = Box<dyn FnMut(Packet) -> Vec<Duration> + Send>;

/// A datagram as the proxy sees it (v1 and v2c only).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet {
    Get,
    Set,
    ReplyToGet,
    ReplyToSet,
}

/// A UDP proxy before the switch.
pub async fn proxy(to: SocketAddr, mut rule: Rule) -> SocketAddr {
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = front.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut a, mut b) = (vec![0; 65536], vec![0; 65536]);
        let mut client = None;
        let mut sets = HashMap::new();
        loop {
            let (packet, data, out, dest) = tokio::select! {
                Ok((n, from)) = front.recv_from(&mut a) => {
                    client = Some(from);
                    let (tag, id) = pdu(&a[..n]);
                    sets.insert(id, tag == 0xa3);
                    (if tag == 0xa3 { Packet::Set } else { Packet::Get }, a[..n].to_vec(), back.clone(), to)
                }
                Ok((n, _)) = back.recv_from(&mut b) => {
                    let (_, id) = pdu(&b[..n]);
                    let set = sets.get(&id).copied().unwrap_or(false);
                    let packet = if set { Packet::ReplyToSet } else { Packet::ReplyToGet };
                    (packet, b[..n].to_vec(), front.clone(), client.unwrap())
                }
            };
            for delay in rule(packet) {
                let (data, out) = (data.clone(), out.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    let _ = out.send_to(&data, dest).await;
                });
            }
        }
    });
    address
}

/// A UDP proxy before the switch whose messages hold only so many varbinds: a request of this kind (0xa0 GET,
/// 0xa3 SET) with more is answered with tooBig and goes no further (v1 and v2c only).
pub async fn small_messages(to: SocketAddr, kind: u8, most: usize) -> SocketAddr {
    let front = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let back = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = front.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut a, mut b) = (vec![0; 65536], vec![0; 65536]);
        let mut client = None;
        loop {
            tokio::select! {
                Ok((n, from)) = front.recv_from(&mut a) => {
                    client = Some(from);
                    let request = &a[..n];
                    match too_big(request, kind, most) {
                        Some(answer) => { let _ = front.send_to(&answer, from).await; }
                        None => { let _ = back.send_to(request, to).await; }
                    }
                }
                Ok((n, _)) = back.recv_from(&mut b) => {
                    let _ = front.send_to(&b[..n], client.unwrap()).await;
                }
            }
        }
    });
    address
}

/// The request as a response with error-status tooBig(1), if it is of this kind and has more varbinds than `most`.
fn too_big(request: &[u8], kind: u8, most: usize) -> Option<Vec<u8>> {
    let (_, message, _) = enter(request);
    let (_, _, rest) = enter(message);
    let (_, _, rest) = enter(rest);
    let (tag, body, _) = enter(rest);
    let (_, _, after_id) = enter(body);
    let (_, status, after_status) = enter(after_id);
    let (_, _, binds) = enter(after_status);
    let (_, mut list, _) = enter(binds);
    let mut count = 0;
    while !list.is_empty() {
        (_, _, list) = enter(list);
        count += 1;
    }
    if count <= most || tag != kind {
        return None;
    }
    let at = |part: &[u8]| part.as_ptr() as usize - request.as_ptr() as usize;
    let mut answer = request.to_vec();
    answer[at(rest)] = 0xa2;
    answer[at(status)] = 1;
    Some(answer)
}

/// Tag, content and what follows of one BER element.
fn enter(d: &[u8]) -> (u8, &[u8], &[u8]) {
    let (len, head) = if d[1] & 0x80 == 0 {
        (usize::from(d[1]), 2)
    } else {
        let n = usize::from(d[1] & 0x7f);
        (
            d[2..2 + n].iter().fold(0, |l, b| l << 8 | usize::from(*b)),
            2 + n,
        )
    };
    (d[0], &d[head..head + len], &d[head + len..])
}

/// PDU tag and request-id of a community message.
fn pdu(data: &[u8]) -> (u8, Vec<u8>) {
    let (_, message, _) = enter(data);
    let (_, _, rest) = enter(message);
    let (_, _, rest) = enter(rest);
    let (tag, body, _) = enter(rest);
    let (_, id, _) = enter(body);
    (tag, id.to_vec())
}
