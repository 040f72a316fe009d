//! The loop: inputs in, events to the cores, actions to `perform`. It runs on the fast path's thread.
//!
//! On [`Input::Stop`] the tasks of the slow runtime are left; the next start finds their steps in the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use super::beats::Beats;
use super::fencing::Fencing;
use super::health::Checks;
use super::holding::HoldAsked;
use super::hub::Input;
use super::interfaces::Interface;
use super::journal::{GapsSeen, Journal};
use super::past_fence::PastFence;
use super::perform::{Hands, Shared};
use super::recorder::{self, Recorder};
use super::redirects::Redirects;
use super::report_writer::ReportWriter;
use super::sinks::Sinks;
use super::{status, traps};
use crate::config::Config;
use crate::net::arp::{ArpFrame, ArpOp};
use crate::report::{self, Report};
use crate::rt::{self, Instant, sleep_until};
use crate::takeover::Machine;
use crate::takeover::action::Action;
use crate::takeover::alarm::Alarms;
use crate::takeover::event::Event;
use crate::takeover::state::State;
use crate::types::{BootTime, MacAddr};

/// The watchdog is fed, and carrier and identities are looked at, this often.
const CHORES: Duration = Duration::from_secs(1);

/// One peer as the loop knows it.
pub struct PeerRun {
    /// Its core.
    pub machine: Machine,
    /// Its journal.
    pub recorder: Recorder,
    /// Its adapters.
    pub hands: Hands,
    /// Index of its interface.
    pub interface: usize,
    /// What verification last said.
    pub cameras: Value,
    /// Our own service completes handshakes.
    pub service_ok: bool,
    /// How often it has not, one after the other, while we have the address.
    pub service_fails: u32,
    /// sysUpTime of its switch, when last read.
    pub uptime: Option<u32>,
    /// snmpEngineBoots of its switches, added up, when last read.
    pub engine_boots: Option<u64>,
    /// Reads of its switch in a row that failed.
    pub switch_fails: u32,
    /// What was last wrong with the settings of our legs.
    pub leg_faults: Vec<String>,
    /// Why the last one failed.
    pub switch_fault: Option<String>,
    /// What the file names for the fence, while another one is in place.
    pub later: Option<Fencing>,
    /// Its heartbeats come past its fence.
    pub past_fence: Option<PastFence>,
    /// When a fence that is left although no takeover is was last read.
    pub look_at_marks: Option<Instant>,
    /// What the daemon itself sees and a person must know; what its core tells is there.
    pub alarms: Alarms,
    /// Services that are looked at.
    pub health: Checks,
}

/// Everything the loop owns.
pub struct Loop {
    /// The peers, in the order of the configuration.
    pub peers: Vec<PeerRun>,
    /// The interfaces of their VIPs.
    pub interfaces: Vec<Interface>,
    /// Heartbeats.
    pub beats: Option<Beats>,
    /// Notifications of switches, where they are received.
    pub traps: Option<traps::Service>,
    /// What all peers share.
    pub shared: Shared,
    /// What `status` says beside the peers.
    pub about: status::About,
    /// The first event of each peer. What a person ordered while the switches were still being read waits in the channel, and
    /// comes after it: a start puts back what the journal knows, and would forget the order.
    pub starts: Vec<Event>,
    /// The journal, for what is about no single peer.
    pub journal: Journal,
    /// Of its gaps those after which the heartbeats that were heard are journaled again.
    pub gaps: GapsSeen,
    /// The configuration that is in force, and the one that the daemon was started with.
    pub config: Config,
    /// See there.
    pub started: Config,
    /// What a person must know of this machine.
    pub alarms: Alarms,
    /// Those who ordered a hold and wait for what it stopped.
    pub holds: Vec<HoldAsked>,
    /// What points at machines without an address to move.
    pub redirects: Redirects,
    /// Who is told of alarms.
    pub sinks: Sinks,
    /// Writes the reports.
    pub reports: ReportWriter,
    /// The MAC addresses of all our interfaces, and those that the VIPs' had: never foreign.
    pub our_macs: BTreeSet<MacAddr>,
    /// Those that the VIPs' interfaces had.
    pub old_macs: BTreeSet<MacAddr>,
    /// Addresses of ours that no peer has are still being looked for.
    pub strays: bool,
    /// When the kernel last told of a change of one of our interfaces: what was read before is older.
    pub link_changed: BootTime,
    /// Index and address to which each data socket of the heartbeats is bound.
    pub beats_on: BTreeMap<usize, (u32, std::net::Ipv4Addr)>,
}

