//! `[world]` of a story: the site as it is at its beginning.

use serde::Deserialize;
use standin::takeover::policy::React;

use crate::scenario::Who;
use crate::world::Place;

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
        }
    }
}
