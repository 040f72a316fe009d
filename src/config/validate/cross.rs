//! What two peers must not share.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::config::problem::Check;
use crate::config::schema::File;
use crate::types::PortName;

pub(super) fn between_peers(file: &File, check: &mut Check<'_>) {
    let mut vips: BTreeMap<Ipv4Addr, &str> = BTreeMap::new();
    let mut ports: BTreeMap<(&str, PortName), (String, &str)> = BTreeMap::new();
    for (name, peer) in &file.peer {
        if let Some(vip) = peer.vip {
            if let Some(first) = vips.get(&vip.addr) {
                check.clash(
                    &format!("peer.{name}.vip"),
                    (&format!("peer.{first}.vip"), "here too"),
                    format!("{} is also the address of peer `{first}`", vip.addr),
                    "one peer for each address",
                );
            }
            vips.entry(vip.addr).or_insert(name);
        }
        for (level, fence) in peer.fence.iter().enumerate() {
            let named = fence.named();
            let all = named.flat_map(|(at, switch, names)| {
                let names = names.iter().enumerate();
                names.map(move |(i, port)| (format!("{at}[{i}]"), switch, port))
            });
            for (at, switch, port) in all {
                let Some(switch) = switch else { continue };
                let key = format!("peer.{name}.fence[{level}].{at}");
                match ports.get(&(switch, PortName::new(port))) {
                    Some((other, owner)) if owner != name => check.clash(
                        &key,
                        (&other.clone(), "here too"),
                        format!("port `{port}` is also the fence of peer `{owner}`: fencing one would cut the other"),
                        "each peer's own ports",
                    ),
                    Some(_) => {}
                    None => {
                        ports.insert((switch, PortName::new(port)), (key, name));
                    }
                }
            }
        }
    }
}