impl Loop {
    /// Runs until it is told to stop.
    pub async fn run(mut self, mut inputs: UnboundedReceiver<Input>) {
        for (peer, start) in std::mem::take(&mut self.starts).into_iter().enumerate() {
            self.event(peer, start);
        }
        let mut chores = rt::boot() + CHORES;
        let mut count = 0u64;
        loop {
            let due = self.due().min(chores);
            let wait = due.since(rt::boot());
            let mut arrived = tokio::select! {
                biased;
                input = inputs.recv() => vec![input.unwrap_or(Input::Stop)],
                () = sleep_until(Instant::now() + wait) => Vec::new(),
            };
            if self.is_due() {
                arrived.extend(std::iter::from_fn(|| inputs.try_recv().ok()));
                self.drain(&mut arrived);
            }
            for input in arrived {
                if matches!(input, Input::Stop) {
                    return self.stop().await;
                }
                self.take(input);
            }
            self.tick();
            if rt::boot() >= chores {
                chores = rt::boot() + CHORES;
                self.chores(count);
                count += 1;
            }
        }
    }

    fn due(&self) -> BootTime {
        let machines = self.peers.iter().filter_map(|p| p.machine.next_deadline());
        let announcers = self
            .peers
            .iter()
            .filter_map(|p| p.hands.announcer.as_ref()?.due());
        let beats = self.beats.as_ref().map(Beats::due);
        let first = machines
            .chain(announcers)
            .chain(beats)
            .chain(self.holds_due())
            .min();
        // A budget that is used up would make a due announcement spin.
        first.map_or(BootTime(u64::MAX), |d| {
            d.max(rt::boot() + Duration::from_micros(200))
        })
    }

