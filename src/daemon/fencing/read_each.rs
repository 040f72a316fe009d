//! Each port of a peer's fence by itself, for what a person is told of a takeover that was stopped.

use std::time::Duration;

use super::super::quarantine;
use super::{Fencing, Level};
use crate::rt::timeout;
use crate::switch::{Admin, read_fence};
use crate::takeover::event::FenceRead;
use crate::takeover::left::{PortLeft, PortState};
use crate::types::PortRef;

/// A switch that has not answered by then is one that does not answer: a person waits for this.
const PATIENCE: Duration = Duration::from_secs(3);

impl Fencing {
    /// How each port of each level is now. Ports that cannot be read within 3 s are `Unknown`.
    pub async fn read_each(&self) -> Vec<PortLeft> {
        let mut out = Vec::new();
        for level in self.levels.iter().filter(|l| !l.fence.ports.is_empty()) {
            let states = timeout(PATIENCE, self.states(level)).await;
            let states = states.unwrap_or_default();
            out.extend(
                level
                    .fence
                    .ports
                    .iter()
                    .enumerate()
                    .map(|(i, port)| PortLeft {
                        port: PortRef {
                            switch: level.fence.switch.clone(),
                            port: port.clone(),
                        },
                        state: states.get(i).copied().unwrap_or(PortState::Unknown),
                    }),
            );
        }
        out
    }

    /// In the order of the level's ports; empty if the switch does not answer.
    async fn states(&self, level: &Level) -> Vec<PortState> {
        if let Some(vlans) = level.fence.quarantine {
            let mut out = Vec::new();
            for port in &level.fence.ports {
                let mut one = level.fence.clone();
                one.ports = vec![port.clone()];
                out.push(match quarantine::read(&level.switch, &one, vlans).await {
                    FenceRead::Present => PortState::Shut,
                    FenceRead::Absent | FenceRead::Foreign => PortState::Open,
                    FenceRead::Unknown => PortState::Unknown,
                });
            }
            return out;
        }
        let ports: Vec<&str> = level.fence.ports.iter().map(String::as_str).collect();
        match read_fence(&level.switch, &ports, &self.node).await {
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
