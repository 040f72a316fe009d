//! Which ports a peer's fence has: as configured or found, and as the journal has them while a takeover is in place.

use super::super::auto::Auto;
use super::super::record::Quarantined;
use super::{Fencing, Level};
use crate::types::PortRef;

impl Fencing {
    /// Every port of every level.
    pub fn ports(&self) -> Vec<PortRef> {
        self.levels
            .iter()
            .flat_map(|l| {
                l.fence.ports.iter().map(|p| PortRef {
                    switch: l.fence.switch.clone(),
                    port: p.clone(),
                })
            })
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

    /// Fences these ports and no others, between these VLANs, whatever the configuration says now; levels without any
    /// are left out.
    pub fn keep(&mut self, ports: &[PortRef], quarantined: &[Quarantined]) {
        for level in &mut self.levels {
            let on = ports.iter().filter(|p| p.switch == level.fence.switch);
            level.fence.ports = on.map(|p| p.port.clone()).collect();
            let was = quarantined.iter().find(|q| {
                q.port.switch == level.fence.switch && level.fence.ports.contains(&q.port.port)
            });
            if let (Some(vlans), Some(was)) = (&mut level.fence.quarantine, was) {
                (vlans.production, vlans.quarantine) = (was.production, was.quarantine);
            }
        }
        let found_later = |l: &Level| l.auto != Auto::Off;
        self.levels
            .retain(|l| !l.fence.ports.is_empty() || found_later(l));
    }
}
