//! A quarantined machine must be gone from the production VLAN: judged as every fence judges where a machine is.

use crate::rt::Instant;
use crate::switch::change::freshness::judge_peer;
use crate::switch::change::read_until::{Looks, QUARANTINE};
use crate::switch::model::port::Place;
use crate::switch::read::switch::Switch;
use crate::types::{MacAddr, VlanId};

/// Looks until `mac` is in `vlan` nowhere, or only as an old entry of the `fenced` ports (ifNames, aggregates too).
///
/// # Errors
/// At `end` it is still elsewhere, or could not be read; in words.
pub async fn gone_from_vlan(
    switch: &Switch,
    (mac, vlan): (MacAddr, VlanId),
    fenced: &[String],
    end: Instant,
) -> Result<(), String> {
    let mut looks = Looks::until(end, QUARANTINE);
    loop {
        let why = match switch.where_is(mac, Some(vlan)).await {
            Err(e) => e.to_string(),
            Ok(found) => {
                let on_it = found
                    .iter()
                    .filter(|p| fenced.iter().any(|at| switch.is_on(p, at)));
                let on_it: Vec<u32> = on_it.map(|p| p.port_number).collect();
                let places: Vec<Place> = found.iter().map(|p| (None, p.port_number)).collect();
                let Some(elsewhere) = judge_peer(&on_it, &places, &places).elsewhere() else {
                    return Ok(());
                };
                let place = found.iter().find(|p| p.port_number == elsewhere);
                format!(
                    "switch {}: {mac} is in VLAN {} on port {}, which is not fenced",
                    switch.target().name,
                    vlan.0,
                    place.and_then(|p| p.if_name.as_deref()).unwrap_or("?")
                )
            }
        };
        if !looks.again().await {
            return Err(why);
        }
    }
}
