//! What the tables of faults and operations share: what is asked of the switch, the word for how it ended, and many
//! cases at a time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use standin::switch::change::ChangeError;
use standin::switch::{ChangeProof, Operation};
use standin::types::VlanId;
use tokio::sync::Semaphore;

pub const MS: fn(u64) -> Duration = Duration::from_millis;

/// What is asked for; each table says on which port, and what is there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Off,
    On,
    Access,
    AccessBack,
    Allow,
    Remove,
}

pub const ASKED: [Asked; 6] = [
    Asked::Off,
    Asked::On,
    Asked::Access,
    Asked::AccessBack,
    Asked::Allow,
    Asked::Remove,
];

impl Asked {
    pub fn operation(self) -> Operation {
        match self {
            Asked::Off => Operation::PortOff,
            Asked::On => Operation::PortOn,
            Asked::Access => Operation::SetAccessVlan(VlanId(20)),
            Asked::AccessBack => Operation::SetAccessVlan(VlanId(10)),
            Asked::Allow => Operation::TrunkAllow(VlanId(40)),
            Asked::Remove => Operation::TrunkRemove(VlanId(30)),
        }
    }

    pub fn is_on_trunk(self) -> bool {
        matches!(self, Asked::Allow | Asked::Remove)
    }
}

/// How it ended, in a word, and what was said.
pub fn word(done: &Result<ChangeProof, ChangeError>) -> (&'static str, String) {
    match done {
        Ok(p) => ("proven", p.notes.join("; ")),
        Err(e @ ChangeError::Undone { .. }) => ("undone", e.to_string()),
        Err(e @ ChangeError::Unclear { .. }) => ("unclear", e.to_string()),
        Err(e) => ("refused", e.to_string()),
    }
}

/// The results in order, with at most `many` of them being worked at.
pub async fn at_most<F>(many: usize, cases: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let gate = Arc::new(Semaphore::new(many));
    let start = |case: F| {
        let gate = gate.clone();
        tokio::spawn(async move {
            let _turn = gate.acquire().await.unwrap();
            case.await
        })
    };
    let tasks: Vec<_> = cases.into_iter().map(start).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

/// The table's first line: the faults' column is so wide.
pub fn head(wide: usize) -> String {
    let asked = ASKED.map(|a| format!("{:10}", format!("{a:?}"))).join(" ");
    format!("{:wide$} {asked}", "fault")
}
