//! `standin check`: would this configuration work here? Changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::common::{say, say_json, with_config};
use super::placement::{self, Said};
use super::site;
use super::switch::plan::own_macs;
use super::wire;
use super::{alert, auto, health, outranked, redirect};
use crate::config::{Config, Peer};
use crate::daemon::{policy, privilege, startable, switches, two_legs};
use crate::exit::ExitCode;
use crate::host::real::{RealKernel, RealPrograms};
use crate::net::kernel_view::KernelView;
use crate::net::netlink::Netlink;
use crate::net::{address, gate, link};
use crate::switch::change::vlan_move::{Where, vlan_of};
use crate::switch::{Switch, SwitchError};
use crate::types::VlanId;
use crate::verify::Inventory;

/// Checks configuration, profiles, cameras, capabilities, and whether the switches answer.
pub fn run(path: &Path, offline: bool, as_json: bool) -> ExitCode {
    with_config(path, as_json, async |mut config, secrets| {
        let mut lines = Lines(Vec::new());
        lines.add("configuration", Ok(format!("{} is valid", path.display())));
        cameras(&config, &mut lines);
        notice(&config, &mut lines);
        for (peer, text) in outranked::look(&config) {
            lines.warn(&format!("MAC address of {peer}"), text);
        }
        if offline {
            return lines.print(as_json);
        }
        match privilege::check() {
            Ok(limits) if limits.is_empty() => {
                lines.add("capabilities", Ok("all are there".to_owned()))
            }
            Ok(limits) => limits
                .into_iter()
                .for_each(|l| lines.warn("capabilities", l)),
            Err(e) => lines.add("capabilities", Err(e.to_string())),
        }
        match gate::closed(&RealPrograms).await {
            Ok(_) => lines.add("nft", Ok("answers".to_owned())),
            Err(e) => lines.add("nft", Err(e.to_string())),
        }
        for peer in config.peers.values() {
            let what = format!("interface of {}", peer.name);
            lines.add(&what, startable::open_legs(peer).await);
            legs(peer, &mut lines).await;
            vip_here(peer, &mut lines).await;
        }
        for peer in config.peers.values() {
            for (what, said) in site::check(&config, peer).await {
                let said = said.map(|look| {
                    (look.warnings.into_iter()).for_each(|text| lines.warn(&what, text));
                    look.said
                });
                lines.add(&what, said);
            }
        }
        let redirects = redirect::check(&config).await;
        for (what, said) in health::check(&config).await.into_iter().chain(redirects) {
            lines.said(&what, said, "");
        }
        for (what, said) in alert::check(&config).await {
            lines.add(&what, said);
        }
        match switches::build(&config, &secrets) {
            Ok(built) => {
                who_answers(&config, &built, &mut lines).await;
                for found in auto::fill_in(&mut config, &built).await {
                    let what = format!("fence {} of {}", found.switch, found.peer);
                    lines.add(&what, found.words());
                }
                for peer in config.peers.values() {
                    own_port(peer, &built, &mut lines).await;
                }
                for peer in config.peers.values() {
                    forwards(peer, &built, &mut lines).await;
                }
                for line in placement::look(&config, &built, &own_macs().await, None).await {
                    let what = format!("place of {} for {}", line.about, line.peer);
                    lines.said(&what, line.result, "");
                }
                for (name, switch) in &built {
                    reach(&config, name, switch, &mut lines).await;
                }
            }
            Err(e) => lines.add("switches", Err(e.to_string())),
        }
        lines.print(as_json)
    })
}

/// The VIP is on this machine only where standin has put it, or parked.
async fn vip_here(peer: &Peer, lines: &mut Lines) {
    let (Ok(netlink), what) = (Netlink::open(), format!("address of {}", peer.name)) else {
        return;
    };
    let Ok(view) = KernelView::read(&netlink).await else {
        return;
    };
    let parked = peer.port_takeover.as_ref().map(|t| t.interface.as_str());
    let strange: Vec<String> = view
        .places_of(peer.vip.addr)
        .filter(|a| !a.ours && Some(view.name_of(a.ifindex).as_str()) != parked)
        .map(|a| format!("`ip address del {} dev {}`", a.vip, view.name_of(a.ifindex)))
        .collect();
    if !strange.is_empty() {
        let text = format!(
            "{} is set on this machine, and not by standin: it answers for it beside its owner; {}",
            peer.vip.addr,
            strange.join(", ")
        );
        lines.add(&what, Err(text));
    }
}

/// Whether anybody answers on the wire who should not.
async fn who_answers(config: &Config, built: &BTreeMap<String, Switch>, lines: &mut Lines) {
    let looks = config.peers.values().map(|p| wire::look(config, p, built));
    let all = futures_util::future::join_all(looks).await;
    for (peer, found) in config.peers.values().zip(all) {
        let what = format!("who answers for {}", peer.name);
        match found {
            Ok(found) => found
                .into_iter()
                .for_each(|l| lines.said(&what, l.said, &l.todo)),
            Err(why) => lines.warn(&what, format!("not asked: {why}")),
        }
    }
}

