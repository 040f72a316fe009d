//! What `plan` and `check` say of the steps that a site adds to a takeover: each is asked itself.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::{Config, Peer};
use crate::daemon::site::facts;
use crate::host::real::{RealDisk, RealPrograms};
use crate::steps::{self, Kit, Look, Memory, Steps};
use crate::takeover::recipe::UndoAt;
use crate::takeover::step::Step;
use crate::types::{Epoch, StepName};

/// Whether a step could be done is known within this.
const LOOK: Duration = Duration::from_secs(10);

/// The steps of a peer; they were read once already, when the file was.
fn of(config: &Config, peer: &Peer) -> Steps {
    steps::of_peer(peer, &config.origin).unwrap_or_default()
}

/// What one step of the site does, and how it is taken back.
pub(super) fn plan_line(config: &Config, peer: &Peer, epoch: Epoch, name: StepName) -> Value {
    let steps = of(config, peer);
    let Some(step) = steps.get(&name) else {
        return json!({ "step": Step::Site(name), "error": "the configuration has no such step" });
    };
    let plan = step.plan(&facts(&config.node.name, peer, epoch, name, false));
    let at = peer
        .site
        .iter()
        .find(|s| s.name == name)
        .and_then(|s| s.undo);
    let when = at.map(|at| match at {
        UndoAt::Start => "before the address is given up",
        UndoAt::End => "when the peer serves again",
    });
    let undo = plan
        .undo
        .zip(when)
        .map(|(what, when)| format!("{when}: {what}"));
    json!({ "step": Step::Site(name), "what": plan.what, "command": plan.command, "undo": undo })
}

/// Whether each could be done now; nothing is changed.
pub(super) async fn check(config: &Config, peer: &Peer) -> Vec<(String, Result<Look, String>)> {
    let steps = of(config, peer);
    let looks = steps.iter().map(async |(name, step)| {
        let disk = Arc::new(RealDisk);
        let kit = Kit {
            facts: facts(&config.node.name, peer, Epoch(0), *name, false),
            within: LOOK,
            programs: Arc::new(RealPrograms),
            memory: Memory::new(disk, &config.node.state_dir, &peer.name, *name),
        };
        let look = tokio::time::timeout(LOOK, step.check(&kit)).await;
        let late = |_| Err(format!("no answer within {} s", LOOK.as_secs()));
        (
            format!("step {name} of {}", peer.name),
            look.unwrap_or_else(late),
        )
    });
    futures_util::future::join_all(looks).await
}
