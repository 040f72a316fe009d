//! Where the switch has the other machine, as a look at its tables sees it.

use standin::takeover::event::Event;
use standin::takeover::placement::{Seen, Sight};

use super::{MS, World};

/// The one level of the fence.
pub const LEVEL: &str = "core:ge7";
/// How old the link of a port may be when it is read.
const STALE: u64 = 3000 * MS;

/// What the switch knows of the machine that is to be fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// It hangs on the fence's port.
    Here,
    /// It hangs on another port, so that the fence shuts nothing.
    Elsewhere,
    /// Its address is learned nowhere.
    Nowhere,
    /// The switch tells no addresses.
    Untold,
    /// It tells none, and the port's counters follow what the machine is asked.
    Follows,
    /// It tells none, and another port's do.
    FollowsElsewhere,
}

impl Place {
    /// The machine is on a port that the fence does not name.
    pub fn is_wrong(self) -> bool {
        matches!(self, Place::Elsewhere | Place::FollowsElsewhere)
    }
}

impl World {
    /// The plug of host `i` was put in or out.
    pub(super) fn note_link(&mut self, i: usize) {
        let up = self.port_up(i);
        let now = self.now;
        let h = &mut self.hosts[i];
        if h.links.last().is_none_or(|(_, was)| *was != up) {
            h.links.push((now, up));
        }
    }

    fn link_as_read(&self, i: usize) -> bool {
        let then = self.now.saturating_sub(STALE);
        let mut before = self.hosts[i].links.iter().rev();
        before.find(|(at, _)| *at <= then).is_none_or(|(_, up)| *up)
    }

    /// A person says that the fence of host `i` is on the right port.
    pub fn person_confirms(&mut self, i: usize) {
        let (level, by) = (LEVEL.to_owned(), "anna".to_owned());
        let wall_s = 1_700_000_000 + self.now / 1_000_000;
        self.to(i, 0, Event::FenceConfirmed { level, by, wall_s });
    }

    /// The table alone: a port without link says nothing of a machine that is fenced.
    pub(super) fn look_past_fence(&mut self, i: usize) {
        let seen = match self.place {
            _ if !self.switch_answers() => Seen::Unread {
                why: "no answer".to_owned(),
            },
            Place::Elsewhere => Seen::Elsewhere {
                at: "core:ge9".to_owned(),
                why: "its address is learned on core:ge9".to_owned(),
            },
            Place::Here
            | Place::Nowhere
            | Place::Untold
            | Place::Follows
            | Place::FollowsElsewhere => Seen::Nowhere,
        };
        let ageing = Some(std::time::Duration::from_secs(300));
        self.to(i, 20 * MS, Event::LookedPastFence { seen, ageing });
    }

    pub(super) fn look_for_peer(&mut self, i: usize, by_traffic: bool) {
        let elsewhere = |at: &str| Seen::Elsewhere {
            at: at.to_owned(),
            why: format!("the peer hangs on {at}"),
        };
        let seen = match self.place {
            _ if !self.switch_answers() => Seen::Unread {
                why: "no answer".to_owned(),
            },
            Place::Here if self.link_as_read(1 - i) => Seen::Here {
                how: "learned there".to_owned(),
            },
            Place::Here => elsewhere("a port without link"),
            Place::Elsewhere => elsewhere("core:ge9"),
            Place::Nowhere => Seen::Nowhere,
            Place::Untold => Seen::Untold,
            Place::Follows | Place::FollowsElsewhere if !by_traffic => Seen::Untold,
            Place::Follows => Seen::Followed {
                how: "by traffic".to_owned(),
            },
            Place::FollowsElsewhere => Seen::NotFollowed {
                at: "core:ge9".to_owned(),
                why: "its traffic passes core:ge9".to_owned(),
            },
        };
        let sight = Sight {
            level: LEVEL.to_owned(),
            identity: self.identity.clone(),
            seen,
        };
        let delay = match self.switch_answers() {
            true if by_traffic => 9000,
            true => 20,
            false => 900,
        };
        let wall_s = 1_700_000_000 + self.now / 1_000_000;
        let sights = vec![sight];
        self.to(i, delay * MS, Event::PeerLookedFor { sights, wall_s });
    }
}
