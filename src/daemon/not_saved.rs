//! What a switch did not save of a fence is told until it could.

use super::run_loop::Loop;
use crate::switch::fence::save::failed;
use crate::takeover::action::Level;

impl Loop {
    /// Once a second: what a switch did not save, with what does it by hand.
    pub(super) fn tell_what_is_not_saved(&mut self) {
        for i in 0..self.peers.len() {
            let levels = &self.peers[i].hands.fencing.levels;
            let saved = levels.iter().filter(|l| l.fence.persist);
            let failed: Vec<String> = saved
                .flat_map(|l| l.fence.by_switch())
                .filter_map(|(switch, _)| Some(format!("{switch}: {}", failed(switch)?)))
                .collect();
            match failed.is_empty() {
                true => self.settle(Some(i), "not-saved", "the switch's configuration is saved"),
                false => self.raise(Some(i), "not-saved", Level::Warning, format!(
                    "the configuration of a switch is not saved: a reboot of the switch brings the old one back; save it by hand ({})",
                    failed.join("; ")
                )),
            }
        }
    }
}
