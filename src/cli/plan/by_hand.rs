//! What a person does at the switch in the place of a fence: shut a port, read whether it is shut, open it again.

use serde_json::{Value, json};

use super::{changed, fenced};
use crate::config::{Config, Peer, Secrets};
use crate::daemon::switches;
use crate::switch::profile::Transport;
use crate::switch::{FenceTag, Operation, PlanOp, plan, read_by_hand};

/// A port of the peer: where it is, what shuts it, how it is read, and what opens it.
pub(in crate::cli) struct PortByHand {
    /// Name of the switch.
    pub(in crate::cli) switch: String,
    /// ifName.
    pub(in crate::cli) port: String,
    /// The lines that shut it, or put it where the fence puts it; as `--json` of a plan has them.
    pub(in crate::cli) shut: Vec<Value>,
    /// The command that reads its state, or why there is none.
    pub(in crate::cli) read: Result<String, String>,
    /// The lines that open it.
    pub(in crate::cli) open: Vec<Value>,
}

/// The ports of every level. Reads the switches and writes nothing.
pub(in crate::cli) async fn ports(
    config: &Config,
    secrets: &Secrets,
    peer: &Peer,
    tag: &FenceTag,
) -> Vec<PortByHand> {
    let switches = switches::build(config, secrets).unwrap_or_default();
    let tagged = tag.to_string();
    let mut all = Vec::new();
    for (i, level) in peer.fence.iter().enumerate() {
        for (on, ports) in level.by_switch() {
            let Some(switch) = switches.get(on) else {
                continue;
            };
            let by_ssh = switch.route(Operation::PortOn.name()).first() == Some(&Transport::Ssh);
            let change = match level.quarantine {
                Some(vlans) => Some(Operation::SetAccessVlan(vlans.production)),
                None => by_ssh.then_some(Operation::PortOn),
            };
            for port in ports {
                let (mut shut, mut open) = (Vec::new(), Vec::new());
                let one = std::slice::from_ref(port);
                fenced(switch, one, (i + 1, level), tag, &mut shut).await;
                // The tag says that standin has shut it, and standin takes it off.
                shut.retain(|line| {
                    !line["set"]["value"]
                        .as_str()
                        .is_some_and(|v| v.contains(&tagged))
                });
                if let Some(operation) = change {
                    changed(switch, ("lift", i + 1), (port, operation), None, &mut open).await;
                } else {
                    match plan(switch, &[port], &PlanOp::Unfence).await {
                        Ok(sets) => open.extend(sets.iter().map(|set| {
                            json!({ "what": format!("{} := {}", set.object, set.value), "command": set.command })
                        })),
                        Err(e) => open.push(json!({ "error": e.to_string() })),
                    }
                }
                all.push(PortByHand {
                    switch: on.to_owned(),
                    port: port.clone(),
                    shut,
                    read: read_by_hand(switch, port).await.map_err(|e| e.to_string()),
                    open,
                });
            }
        }
    }
    all
}
