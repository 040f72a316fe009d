//! Behind which port a machine is, in words for a person: what the forwarding tables say, and who LLDP says is there.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{Fencing, Level};
use crate::rt;
use crate::switch::read::lldp::neighbours;
use crate::switch::read::target::Listed;
use crate::switch::{Admin, Oper, PortIdentity, Switch};
use crate::types::{MacAddr, PortRef};

/// LLDP tables are waited for this long: they only add a name.
const LLDP_WITHIN: Duration = Duration::from_secs(2);

/// Where one switch has learned a MAC address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Name of the switch.
    pub switch: String,
    /// ifName; `None` where the forwarding table's number leads to no name.
    pub port: Option<String>,
    /// True if that port is one of the configuration's `uplinks`: the machine is behind another switch.
    pub uplink: bool,
    /// lldpRemSysName (or lldpRemChassisId) of the neighbour on that port, where there is one.
    pub neighbour: Option<String>,
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}",
            self.switch,
            self.port.as_deref().unwrap_or("(a port without a name)")
        )?;
        if self.uplink {
            f.write_str(" (an uplink: behind another switch)")?;
        }
        match &self.neighbour {
            Some(name) => write!(f, ", where LLDP has {name}"),
            None => Ok(()),
        }
    }
}

/// On which ports of this switch `mac` is learned now: single rows of its forwarding table; LLDP is asked only where the
/// address is found.
pub async fn locate_on(switch: &Switch, mac: MacAddr) -> Vec<Located> {
    let target = switch.target();
    let entries = switch.where_is(mac, None).await.unwrap_or_default();
    let entries: Vec<_> = entries.into_iter().filter(|e| e.port_number != 0).collect();
    if entries.is_empty() {
        return Vec::new();
    }
    let told = rt::timeout(LLDP_WITHIN, neighbours(switch)).await;
    let around = told.ok().and_then(Result::ok).unwrap_or_default();
    let mut out = Vec::new();
    for entry in entries {
        let neighbour = around
            .iter()
            .find(|n| n.if_name.is_some() && n.if_name == entry.if_name);
        let name = neighbour.map(|n| match n.sys_name.as_str() {
            "" => n.chassis.clone(),
            name => name.to_owned(),
        });
        let port = entry.if_name;
        let uplink = port
            .as_ref()
            .is_some_and(|p| target.listed(p) == Some(Listed::Uplink));
        out.push(Located {
            switch: target.name.clone(),
            port,
            uplink,
            neighbour: name,
        });
    }
    out
}

impl Fencing {
    /// On which ports of the fence's switches `mac` is learned now, each with the name of its LLDP neighbour; ports that
    /// are no uplink first. Empty if it is learned nowhere, or no switch answers. Single rows of the forwarding tables;
    /// LLDP is asked only where the address is found. Takes as long as the switches do: not for the fast thread.
    pub async fn locate(&self, mac: MacAddr) -> Vec<Located> {
        let mut out: Vec<Located> = Vec::new();
        let mut asked: Vec<&str> = Vec::new();
        for part in self.levels.iter().flat_map(Level::parts) {
            let target = part.switch.target();
            if asked.contains(&target.name.as_str()) {
                continue;
            }
            asked.push(&target.name);
            for here in locate_on(part.switch, mac).await {
                if !out.contains(&here) {
                    out.push(here);
                }
            }
        }
        out.sort_by_key(|l| l.uplink);
        out
    }

    /// The same as one text: `core:Gi1/0/7, where LLDP has cam-sw`; `None` if nobody can say.
    pub async fn whereabouts(&self, mac: MacAddr) -> Option<String> {
        let all = self.locate(mac).await;
        let words: Vec<String> = all.iter().map(Located::to_string).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// Who is on each port while all is healthy; ports that cannot be read are left out.
    pub async fn identities(&self) -> BTreeMap<PortRef, PortIdentity> {
        let mut out = BTreeMap::new();
        for part in self.levels.iter().flat_map(Level::parts) {
            for port in &part.ports {
                // Only a port that is in use shows who is on it.
                let Ok(state) = part.switch.port(port).await else {
                    continue;
                };
                if state.admin != Admin::Up || state.oper != Oper::Up {
                    continue;
                }
                if let Ok(identity) = part.switch.identity(port).await {
                    out.insert(part.at(port), identity);
                }
            }
        }
        out
    }
}
