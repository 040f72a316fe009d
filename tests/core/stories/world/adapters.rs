//! The adapters' answers: what each action and each step of a machine does to the world, and when it says so.

use std::time::Duration;

use standin::takeover::action::{Action, Run};
use standin::takeover::event::{Event, Outcome};
use standin::takeover::step::Step;
use standin::types::{Attempt, MacAddr};

use super::switch::SwitchMode;
/// What the switch has still learned of the card that is no more.
const OLD_CARD: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x0a]);

use super::{MS, Said, What, World};

impl World {
    pub(super) fn perform(&mut self, i: usize, life: u32, action: Action) {
        let name = name_of(&action);
        if !matches!(action, Action::Changed { .. } | Action::Alert(_)) {
            self.record.push((self.now, i, Said::Action(name)));
        }
        match action {
            Action::ArpProbe { to } => self.ask_vip(i, to),
            Action::Ping => {
                let reached = self.hears(i, 1 - i) && self.answers(1 - i);
                if reached && self.pings && self.answered() {
                    self.to(i, MS, Event::Pong);
                }
            }
            Action::AskManagement => {
                if self.hosts[1 - i].up {
                    self.to(i, 30 * MS, Event::ManagementAnswers);
                }
            }
            Action::ProbeService => {
                let reached = self.hears(i, 1 - i) && self.answers(1 - i);
                let ok = reached && self.hosts[1 - i].service;
                let (delay, fault) = match (reached, ok) {
                    (_, true) => (2, ""),
                    (true, false) => (500, "C1 without S0"),
                    (false, false) => (1000, "no SYN-ACK"),
                };
                let fault = fault.to_owned();
                self.to(i, delay * MS, Event::Service { ok, fault });
            }
            Action::PollPort => {
                let delay = if self.switch_answers() { 5 } else { 200 };
                self.after(delay * MS, What::Poll(i, life));
            }
            Action::LookForPeer { by_traffic, .. } => self.look_for_peer(i, by_traffic),
            Action::LookPastFence { .. } => self.look_past_fence(i),
            Action::AskWitnesses => self.ask_witnesses(i, 8),
            Action::Run(run) => self.start(i, life, run),
            Action::Cancel { step, attempt } => {
                let late = self.switch == SwitchMode::Late && step == Step::Fence;
                if self.hosts[i].tasks.get(&step) == Some(&attempt) && !late {
                    let answer = What::Answer(i, life, step, attempt, Outcome::Cancelled);
                    self.after(MS, answer);
                }
            }
            Action::Renew { lifetime } => self.put_address(i, Some(lifetime)),
            Action::Restore { lifetime } => {
                self.put_address(i, lifetime);
                self.frame_from(i);
            }
            Action::DropAddress => self.hosts[i].vip = None,
            Action::ReadFence => self.after(5 * MS, What::FenceAsk(i, life)),
            Action::ReadTie => self.after(5 * MS, What::TieAsk(i, life)),
            Action::AskVip { to } => {
                self.arp_probe(i, None);
                if to.is_some() {
                    self.arp_probe(i, to);
                }
            }
            Action::AskServes { mac } => {
                let there =
                    mac == self.hosts[1 - i].mac && self.hears(i, 1 - i) && self.answers(1 - i);
                let ok = there && self.hosts[1 - i].service;
                let fault = if ok {
                    String::new()
                } else {
                    "silent".to_owned()
                };
                self.to(i, 2 * MS, Event::PeerServes { mac, ok, fault });
            }
            Action::Locate { mac } => {
                let place = self
                    .switch_answers()
                    .then(|| "sw:p7, LLDP name nvr".to_owned());
                let peer = &self.hosts[1 - i];
                let there = mac == peer.mac && !peer.elsewhere;
                let on_fence = self.switch_answers().then_some(there);
                self.to(
                    i,
                    5 * MS,
                    Event::Located {
                        mac,
                        place,
                        on_fence,
                        others: vec![OLD_CARD],
                    },
                );
            }
            Action::ReadBack => {
                let delay = if self.switch_answers() { 5 } else { 3000 };
                self.after(delay * MS, What::ReadBack(i, life));
            }
            Action::Defend => self.frame_from(i),
            Action::Alert(alert) => {
                self.record.push((self.now, i, Said::Alert(alert.text)));
            }
            Action::Changed { .. } => {}
        }
    }

