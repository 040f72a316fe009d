//! Do the forwarding table's port numbers mean what dot1dBasePortIfIndex says? Some agents answer with ifIndexes, and then
//! every address stands on a port that is not its own. Pure, over what the switch tells of all its ports.

use std::collections::BTreeSet;

use super::error::SwitchError;
use super::lldp::{Neighbour, neighbours};
use super::switch::Switch;
use super::table::PortRow;
use crate::switch::model::port::Oper;
use crate::types::MacAddr;

/// At most so many ports are named.
const NAMED: usize = 3;

/// Why the table is misread, in words; `None` if nothing says so.
///
/// Two things cannot be: addresses learned on ports without a link, and LLDP neighbours whose own address is learned on
/// another port. A port that went down a moment ago may keep its entries, so that only all of them say something.
/// Where every port has the same number in both tables, there is nothing to mix up.
pub fn misread(rows: &[PortRow], around: &[Neighbour]) -> Option<String> {
    let numbered: Vec<&PortRow> = rows.iter().filter(|r| r.bridge_port.is_some()).collect();
    if numbered.iter().all(|r| r.bridge_port == Some(r.if_index)) {
        return None;
    }
    let learned: Vec<&PortRow> = numbered
        .into_iter()
        .filter(|r| r.macs.as_ref().is_some_and(|m| !m.is_empty()))
        .collect();
    let linkless: Vec<&str> = learned
        .iter()
        .filter(|r| r.oper.is_some_and(|o| o != Oper::Up))
        .map(|r| r.if_name.as_str())
        .collect();
    let (mut agree, mut differ) = (0, Vec::new());
    for n in around {
        let Some(port) = &n.if_name else { continue };
        let texts = [&n.chassis, &n.port].map(|t| t.parse::<MacAddr>().ok());
        for mac in texts.into_iter().flatten().collect::<BTreeSet<_>>() {
            let on = |r: &&&PortRow| r.macs.iter().flatten().any(|m| m.mac == mac);
            let at: Vec<&str> = learned
                .iter()
                .filter(on)
                .map(|r| r.if_name.as_str())
                .collect();
            if at.contains(&port.as_str()) {
                agree += 1;
            } else if let Some(at) = at.first() {
                differ.push(format!(
                    "{mac} is learned on {at}, and says by LLDP that it is on {port}"
                ));
            }
        }
    }
    // Some tables have each port's own address too, so that only all of them say something.
    let by_link = !linkless.is_empty() && linkless.len() == learned.len();
    if !by_link && differ.len() <= agree {
        return None;
    }
    let mut words = Vec::new();
    if by_link {
        let named: Vec<&str> = linkless.iter().take(NAMED).copied().collect();
        words.push(format!(
            "addresses are learned on {} of {} ports that have no link ({})",
            linkless.len(),
            learned.len(),
            named.join(", ")
        ));
    }
    words.extend(differ.into_iter().take(NAMED));
    Some(format!(
        "the forwarding table's port numbers are not what dot1dBasePortIfIndex says: {}. No port is found by a MAC address on this switch: name ports as LLDP or the cable has them, and `standin fence confirm` them; tell the vendor",
        words.join("; ")
    ))
}

impl Switch {
    /// Whether the forwarding table is misread, and why. Walks the tables of all ports: not for every minute.
    ///
    /// # Errors
    /// The switch does not answer.
    pub async fn numbering(&self) -> Result<Option<String>, SwitchError> {
        let map = if self.map().is_empty() {
            self.learn_map().await?
        } else {
            self.map()
        };
        if map.is_numbered_alike() {
            return Ok(None);
        }
        let rows = self.port_table().await?;
        // Without LLDP there is less to compare.
        let around = neighbours(self).await.unwrap_or_default();
        Ok(misread(&rows, &around))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::model::port::LearnedMac;

    fn row(n: u32, bridge_port: u32, oper: Oper, macs: &[u8]) -> PortRow {
        PortRow {
            if_name: format!("Eth1/{n}"),
            if_index: n,
            bridge_port: Some(bridge_port),
            if_alias: None,
            admin: None,
            oper: Some(oper),
            pvid: None,
            untagged: None,
            tagged: None,
            macs_unread: None,
            macs: Some(
                macs.iter()
                    .map(|m| LearnedMac {
                        mac: MacAddr([2, 0, 0, 0, 0, *m]),
                        vlan: None,
                    })
                    .collect(),
            ),
        }
    }

    fn told(n: u32, mac: u8) -> Neighbour {
        Neighbour {
            if_name: Some(format!("Eth1/{n}")),
            local_port: Some(n),
            chassis: MacAddr([2, 0, 0, 0, 0, mac]).to_string(),
            port: String::new(),
            sys_name: String::new(),
            capabilities: Vec::new(),
        }
    }

    #[test]
    fn addresses_on_ports_without_link_and_neighbours_elsewhere_say_so() {
        let down = [row(3, 2, Oper::Up, &[]), row(4, 3, Oper::Down, &[3])];
        assert!(
            misread(&down, &[])
                .unwrap()
                .contains("1 of 1 ports that have no link (Eth1/4)")
        );
        let up = [row(3, 2, Oper::Up, &[2]), row(4, 3, Oper::Up, &[3])];
        let why = misread(&up, &[told(3, 3)]).unwrap();
        assert!(
            why.contains("is learned on Eth1/4, and says by LLDP that it is on Eth1/3"),
            "{why}"
        );
    }

    #[test]
    fn what_is_right_is_not_doubted() {
        let right = [row(3, 2, Oper::Up, &[3]), row(4, 3, Oper::Up, &[4])];
        assert_eq!(misread(&right, &[told(3, 3), told(4, 4)]), None);
        // The same numbers in both tables.
        assert_eq!(misread(&[row(4, 4, Oper::Down, &[3])], &[told(3, 3)]), None);
        // One port that went down a moment ago, among three.
        let stale = [
            row(3, 2, Oper::Up, &[3]),
            row(4, 3, Oper::Down, &[4]),
            row(5, 4, Oper::Up, &[5]),
        ];
        assert_eq!(misread(&stale, &[]), None);
        assert_eq!(misread(&[], &[]), None);
    }
}
