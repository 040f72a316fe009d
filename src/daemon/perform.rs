//! The one place that turns actions into calls of adapters.
//!
//! What must be quick runs here and now (frames) or as a task on the fast path (netlink); what may be slow is handed
//! to the slow runtime. Every `Run` is answered by exactly one `StepEnded`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;

use super::fencing::Fencing;
use super::gate_keeper::{GateKeeper, OpensAtLast};
use super::hub::{Input, Tx};
use super::interfaces::{Interface, Reader};
use super::journal::Ticket;
use super::keeper::Keeper;
use super::parked::{Leg, Parked, step_leg};
use super::questions::Questions;
use super::tasks::Tasks;
use super::watch::Watch;
use super::witnesses::Witnesses;
use super::{alarms, claim, steps};
use crate::config;
use crate::host::{Disk, EchoEnd, Host};
use crate::net::announce::Announcer;
use crate::net::arp::ArpFrame;
use crate::rt::{self, Lane};
use crate::steps::Steps;
use crate::switch::PortIdentity;
use crate::switch::fence::lift::Lift;
use crate::takeover::action::{Action, Run};
use crate::takeover::event::{Event, Outcome};
use crate::takeover::recipe::SiteSpec;
use crate::takeover::step::Step;
use crate::types::{BootTime, PortRef, Vip};
use crate::verify::Inventory;

/// A step whose intent is not durable after this goes on all the same: a hung disk must not stop a takeover.
const DURABLE: Duration = Duration::from_millis(50);

/// Everything needed to act for one peer.
pub struct Hands {
    /// Index of the peer.
    pub me: usize,
    /// Its name.
    pub name: String,
    /// Its configuration.
    pub peer: Arc<config::Peer>,
    /// Its fence.
    pub fencing: Fencing,
    /// Who is on its ports, seen while it was healthy.
    pub identities: BTreeMap<PortRef, PortIdentity>,
    /// Ports that are to be found are being looked for, and when the next look is due.
    pub looking: (bool, BootTime),
    /// Cameras, gateway, switch.
    pub witnesses: Witnesses,
    /// What the last actions asked.
    pub questions: Questions,
    /// The cameras.
    pub inventory: Arc<Inventory>,
    /// The running announcement.
    pub announcer: Option<Announcer>,
    /// The running verification.
    pub watch: Option<Watch>,
    /// Port takeover: our own port, and the mute.
    pub parked: Option<Parked>,
    /// Index of the interface that the running announcement uses.
    pub announcing_on: usize,
    /// Index of the interface in production from which the peer is watched.
    pub listening: usize,
    /// Index of the interface that has the VIP; the same, except with port takeover.
    pub serving: usize,
    /// ICMP echo to the VIP.
    pub pinger: Option<Arc<dyn EchoEnd>>,
    /// None with port takeover.
    pub keeper: Option<Arc<Keeper>>,
    /// The VIP is on one of our interfaces though we do not own it: whatever is asked by IP is answered by ourselves.
    pub vip_is_here: bool,
    /// What reads its answers, and the index of the interface on which it was opened.
    pub pings: (Option<Reader>, u32),
    /// The VIP was on our interface before this takeover: cameras may have connections already.
    pub adopt: bool,
    /// Our node's name, for tags.
    pub node: String,
    /// The steps that the configuration adds.
    pub steps: Steps,
    /// What the file has of them, while others stand.
    pub steps_later: Option<(Vec<SiteSpec>, Steps)>,
    /// Tasks of steps.
    pub tasks: Tasks,
    /// The fence is being read; cleared when the answer arrives.
    pub reading_fence: bool,
    /// The keeper of the gate.
    pub gate: Arc<GateKeeper>,
    /// When the gate was closed, microseconds since the epoch.
    pub gate_closed: Option<u64>,
    /// The last sequence number of a ping, and whether it could not be sent.
    pub(super) ping: (u16, bool),
}

/// What all peers share.
pub struct Shared {
    /// Into the loop.
    pub tx: Tx,
    /// The slow runtime.
    pub slow: Lane,
    /// This machine.
    pub host: Host,
    /// Where steps keep how it was before.
    pub disk: (Arc<dyn Disk>, PathBuf),
}

