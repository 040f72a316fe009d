//! `standin unfence PORT`: opens a fenced port from any machine that has the configuration, for the day the survivor
//! dies too.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::answered::answered;
use super::auto;
use super::common::{fail, say, say_json, with_config};
use crate::config::{Config, Fence, Peer, Quarantine};
use crate::daemon::control::{self, Reply, Request};
use crate::daemon::switches;
use crate::daemon::{journal, record};
use crate::exit::ExitCode;
use crate::switch::Admin;
use crate::switch::Switch;
use crate::switch::change::vlan_move::{Where, Whose, move_port, vlan_of};
use crate::switch::fence::lift::{Lift, unfence};
use crate::types::{PortName, PortRef};

/// The port has this long to read back up.
const WITHIN: Duration = Duration::from_secs(10);
/// The daemon on this machine has this long to say what it is doing.
const ASK: Duration = Duration::from_secs(2);

/// Opens the port `at`.
pub fn run(path: &Path, at: &PortRef, force: bool, as_json: bool) -> ExitCode {
    with_config(path, as_json, async |config, secrets| {
        let kept = journaled(&config, at);
        let peers = match find(&config, at, kept.as_ref()) {
            Ok(found) => found,
            Err(e) => return fail(ExitCode::Usage, &e),
        };
        if let (true, Some((peer, _)), false) = (peers.is_empty(), &kept, force) {
            return fail(
                ExitCode::TryAgain,
                &format!(
                    "the journal has {at} as shut for peer {peer}, which the configuration does not have any more: nobody can ask whether its address is served. If you are sure that this machine does not, say --force"
                ),
            );
        }
        let switches = match switches::build(&config, &secrets) {
            Ok(switches) => switches,
            Err(e) => return fail(ExitCode::BadConfig, &e.to_string()),
        };
        let Some(switch) = switches.get(&at.switch) else {
            return fail(
                ExitCode::Internal,
                "the switch of a fence is not among the switches",
            );
        };
        let mut levels = peers.iter().flat_map(|p| &p.fence);
        let level = levels.find(|f| writes(f, at));
        let of_file = level.map(|f| Shut {
            vlans: f.quarantine,
            ports: f.port_refs().collect(),
        });
        // What stands is as the journal has it, whatever the file says by now.
        let shut = kept.map(|(_, shut)| shut).or(of_file).unwrap_or_default();
        let others = shut.ports.iter().filter(|p| !p.is_same(at));
        let others: Vec<String> = others.map(PortRef::to_string).collect();
        if shut.vlans.is_none()
            && let Ok(port) = switch.port(&at.port).await
            && port.admin == Admin::Up
            && port.tag.is_none()
        {
            let said = format!("{at} is open already, and nobody has marked it: nothing was done");
            if as_json {
                say_json(&json!({ "ok": true, "proof": null, "others": others }));
            } else {
                say(&said);
            }
            return ExitCode::Ok;
        }
        for peer in peers.iter().filter(|_| !force) {
            match served(&config, peer).await {
                Ok(None) => {}
                Ok(Some(who)) => {
                    return fail(
                        ExitCode::TryAgain,
                        &format!(
                            "{} is served by {who}: opening {at} may put two owners of it on the network. Release it there (`standin release {}`), or say --force",
                            peer.vip.addr, peer.name
                        ),
                    );
                }
                Err(e) => {
                    return fail(
                        ExitCode::Unavailable,
                        &format!(
                            "cannot find out whether {} is answered ({e}): if you are sure that it is not, say --force",
                            peer.vip.addr
                        ),
                    );
                }
            }
        }
        if let Some(vlans) = shut.vlans {
            return leave_quarantine(switch, at, vlans, force, as_json).await;
        }
        let lift = if force { Lift::Force } else { Lift::Tagged };
        match unfence(switch, &[at.port.as_str()], &lift, WITHIN).await {
            Ok(proof) if as_json => {
                say_json(&json!({ "ok": true, "proof": proof, "others": others }));
                ExitCode::Ok
            }
            Ok(_) => {
                say(&format!("{at} is open: admin up reads back"));
                for other in others {
                    say(&format!(
                        "the same fence has {other}, which this has not opened: `standin unfence {other}`"
                    ));
                }
                ExitCode::Ok
            }
            Err(e) => fail(ExitCode::NotReached, &e.to_string()),
        }
    })
}

