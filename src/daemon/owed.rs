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
