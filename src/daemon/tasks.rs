//! Running tasks of steps: each can be told to stop, and each answers exactly once.

use std::collections::BTreeMap;
use std::future::Future;

use tokio::sync::oneshot;

use super::hub::{Input, Tx};
use super::owed::Owed;
use crate::rt::Lane;
use crate::takeover::event::{Event, Outcome};
use crate::takeover::step::Step;
use crate::types::Attempt;

/// Why a step failed whose task panicked.
const PANICKED: &str = "a fault of standin ended the task of this step; the log has a line that begins with `panic at`: please report it";

fn ended(peer: usize, step: Step, attempt: Attempt, outcome: Outcome) -> Input {
    let event = Event::StepEnded {
        step,
        attempt,
        outcome,
    };
    Input::Event(peer, event)
}

/// The running tasks of one peer.
pub struct Tasks {
    peer: usize,
    tx: Tx,
    stops: BTreeMap<(Step, Attempt), oneshot::Sender<()>>,
}

impl Tasks {
    /// No tasks yet; answers go to `tx`.
    pub fn new(peer: usize, tx: Tx) -> Self {
        Tasks {
            peer,
            tx,
            stops: BTreeMap::new(),
        }
    }

    /// Runs `work` on `on` and answers with its outcome, or with `Cancelled` after [`Tasks::stop`].
    pub fn spawn(
        &mut self,
        on: &Lane,
        step: Step,
        attempt: Attempt,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) {
        let (stop, stopped) = oneshot::channel();
        self.stops.retain(|_, s| !s.is_closed());
        self.stops.insert((step, attempt), stop);
        let (tx, peer) = (self.tx.clone(), self.peer);
        let panicked = Outcome::Failed(PANICKED.to_owned());
        let owed = Owed::new(&tx, [ended(peer, step, attempt, panicked)]);
        on.spawn(async move {
            let outcome = tokio::select! {
                biased;
                // A dropped sender means that the loop is gone: nobody waits for an answer.
                _ = stopped => Outcome::Cancelled,
                outcome = work => outcome,
            };
            owed.paid();
            let _ = tx.send(ended(peer, step, attempt, outcome));
        });
    }

    /// Tells a task to stop; its answer still comes.
    pub fn stop(&mut self, step: Step, attempt: Attempt) {
        if let Some(stop) = self.stops.remove(&(step, attempt)) {
            let _ = stop.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_a_step_that_failed() {
        let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
        let mut tasks = Tasks::new(3, tx);
        tasks.spawn(&Lane::current(), Step::Fence, Attempt(7), async {
            panic!("as in the field")
        });
        tasks.spawn(&Lane::current(), Step::Claim, Attempt(8), async {
            Outcome::Done("well".to_owned())
        });
        let mut answers = Vec::new();
        for _ in 0..2 {
            let Some(Input::Event(3, Event::StepEnded { step, outcome, .. })) = rx.recv().await
            else {
                panic!("another answer")
            };
            answers.push((step, outcome));
        }
        answers.sort_by_key(|(step, _)| *step == Step::Claim);
        assert!(
            matches!(&answers[0], (Step::Fence, Outcome::Failed(why)) if why.contains("panic"))
        );
        assert_eq!(answers[1], (Step::Claim, Outcome::Done("well".to_owned())));
        tokio::task::yield_now().await;
        assert!(rx.try_recv().is_err(), "answered twice");
    }
}
