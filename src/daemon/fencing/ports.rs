//! Which ports a peer's fence has.

use super::super::record::Quarantined;
use super::Fencing;
use crate::types::PortRef;

impl Fencing {
    /// Every port of every level.
    pub fn ports(&self) -> Vec<PortRef> {
        self.levels
            .iter()
            .flat_map(|l| l.fence.port_refs())
            .collect()
    }

    /// The ports that are moved, and between which VLANs.
    pub fn quarantined(&self) -> Vec<Quarantined> {
        let moving = self
            .levels
            .iter()
            .filter_map(|l| Some((l, l.fence.quarantine?)));
        moving
            .flat_map(|(l, vlans)| {
                l.fence.ports.iter().map(move |p| Quarantined {
                    port: PortRef {
                        switch: l.fence.switch.clone(),
                        port: p.clone(),
                    },
                    production: vlans.production,
                    quarantine: vlans.quarantine,
                })
            })
            .collect()
    }
}
