//! Each port of a peer's fence by itself, for what a person is told of a takeover that was stopped.

use std::time::Duration;

use futures_util::future::join_all;

use super::{Fencing, Level, Part};
use crate::rt::timeout;
use crate::switch::fence::quarantine;
use crate::switch::{Admin, read_fence};
use crate::takeover::left::{PortLeft, PortState};

/// A switch that has not answered by then is one that does not answer: a person waits for this.
const PATIENCE: Duration = Duration::from_secs(3);

impl Fencing {
    /// How each port of each level is now. Ports that cannot be read within 3 s are `Unknown`.
    pub async fn read_each(&self) -> Vec<PortLeft> {
        let mut out = Vec::new();
        for level in self.levels.iter().filter(|l| !l.fence.ports.is_empty()) {
            let parts = join_all(level.parts().map(async |part| {
                let states = timeout(PATIENCE, self.states(level, &part)).await;
                (part, states.unwrap_or_default())
            }));
            for (part, states) in parts.await {
                let ports = part.ports.iter().enumerate();
                out.extend(ports.map(|(i, port)| PortLeft {
                    port: part.at(port),
                    state: states.get(i).copied().unwrap_or(PortState::Unknown),
                }));
            }
        }
        out
    }

    /// In the order of the part's ports; empty if the switch does not answer.
    async fn states(&self, level: &Level, part: &Part<'_>) -> Vec<PortState> {
        if let Some(vlans) = level.fence.quarantine {
            let mut out = Vec::new();
            for port in &level.fence.ports {
                let one = std::slice::from_ref(port);
                out.push(match quarantine::stands(part.switch, one, vlans).await {
                    Ok(true) => PortState::Shut,
                    Ok(false) => PortState::Open,
                    Err(_) => PortState::Unknown,
                });
            }
            return out;
        }
        match read_fence(part.switch, &part.ports, &self.node).await {
            Ok(read) => read
                .ports
                .iter()
                .map(|p| {
                    if p.admin == Admin::Down {
                        PortState::Shut
                    } else {
                        PortState::Open
                    }
                })
                .collect(),
            Err(e) => {
                tracing::debug!(error = %e, "the ports that were left cannot be read");
                Vec::new()
            }
        }
    }
}