/// How soon a death is noticed, and which gap of the peer alone is survived.
fn notice(config: &Config, lines: &mut Lines) {
    for peer in config.peers.values() {
        lines.add(
            &format!("detection of {}", peer.name),
            Ok(config.pace(peer).notice().to_string()),
        );
        let what = format!("management of {}", peer.name);
        match policy::asked_elsewhere(peer) {
            Some(Ok(text)) => lines.add(&what, Ok(text)),
            Some(Err(text)) => lines.warn(&what, text),
            None => {}
        }
    }
}

fn cameras(config: &Config, lines: &mut Lines) {
    for peer in config.peers.values() {
        let what = format!("cameras of {}", peer.name);
        match Inventory::load(&peer.verify.cameras) {
            Ok(inventory) => {
                let n = inventory.cameras().len();
                for camera in inventory
                    .cameras()
                    .iter()
                    .filter(|c| c.address == peer.vip.addr)
                {
                    lines.add(&what, Err(format!("{} has the VIP itself as its address ({}): it could never come back, and would be asked as a witness; give its own address", camera.name, camera.address)));
                }
                lines.add(
                    &what,
                    Ok(format!("{n} in {}", peer.verify.cameras.display())),
                );
                let near = inventory
                    .cameras()
                    .iter()
                    .filter(|c| peer.vip.on_link(c.address))
                    .count();
                if (near as u64) < u64::from(peer.detect.min_cameras)
                    && peer.detect.gateway.is_none()
                {
                    lines.warn(&what, format!("only {near} are on the VIP's network: fewer than detect.min-cameras = {}, so a takeover would be refused as isolated; set detect.gateway", peer.detect.min_cameras));
                }
            }
            Err(problems) => problems
                .iter()
                .for_each(|p| lines.add(&what, Err(p.to_string()))),
        }
    }
}

/// Port takeover: what two interfaces in one network need.
async fn legs(peer: &Peer, lines: &mut Lines) {
    let what = format!("legs of {}", peer.name);
    let (Some(_), Ok(cameras)) = (&peer.port_takeover, Inventory::load(&peer.verify.cameras))
    else {
        return;
    };
    let faults = async {
        let netlink = Netlink::open().map_err(|e| e.to_string())?;
        let link = link::link(&netlink, &peer.interface).await;
        let link = link
            .map_err(|e| e.to_string())?
            .ok_or_else(|| format!("there is no interface {}", peer.interface))?;
        let own = address::own(&netlink, link.ifindex, peer.vip).await;
        let own = own.map_err(|e| e.to_string())?.ok_or_else(|| {
            format!(
                "{} has no address of its own in the network of {}",
                peer.interface, peer.vip
            )
        })?;
        let faults = two_legs::faults(&RealKernel::of(netlink.clone()), peer, own, &cameras).await;
        faults.map_err(|e| e.to_string())
    };
    match faults.await {
        Ok(faults) if faults.is_empty() => {
            lines.add(&what, Ok("ARP settings and routes are right".to_owned()))
        }
        Ok(faults) => faults.into_iter().for_each(|f| lines.add(&what, Err(f))),
        Err(e) => lines.add(&what, Err(e)),
    }
}

async fn reach(config: &Config, name: &str, switch: &Switch, lines: &mut Lines) {
    let what = format!("switch {name}");
    match switch.system().await {
        Ok(system) => lines.add(
            &what,
            Ok(format!(
                "answers: {} ({})",
                system.sys_name, system.sys_descr
            )),
        ),
        Err(e) => return lines.add(&what, Err(e.to_string())),
    }
    if config.fence_ports().any(|(_, p)| p.switch == *name) {
        let what = format!("forwarding table of {name}");
        lines.add(&what, Ok(switch.ageing().await.map_or_else(
            || "it does not tell after which time it forgets an address (dot1dTpAgingTime)".to_owned(),
            |s| format!("an address is forgotten {s} s after its last frame: for so long an entry on another port refutes a fence"),
        )));
    }
    let target = switch.target();
    let lists = [
        ("uplinks", &target.uplinks),
        ("own-ports", &target.own_ports),
    ];
    for (list, port) in lists
        .iter()
        .flat_map(|(l, all)| all.iter().map(move |p| (l, p)))
    {
        let what = format!("switch.{name}.{list}");
        match switch.port(port).await {
            Ok(_) | Err(SwitchError::Missing { .. }) => {}
            Err(e @ (SwitchError::NoSuchPort { .. } | SwitchError::NotShown { .. })) => {
                lines.add(&what, Err(format!("this entry guards nothing: {e}")));
            }
            Err(e) => lines.add(&what, Err(e.to_string())),
        }
    }
    for (peer, at) in config.fence_ports().filter(|(_, p)| p.switch == *name) {
        let what = format!("port {at} of {}", peer.name);
        match switch.port(&at.port).await {
            Ok(p) => lines.add(
                &what,
                Ok(format!(
                    "{}admin {:?}, oper {:?}, ifAlias {:?}{}",
                    // A command line goes by names.
                    match p.if_index.0 {
                        0 => String::new(),
                        index => format!("ifIndex {index}, "),
                    },
                    p.admin,
                    p.oper,
                    p.if_alias.unwrap_or_default(),
                    p.tag
                        .map(|t| format!(", with the mark of a fence: {t}"))
                        .unwrap_or_default()
                )),
            ),
            Err(e) => lines.add(&what, Err(e.to_string())),
        }
    }
}