/// The level of a fence that has the port.
#[derive(Default)]
struct Shut {
    /// Between which VLANs its ports were moved; `None`: they are shut.
    vlans: Option<Quarantine>,
    /// All of them.
    ports: Vec<PortRef>,
}

/// The peer for which the journal of this machine has the port as fenced, and with which others; `None` where it does not
/// say that it is.
fn journaled(config: &Config, at: &PortRef) -> Option<(String, Shut)> {
    let newest_first = journal::files(&config.node.state_dir).into_iter().rev();
    let said = newest_first
        .filter_map(|file| journal::read(&file).ok())
        .find(|said| said.records.iter().any(|r| r.kind == record::STATE))?;
    record::peers(&said.records).into_iter().find_map(|peer| {
        let (kept, _) = record::last(&said.records, &peer, "")?;
        let standing = kept.in_place().then(|| kept.standing())?;
        let mut levels = standing.levels.into_iter();
        let level = levels.find(|l| l.ports().any(|p| p.is_same(at)))?;
        let shut = Shut {
            vlans: level.vlans(),
            ports: level.ports().collect(),
        };
        Some((peer, shut))
    })
}

async fn leave_quarantine(
    switch: &Switch,
    at: &PortRef,
    vlans: Quarantine,
    force: bool,
    as_json: bool,
) -> ExitCode {
    let from = match vlan_of(switch, &at.port).await {
        Ok(Where::In(other)) if force => other,
        Ok(_) => vlans.quarantine,
        Err(why) => return fail(ExitCode::Unavailable, &why),
    };
    let ways = (from, vlans.production);
    match move_port(switch, &at.port, ways, &Whose::default(), WITHIN, || {}).await {
        Ok(how) if as_json => {
            say_json(&json!({ "ok": true, "proof": how }));
            ExitCode::Ok
        }
        Ok(how) => {
            say(&format!("{at} is out of quarantine: {how}"));
            ExitCode::Ok
        }
        Err(e) => fail(ExitCode::NotReached, &e.to_string()),
    }
}

/// True if the fence may have shut this port. Which one an automatic fence has shut, only its daemon knows: the port's
/// mark says whether it did.
fn writes(fence: &Fence, at: &PortRef) -> bool {
    let mut here = fence.ports_on(&at.switch);
    (fence.auto && fence.switch == at.switch) || here.any(|p| PortName::same(p, &at.port))
}

/// The peers whose fence may have shut this port: the journal's, who may be gone from the file, or at least one.
fn find<'a>(
    config: &'a Config,
    port: &PortRef,
    kept: Option<&(String, Shut)>,
) -> Result<Vec<&'a Peer>, String> {
    if let Some((peer, _)) = kept
        && config.switches.contains_key(&port.switch)
    {
        return Ok(config.peers.get(peer).into_iter().collect());
    }
    let named = |p: &&Peer| p.fence.iter().any(|f| writes(f, port) && !f.auto);
    let auto = |p: &&Peer| p.fence.iter().any(|f| writes(f, port));
    let never = config.switches.get(&port.switch).is_some_and(|s| {
        let mut ports = s.uplinks.iter().chain(&s.own_ports);
        ports.any(|p| PortName::same(p, &port.port))
    });
    for peers in [
        config.peers.values().filter(named).collect::<Vec<_>>(),
        config.peers.values().filter(auto).collect(),
    ] {
        if !peers.is_empty() && !never {
            return Ok(peers);
        }
    }
    let known: Vec<String> = config.fence_ports().map(|(_, p)| p.to_string()).collect();
    Err(format!(
        "no fence in the configuration has the port {port}; there are: {}",
        known.join(", ")
    ))
}

/// Who has the VIP, or is about to: standin on this machine, or whoever answers for it.
async fn served(config: &Config, peer: &Peer) -> Result<Option<String>, String> {
    let request = Request::new("status", None, json!({}));
    // Without a daemon here there is nothing to ask.
    let replies = control::call(&config.node.socket, &request, Some(ASK)).into_iter();
    for reply in replies.flatten().flatten() {
        let Reply::Result { data, .. } = reply else {
            continue;
        };
        let mine = auto::peer_of(&data, &peer.name);
        let state = mine.and_then(|p| p["state"].as_str()).unwrap_or_default();
        if ["taking", "active", "releasing"]
            .iter()
            .any(|s| state.starts_with(s))
        {
            return Ok(Some(format!("this machine: standin here is {state}")));
        }
    }
    answered(peer).await
}
