//! Who answers on the wire, for `check` and `preflight`: whether the VIP has one owner and an address that nobody has has
//! none. Whoever answers for others would be heard in the place of a dead peer, or of a camera.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::placement::Said;
use crate::config::{Config, Peer};
use crate::daemon::fencing::locate_on;
use crate::net::kernel_view::KernelView;
use crate::net::netlink::Netlink;
use crate::net::who_answers::{self, Answers, From};
use crate::net::{address, link, route};
use crate::switch::Switch;
use crate::types::{MacAddr, PeerMacs};
use crate::verify::Inventory;

/// So many addresses that nobody should have are asked for.
const UNUSED: u32 = 4;
/// And so many cameras.
const CAMERAS: usize = 4;

/// One thing that was found, and what to do about it.
#[derive(Debug)]
pub struct Line {
    /// How it is.
    pub said: Said,
    /// What to do; empty where there is nothing to do.
    pub todo: String,
}

/// What was asked, and what came back.
struct Asked {
    vip: Ipv4Addr,
    /// The VIP is on an interface of this machine, its parked one apart.
    here: bool,
    /// The VIP is on our parked interface, as port takeover wants it: mute there, and no second owner.
    parked: bool,
    /// MAC addresses of the peer, where the configuration has any.
    peer: PeerMacs,
    gateways: Vec<Ipv4Addr>,
    unused: Vec<Ipv4Addr>,
    cameras: Vec<Ipv4Addr>,
    answers: Answers,
    /// Where the switches have learned the MAC addresses that something is to be said of.
    places: BTreeMap<MacAddr, String>,
}

/// Asks for the VIP of `peer`, its gateway, some cameras, and addresses that nobody should have. Takes seconds.
pub async fn look(
    config: &Config,
    peer: &Peer,
    switches: &BTreeMap<String, Switch>,
) -> Result<Vec<Line>, String> {
    let mut asked = ask(config, peer).await?;
    if judge(&asked).iter().all(|l| matches!(l.said, Said::Ok(_))) {
        return Ok(judge(&asked));
    }
    let macs: BTreeSet<MacAddr> = asked.answers.values().flatten().copied().collect();
    for mac in macs {
        let looks = switches.values().map(|s| locate_on(s, mac));
        let all = futures_util::future::join_all(looks).await;
        let mut all: Vec<_> = all.into_iter().flatten().collect();
        // Uplinks say something only where no port of a machine is known.
        all.sort_by_key(|l| l.uplink);
        let port = all.first().map(ToString::to_string);
        asked.places.extend(port.map(|p| (mac, p)));
    }
    Ok(judge(&asked))
}

async fn ask(config: &Config, peer: &Peer) -> Result<Asked, String> {
    let netlink = Netlink::open().map_err(|e| e.to_string())?;
    let (name, vip) = (&peer.interface, peer.vip);
    let state = link::link(&netlink, name)
        .await
        .map_err(|e| e.to_string())?;
    let state = state.ok_or_else(|| format!("there is no interface {name}"))?;
    if !state.carrier {
        return Err(format!("{name} has no carrier"));
    }
    let own = address::own(&netlink, state.ifindex, vip).await;
    let own = own.map_err(|e| e.to_string())?.ok_or_else(|| {
        format!("{name} has no address of its own in the network of {vip} to ask from")
    })?;
    let view = KernelView::read(&netlink)
        .await
        .map_err(|e| e.to_string())?;
    let routed = route::gateways(&netlink, state.ifindex.0).await;
    let mut gateways: Vec<Ipv4Addr> = peer.detect.gateway.into_iter().collect();
    for gateway in routed.map_err(|e| e.to_string())? {
        if vip.on_link(gateway) && gateway != vip.addr && !gateways.contains(&gateway) {
            gateways.push(gateway);
        }
    }
    let inventory = Inventory::load(&peer.verify.cameras);
    let cameras: Vec<Ipv4Addr> = inventory
        .iter()
        .flat_map(|i| i.cameras())
        .map(|c| c.address)
        .filter(|a| vip.on_link(*a) && *a != vip.addr)
        .collect();
    let mut known: BTreeSet<Ipv4Addr> = view.addresses.iter().map(|a| a.vip.addr).collect();
    known.extend(gateways.iter().chain(&cameras));
    known.extend(config.switches.values().map(|s| *s.address.ip()));
    for other in config.peers.values() {
        known.insert(other.vip.addr);
        known.extend(other.management.iter().chain(&other.addresses));
    }
    let unused = who_answers::unused(vip, &known, UNUSED);
    let cameras: Vec<Ipv4Addr> = cameras.into_iter().take(CAMERAS).collect();
    let mut targets = vec![vip.addr];
    targets.extend(gateways.iter().chain(&unused).chain(&cameras));
    let pace = config.pace(peer);
    let from = From {
        interface: name,
        mac: state.mac,
        own,
        // All peers of an interface are asked at the same time, of one budget.
        per_second: (pace.per_second / pace.peers.max(1)).max(1),
    };
    let answers = who_answers::ask(from, &targets).await;
    let mut answers = answers.map_err(|e| e.to_string())?;
    // Another leg of this machine is nobody else.
    let ours: BTreeSet<MacAddr> = view.macs().collect();
    answers
        .values_mut()
        .for_each(|a| a.retain(|m| !ours.contains(m)));
    answers.retain(|_, a| !a.is_empty());
    let parked = peer.port_takeover.as_ref().map(|t| t.interface.as_str());
    let places = view.places_of(vip.addr);
    let (parked, here): (Vec<_>, Vec<_>) =
        places.partition(|a| parked == Some(view.name_of(a.ifindex).as_str()));
    Ok(Asked {
        vip: vip.addr,
        here: !here.is_empty(),
        parked: !parked.is_empty(),
        peer: peer.macs.clone(),
        gateways,
        unused,
        cameras,
        answers,
        places: BTreeMap::new(),
    })
}

