//! Whether each fence is on the machine that is meant, for `check` and `preflight`: one look, while the peer answers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answered::answered;
use super::auto;
use crate::config::{Config, Peer};
use crate::daemon::fencing::level_name;
use crate::switch::Switch;
use crate::switch::read::placing::Placing;
use crate::switch::read::placing_together::place_together;
use crate::switch::read::target::Listed;
use crate::types::{MacAddr, PeerMacs};

/// What is to be said of one level, or of the peer as a whole.
pub struct Line {
    /// Name of the peer.
    pub peer: String,
    /// Names of its switches.
    pub switches: Vec<String>,
    /// The level, as `status` names it; or the switch.
    pub about: String,
    /// How it is.
    pub result: Said,
}

/// How it is.
#[derive(Debug)]
pub enum Said {
    /// As it should be.
    Ok(String),
    /// It works, and a person should know.
    Warning(String),
    /// A fence there would not be used, or would not be the peer's.
    Failed(String),
}

/// Looks at every level of every peer's fence (of `only`, if given), and on the other switches for the peer.
pub async fn look(
    config: &Config,
    switches: &BTreeMap<String, Switch>,
    own: &[MacAddr],
    only: Option<&str>,
) -> Vec<Line> {
    let daemon = auto::status(config);
    let mut out = Vec::new();
    for peer in config.peers.values() {
        if peer.fence.is_empty() || only.is_some_and(|o| o != peer.name) {
            continue;
        }
        let told = daemon.as_ref().and_then(|s| auto::peer_of(s, &peer.name));
        // Another machine that answers is not the peer, whose address the daemon has learned while it was alone.
        let learned = told.and_then(|p| p["peer"]["mac"].as_str()?.parse::<MacAddr>().ok());
        let known = match peer.macs.known() {
            true => peer.macs.clone(),
            false => learned.into(),
        };
        let vip = peer.vip.addr;
        // Only while one of its addresses answers are all of them where it is.
        let macs = match answered(peer).await {
            Ok(Some(who)) => match who.parse::<MacAddr>() {
                Ok(who) if known.known() && !known.has(who) => {
                    Err(format!("{who} answers for {vip}, and the peer is {known}"))
                }
                Ok(who) => Ok(known.and_now(Some(who))),
                Err(_) => Err(format!(
                    "the peer is not asked while {vip} is on this machine"
                )),
            },
            Ok(None) => Err("the peer does not answer now".to_owned()),
            Err(e) => Err(format!("the peer cannot be asked ({e})")),
        };
        one_peer(peer, (macs, told), switches, own, &mut out).await;
    }
    out
}

async fn one_peer(
    peer: &Peer,
    (macs, told): (Result<PeerMacs, String>, Option<&Value>),
    switches: &BTreeMap<String, Switch>,
    own: &[MacAddr],
    out: &mut Vec<Line>,
) {
    for fence in peer.fence.iter().filter(|f| !f.ports.is_empty()) {
        let parts = fence.by_switch().map(|(name, ports)| {
            let ports = ports.iter().map(String::as_str).collect();
            Some((switches.get(name)?, ports))
        });
        let Some(parts) = parts.collect::<Option<Vec<_>>>() else {
            continue;
        };
        let level = level_name(fence);
        let known = told.and_then(|p| {
            let mut levels = p["placement"].as_array()?.iter();
            levels.find(|l| l["level"] == level)
        });
        let result = match &macs {
            Err(why) => Said::Warning(of_daemon(known, why).unwrap_or_else(|| {
                format!(
                    "whether it is the port of {} cannot be looked at: {why}",
                    peer.name
                )
            })),
            Ok(macs) => {
                match place_together(&parts, &macs.all(), own).await.placing {
                    // What cannot be read is said of the port itself.
                    Err(e) => {
                        Said::Warning(format!("whether it is the peer's port cannot be read: {e}"))
                    }
                    Ok(placing) => judged(peer, macs, placing, known),
                }
            }
        };
        out.push(Line {
            peer: peer.name.clone(),
            switches: fence.by_switch().map(|(name, _)| name.to_owned()).collect(),
            about: level,
            result,
        });
    }
    let Ok(macs) = macs else { return };
    for mac in macs.iter() {
        where_else(peer, mac, switches, out).await;
    }
}

