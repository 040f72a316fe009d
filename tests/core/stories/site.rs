//! `[world]` of a story: the site as it is at its beginning.

use std::time::Duration;

use serde::Deserialize;
use standin::takeover::policy::React;
use standin::takeover::recipe::{Failure, SiteSpec, UndoAt};
use standin::takeover::step::Step;
use standin::types::StepName;

use crate::stories::scenario::Who;
use crate::stories::world::Place;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Site {
    pub cameras: u8,
    pub service_dead: React,
    pub alive_elsewhere: React,
    /// `a` has a management address, which answers while its kernel does.
    pub management: bool,
    pub claim_anyway_ms: Option<u64>,
    pub suspect_after_ms: Option<u64>,
    pub switch_poll_ms: Option<u64>,
    /// The switch tells each change of a port's link by a notification.
    pub traps: bool,
    pub auto: bool,
    pub warm: bool,
    pub fence: bool,
    pub rewire: bool,
    /// Heartbeats come this often on both machines.
    pub beat_every_ms: Option<u64>,
    /// This host's kernel refuses the VIP.
    pub cannot_claim: Option<Who>,
    /// What leaves `b` is lost, and what comes to it; at `a`'s own leg, each way: in per cent.
    pub loss_out: u32,
    pub loss_back: u32,
    pub loss_leg: u32,
    pub pings: bool,
    /// `a` says nothing unasked.
    pub chatter: bool,
    pub arp_per_second: Option<u32>,
    pub a_starts_ms: Option<u64>,
    pub b_starts_ms: Option<u64>,
    pub two_owners_up_to_ms: u64,
    /// Whether the fence's port is the peer's is looked at.
    pub places: bool,
    pub place: Place,
    /// `b`'s configuration lists both addresses of `a`.
    pub macs: bool,
    /// What the configuration of both adds to a takeover.
    pub step: Vec<Added>,
}

/// `[[world.step]]`: a step of the site, and how it goes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Added {
    pub name: StepName,
    #[serde(default)]
    pub needs: Vec<Step>,
    #[serde(default)]
    pub before: Vec<Step>,
    #[serde(default = "go_on")]
    pub on_failure: Failure,
    pub undo: Option<UndoAt>,
    #[serde(default = "three")]
    pub tries: u32,
    /// It takes so long.
    #[serde(default)]
    pub takes_ms: u64,
    /// The first so many tries fail.
    #[serde(default)]
    pub fails: u32,
    /// So many tries at taking it back fail.
    #[serde(default)]
    pub undo_fails: u32,
    /// It never answers.
    #[serde(default)]
    pub hangs: bool,
}

fn go_on() -> Failure {
    Failure::GoOn
}

fn three() -> u32 {
    3
}

impl Added {
    pub fn spec(&self) -> SiteSpec {
        SiteSpec {
            name: self.name,
            needs: self.needs.clone(),
            before: self.before.clone(),
            within: Duration::from_secs(5),
            tries: self.tries,
            pause: Duration::from_secs(1),
            on_failure: self.on_failure,
            undo: self.undo,
        }
    }
}

impl Default for Site {
    fn default() -> Self {
        Site {
            cameras: 8,
            service_dead: React::Alert,
            alive_elsewhere: React::Takeover,
            management: false,
            claim_anyway_ms: None,
            suspect_after_ms: None,
            switch_poll_ms: None,
            traps: false,
            auto: true,
            warm: true,
            fence: true,
            rewire: false,
            beat_every_ms: None,
            cannot_claim: None,
            loss_out: 0,
            loss_back: 0,
            loss_leg: 0,
            pings: true,
            chatter: true,
            arp_per_second: None,
            a_starts_ms: Some(0),
            b_starts_ms: Some(0),
            two_owners_up_to_ms: 0,
            places: false,
            place: Place::Here,
            macs: false,
            step: Vec::new(),
        }
    }
}
