//! Running tasks of steps: each can be told to stop, and each answers exactly once.

use std::collections::BTreeMap;
use std::future::Future;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::hub::{Input, Tx};
use crate::takeover::event::{Event, Outcome};
use crate::takeover::step::Step;
use crate::types::Attempt;

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
        on: &Handle,
        step: Step,
        attempt: Attempt,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) {
        let (stop, stopped) = oneshot::channel();
        self.stops.retain(|_, s| !s.is_closed());
        self.stops.insert((step, attempt), stop);
        let (tx, peer) = (self.tx.clone(), self.peer);
        on.spawn(async move {
            let outcome = tokio::select! {
                outcome = work => outcome,
                // A dropped sender means that the loop is gone: nobody waits for an answer.
                _ = stopped => Outcome::Cancelled,
            };
            let event = Event::StepEnded {
                step,
                attempt,
                outcome,
            };
            let _ = tx.send(Input::Event(peer, event));
        });
    }

    /// Tells a task to stop; its answer still comes.
    pub fn stop(&mut self, step: Step, attempt: Attempt) {
        if let Some(stop) = self.stops.remove(&(step, attempt)) {
            let _ = stop.send(());
        }
    }
}
