//! R10: how much of everything there is.

use crate::judge::Judge;
use crate::rules::Rule;
use crate::world::World;

/// In a second.
const FRAMES: u64 = 300;
const TASKS: usize = 40;
/// In half a second, on both machines and beside them.
const POLLS: u64 = 3_000;

impl Judge {
    /// R10: tasks, frames and how often anything runs.
    pub fn bounds(&mut self, world: &World, tasks: [usize; 2], polls: u64, now: u64) {
        let often = polls - std::mem::replace(&mut self.polls, polls);
        let what = || format!("tasks ran {often} times within half a second");
        self.ledger.check(Rule::Bounds, often < POLLS, now, what);
        for (i, tasks) in tasks.into_iter().enumerate() {
            let frames = world.machines[i].sent;
            let before = self.of[i].frames;
            self.of[i].frames = (frames, before.0);
            let fine = frames - before.1 < FRAMES && tasks < TASKS;
            self.ledger.check(Rule::Bounds, fine, now, || {
                let sent = frames - before.1;
                format!("machine {i} has {tasks} tasks and sent {sent} frames in a second")
            });
        }
    }
}