    fn put_address(&mut self, i: usize, lifetime: Option<Duration>) {
        let until = lifetime.map_or(u64::MAX, |l| self.now + l.as_micros() as u64);
        self.hosts[i].vip = Some(until);
        if until < u64::MAX {
            self.after(until - self.now, What::Expire(i, until));
        }
    }

    fn start(&mut self, i: usize, life: u32, run: Run) {
        let name = self.hosts[i].name;
        if let Some(old) = self.hosts[i].tasks.insert(run.step, run.attempt) {
            self.wrong(format!(
                "{name}: {} starts while attempt {old} still runs",
                run.step
            ));
        }
        for other in standin::takeover::step::excludes(run.step) {
            if self.hosts[i].tasks.contains_key(other) {
                self.wrong(format!(
                    "{name}: {} starts while {other} still runs",
                    run.step
                ));
            }
        }
        if run.step == Step::Claim {
            self.check_claim(i, &run);
        }
        let delay = self
            .latency
            .get(&run.step)
            .copied()
            .unwrap_or(match run.step {
                Step::Watch | Step::Gate => MS,
                Step::Service => self.service_start,
                Step::Fence | Step::Lift | Step::Rewire | Step::Park => 10 * MS,
                Step::Claim | Step::Drop => 2 * MS,
                Step::Forward | Step::Announce | Step::Open => 5 * MS,
                Step::Precheck | Step::Handback => 5 * MS,
                Step::Verify => 800 * MS,
                Step::Prove => 10 * MS,
                Step::Site(name) | Step::Undo(name) => self.takes(name),
                Step::Yield | Step::Silence | Step::Return => 0,
            });
        let (step, attempt) = (run.step, run.attempt);
        // Our own port is read first; the SET follows, and the peer's may fall between the two.
        if step == Step::Fence && self.hosts[i].fenced && self.switch_answers() {
            let why = "our own port is shut by the peer".to_owned();
            let answer = What::Answer(i, life, step, attempt, Outcome::Failed(why));
            return self.after(MS, answer);
        }
        self.after(delay, What::Effect(i, life, step, attempt, run));
    }

    fn runs(&self, i: usize, life: u32, step: Step, attempt: Attempt) -> bool {
        let h = &self.hosts[i];
        h.life == life && h.up && h.tasks.get(&step) == Some(&attempt)
    }

    pub(super) fn effect(&mut self, i: usize, life: u32, step: Step, attempt: Attempt, run: Run) {
        if !self.runs(i, life, step, attempt) {
            return;
        }
        let peer = 1 - i;
        let within = run.within.as_micros() as u64;
        let done = || Outcome::Done("proven".to_owned());
        let failed = |why: &str| Outcome::Failed(why.to_owned());
        let (delay, outcome) = match step {
            Step::Fence | Step::Lift | Step::Rewire | Step::Park if !self.switch_answers() => {
                (within, failed("the switch does not answer"))
            }
            Step::Fence | Step::Lift | Step::Rewire | Step::Park
                if self.switch == SwitchMode::Refuses =>
            {
                (MS, failed("the switch refuses the SET"))
            }
            Step::Fence => {
                let ignored = self.switch == SwitchMode::AcknowledgesAndIgnores;
                self.hosts[peer].fenced |= !ignored && !self.place.is_wrong();
                self.carriers();
                self.to(i, 0, Event::FenceSet { attempt });
                let late = self.switch == SwitchMode::Late;
                let delay = if late { within + 1500 * MS } else { 20 * MS };
                let until = self.now + 1000 * MS;
                return self.after(delay, What::Proof(i, life, step, attempt, until));
            }
            Step::Lift => {
                self.hosts[peer].fenced &= self.switch == SwitchMode::AcknowledgesAndIgnores;
                self.carriers();
                let until = self.now + 1000 * MS;
                return self.after(20 * MS, What::Proof(i, life, step, attempt, until));
            }
            Step::Rewire | Step::Park => {
                let ignored = self.switch == SwitchMode::AcknowledgesAndIgnores;
                if step == Step::Rewire {
                    self.check_rewire(i);
                }
                if !ignored {
                    self.hosts[i].production = step == Step::Rewire;
                }
                let until = self.now + 1000 * MS;
                return self.after(20 * MS, What::Proof(i, life, step, attempt, until));
            }
            Step::Claim if self.cannot_claim == Some(i) => {
                (MS, failed("the kernel refuses the address"))
            }
            Step::Claim => {
                self.put_address(i, run.lifetime);
                (MS, done())
            }
            Step::Drop => {
                self.hosts[i].vip = None;
                (MS, done())
            }
            Step::Announce => {
                self.frame_from(i);
                (MS, done())
            }
            Step::Service => {
                self.hosts[i].service = true;
                (MS, done())
            }
            Step::Verify => {
                let expected = u32::from(self.cameras);
                let back = self.cameras_back.min(expected);
                self.to(i, 0, Event::Cameras { expected, back });
                match back == expected {
                    true => (MS, done()),
                    false => (within, failed("cameras are missing")),
                }
            }
            Step::Precheck if !self.hosts[peer].healthy_for_release => {
                (MS, failed("the peer is not healthy"))
            }
            Step::Prove => match self.answers(peer) && self.hosts[peer].service {
                true => (MS, done()),
                false => (3000 * MS, failed("no handshake")),
            },
            Step::Forward if !self.hosts[i].production => {
                self.wrong(format!("{step} before our port is in production"));
                (MS, done())
            }
            Step::Watch | Step::Gate | Step::Forward => (MS, done()),
            Step::Open | Step::Precheck | Step::Handback => (MS, done()),
            Step::Site(name) | Step::Undo(name) => match self.site_effect(i, step, name) {
                Some(outcome) => (0, outcome),
                None => return,
            },
            Step::Yield | Step::Silence | Step::Return => {
                return self.wrong(format!("{step} was given to an adapter"));
            }
        };
        self.after(delay, What::Answer(i, life, step, attempt, outcome));
    }

