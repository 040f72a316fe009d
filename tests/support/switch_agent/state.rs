//! What the switch remembers, and what it does when it is written to: rightly, or as its faults say.

use std::collections::HashMap;
use std::time::Duration;

use async_snmp::handler::OidTable;
use async_snmp::{Oid, Value, oid};
use standin::rt::Instant;
use standin::types::MacAddr;

use super::bridge::Bridge;

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
    /// Varbinds of each SET request that were looked at, and that were applied.
    pub(super) tested: HashMap<i32, usize>,
    pub(super) committed: HashMap<i32, usize>,
    /// SET requests.
    pub(super) pdus: usize,
}

impl State {
    /// A switch without faults that has been up for a while.
    pub fn new(ports: Vec<Port>, fdb: Vec<(u32, MacAddr, u32)>) -> State {
        State {
            ports,
            fdb,
            faults: Faults::default(),
            bridge: None,
            hook: None,
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
        }
    }

    pub(super) fn at(&mut self, moment: Moment) {
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

    /// Every object as the agent shows it now.
    pub fn table(&mut self) -> OidTable<Value> {
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
    pub fn apply(&mut self, request: i32, oid: &Oid, value: &Value) {
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
