//! What a person is told of fences in place, and when the file's fence comes into force.

use std::time::Duration;

use super::Orphan;
use crate::config::Config;
use crate::daemon::alarms;
use crate::daemon::fencing::Fencing;
use crate::daemon::journal::Record;
use crate::daemon::record;
use crate::daemon::run_loop::{Loop, PeerRun};
use crate::rt::Instant;
use crate::takeover::action::Level as Urgency;
use crate::takeover::alarm::Alarms;
use crate::takeover::state::Phase;
use crate::types::{BootTime, PortRef};

/// A fence that is left is read again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

impl PeerRun {
    /// True if a takeover is under way or in place, or a level of the fence may be.
    pub fn fence_in_place(&self) -> bool {
        let at_rest = self.machine.state().phase() == Phase::Standby;
        !at_rest || self.hands.fencing.marks.any()
    }

    /// Fences with `fencing` from now on.
    pub(in crate::daemon) fn fence_with(&mut self, fencing: Fencing) {
        self.recorder.follow(&fencing);
        self.hands.fencing = fencing;
    }
}

impl Loop {
    /// Once a second: the fence that the file names is taken up as soon as the one in place is lifted.
    pub(in crate::daemon) fn take_up_fences(&mut self) {
        for i in 0..self.peers.len() {
            self.tell_orphans(i);
            self.tell_what_is_left(i);
            let p = &mut self.peers[i];
            let Some(later) = &p.later else { continue };
            let (named, stands) = (ports_of(later), ports_of(&p.hands.fencing));
            if p.fence_in_place() && named == stands {
                continue;
            }
            if p.fence_in_place() {
                self.raise(Some(i), "fence-of-the-journal", Urgency::Warning, format!(
                    "the configuration names {named} for the fence now, and the one in place is on {stands}: that one is kept until it is lifted (`standin release`), then the configuration's is in force"
                ));
                continue;
            }
            if let Some(mut later) = p.later.take() {
                later.inherit(&p.hands.fencing);
                p.fence_with(later);
            }
            self.settle(
                Some(i),
                "fence-of-the-journal",
                format!("the fence that the configuration names is in force now: {named}"),
            );
        }
    }
}

impl Loop {
    fn tell_orphans(&mut self, peer: usize) {
        let p = &self.peers[peer];
        let orphans = p.hands.fencing.orphans.iter();
        let said: Vec<String> = orphans.map(Orphan::to_string).collect();
        match said.is_empty() {
            true => self.settle(
                Some(peer),
                "fence-orphaned",
                "every switch of the fence in place is in the configuration again",
            ),
            false => self.raise(
                Some(peer),
                "fence-orphaned",
                Urgency::Critical,
                said.join("; "),
            ),
        }
    }

    /// A fence that stands although nobody takes over: it is read, and named with what lifts it, for as long as it lasts.
    fn tell_what_is_left(&mut self, peer: usize) {
        let p = &mut self.peers[peer];
        let at_rest = p.machine.state().phase() == Phase::Standby;
        let left = p.hands.fencing.in_place();
        if !at_rest || left.is_empty() {
            return self.settle(Some(peer), "fence-left", "no port is left shut by us");
        }
        if p.look_at_marks.is_none_or(|at| at.elapsed() > LOOK_AGAIN) {
            p.look_at_marks = Some(Instant::now());
            let fencing = p.hands.fencing.clone();
            self.shared
                .slow
                .spawn(async move { fencing.look_at_marks().await });
        }
        let (ports, commands): (Vec<String>, Vec<String>) = left
            .into_iter()
            .map(|(at, how)| (at.to_string(), how))
            .unzip();
        self.raise(Some(peer), "fence-left", Urgency::Critical, format!(
            "the fence on {} is, or may be, still in place, and no takeover is: the peer is cut off there. When it may come back: {}",
            ports.join(", "), commands.join(", ")
        ));
    }
}

/// A peer of which something is in place, and which the configuration does not have any more.
pub(in crate::daemon) fn tell_dropped_peers(
    alarms: &mut Alarms,
    records: &[Record],
    config: &Config,
    now: BootTime,
) {
    for name in record::peers(records) {
        let kept = record::last(records, &name, "").map(|(kept, _)| kept);
        let Some(kept) = kept.filter(|k| k.in_place() && !config.peers.contains_key(&name)) else {
            continue;
        };
        let standing = kept.standing();
        let levels = standing.levels.iter().filter(|l| l.set);
        let commands: Vec<String> = levels
            .flat_map(|l| l.ports())
            .map(|at| format!("`standin unfence --force {at}`"))
            .collect();
        let text = format!(
            "the journal has peer {name} as {}, and the configuration does not have it any more: nobody watches its address, and its fence is lifted by nobody. Put [peer.{name}] back and restart; or, if it is to go: {}",
            kept.label,
            commands.join(", ")
        );
        let said = alarms.tell(now, &format!("dropped-{name}"), Urgency::Critical, text);
        said.iter().for_each(|a| alarms::log(&name, a));
    }
}

fn ports_of(fencing: &Fencing) -> String {
    let ports: Vec<String> = fencing.ports().iter().map(PortRef::to_string).collect();
    match ports.is_empty() {
        true => "a port that is still to be found".to_owned(),
        false => ports.join(", "),
    }
}
