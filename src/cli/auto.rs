//! `ports = "auto"` for commands that look at a fence without the daemon's memory: the daemon is asked what it has
//! found, and where none runs the peer is looked for now.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::answered::answered;
use crate::config::{Config, Peer};
use crate::daemon::control::{self, Reply, Request};
use crate::switch::Switch;
use crate::switch::read::locate::{Wanted, find};
use crate::types::MacAddr;

/// The daemon answers at once, or not at all.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of one automatic fence: the port and how, or why there is none.
pub struct Found {
    /// Name of the peer.
    pub peer: String,
    /// Place in `[[peer.NAME.fence]]`, from 0.
    pub level: usize,
    /// Name of the switch.
    pub switch: String,
    /// ifName and how it is known.
    pub result: Result<(String, String), String>,
}

impl Found {
    /// In words for a line that says which fence it is about.
    pub fn words(&self) -> Result<String, String> {
        match &self.result {
            Ok((port, how)) => Ok(format!("auto: {port}, because {how}")),
            Err(why) => Err(format!(
                "ports = \"auto\", and there is no fence, because no port is known: {why}"
            )),
        }
    }
}

/// Puts the ports of automatic fences into `config`, where they are known, and says what is known of each.
pub async fn fill_in(config: &mut Config, switches: &BTreeMap<String, Switch>) -> Vec<Found> {
    let mut out = Vec::new();
    if !config
        .peers
        .values()
        .any(|p| p.fence.iter().any(|f| f.auto))
    {
        return out;
    }
    let status = status(config);
    for peer in config.peers.values_mut() {
        let told = status.as_ref().and_then(|s| peer_of(s, &peer.name));
        let mut mac = None;
        for level in 0..peer.fence.len() {
            let fence = &peer.fence[level];
            let (true, Some(switch)) = (fence.auto, switches.get(&fence.switch)) else {
                continue;
            };
            let result = match told.and_then(|p| of_daemon(p, &fence.switch)) {
                Some(result) => result,
                None => {
                    if mac.is_none() {
                        mac = Some(mac_of(peer).await);
                    }
                    look(peer, switch, mac.clone().unwrap_or(Err(String::new()))).await
                }
            };
            let name = fence.switch.clone();
            if let Ok((port, _)) = &result {
                peer.fence[level].ports = vec![port.clone()];
            }
            out.push(Found {
                peer: peer.name.clone(),
                level,
                switch: name,
                result,
            });
        }
    }
    out
}

/// The daemon's status; `None` where none answers.
pub(super) fn status(config: &Config) -> Option<Value> {
    let request = Request::new("status", None, json!({}));
    let replies = control::call(&config.node.socket, &request, Some(PATIENCE)).ok()?;
    replies.flatten().find_map(|reply| match reply {
        Reply::Result { data, .. } => Some(data),
        Reply::Progress { .. } | Reply::Error { .. } => None,
    })
}

/// What a status says of the peer of this name.
pub(super) fn peer_of<'a>(status: &'a Value, name: &str) -> Option<&'a Value> {
    let mut peers = status["peers"].as_array()?.iter();
    peers.find(|p| p["name"] == name)
}

/// What the daemon says of an automatic fence on this switch; `None` if its configuration is another.
fn of_daemon(peer: &Value, switch: &str) -> Option<Result<(String, String), String>> {
    let levels = peer["fence_ports"].as_array()?;
    let level = levels
        .iter()
        .find(|l| l["switch"] == switch && l["auto"] == true)?;
    let text = |v: &Value| v.as_str().map(str::to_owned);
    Some(match (text(&level["ports"][0]), text(&level["how"])) {
        (Some(port), Some(how)) => Ok((port, format!("{how} (says the daemon)"))),
        _ => Err(text(&level["why"]).unwrap_or_else(|| "the daemon does not say why".into())),
    })
}

/// The peer's MAC: as configured, or as it answers for the VIP now.
async fn mac_of(peer: &Peer) -> Result<MacAddr, String> {
    if let Some(mac) = peer.macs.now() {
        return Ok(mac);
    }
    let vip = peer.vip.addr;
    match answered(peer).await {
        Ok(Some(who)) => who
            .parse()
            .map_err(|_| format!("{vip} is answered by {who}, so that the peer cannot be seen")),
        Ok(None) => Err(format!(
            "peer.{}.mac is not set, and nobody answers for {vip} now",
            peer.name
        )),
        Err(e) => Err(format!(
            "peer.{}.mac is not set, and {vip} cannot be asked for: {e}",
            peer.name
        )),
    }
}

async fn look(
    peer: &Peer,
    switch: &Switch,
    mac: Result<MacAddr, String>,
) -> Result<(String, String), String> {
    let target = switch.target();
    let parked = peer.port_takeover.iter();
    let parked = parked
        .filter(|t| t.switch == target.name)
        .map(|t| t.port.clone());
    let wanted = Wanted {
        mac: mac?,
        own_macs: Vec::new(),
        never: target.own_ports.iter().cloned().chain(parked).collect(),
    };
    let found = find(switch, &wanted).await.map_err(|e| e.to_string())?;
    let how = format!("{} (seen now; no daemon runs here)", found.how);
    Ok((found.port, how))
}