impl Hands {
    /// Hands for the peer of index `me`, with nothing running.
    pub fn new(
        me: usize,
        node: &str,
        peer: Arc<config::Peer>,
        fencing: Fencing,
        inventory: Arc<Inventory>,
        witnesses: Witnesses,
        (host, tx): (&Host, Tx),
    ) -> Self {
        let gate = Arc::new(GateKeeper::new(&peer.name, host.programs.clone()));
        Hands {
            me,
            name: peer.name.clone(),
            peer,
            fencing,
            identities: BTreeMap::new(),
            looking: (false, BootTime(0)),
            witnesses,
            questions: Questions::default(),
            inventory,
            announcer: None,
            watch: None,
            parked: None,
            announcing_on: 0,
            listening: 0,
            serving: 0,
            pinger: None,
            keeper: None,
            vip_is_here: false,
            pings: (None, 0),
            adopt: false,
            node: node.to_owned(),
            steps: Steps::new(),
            steps_later: None,
            tasks: Tasks::new(me, tx),
            reading_fence: false,
            gate,
            gate_closed: None,
            ping: (0, false),
        }
    }

    pub(super) fn vip(&self) -> Vip {
        self.peer.vip
    }

    pub(super) fn service_at(&self, address: Ipv4Addr) -> SocketAddrV4 {
        SocketAddrV4::new(address, self.peer.service.port)
    }

    /// Does one action. `ticket` is that of the journal record that says so.
    pub fn perform(
        &mut self,
        now: BootTime,
        action: Action,
        ticket: Option<&Ticket>,
        interfaces: &mut [Interface],
        shared: &Shared,
    ) {
        let interface = &mut interfaces[self.listening];
        match action {
            Action::ArpProbe { to } => {
                self.ask_peer(now, to, interface);
            }
            Action::Ping => self.ping(shared),
            Action::AskManagement => self.ask_management(shared),
            Action::ProbeService => self.probe_service(interface, shared),
            Action::PollPort => self.poll_port(shared),
            Action::LookForPeer { mac, by_traffic } => self.look_for_peer(mac, by_traffic, shared),
            Action::LookPastFence { mac } => self.look_past_fence(mac, shared),
            Action::AskWitnesses => self.ask_witnesses(now, interface),
            Action::Run(run) => self.run(now, run, ticket.cloned(), interfaces, shared),
            Action::Cancel { step, attempt } => self.tasks.stop(step, attempt),
            Action::Renew { lifetime } => {
                self.put_address(Some(lifetime), &interfaces[self.serving], shared);
            }
            Action::Restore { lifetime } => {
                let interface = &interfaces[self.serving];
                self.put_address(lifetime, interface, shared);
                self.announce(now, interface);
            }
            Action::DropAddress => {
                self.announcer = None;
                self.watch = None;
                // Cameras whose connections outlive the gap show no SYN when we own the VIP again.
                self.adopt = true;
                self.open_gate(shared);
                match &self.parked {
                    Some(parked) => {
                        parked.fall_silent(self.me, shared);
                    }
                    None => self.drop_address(&interfaces[self.serving], shared),
                }
            }
            // One at a time: the answer to the one under way is as new.
            Action::ReadFence if std::mem::replace(&mut self.reading_fence, true) => {}
            Action::ReadFence => self.read_fence(shared),
            Action::ReadTie => self.read_tie(shared),
            Action::ReadBack => self.read_back(shared),
            Action::AskVip { to } => self.ask_vip(now, to, interface),
            Action::AskServes { mac } => self.ask_serves(mac, interface, shared),
            Action::Locate { mac } => self.locate(mac, shared),
            Action::Defend => {
                let interface = &mut interfaces[self.serving];
                let frame = ArpFrame::announce_request(interface.mac, self.vip().addr);
                interface.send_within_budget(now, &frame);
                self.announce(now, interface);
            }
            Action::Alert(alert) => alarms::log(&self.name, &alert),
            Action::Changed { from, to, why } => {
                alarms::log_change(now, &self.name, format!("{from} -> {to}: {why}"));
            }
        }
    }

