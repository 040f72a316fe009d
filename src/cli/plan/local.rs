//! What the steps do on this machine and its network, and the order of all of them.

use serde_json::{Value, json};

use crate::config::{Config, Peer, Start};
use crate::net::{gate, mute};
use crate::takeover::course::Course;
use crate::takeover::policy::Policy;
use crate::takeover::silence::SILENT_PROBES;
use crate::takeover::step::Step;
use crate::takeover::verdict::Cause;
use crate::types::shell_line;
use crate::verify::Inventory;

/// A step in its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Planned {
    /// The step.
    pub(super) step: Step,
    /// What must be over before it begins.
    pub(super) after: Vec<Step>,
    /// When it is taken at all; `None`: always.
    pub(super) only: Option<&'static str>,
}

/// The steps of a takeover of a dead peer, in the order in which they may begin, and in its place what only another
/// takeover does: one that a person orders, of a peer that still answers.
pub(super) fn order(policy: &Policy) -> Vec<Planned> {
    let dead = Course {
        cause: Cause::Dead,
        beats: policy.pair,
        owns: false,
        second: false,
    };
    let ordered = Course {
        cause: Cause::Planned,
        ..dead
    };
    let mut order: Vec<Planned> = Vec::new();
    for step in ordered.rounds(policy).into_iter().flatten() {
        if dead.skips(step, policy) {
            order.push(Planned {
                step,
                after: ordered.after(step, policy),
                only: Some(
                    "if it is ordered, or the peer is alive elsewhere, and its heartbeats come",
                ),
            });
        }
    }
    // They have no needs, and everything that needs them waits for them where they are taken.
    debug_assert!(order.iter().all(|p| p.after.is_empty()));
    for step in dead.rounds(policy).into_iter().flatten() {
        order.push(Planned {
            step,
            after: dead.after(step, policy),
            only: ordered
                .skips(step, policy)
                .then_some("unless the peer gives the address up when it is asked"),
        });
    }
    order
}

/// What one step does.
pub(super) fn line(config: &Config, peer: &Peer, policy: &Policy, step: Step) -> Value {
    let (what, command) = words(config, peer, policy, step);
    json!({ "step": step, "what": what, "command": command })
}

fn words(config: &Config, peer: &Peer, policy: &Policy, step: Step) -> (String, Option<String>) {
    let cameras = || Inventory::load(&peer.verify.cameras).map_or(0, |i| i.cameras().len());
    let (vip, interface, port) = (peer.vip, &peer.interface, peer.service.port);
    match step {
        Step::Watch => {
            let on = peer
                .port_takeover
                .as_ref()
                .map_or(interface, |t| &t.interface);
            (
                format!("capture on {on} what cameras and service say to each other"),
                None,
            )
        }
        Step::Gate => (
            format!(
                "SYNs to {}:{port} are dropped until the service completes a handshake",
                vip.addr
            ),
            Some(format!(
                "nft -f - <<'EOF'\n{}EOF",
                gate::rules(&peer.name, vip.addr, port)
            )),
        ),
        Step::Service => service(peer),
        Step::Yield => (
            format!(
                "ask the peer to give {} up, and wait {} ms for its answer",
                vip.addr,
                crate::takeover::step::timeout(Step::Yield, policy).as_millis()
            ),
            None,
        ),
        Step::Silence => (
            format!(
                "{SILENT_PROBES} ARP probes for {}, sent when the port is shut, go unanswered while at least {} cameras answer",
                vip.addr, peer.detect.min_cameras
            ),
            None,
        ),
        Step::Claim => claim(peer),
        Step::Forward => {
            let t = peer.port_takeover.as_ref();
            let (switch, own) = t.map_or(("", ""), |t| (&t.switch, &t.port));
            (
                format!(
                    "wait until spanning tree forwards on {switch}:{own}, where the switch tells, at most {} s",
                    policy.forward_within.as_secs()
                ),
                None,
            )
        }
        Step::Announce => (
            format!(
                "gratuitous ARP in both forms, then who-has to {} cameras, at most {} ARP/s",
                cameras(),
                peer.announce.arp_per_second
            ),
            None,
        ),
        Step::Open => (
            format!(
                "the gate is removed when {}:{port} completes an RTMP handshake",
                vip.addr
            ),
            None,
        ),
        Step::Verify => (
            format!(
                "{} cameras have {} s to come back, then the report is written to {}",
                cameras(),
                peer.verify.within.as_secs(),
                config.node.state_dir.join("reports").display()
            ),
            None,
        ),
        // The switch says what these write.
        Step::Fence | Step::Rewire => (String::new(), None),
        // Said by the step itself.
        Step::Site(_) | Step::Undo(_) => (String::new(), None),
        // Of a release.
        Step::Precheck
        | Step::Drop
        | Step::Park
        | Step::Lift
        | Step::Return
        | Step::Handback
        | Step::Prove => (String::new(), None),
    }
}