    fn tick(&mut self) {
        let now = rt::boot();
        for i in 0..self.peers.len() {
            if self.peers[i]
                .machine
                .next_deadline()
                .is_some_and(|d| d <= now)
            {
                self.event(i, Event::Tick);
            }
            let p = &mut self.peers[i];
            p.hands.pump(now, &mut self.interfaces);
        }
        self.answer_holds();
        self.beat(now);
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Event(peer, event) => {
                let event = self.with_health(peer, event);
                self.event(peer, event);
            }
            Input::Frame(interface, frame) => self.frame(interface, &frame),
            Input::Beat {
                socket,
                from,
                bytes,
            } => self.beat_came(socket, from, &bytes),
            Input::AskAside(peer, left) => self.ask_aside(peer, left),
            Input::Switch(peer, read) => self.switch_read(peer, read),
            Input::EngineBoots(peer, boots) => self.engine_boots(peer, boots),
            Input::Trap { switch, if_index } => self.trap(&switch, if_index),
            Input::Ports(peer, looked) => self.ports_looked(peer, looked),
            Input::Identities(peer, identities) => {
                if let Some(p) = self.peers.get_mut(peer) {
                    // A port that is no more in the fence is forgotten; one that shows nobody keeps who was there.
                    let ports = p.hands.fencing.ports();
                    p.hands.identities.retain(|at, _| ports.contains(at));
                    p.hands.identities.extend(identities);
                }
            }
            Input::Legs(peer, faults) => self.legs_read(peer, faults),
            Input::OwnService(peer, fault) => self.own_service(peer, fault),
            Input::Health(peer, id, looked, took) => self.health_looked(peer, id, looked, took),
            Input::Fed(peer, fed) => {
                if let Some(p) = self.peers.get(peer) {
                    p.hands.adopt_fed(&fed);
                }
            }
            Input::Cameras(peer, value) => {
                if let Some(p) = self.peers.get_mut(peer) {
                    p.cameras = value;
                }
            }
            Input::Link(link) => self.link_changed(link.ifindex.0, link.carrier),
            Input::LinkGone(index) => self.link_changed(index, false),
            Input::AddressGone(index, address) => self.address_gone(index, address),
            Input::Kernel(view, begun) => self.kernel_seen(&view, begun),
            Input::Raise {
                peer,
                key,
                level,
                text,
            } => self.raise(peer, key, level, text),
            Input::Settle { peer, key, text } => self.settle(peer, key, text),
            Input::Ask(ask) => self.ask(ask),
            Input::Reload(new) => super::reload::reload(self, new),
            // Handled by the caller, who ends the loop.
            Input::Stop => {}
        }
    }

    /// Gives one event to one core and does what it says.
    pub fn event(&mut self, peer: usize, event: Event) {
        let Some(p) = self.peers.get_mut(peer) else {
            return;
        };
        let now = rt::boot();
        if matches!(event, Event::FenceRead(_)) {
            p.hands.reading_fence = false;
        }
        let prior = recorder::at_rest(&p.machine).then(|| p.machine.clone());
        let flags = p.machine.flags();
        let was_in_flow = in_flow(p.machine.state());
        let actions = p.machine.handle(now, event.clone());
        if let Event::StepEnded {
            step: crate::takeover::step::Step::Open,
            ..
        } = &event
            && let (Some(from), Some(watch)) = (p.hands.gate_closed, &p.hands.watch)
        {
            watch.gate_closed(from, Some(rt::wall_us()));
        }
        let ticket = p
            .recorder
            .record(now, prior.as_ref(), &event, &p.machine, &actions);
        let changed = actions.iter().any(|a| matches!(a, Action::Changed { .. }));
        // What happens in standby afterwards is no part of the report that was written when it ended.
        let ended = changed
            && (was_in_flow
                || matches!(
                    p.machine.state(),
                    State::Active { .. } | State::Halted { .. }
                ));
        self.tell_sinks(peer, &actions);
        let p = &mut self.peers[peer];
        for action in actions {
            let (legs, ticket) = (&mut self.interfaces, ticket.as_ref());
            p.hands.perform(now, action, ticket, legs, &self.shared);
        }
        let flags_changed = p.machine.flags() != flags;
        self.tell_asked(peer);
        if ended || self.site_settled(peer, &event) {
            self.save_report(peer);
        }
        if flags_changed {
            if let Some(beats) = &mut self.beats {
                beats.now(now);
            }
            self.beat(now);
        }
    }

    fn frame(&mut self, interface: usize, frame: &ArpFrame) {
        let (mac, own) = (
            self.interfaces[interface].mac,
            self.interfaces[interface].own,
        );
        if self.interfaces.iter().any(|i| i.mac == frame.sha) {
            return;
        }
        let now = rt::boot();
        let ours = self.our_macs.contains(&frame.sha);
        for i in 0..self.peers.len() {
            let p = &mut self.peers[i];
            // An interface of ours that had the peer's MAC for a moment does not make us deaf for the peer.
            if ours && !p.machine.evidence().pinned.has(frame.sha) {
                continue;
            }
            let vip = p.hands.peer.vip.addr;
            let listens = p.interface == interface;
            if listens && frame.spa == vip {
                self.event(i, Event::VipSeen { mac: frame.sha });
                continue;
            }
            if p.hands.announcing_on == interface
                && frame.op == ArpOp::Reply
                && frame.is_receipt(vip, mac)
                && let Some(announcer) = &mut p.hands.announcer
            {
                announcer.receipt(frame.spa, now);
            }
            if listens
                && let Some(own) = own
                && let Some(witness) = p.hands.witnesses.answer(now, frame, mac, own)
            {
                self.event(i, Event::Witness(witness));
            }
        }
    }

    /// A state changed: the report is written anew where there is something to report.
    fn save_report(&mut self, peer: usize) {
        let p = &self.peers[peer];
        if in_flow(p.machine.state()) || p.machine.flow().is_none() {
            return;
        }
        self.reports.keep(self.report(peer), &self.shared.slow);
    }

    /// The report on one peer as of now.
    pub fn report(&self, peer: usize) -> Report {
        let p = &self.peers[peer];
        let steps = p
            .machine
            .flow()
            .map(|f| report::step_lines(f.iter().chain(p.machine.site_steps())))
            .unwrap_or_default();
        let cameras = p
            .hands
            .watch
            .as_ref()
            .map_or_else(|| p.cameras.clone(), |w| w.summary());
        Report::of(
            &p.hands.name,
            &p.machine,
            steps,
            cameras,
            (rt::wall_text(), rt::wall_us(), rt::boot()),
        )
    }
}

/// True while steps are taken.
fn in_flow(state: &State) -> bool {
    match state {
        State::Taking(_) | State::Releasing(_) => true,
        State::Standby
        | State::Suspect(_)
        | State::Confirming(_)
        | State::Active { .. }
        | State::Halted { .. } => false,
    }
}