/// Port takeover: our own port must wait in the parking VLAN (or serve, during a takeover).
async fn own_port(peer: &Peer, built: &BTreeMap<String, Switch>, lines: &mut Lines) {
    let Some(t) = &peer.port_takeover else { return };
    let Some(switch) = built.get(&t.switch) else {
        return;
    };
    let what = format!("own port {}:{} of {}", t.switch, t.port, peer.name);
    match vlan_of(switch, &t.port).await {
        Ok(Where::In(vlan)) if vlan == t.parking => {
            lines.add(&what, Ok(format!("parked in VLAN {}", vlan.0)));
        }
        Ok(Where::In(vlan)) if vlan == t.production => lines.warn(
            &what,
            format!(
                "in the production VLAN {}: a takeover is in place, or was",
                vlan.0
            ),
        ),
        Ok(Where::In(vlan)) => lines.add(
            &what,
            Err(format!(
                "in VLAN {}, neither parked ({}) nor in production ({})",
                vlan.0, t.parking.0, t.production.0
            )),
        ),
        Ok(Where::Between) => lines.add(
            &what,
            Err("its PVID and what leaves it untagged do not agree".to_owned()),
        ),
        Err(why) => lines.add(&what, Err(why)),
    }
}

/// Port takeover: every port that is moved goes dark for up to 30 s where spanning tree does not take it for an edge.
async fn forwards(peer: &Peer, built: &BTreeMap<String, Switch>, lines: &mut Lines) {
    let Some(t) = &peer.port_takeover else { return };
    let theirs = peer.fence.iter().flat_map(|f| {
        let all = f.by_switch();
        all.flat_map(|(switch, ports)| {
            ports
                .iter()
                .map(move |p| (switch, p.as_str(), t.production))
        })
    });
    let ours: (&str, &str, VlanId) = (&t.switch, &t.port, t.parking);
    for (name, port, vlan) in [ours].into_iter().chain(theirs) {
        let Some(switch) = built.get(name) else {
            continue;
        };
        let what = format!("spanning tree on {name}:{port}");
        match switch.stp(port, Some(vlan)).await {
            Ok(stp) if stp.edge == Some(true) => lines.add(&what, Ok(stp.words())),
            Ok(stp) => lines.warn(
                &what,
                format!(
                    "{}: if it is not an edge port (PortFast), it is dark for up to 30 s after it was moved; a takeover waits for our own port where the switch tells",
                    stp.words()
                ),
            ),
            Err(e) => lines.warn(&what, e.to_string()),
        }
    }
}

struct Lines(Vec<(String, &'static str, String)>);

impl Lines {
    fn add(&mut self, what: &str, result: Result<String, String>) {
        let (state, text) = match result {
            Ok(text) => ("ok", text),
            Err(text) => ("failed", text),
        };
        self.0.push((what.to_owned(), state, text));
    }

    /// With what to do about it, which is empty where there is nothing to do.
    fn said(&mut self, what: &str, said: Said, todo: &str) {
        let with = |text: String| match todo {
            "" => text,
            todo => format!("{text}; {todo}"),
        };
        match said {
            Said::Ok(text) => self.add(what, Ok(with(text))),
            Said::Warning(text) => self.warn(what, with(text)),
            Said::Failed(text) => self.add(what, Err(with(text))),
        }
    }

    fn warn(&mut self, what: &str, text: String) {
        self.0.push((what.to_owned(), "warning", text));
    }

    fn print(&self, as_json: bool) -> ExitCode {
        let ok = self.0.iter().all(|(_, state, _)| *state != "failed");
        if as_json {
            let checks: Vec<Value> = self
                .0
                .iter()
                .map(|(what, state, text)| json!({ "check": what, "state": state, "detail": text }))
                .collect();
            say_json(&json!({ "ok": ok, "checks": checks }));
        } else {
            for (what, state, text) in &self.0 {
                say(&format!("{state:<8} {what}: {text}"));
            }
        }
        if ok {
            ExitCode::Ok
        } else {
            ExitCode::NotReached
        }
    }
}