fn service(peer: &Peer) -> (String, Option<String>) {
    let service = &peer.service;
    let command = if !service.unit.is_empty() {
        format!("systemctl start {}", service.unit)
    } else if !service.command.is_empty() {
        shell_line(&service.command)
    } else {
        "nothing: it runs already".to_owned()
    };
    let when = match service.start {
        Start::Warm => "while the fence is under way",
        Start::AfterClaim => "after the claim",
    };
    (format!("start the service {when}"), Some(command))
}

fn claim(peer: &Peer) -> (String, Option<String>) {
    let (vip, interface) = (peer.vip, &peer.interface);
    match &peer.port_takeover {
        Some(t) => (
            format!("{vip} on {} is not mute any more", t.interface),
            Some(format!(
                "nft delete table arp {0}; nft delete table ip {0}",
                mute::table(&peer.name)
            )),
        ),
        None => (
            format!("{vip} on {interface}, marked as ours, read back"),
            Some(format!(
                "ip address add {vip} dev {interface} noprefixroute label {interface}:standin"
            )),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Surroundings;
    use crate::daemon::policy::policy;
    use crate::takeover::step::TAKEOVER;
    use crate::types::MacAddr;

    fn sample() -> (Config, Policy) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/standin.toml");
        let text = include_str!("../../../config/standin.toml");
        let read = Config::from_text(Path::new(path), text, &Surroundings::default());
        let config = read.expect("the sample is accepted").0;
        let policy = policy(&config, &config.peers["cctv"], MacAddr::ZERO);
        (config, policy)
    }

    #[test]
    fn what_has_no_needs_stands_before_and_beside_the_fence_and_yield_before_it() {
        let (config, policy) = sample();
        let all: Vec<_> = order(&policy).into_iter().map(|p| p.step).collect();
        let list = [
            Step::Watch,
            Step::Gate,
            Step::Service,
            Step::Fence,
            Step::Silence,
            Step::Claim,
            Step::Announce,
            Step::Open,
            Step::Verify,
        ];
        assert_eq!(all, list);
        let pair = Policy {
            pair: true,
            ..policy.clone()
        };
        let first: Vec<_> = order(&pair).into_iter().map(|p| p.step).take(2).collect();
        assert_eq!(first, [Step::Yield, Step::Watch]);
        let cold = Policy {
            warm: false,
            ..policy.clone()
        };
        let place = |step: Step| order(&cold).iter().position(|p| p.step == step);
        assert!(place(Step::Service) > place(Step::Claim));
        let said = line(&config, &config.peers["cctv"], &policy, Step::Silence);
        assert!(
            said["what"]
                .as_str()
                .unwrap()
                .starts_with(&SILENT_PROBES.to_string())
        );
    }

    #[test]
    fn every_step_of_the_cores_list_is_planned_where_the_policy_has_it_and_after_its_needs() {
        let (config, base) = sample();
        for bits in 0..16u32 {
            let is = |bit: u32| bits >> bit & 1 == 1;
            let policy = Policy {
                pair: is(0),
                rewire: is(1),
                forward_within: std::time::Duration::from_secs(35),
                warm: is(2),
                fence: is(3),
                ..base.clone()
            };
            let order = order(&policy);
            for spec in &TAKEOVER {
                let want = match spec.step {
                    Step::Yield => policy.pair,
                    Step::Fence => policy.fence,
                    Step::Rewire | Step::Forward => policy.rewire,
                    _ => true,
                };
                let at = order.iter().position(|p| p.step == spec.step);
                assert_eq!(at.is_some(), want, "{} {bits}", spec.step);
                for need in spec.needs {
                    if let Some(need) = order.iter().position(|p| p.step == *need) {
                        assert!(Some(need) < at || at.is_none(), "{} {bits}", spec.step);
                    }
                }
                if !matches!(spec.step, Step::Fence | Step::Rewire) {
                    let line = line(&config, &config.peers["cctv"], &policy, spec.step);
                    assert_ne!(line["what"], "", "{}", spec.step);
                }
            }
        }
    }
}
