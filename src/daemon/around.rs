//! What the configuration's checks must know of this machine: interfaces, host name, profiles, static addresses.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::alert;
use crate::config::{InterfaceFacts, Persistence, ProfileFacts, Surroundings};
use crate::health;
use crate::net::address;
use crate::net::link;
use crate::net::netlink::Netlink;
use crate::steps;
use crate::switch::Operation;
use crate::switch::profile;
use crate::switch::profile::Transport;
use crate::switch::profile::identify;

/// Where operating systems keep addresses that are set at boot.
const STATIC: [&str; 6] = [
    "/etc/network/interfaces",
    "/etc/network/interfaces.d",
    "/etc/netplan",
    "/etc/systemd/network",
    "/etc/NetworkManager/system-connections",
    "/etc/sysconfig/network-scripts",
];

/// Looks around. What cannot be read is left out, and with it the checks that need it.
///
/// To read a profile takes time, and there are many: only those that the file `config` mentions are looked into.
pub async fn surroundings(examine_secrets: bool, config: &Path) -> Surroundings {
    // A file that cannot be read mentions none, and whoever loads it says why.
    let text = std::fs::read_to_string(config).unwrap_or_default();
    Surroundings {
        host_name: nix::sys::utsname::uname()
            .ok()
            .and_then(|u| u.nodename().to_str().map(str::to_owned)),
        profiles: Some(profiles(&text)),
        interfaces: interfaces().await,
        static_addresses: STATIC
            .iter()
            .flat_map(|p| addresses_in(Path::new(p)))
            .collect(),
        examine_secrets,
        without_peers: false,
        vip_may_be_here: true,
        steps: steps::READER,
        sinks: alert::READER,
        health: health::READER,
    }
}

/// This machine's interfaces with their own addresses; `None` where the kernel does not tell.
pub async fn interfaces() -> Option<Vec<InterfaceFacts>> {
    let netlink = Netlink::open().ok()?;
    let addresses = address::all(&netlink).await.ok()?;
    let mut names: Vec<String> = nix::ifaddrs::getifaddrs()
        .ok()?
        .map(|i| i.interface_name)
        .collect();
    names.sort();
    names.dedup();
    let mut links = Vec::new();
    for name in names {
        links.extend(link::link(&netlink, &name).await.ok().flatten());
    }
    Some(
        links
            .into_iter()
            .map(|l| InterfaceFacts {
                addresses: addresses
                    .iter()
                    .filter(|a| a.ifindex == l.ifindex && !a.ours)
                    .map(|a| (a.vip.addr, a.vip.prefix))
                    .collect(),
                mac: l.mac.is_unicast().then_some(l.mac),
                name: l.name,
            })
            .collect(),
    )
}

/// Facts of every profile whose name stands in the text, and the names of the others.
fn profiles(text: &str) -> Vec<ProfileFacts> {
    let folder = Path::new(super::switches::PROFILES);
    identify::names(Some(folder))
        .into_iter()
        .filter_map(|name| {
            if !text.contains(&name) {
                return Some(ProfileFacts::snmp_only(&name, Persistence::Unknown));
            }
            let found = profile::Profile::find(&name, Some(folder)).ok()?;
            let persistence = match found.persistence {
                profile::Persistence::Instant => Persistence::Instant,
                profile::Persistence::Save => Persistence::Save,
                profile::Persistence::Unknown => Persistence::Unknown,
            };
            let can = |op, way| found.transports(op).contains(&way);
            let any = |way| Operation::NAMES.iter().any(|op| can(op, way));
            Some(ProfileFacts {
                name,
                persistence,
                saves_by_snmp: can("save", Transport::Snmp),
                saves_by_ssh: can("save", Transport::Ssh),
                has_snmp: any(Transport::Snmp),
                has_ssh: any(Transport::Ssh),
            })
        })
        .collect()
}

/// Every IPv4 address that a file, or a file in a folder, mentions outside of comments.
fn addresses_in(path: &Path) -> Vec<(Ipv4Addr, PathBuf)> {
    if let Ok(entries) = std::fs::read_dir(path) {
        return entries
            .flatten()
            .flat_map(|e| addresses_in(&e.path()))
            .collect();
    }
    let Ok(text) = std::fs::read_to_string(path) else {
        return Vec::new();
    };
    text.lines()
        .filter(|l| !l.trim_start().starts_with('#'))
        .flat_map(|l| l.split(|c: char| !(c.is_ascii_digit() || c == '.')))
        .filter_map(|word| word.parse().ok())
        .map(|a| (a, path.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_and_comments_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("eth0");
        std::fs::write(
            &file,
            "iface eth0 inet static\n  address 192.168.1.101/24\n# address 10.0.0.1\n",
        )
        .unwrap();
        let found = addresses_in(dir.path());
        assert_eq!(found, vec![(Ipv4Addr::new(192, 168, 1, 101), file)]);
    }
}