/// Where the tables have one of its addresses, but for the ports of its fence.
async fn where_else(
    peer: &Peer,
    mac: MacAddr,
    switches: &BTreeMap<String, Switch>,
    out: &mut Vec<Line>,
) {
    for fence in peer.fence.iter().filter(|f| !f.also.is_empty()) {
        for (name, _) in fence.by_switch() {
            if let Some(switch) = switches.get(name) {
                out.extend(behind_uplink(peer, switch, mac).await);
            }
        }
    }
    for (name, switch) in switches {
        if peer.fence.iter().any(|f| f.is_on(name)) {
            continue;
        }
        // Another switch's uplink says nothing; a switch that does not answer has its own line.
        if let Ok(Some(port)) = switch.access_port_of(mac).await {
            out.push(Line {
                peer: peer.name.clone(),
                switches: vec![name.clone()],
                about: format!("{name}:{port}"),
                result: Said::Failed(format!("{mac} of {} is learned on this access port too, and no fence shuts it: name it in the fence, or in `uplinks` if it leads to another switch", peer.name)),
            });
        }
    }
}

/// Of a level over several switches: where one has the peer behind an uplink, which is no fault, and delays a proof.
async fn behind_uplink(peer: &Peer, switch: &Switch, mac: MacAddr) -> Option<Line> {
    let target = switch.target();
    let entries = switch.where_is(mac, None).await.ok()?;
    let mut names = entries.into_iter().filter_map(|e| e.if_name);
    let uplink = names.find(|n| target.listed(n) == Some(Listed::Uplink))?;
    let about = format!("{}:{uplink}", target.name);
    let until = switch.ageing().await.map_or_else(
        || "after the switch's ageing time".to_owned(),
        |s| format!("{s} s after its last frame (dot1dTpAgingTime)"),
    );
    let text = format!(
        "{mac} of {} is learned behind this uplink, as it must be while its active leg is on the other switch; a fence over both is proven only when that entry has aged out, {until}: a shorter ageing time there makes a takeover faster",
        peer.name
    );
    Some(Line {
        peer: peer.name.clone(),
        switches: vec![target.name.clone()],
        about,
        result: Said::Warning(text),
    })
}

fn of_daemon(known: Option<&Value>, why: &str) -> Option<String> {
    let level = known?;
    let state = level["state"].as_str()?;
    let detail = level["detail"]
        .as_str()
        .map_or(String::new(), |d| format!(": {d}"));
    Some(format!("{why}; the daemon has it {state}{detail}"))
}

fn judged(peer: &Peer, macs: &PeerMacs, placing: Placing, known: Option<&Value>) -> Said {
    // A person knew what the tables say.
    let by = known.and_then(|l| l["by"].as_str());
    match (placing, by) {
        (Placing::Here { how, .. }, _) => Said::Ok(format!("is the port of {}: {how}", peer.name)),
        (Placing::Elsewhere { why, .. }, Some(by)) => {
            Said::Warning(format!("{by} confirmed it, although {why}"))
        }
        (Placing::Elsewhere { why, .. }, None) => {
            Said::Failed(format!("NOT on the peer, so it would not be used: {why}"))
        }
        (Placing::Nowhere | Placing::Untold, Some(by)) => Said::Ok(format!("{by} confirmed it")),
        (Placing::Nowhere, None) => Said::Failed(format!(
            "{macs} of {} is learned nowhere on this switch, so it would not be used by itself: is the peer behind it? `standin fence confirm {}` says that it is right",
            peer.name, peer.name
        )),
        (Placing::Untold, None) => by_traffic(peer, known).unwrap_or_else(|| Said::Warning(format!(
            "unconfirmed: the switch tells no MAC addresses, so nobody knows whether it is the port of {}; what it shuts reads `shut, unconfirmed`; `standin fence confirm {}` says that it is right",
            peer.name, peer.name
        ))),
    }
}

/// What the daemon has found by a burst, which takes too long for a command.
fn by_traffic(peer: &Peer, known: Option<&Value>) -> Option<Said> {
    let (state, detail) = (known?["state"].as_str()?, known?["detail"].as_str()?);
    match state {
        "confirmed" => Some(Said::Ok(format!(
            "is the port of {}: the daemon has it confirmed, {detail}",
            peer.name
        ))),
        "misplaced" => Some(Said::Failed(format!(
            "NOT on the peer, so it would not be used: the daemon says: {detail}"
        ))),
        _ => None,
    }
}