    fn run(
        &mut self,
        now: BootTime,
        run: Run,
        ticket: Option<Ticket>,
        interfaces: &mut [Interface],
        shared: &Shared,
    ) {
        // The release sweep must leave in production, where our own port is no more by then.
        let from_here = match step_leg(run.step) {
            Leg::Listening => self.listening,
            Leg::Serving => self.serving,
        };
        let listening = interfaces[self.listening].own;
        let interface = &mut interfaces[from_here];
        let (step, attempt, within) = (run.step, run.attempt, run.within);
        let (vip, slow) = (self.vip(), &shared.slow);
        match step {
            Step::Watch => {
                let outcome = self.begin_watch(interface, shared);
                self.answer(&run, outcome, shared);
            }
            Step::Gate => {
                self.gate_closed = Some(rt::wall_us());
                self.gate.order_closed(vip.addr, self.peer.service.port);
                let gate = self.gate.clone();
                self.tasks.spawn(slow, step, attempt, async move {
                    steps::close_gate(&gate).await
                });
            }
            Step::Service => {
                let service = self.peer.service.clone();
                let programs = shared.host.programs.clone();
                let starter = steps::starter(slow);
                self.tasks.spawn(&starter, step, attempt, async move {
                    steps::start_service(&*programs, &service).await
                });
            }
            Step::Fence => self.set_fence(run, ticket, slow, shared),
            Step::Claim if self.parked.is_some() => {
                self.claim_parked(&run, ticket, interface, shared)
            }
            Step::Rewire | Step::Park => {
                self.move_own_port(&run, ticket, (interface, listening), shared)
            }
            Step::Forward => self.await_forwarding(&run, shared),
            Step::Claim => {
                let Some((keeper, number)) = self.order_address(run.lifetime, interface) else {
                    return;
                };
                self.tasks
                    .spawn(&Lane::current(), step, attempt, async move {
                        durable(ticket).await;
                        claim::claim(&keeper, number).await
                    });
            }
            Step::Announce => {
                let outcome = if interface.carrier {
                    self.announce(now, interface);
                    self.pump(now, interfaces);
                    Outcome::Done("gratuitous ARP sent in both forms, the sweep goes on".to_owned())
                } else {
                    Outcome::Failed("our interface has no carrier".to_owned())
                };
                self.answer(&run, outcome, shared);
            }
            Step::Open => {
                let (opens, at) = (OpensAtLast(self.gate.clone()), self.service_at(vip.addr));
                let wire = shared.host.wire.clone();
                self.tasks.spawn(
                    slow,
                    step,
                    attempt,
                    steps::open_gate(wire, opens, at, within),
                );
            }
            Step::Verify => match &self.watch {
                Some(watch) => self
                    .tasks
                    .spawn(slow, step, attempt, watch.all_back(within)),
                None => self.answer(
                    &run,
                    Outcome::Failed("nothing is captured".to_owned()),
                    shared,
                ),
            },
            Step::Precheck => {
                let off_path = self.peer.management.or(self.peer.addresses.get(1).copied());
                let at = off_path.map(|a| self.service_at(a));
                let (fencing, wire) = (self.fencing.clone(), shared.host.wire.clone());
                self.tasks.spawn(slow, step, attempt, async move {
                    let may = async { fencing.liftable().await.map_err(Outcome::Failed) };
                    let (may, checked) = join(may, steps::precheck(wire, at, within)).await;
                    may.err().unwrap_or(checked)
                });
            }
            Step::Drop => {
                self.announcer = None;
                self.watch = None;
                if self.parked.is_some() {
                    return self.drop_parked(&run, shared);
                }
                let Some((keeper, number)) = self.order_removal(interface) else {
                    return;
                };
                self.tasks
                    .spawn(&Lane::current(), step, attempt, async move {
                        claim::drop_and_prove(&keeper, number).await
                    });
            }
            Step::Lift => {
                let (fencing, how) = (
                    self.fencing.clone(),
                    // The step is there only in the release of a takeover that fenced.
                    Lift::Known {
                        node: self.fencing.node.clone(),
                    },
                );
                self.tasks.spawn(slow, step, attempt, async move {
                    durable(ticket).await;
                    fencing.lift(&how, within).await
                });
            }
            Step::Handback => {
                let outcome = self.hand_back(now, run.peer_mac.now(), interfaces);
                self.answer(&run, outcome, shared);
            }
            Step::Prove => {
                let (way, fencing) = (self.way(interface, shared), self.fencing.clone());
                let mac = run.peer_mac;
                self.tasks.spawn(slow, step, attempt, async move {
                    let outcome = steps::peer_serves(&way, within).await;
                    steps::with_port(outcome, &fencing, &mac).await
                });
            }
            Step::Site(name) | Step::Undo(name) => self.run_site(&run, name, ticket, shared),
            // Done by the core from evidence; it never asks for them.
            Step::Yield | Step::Silence | Step::Return => {
                self.answer(
                    &run,
                    Outcome::Refused("the core does this step itself".to_owned()),
                    shared,
                );
            }
        }
    }

    pub(super) fn answer(&self, run: &Run, outcome: Outcome, shared: &Shared) {
        let event = Event::StepEnded {
            step: run.step,
            attempt: run.attempt,
            outcome,
        };
        let _ = shared.tx.send(Input::Event(self.me, event));
    }
}

pub(super) async fn durable(ticket: Option<Ticket>) {
    if let Some(ticket) = ticket
        && !ticket.durable(DURABLE).await
    {
        tracing::warn!("the journal is slow: going on before the intent is on disk");
    }
}