/// What the answers say.
fn judge(asked: &Asked) -> Vec<Line> {
    let mut lines = Vec::new();
    let vip = asked.vip;
    let of_vip = asked.of(vip);
    // Who answers for addresses that nobody should have, and for which.
    let proxies = asked.for_several(&asked.unused);
    for (mac, all) in &proxies {
        let also = if of_vip.contains(mac) {
            format!(", and for {vip}")
        } else {
            String::new()
        };
        lines.push(Line {
            said: Said::Failed(format!(
                "proxy ARP: {} answers for {}{also}, which nobody should have: it may answer for a machine that is dead",
                asked.who(*mac), list(all)
            )),
            todo: "turn it off there: `no ip proxy-arp` and `no ip local-proxy-arp` on a router or switch, net.ipv4.conf.*.proxy_arp = 0 and proxy_arp_pvlan = 0 on Linux".to_owned(),
        });
    }
    // The addresses of a peer that has several are one machine.
    let one = of_vip.iter().all(|m| asked.peer.has(*m));
    if (of_vip.len() > 1 && !one) || (asked.here && !of_vip.is_empty()) {
        let mut who: Vec<String> = of_vip.iter().map(|m| asked.who(*m)).collect();
        if asked.here {
            who.push("this machine, which has it".to_owned());
        }
        lines.push(Line {
            said: Said::Failed(format!(
                "{} machines answer one question for {vip}: {}",
                who.len(),
                who.join(" and ")
            )),
            todo: format!("take {vip} off all but one; where it is one machine with several interfaces in this network, set net.ipv4.conf.all.arp_ignore = 1 (and arp_announce = 2, or arp_filter = 1) on it"),
        });
    }
    for gateway in &asked.gateways {
        for mac in asked.of(*gateway).intersection(&of_vip) {
            if proxies.contains_key(mac) {
                continue;
            }
            let both = format!(
                "{}, which is the gateway {gateway}, answers for {vip}",
                asked.who(*mac)
            );
            let (said, todo) = if asked.peer.has(*mac) {
                let text = format!(
                    "{both}, and is the peer by its `mac`: it is no witness of its own death"
                );
                (Said::Warning(text), "set no detect.gateway".to_owned())
            } else {
                let todo = "turn proxy ARP off on it (`no ip proxy-arp`, `no ip local-proxy-arp`, net.ipv4.conf.*.proxy_arp = 0), or take the address off; if the peer itself is the gateway, set its `mac`";
                (
                    Said::Failed(format!("{both}: its answer says nothing of the peer")),
                    todo.to_owned(),
                )
            };
            lines.push(Line { said, todo });
        }
    }
    for (mac, all) in asked.for_several(&asked.cameras) {
        lines.push(Line {
            said: Said::Warning(format!(
                "{} answers for the cameras {}: as witnesses they are one",
                asked.who(mac),
                list(&all)
            )),
            todo: "if they do not stand behind one bridge that answers for them, turn proxy ARP off there".to_owned(),
        });
    }
    if lines.iter().all(|l| matches!(l.said, Said::Warning(_))) {
        let who = match of_vip.first() {
            Some(mac) if of_vip.len() == 1 => format!("{mac} alone answers for {vip}"),
            Some(_) => format!(
                "the peer alone answers for {vip}, by {} of its addresses",
                of_vip.len()
            ),
            None if asked.here || asked.parked => {
                format!("{vip} is here, and nobody else answers for it")
            }
            None => format!("nobody answers for {vip} now"),
        };
        let silent: Vec<Ipv4Addr> = asked
            .unused
            .iter()
            .copied()
            .filter(|a| asked.of(*a).is_empty())
            .collect();
        let nobody = match silent[..] {
            [] => {
                "; no address was found that nobody has, so proxy ARP was not looked for".to_owned()
            }
            [..] => format!("; nobody for {}", list(&silent)),
        };
        let all = Line {
            said: Said::Ok(format!("{who}{nobody}")),
            todo: String::new(),
        };
        lines.insert(0, all);
    }
    lines
}

