//! The steps that a site adds, as the world has them: how long they take, which tries fail, what is in effect.

use standin::takeover::event::Outcome;
use standin::takeover::step::Step;
use standin::types::StepName;

use super::{MS, World};
use crate::stories::site::Added;

impl World {
    fn added(&self, name: StepName) -> Added {
        let found = self.added.iter().find(|a| a.name == name).cloned();
        found.unwrap_or_else(|| panic!("{name} is in no configuration"))
    }

    pub(super) fn takes(&self, name: StepName) -> u64 {
        self.added(name).takes_ms * MS
    }

    /// What one try does, and how it ends; `None`: it does not.
    pub(super) fn site_effect(&mut self, i: usize, step: Step, name: StepName) -> Option<Outcome> {
        let added = self.added(name);
        if added.hangs {
            return None;
        }
        let undo = matches!(step, Step::Undo(_));
        let h = &mut self.hosts[i];
        let other = if undo {
            Step::Site(name)
        } else {
            Step::Undo(name)
        };
        if h.tasks.contains_key(&other) {
            self.wrong(format!("{step} while {other} runs"));
            return None;
        }
        let tries = h.site_tries.entry(step).or_default();
        *tries += 1;
        let fails = if undo { added.undo_fails } else { added.fails };
        if *tries <= fails {
            return Some(Outcome::Failed("it is told to fail".to_owned()));
        }
        let again = match undo {
            true => !h.in_effect.remove(&name),
            false => !h.in_effect.insert(name),
        };
        let now = h.in_effect.clone();
        self.in_effect.push((self.now, i, now));
        Some(Outcome::Done(match again {
            true => "it was so already".to_owned(),
            false => "read back".to_owned(),
        }))
    }
}