    pub(super) fn proof(&mut self, i: usize, life: u32, step: Step, attempt: Attempt, until: u64) {
        if !self.runs(i, life, step, attempt) {
            return;
        }
        let set = match step {
            Step::Rewire => self.hosts[i].production,
            Step::Park => !self.hosts[i].production,
            // The port that is shut reads shut, whoever is on it.
            Step::Fence if self.place.is_wrong() => true,
            _ => self.hosts[1 - i].fenced == (step == Step::Fence),
        };
        // After the proof our own port is read: the peer may have shut it meanwhile.
        if step == Step::Fence && self.hosts[i].fenced {
            let why = "our own port is shut by the peer".to_owned();
            return self.answer(i, life, step, attempt, Outcome::Failed(why));
        }
        let is = set && self.switch_answers();
        let outcome = match is {
            true => Outcome::Done("read back".to_owned()),
            false if self.now >= until => {
                Outcome::Failed("the read-back says otherwise".to_owned())
            }
            false => return self.after(20 * MS, What::Proof(i, life, step, attempt, until)),
        };
        self.answer(i, life, step, attempt, outcome);
    }

    pub(super) fn answer(
        &mut self,
        i: usize,
        life: u32,
        step: Step,
        attempt: Attempt,
        outcome: Outcome,
    ) {
        let h = &mut self.hosts[i];
        if h.life != life || h.tasks.get(&step) != Some(&attempt) {
            return;
        }
        h.tasks.remove(&step);
        self.to(
            i,
            0,
            Event::StepEnded {
                step,
                attempt,
                outcome,
            },
        );
    }
}

fn name_of(action: &Action) -> String {
    match action {
        Action::ArpProbe { .. } => "arp-probe".to_owned(),
        Action::Ping => "ping".to_owned(),
        Action::AskManagement => "ask-management".to_owned(),
        Action::ProbeService => "probe-service".to_owned(),
        Action::PollPort => "poll-port".to_owned(),
        Action::LookForPeer { .. } => "look-for-peer".to_owned(),
        Action::LookPastFence { .. } => "look-past-fence".to_owned(),
        Action::AskWitnesses => "ask-witnesses".to_owned(),
        Action::Run(run) => format!("run {}", run.step),
        Action::Cancel { step, .. } => format!("cancel {step}"),
        Action::Renew { .. } => "renew".to_owned(),
        Action::Restore { .. } => "restore".to_owned(),
        Action::DropAddress => "drop-address".to_owned(),
        Action::ReadFence => "read-fence".to_owned(),
        Action::ReadTie => "read-tie".to_owned(),
        Action::AskVip { .. } => "ask-vip".to_owned(),
        Action::AskServes { .. } => "ask-serves".to_owned(),
        Action::Locate { .. } => "locate".to_owned(),
        Action::ReadBack => "read-back".to_owned(),
        Action::Defend => "defend".to_owned(),
        Action::Alert(_) => "alert".to_owned(),
        Action::Changed { .. } => "changed".to_owned(),
    }
}
