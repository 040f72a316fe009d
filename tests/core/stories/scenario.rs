//! One story: a TOML file that says what happens when, and what must follow when.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use standin::takeover::event::Order;
use standin::takeover::policy::Unproven;
use standin::takeover::step::Step;
use standin::types::{MacAddr, PeerMacs};

use crate::policies::{mac_of, policy};
use crate::stories::expect::{Expect, shown};
use crate::stories::site::{Added, Site};
use crate::stories::world::{LEVEL, Losses, MS, Place, SwitchMode, World};

/// By which a machine with two network cards answers too.
const LEG: MacAddr = MacAddr([2, 0, 0, 0, 0, 0x1a]);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What the story is about, for the reader.
    #[expect(dead_code, reason = "for the reader of the file; no code asks for it")]
    about: String,
    /// False: `a` runs no standin, and the VIP belongs to its operating system.
    #[serde(default)]
    pair: bool,
    end_ms: u64,
    #[serde(default)]
    world: Site,
    /// The story is told once for every time in this range; `after_kill_ms` counts from it.
    kill: Option<Kill>,
    #[serde(default, rename = "do")]
    happens: Vec<Do>,
    expect: Vec<Expect>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kill {
    from_ms: u64,
    to_ms: u64,
    every_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    A,
    B,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Do {
    at_ms: Option<u64>,
    after_kill_ms: Option<u64>,
    #[serde(default = "nobody")]
    on: Who,
    what: What,
    ms: Option<u64>,
    n: Option<u32>,
    switch: Option<SwitchMode>,
    step: Option<Step>,
    place: Option<Place>,
}

pub fn nobody() -> Who {
    Who::B
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    /// The link goes first, then everything stops.
    Dies,
    /// Everything stops, the link stays.
    Panics,
    /// Comes up with the cable plugged, with its daemon where it has one.
    Boots,
    /// Loses its power for `ms`, with the cable plugged.
    Reboots,
    CableOut,
    CableIn,
    VlanOut,
    VlanIn,
    ManagementOut,
    ManagementIn,
    ServiceDies,
    ServiceBack,
    /// User space hangs; the kernel goes on answering.
    Hangs,
    /// The daemon is killed.
    Crashes,
    Starts,
    Stalls,
    AddressPruned,
    AddressForced,
    /// Nothing passes `a`'s own leg for `ms`.
    LegGap,
    /// Nothing passes `b`'s own leg for `ms`.
    Gap,
    /// So many cameras answer as witnesses from now on.
    Witnesses,
    CamerasBack,
    Switch,
    SwitchReboots,
    /// A notification that nothing is behind, `n` of them a millisecond apart.
    ForgedTraps,
    UnfencedByHand,
    /// It gets a new network card.
    NewCard,
    /// It answers by the other one of its two addresses from now on.
    OtherLeg,
    /// With the MAC address that it has now.
    OrderReleaseNewMac,
    /// A technician plugs it into a port that no fence names.
    PluggedElsewhere,
    ThirdAppears,
    ThirdGoes,
    /// Its port is shut with the mark of the other one.
    Shut,
    /// The two machines do not hear each other any more; everybody else hears both.
    Parted,
    Joined,
    UnhealthyForRelease,
    /// The switch has the machine there from now on.
    Place,
    /// The port has another number from now on.
    Renumbered,
    /// A person says that the fence's port is the peer's.
    ConfirmFence,
    /// The named step takes `ms` until it does something.
    Slow,
    OrderTakeover,
    OrderRelease,
    OrderHold,
    OrderUnhold,
}

impl Scenario {
    /// Tells the story at several phases of the timers (and for every kill time), and checks each telling.
    pub fn tell(name: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/core/scenarios")
            .join(format!("{name}.toml"));
        let text = std::fs::read_to_string(&file).expect("the story can be read");
        let story: Scenario = toml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let kills: Vec<u64> = match &story.kill {
            None => vec![0],
            Some(k) => (k.from_ms..=k.to_ms).step_by(k.every_ms as usize).collect(),
        };
        for kill in kills {
            let phases: &[u64] = match story.kill {
                None => &[0, 13_300, 37_700, 61_100, 88_900, 140_500, 203_700],
                Some(_) => &[37_700, 140_500],
            };
            for &phase in phases {
                story.once(name, kill, phase);
            }
        }
    }

    /// The world at the end of a story, told once.
    pub fn played(name: &str) -> World {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/core/scenarios")
            .join(format!("{name}.toml"));
        let text = std::fs::read_to_string(&file).expect("the story can be read");
        let story: Scenario = toml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        story.play(0, 37_700)
    }

    fn once(&self, name: &str, kill: u64, phase: u64) {
        let world = self.play(kill, phase);
        let mut errors = world.errors.clone();
        for e in &self.expect {
            if let Err(why) = e.check(&world, phase) {
                errors.push(format!("{e:?}: {why}"));
            }
        }
        if !errors.is_empty() {
            for line in shown(&world) {
                eprintln!("{line}");
            }
            panic!(
                "{name}, phase {phase} us, kill {kill} ms:\n{}",
                errors.join("\n")
            );
        }
    }

    fn play(&self, kill: u64, phase: u64) -> World {
        let site = &self.world;
        let of = |i: usize| {
            let mut p = policy(i, self.pair);
            p.service_dead = site.service_dead;
            (p.alive_elsewhere, p.management) = (site.alive_elsewhere, site.management);
            if let Some(ms) = site.beat_every_ms {
                p.detect.beat_timeout = Duration::from_millis(3 * ms);
            }
            (p.auto, p.warm) = (site.auto, site.warm);
            (p.fence, p.rewire) = (site.fence, site.rewire);
            p.site = site.step.iter().map(Added::spec).collect();
            if site.macs {
                p.peer_mac = PeerMacs::listed(&[mac_of(1 - i), LEG]);
            }
            if site.places {
                p.levels = vec![LEVEL.to_owned()];
            }
            if let Some(ms) = site.suspect_after_ms {
                p.detect.suspect_after = Duration::from_millis(ms);
            }
            if let Some(rate) = site.arp_per_second {
                // As `config::pace` has it for one peer.
                let shared = Duration::from_secs(2) / rate;
                p.detect.probe_interval = p.detect.probe_interval.max(shared);
            }
            if let Some(ms) = site.switch_poll_ms {
                p.detect.switch_poll = Duration::from_millis(ms);
            }
            if let Some(ms) = site.claim_anyway_ms {
                p.unproven = Unproven::ClaimAnyway(Duration::from_millis(ms));
            }
            p
        };
        let mut world = World::new([self.pair.then(|| of(0)), Some(of(1))], site.cameras);
        world.traps = site.traps;
        if let Some(ms) = site.beat_every_ms {
            world.beat_every = ms * MS;
        }
        world.cannot_claim = site.cannot_claim.map(|w| w as usize);
        world.place = site.place;
        world.added.clone_from(&site.step);
        world.seed(phase + 1);
        world.losses = Losses {
            out: site.loss_out,
            back: site.loss_back,
            leg: site.loss_leg,
            ..Losses::default()
        };
        (world.pings, world.chatter) = (site.pings, site.chatter);
        if let Some(rate) = site.arp_per_second {
            world.budget(rate, site.cameras);
        }
        world.two_owners_allowed = site.two_owners_up_to_ms * MS;
        let mut plan: Vec<(u64, usize, Option<&Do>)> = Vec::new();
        for (i, at) in [site.a_starts_ms, site.b_starts_ms].iter().enumerate() {
            plan.extend(at.map(|ms| (ms * MS, i, None)));
        }
        for d in &self.happens {
            let at = match (d.at_ms, d.after_kill_ms) {
                (Some(at), None) => at,
                (None, Some(after)) => kill + after,
                _ => panic!("at_ms or after_kill_ms: {d:?}"),
            };
            plan.push((at * MS + phase, d.on as usize, Some(d)));
        }
        plan.sort_by_key(|(at, _, _)| *at);
        for (at, host, what) in plan {
            world.run_until(at);
            match what {
                None => world.start_daemon(host),
                Some(d) => d.happen(&mut world, host),
            }
        }
        world.run_until(self.end_ms * MS + phase);
        world
    }
}

impl Do {
    fn happen(&self, w: &mut World, i: usize) {
        let n = || self.n.expect("n is set");
        let ms = || self.ms.expect("ms is set");
        match self.what {
            What::Dies => {
                w.set_cable(i, false);
                w.power_off(i);
            }
            What::Panics => w.power_off(i),
            What::Boots => {
                w.set_cable(i, true);
                w.power_on(i, true);
            }
            What::Reboots => {
                w.power_off(i);
                let at = w.now + ms() * MS;
                w.run_until(at);
                w.power_on(i, true);
            }
            What::CableOut => w.set_cable(i, false),
            What::CableIn => w.set_cable(i, true),
            What::VlanOut => w.hosts[i].in_vlan = false,
            What::VlanIn => w.hosts[i].in_vlan = true,
            What::ManagementOut => w.hosts[i].mgmt = false,
            What::ManagementIn => w.hosts[i].mgmt = true,
            What::ServiceDies => w.hosts[i].service = false,
            What::ServiceBack => w.hosts[i].service = true,
            What::Hangs => {
                w.crash(i);
                w.hosts[i].service = false;
            }
            What::Crashes => w.crash(i),
            What::Starts => w.start_daemon(i),
            What::Stalls => w.stall(i, ms()),
            What::AddressPruned => w.prune(i),
            What::AddressForced => w.force_address(i),
            What::LegGap => w.losses.leg_gap = w.now + ms() * MS,
            What::Gap => w.losses.gap = w.now + ms() * MS,
            What::Witnesses => w.cameras = n() as u8,
            What::CamerasBack => w.cameras_back = n(),
            What::Switch => w.switch = self.switch.expect("switch is set"),
            What::SwitchReboots => w.switch_reboots(ms()),
            What::ForgedTraps => w.forged_traps(i, n()),
            What::UnfencedByHand => w.unfence(i),
            What::NewCard => w.hosts[i].mac = MacAddr([2, 0xde, 0xad, 0, 0, 0x77]),
            What::OtherLeg => {
                let h = &mut w.hosts[i];
                h.mac = if h.mac == mac_of(i) { LEG } else { mac_of(i) };
            }
            What::OrderReleaseNewMac => {
                let mac = w.hosts[1 - i].mac;
                w.order(i, Order::ReleaseTo(mac));
            }
            What::PluggedElsewhere => w.plug_elsewhere(i),
            What::ThirdAppears => w.third = true,
            What::ThirdGoes => w.third = false,
            What::Shut => w.shut(i),
            What::Place => w.place = self.place.expect("place is set"),
            What::Renumbered => w.identity = "ge7 (ifIndex 8)".to_owned(),
            What::ConfirmFence => w.person_confirms(i),
            What::Parted => w.parted = true,
            What::Joined => w.parted = false,
            What::UnhealthyForRelease => w.hosts[i].healthy_for_release = false,
            What::Slow => {
                w.latency.insert(self.step.expect("step is set"), ms() * MS);
            }
            What::OrderTakeover => w.order(i, Order::Takeover),
            What::OrderRelease => w.order(i, Order::Release),
            What::OrderHold => w.order(i, Order::Hold(true)),
            What::OrderUnhold => w.order(i, Order::Hold(false)),
        }
    }
}
