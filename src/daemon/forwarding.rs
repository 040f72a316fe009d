//! Port takeover: spanning tree on our own port after its move. What is announced before it forwards is lost.

use std::time::Duration;

use super::perform::{Hands, Shared};
use crate::rt::{Instant, sleep};
use crate::switch::read::stp::StpState;
use crate::switch::{Switch, SwitchError};
use crate::takeover::action::Run;
use crate::takeover::event::Outcome;
use crate::types::VlanId;

/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// A port that is up and reads `disabled` for this long takes no part in spanning tree: its frames pass.
const NO_PART: Duration = Duration::from_secs(1);
/// A switch that has not answered for this long is waited for no longer: it was read when the port was proven moved.
const SILENT: Duration = Duration::from_secs(3);

/// Waits until `port` forwards, at most `within`. A switch that does not tell is not waited for.
pub async fn forwarding(switch: &Switch, port: &str, vlan: VlanId, within: Duration) -> Outcome {
    let at = format!("{}:{port}", switch.target().name);
    let begun = Instant::now();
    let (mut answered, mut disabled) = (begun, None::<Instant>);
    loop {
        let last = match switch.stp(port, Some(vlan)).await {
            Ok(stp) => {
                answered = Instant::now();
                let no_part = stp.up && stp.state == Some(StpState::Disabled);
                disabled = no_part.then(|| *disabled.get_or_insert(stp.since));
                match stp.state {
                    None => {
                        return Outcome::Done(format!(
                            "{at}: the switch does not tell spanning tree's state, so it was not waited for"
                        ));
                    }
                    Some(StpState::Forwarding) => {
                        return Outcome::Done(format!(
                            "{at} forwards, {:?} after it was moved",
                            begun.elapsed()
                        ));
                    }
                    Some(StpState::Disabled)
                        if disabled.is_some_and(|d| d.elapsed() >= NO_PART) =>
                    {
                        return Outcome::Done(format!(
                            "{at} takes no part in spanning tree: it is up, and reads disabled for {NO_PART:?}"
                        ));
                    }
                    Some(
                        StpState::Disabled
                        | StpState::Blocking
                        | StpState::Listening
                        | StpState::Learning
                        | StpState::Broken,
                    ) => stp.words(),
                }
            }
            Err(e) if e.is_silence() && answered.elapsed() < SILENT => e.to_string(),
            Err(e) => return Outcome::Failed(unread(&at, &e)),
        };
        if begun.elapsed() + LOOK >= within {
            return Outcome::Failed(format!(
                "{at} does not forward {:?} after it was moved: spanning tree says {last}",
                begun.elapsed()
            ));
        }
        sleep(LOOK).await;
    }
}

fn unread(at: &str, e: &SwitchError) -> String {
    format!("whether {at} forwards cannot be read ({e})")
}

impl Hands {
    /// Waits for spanning tree on our own port.
    pub(super) fn await_forwarding(&mut self, run: &Run, shared: &Shared) {
        let Some(parked) = self.parked.clone() else {
            let why = "no port takeover is configured".to_owned();
            return self.answer(run, Outcome::Refused(why), shared);
        };
        let within = run.within;
        self.tasks
            .spawn(&shared.slow, run.step, run.attempt, async move {
                forwarding(&parked.switch, &parked.port, parked.production, within).await
            });
    }
}