impl Asked {
    fn of(&self, address: Ipv4Addr) -> BTreeSet<MacAddr> {
        self.answers.get(&address).cloned().unwrap_or_default()
    }

    /// Who answers for more than one of them, and for which.
    fn for_several(&self, of: &[Ipv4Addr]) -> BTreeMap<MacAddr, Vec<Ipv4Addr>> {
        let mut all: BTreeMap<MacAddr, Vec<Ipv4Addr>> = BTreeMap::new();
        for address in of {
            for mac in self.of(*address) {
                all.entry(mac).or_default().push(*address);
            }
        }
        all.retain(|_, a| a.len() > 1);
        all
    }

    /// A machine in words: its MAC address, and where it is.
    fn who(&self, mac: MacAddr) -> String {
        let peer = if self.peer.has(mac) {
            " (the peer)"
        } else {
            ""
        };
        match self.places.get(&mac) {
            Some(place) => format!("{mac}{peer} at {place}"),
            None => format!("{mac}{peer}"),
        }
    }
}

fn list(addresses: &[Ipv4Addr]) -> String {
    let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 101);

    fn asked(answers: &[(u8, &[u8])]) -> Asked {
        let at = |n: u8| Ipv4Addr::new(10, 0, 0, n);
        let mac = |n: &u8| MacAddr([2, 0, 0, 0, 0, *n]);
        Asked {
            vip: VIP,
            here: false,
            parked: false,
            peer: PeerMacs::default(),
            gateways: vec![at(1)],
            unused: vec![at(51), at(114), at(178)],
            cameras: vec![at(11), at(12)],
            answers: answers
                .iter()
                .map(|(n, macs)| (at(*n), macs.iter().map(mac).collect()))
                .collect(),
            places: BTreeMap::from([(MacAddr([2, 0, 0, 0, 0, 9]), "core:ge7".to_owned())]),
        }
    }

    fn failed(asked: &Asked) -> Vec<String> {
        let lines = judge(asked).into_iter();
        lines
            .filter_map(|l| match l.said {
                Said::Failed(text) => Some(format!("{text}; {}", l.todo)),
                Said::Ok(_) | Said::Warning(_) => None,
            })
            .collect()
    }

    #[test]
    fn one_owner_is_right_and_so_is_a_machine_that_has_one_of_the_other_addresses() {
        let all = judge(&asked(&[(101, &[1]), (1, &[2]), (11, &[3]), (51, &[4])]));
        let [
            Line {
                said: Said::Ok(text),
                ..
            },
        ] = &all[..]
        else {
            panic!("{all:?}")
        };
        assert!(
            text.contains("alone answers") && text.contains("nobody for 10.0.0.114"),
            "{text}"
        );
        assert!(failed(&asked(&[])).is_empty());
    }

    #[test]
    fn others_who_answer_are_named_with_their_port_and_what_to_turn_off() {
        let proxy = failed(&asked(&[(101, &[9]), (51, &[9]), (178, &[9]), (1, &[9])]));
        let [text] = &proxy[..] else {
            panic!("{proxy:?}")
        };
        for part in [
            "proxy ARP: 02:00:00:00:00:09 at core:ge7",
            "10.0.0.51, 10.0.0.178, and for 10.0.0.101",
            "no ip proxy-arp",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let two = failed(&asked(&[(101, &[1, 9]), (1, &[2])]));
        assert!(
            two.len() == 1 && two[0].starts_with("2 machines answer one question"),
            "{two:?}"
        );
        assert!(
            two[0].contains("02:00:00:00:00:09 at core:ge7") && two[0].contains("arp_ignore"),
            "{two:?}"
        );
        let gateway = failed(&asked(&[(101, &[2]), (1, &[2])]));
        assert!(
            gateway.len() == 1 && gateway[0].contains("the gateway 10.0.0.1, answers"),
            "{gateway:?}"
        );
        let mut by_choice = asked(&[(101, &[2]), (1, &[2])]);
        by_choice.peer = MacAddr([2, 0, 0, 0, 0, 2]).into();
        assert!(failed(&by_choice).is_empty());
        let mut here = asked(&[(101, &[1])]);
        here.here = true;
        assert!(failed(&here)[0].contains("this machine, which has it"));
        let mut parked = asked(&[(101, &[1])]);
        parked.parked = true;
        assert_eq!(failed(&parked), Vec::<String>::new());
    }

    #[test]
    fn cameras_behind_one_address_are_one_witness() {
        let all = judge(&asked(&[(101, &[1]), (11, &[3]), (12, &[3])]));
        assert!(
            all.iter()
                .any(|l| matches!(&l.said, Said::Warning(t) if t.contains("10.0.0.11, 10.0.0.12"))),
            "{all:?}"
        );
    }
}
