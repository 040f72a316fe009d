//! The daemons: events are delivered to a machine, its journal is kept, it is killed and started again.

use standin::takeover::Machine;
use standin::takeover::action::Action;
use standin::takeover::event::{Event, Order, Recovered};
use standin::takeover::new_mac::NewMac;
use standin::takeover::placement::Place;
use standin::takeover::site::Begun;
use standin::takeover::state::{Grounds, Phase};
use standin::takeover::step::Step;
use standin::takeover::verdict::Verified;
use standin::types::{BootTime, Epoch, MacAddr};

use super::{MS, Said, What, World};

/// What the journal of one daemon holds.
#[derive(Clone, Debug)]
pub struct Journal {
    phase: Phase,
    epoch: Epoch,
    grounds: Option<Grounds>,
    verdict: Option<Verified>,
    planned: bool,
    pinned: Option<MacAddr>,
    healthy: bool,
    hold: bool,
    places: Vec<Place>,
    hold_here: bool,
    peer_hold: bool,
    flapping: bool,
    new_mac: Option<NewMac>,
    site: Vec<Begun>,
    boot: u32,
}

impl World {
    pub fn start_daemon(&mut self, i: usize) {
        let now = BootTime(self.now);
        let fence = self.fence_of(1 - i);
        let carrier = self.has_carrier(i);
        let h = &mut self.hosts[i];
        let (Some(policy), true) = (h.policy.clone(), h.up) else {
            return;
        };
        h.life += 1;
        h.tasks.clear();
        h.carrier_told = carrier;
        let fresh = Recovered::fresh(BootTime(h.booted_at));
        let recovered = match &h.journal {
            None => Recovered {
                carrier,
                fence,
                address_here: h.vip.is_some(),
                ..fresh
            },
            Some(j) => Recovered {
                phase: j.phase,
                epoch: j.epoch,
                grounds: j.grounds,
                verdict: j.verdict,
                planned: j.planned,
                same_boot: j.boot == h.boot,
                address_here: h.vip.is_some(),
                fence,
                pinned: j.pinned,
                healthy: j.healthy && j.boot == h.boot,
                hold: j.hold,
                places: j.places.clone(),
                hold_here: j.hold_here,
                peer_hold: j.peer_hold,
                flapping: j.flapping,
                new_mac: j.new_mac.clone(),
                site: j.site.clone(),
                carrier,
                ..fresh
            },
        };
        h.machine = Some(Machine::new(policy, now));
        let life = h.life;
        self.deliver(i, life, Event::Start(recovered));
    }

    pub(super) fn deliver(&mut self, i: usize, life: u32, event: Event) {
        let h = &self.hosts[i];
        if h.life != life || h.machine.is_none() || !h.up {
            return;
        }
        if h.stalled_until > self.now {
            let wait = h.stalled_until - self.now;
            return self.after(wait, What::To(i, life, event));
        }
        let now = BootTime(self.now);
        let tick = event == Event::Tick;
        let h = &mut self.hosts[i];
        let Some(machine) = h.machine.as_mut() else {
            return;
        };
        let event = self.kept.keep(i, machine, event);
        let before = machine.label();
        let flags = machine.flags();
        let actions = machine.handle(now, event.clone());
        let mut twice = machine.clone();
        let more = twice.handle(now, Event::Tick);
        let after = machine.label();
        let same = twice == *machine && more.is_empty();
        let due = machine.next_deadline();
        let said = machine.flags() != flags;
        h.journal = Some(journal_of(h.journal.as_ref(), machine, &actions, h.boot));
        if tick {
            *h.ticks.entry(self.now / 1_000_000).or_default() += 1;
        }
        if said {
            // What changes is said at once, as the daemon does.
            self.after(0, What::BeatNow(i));
        }
        let h = &mut self.hosts[i];
        let ticks = h.ticks.get(&(self.now / 1_000_000)).copied().unwrap_or(0);
        let name = h.name;
        if !same {
            self.wrong(format!(
                "{name} in {after}: a second tick after {event:?} did {more:?}"
            ));
        }
        if due.is_some_and(|d| d <= now) {
            self.wrong(format!(
                "{name} in {after}: the next deadline {due:?} is not after {now:?} ({event:?})"
            ));
        }
        if ticks > 200 {
            self.wrong(format!("{name} in {after}: {ticks} ticks in one second"));
        }
        if let Some(d) = due.filter(|d| *d > now && d.0 < u64::MAX / 2) {
            self.after(d.0 - self.now, What::Tick(i, life));
        }
        if before != after {
            self.record.push((self.now, i, Said::State(after)));
        }
        for action in actions {
            self.perform(i, life, action);
        }
        if let Some(asked) = self.asked.take() {
            self.deliver(i, life, Event::Asked(asked));
        }
    }

    pub fn crash(&mut self, i: usize) {
        let h = &mut self.hosts[i];
        h.machine = None;
        h.life += 1;
        h.tasks.clear();
    }

    pub fn stall(&mut self, i: usize, ms: u64) {
        self.hosts[i].stalled_until = self.now + ms * MS;
    }

    pub fn order(&mut self, i: usize, order: Order) {
        self.to(i, 0, Event::Order(order));
    }
}

fn journal_of(old: Option<&Journal>, m: &Machine, actions: &[Action], boot: u32) -> Journal {
    let claim = actions.iter().rev().find_map(|a| match a {
        Action::Run(run) if run.step == Step::Claim => run.grounds,
        _ => None,
    });
    let verdict = match m.state() {
        standin::takeover::state::State::Active { verdict } => Some(*verdict),
        _ => old.and_then(|j| j.verdict),
    };
    Journal {
        phase: m.state().phase(),
        epoch: m.epoch(),
        grounds: claim.or(old.and_then(|j| j.grounds)),
        verdict,
        planned: m.planned(),
        pinned: m.evidence().pinned.lead(),
        healthy: m.evidence().healthy,
        hold: m.hold(),
        places: m.placement().places().cloned().collect(),
        hold_here: m.hold() && !m.flags().hold,
        peer_hold: m.held_by_peer(),
        flapping: m.looks().flapping(),
        new_mac: m.new_mac().cloned(),
        site: m.site_begun(),
        boot,
    }
}
