//! What must always hold in the world: no claim without its grounds, never two live owners.

use std::collections::BTreeSet;

use standin::takeover::action::Run;
use standin::takeover::state::Grounds;

use super::World;

impl World {
    /// After every event: never two live owners.
    pub(super) fn check(&mut self) {
        let live: BTreeSet<&'static str> = (0..2)
            .filter(|i| self.answers(*i))
            .map(|i| self.hosts[i].name)
            .collect();
        if live.len() > 1 {
            let since = *self.two_since.get_or_insert(self.now);
            if self.now - since >= self.two_owners_allowed.max(1) {
                self.wrong("two live owners".to_owned());
            }
        } else {
            self.two_since = None;
        }
        if self.owners.last().is_none_or(|(_, o)| *o != live) {
            self.owners.push((self.now, live));
        }
    }

    /// What a claim rests on must be true in the world.
    pub(super) fn check_claim(&mut self, i: usize, run: &Run) {
        let name = self.hosts[i].name;
        let peer = &self.hosts[1 - i];
        let truth = match run.grounds {
            Some(Grounds::Fenced) => peer.fenced,
            Some(Grounds::Yielded | Grounds::Vacant) => !self.answers(1 - i),
            Some(Grounds::Unfenced) => self.hosts[i].machine.as_ref().is_some_and(|m| {
                m.policy().unproven != standin::takeover::policy::Unproven::Hold
                    || !m.policy().fence
            }),
            None => false,
        };
        if !truth {
            self.wrong(format!(
                "{name} claims on {:?}, which is not so",
                run.grounds
            ));
        }
    }

    /// Our port enters production only when the peer is kept away from it.
    pub(super) fn check_rewire(&mut self, i: usize) {
        if !self.hosts[1 - i].fenced {
            let name = self.hosts[i].name;
            self.wrong(format!("{name} rewires although the peer is not fenced"));
        }
    }
}
