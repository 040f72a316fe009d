//! What the loop waits for comes, whatever becomes of the task that owes it: a panic is an answer too.

use super::hub::{Input, Tx};

/// Inputs that are sent when this is dropped without having been [paid](Owed::paid).
pub struct Owed {
    tx: Tx,
    inputs: Vec<Input>,
}

impl Owed {
    /// Move it into the task that owes an answer.
    pub fn new(tx: &Tx, inputs: impl Into<Vec<Input>>) -> Owed {
        Owed {
            tx: tx.clone(),
            inputs: inputs.into(),
        }
    }

    /// Sends what `work` comes to, or `unread` if it panics.
    pub async fn answer(tx: Tx, unread: Input, work: impl Future<Output = Input>) {
        let owed = Owed::new(&tx, [unread]);
        let answer = work.await;
        owed.paid();
        // A loop that is gone waits for nothing.
        let _ = tx.send(answer);
    }

    /// The task has answered.
    pub fn paid(mut self) {
        self.inputs.clear();
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        for input in self.inputs.drain(..) {
            // A loop that is gone waits for nothing.
            let _ = self.tx.send(input);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::takeover::event::Event;
    use crate::takeover::left::{PortLeft, PortState};
    use crate::types::PortRef;

    fn left(state: PortState) -> Input {
        let port = PortRef {
            switch: "core".to_owned(),
            port: "ge1".to_owned(),
        };
        Input::Event(0, Event::ReadBack(vec![PortLeft { port, state }]))
    }

    #[tokio::test]
    async fn the_read_back_of_a_fence_that_panics_says_that_nobody_knows() {
        for (panics, expected) in [(false, PortState::Shut), (true, PortState::Unknown)] {
            let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
            let work = async move {
                assert!(!panics, "a fault of standin");
                left(PortState::Shut)
            };
            let task = tokio::spawn(Owed::answer(tx, left(PortState::Unknown), work));
            assert_eq!(task.await.is_err(), panics);
            let Some(Input::Event(0, Event::ReadBack(ports))) = rx.recv().await else {
                panic!("nothing is sent");
            };
            assert_eq!(ports[0].state, expected);
            assert!(rx.recv().await.is_none(), "once");
        }
    }
}
