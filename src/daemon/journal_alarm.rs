//! A journal that is not durable is told by `status` for as long as it lasts.

use std::time::Duration;

use super::run_loop::Loop;
use crate::takeover::action::Level;

/// A disk that does not answer for so long hangs.
const HANGS: Duration = Duration::from_secs(3);

impl Loop {
    /// Once a second.
    pub(super) fn look_at_the_journal(&mut self) {
        let health = self.journal.health();
        let hangs = health.waits.filter(|w| *w > HANGS);
        let what = match (&health.error, hangs) {
            (Some(e), _) => e.clone(),
            (None, Some(waits)) => format!("the disk has not answered for {} s", waits.as_secs()),
            (None, None) => {
                return self.settle(None, "journal", "the journal is durable again");
            }
        };
        self.raise(None, "journal", Level::Critical, format!(
            "the journal is not durable ({what}; {} entries lost): standin goes on, but would not know after a restart what it does now. Make room, or look at the disk of node.state-dir",
            health.lost
        ));
    }
}
