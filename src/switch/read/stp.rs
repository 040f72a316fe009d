//! Spanning tree's state of one port: whether frames pass, and whether they pass at once after a move.
//!
//! dot1dStpPortState (BRIDGE-MIB, RFC 4188) and dot1dStpPortAdminEdgePort (RSTP-MIB, RFC 4318), or the profile's show
//! `stp`.

use serde::Serialize;

use super::error::SwitchError;
use super::switch::{Switch, small};
use crate::rt::Instant;
use crate::switch::model::port::Oper;
use crate::switch::model::value::Oid;
use crate::switch::profile::Transport;
use crate::switch::profile::ssh::fill::Vars;
use crate::switch::snmp::{Snmp, SnmpError};
use crate::switch::ssh::CliError;
use crate::types::VlanId;

/// dot1dStpPortState.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StpState {
    /// The port takes no part in it, or has no link.
    Disabled,
    /// No frame passes; RSTP calls it discarding.
    Blocking,
    /// No frame passes, nothing is learned.
    Listening,
    /// No frame passes, addresses are learned.
    Learning,
    /// Frames pass.
    Forwarding,
    /// Shut by the switch itself.
    Broken,
}

impl std::fmt::Display for StpState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            StpState::Disabled => "disabled",
            StpState::Blocking => "blocking",
            StpState::Listening => "listening",
            StpState::Learning => "learning",
            StpState::Forwarding => "forwarding",
            StpState::Broken => "broken",
        })
    }
}

impl StpState {
    fn of_number(number: u32) -> Option<StpState> {
        Some(match number {
            1 => StpState::Disabled,
            2 => StpState::Blocking,
            3 => StpState::Listening,
            4 => StpState::Learning,
            5 => StpState::Forwarding,
            6 => StpState::Broken,
            _ => return None,
        })
    }

    /// As command lines write it.
    fn of_word(word: &str) -> Option<StpState> {
        Some(match word.trim().to_lowercase().as_str() {
            "disabled" | "dis" => StpState::Disabled,
            "blocking" | "blk" | "discarding" => StpState::Blocking,
            "listening" | "lis" => StpState::Listening,
            "learning" | "lrn" => StpState::Learning,
            "forwarding" | "fwd" => StpState::Forwarding,
            "broken" | "bkn" => StpState::Broken,
            _ => return None,
        })
    }
}

/// What a switch tells of one port's spanning tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stp {
    /// The state; `None` if the switch does not tell.
    pub state: Option<StpState>,
    /// True for an edge port (PortFast), which forwards at once; `None` if the switch does not tell.
    pub edge: Option<bool>,
    /// ifOperStatus up. A port that reads `disabled` although it is up takes no part in spanning tree.
    pub up: bool,
    /// When the reading began.
    #[serde(skip)]
    pub since: Instant,
}

impl Stp {
    /// In words, for a person.
    pub fn words(&self) -> String {
        let state = self
            .state
            .map_or_else(|| "the switch does not tell".to_owned(), |s| s.to_string());
        match self.edge {
            Some(true) => format!("{state}, edge port"),
            Some(false) => format!("{state}, no edge port"),
            None => state,
        }
    }
}

impl Switch {
    /// Spanning tree's state of a port; `vlan` is the one that it is asked about where a switch has a tree per VLAN.
    ///
    /// # Errors
    /// The switch does not answer, or has no such port. That it does not tell is no error.
    pub async fn stp(&self, port: &str, vlan: Option<VlanId>) -> Result<Stp, SwitchError> {
        let mut silent = None;
        let mut told = None;
        for transport in self.route("port-status") {
            let read = match transport {
                Transport::Snmp => self.stp_over_snmp(port, vlan).await,
                Transport::Ssh => self.stp_over_ssh(port, vlan).await,
            };
            match read {
                Ok(stp) if stp.state.is_some() => return Ok(stp),
                Ok(stp) => told = Some(stp),
                Err(e) if e.is_silence() => silent = silent.or(Some(e)),
                Err(e) => return Err(e),
            }
        }
        match (told, silent) {
            (Some(stp), None) => Ok(stp),
            (_, Some(e)) => Err(e),
            (None, None) => Err(self.no_way("to read a port")),
        }
    }

    async fn stp_over_snmp(&self, port: &str, vlan: Option<VlanId>) -> Result<Stp, SwitchError> {
        let since = Instant::now();
        let reading = self.read_over_snmp(&[port], &[], None).await?;
        let mut stp = Stp {
            state: None,
            edge: None,
            up: reading.ports.iter().any(|p| p.oper == Oper::Up),
            since,
        };
        let Some(found) = reading.ports.first() else {
            return Ok(stp);
        };
        let per_vlan = self.profile().object("stp").is_some_and(|o| o.per_vlan);
        let of_vlan = match vlan {
            Some(vlan) if per_vlan => self.snmp().of_vlan(vlan.0),
            _ => None,
        };
        let base = match &of_vlan {
            Some(agent) => self.base_in(agent.as_ref(), found.if_index.0).await?,
            None => found.bridge_port.map(|b| b.0),
        };
        let Some(base) = base else { return Ok(stp) };
        let agent = of_vlan.as_deref().unwrap_or_else(|| self.snmp());
        let oid = |name: &str| Some(self.profile().object(name)?.oid.at(&[base]));
        let asked: Vec<(&str, Oid)> = ["stp", "stp_edge"]
            .into_iter()
            .filter_map(|name| Some((name, oid(name)?)))
            .collect();
        if asked.is_empty() {
            return Ok(stp);
        }
        let oids: Vec<Oid> = asked.iter().map(|(_, oid)| oid.clone()).collect();
        let values = agent.get(&oids).await?;
        for ((name, _), value) in asked.iter().zip(&values) {
            let number = small(value);
            match *name {
                "stp" => stp.state = number.and_then(StpState::of_number),
                // TruthValue (RFC 2579): 1 true, 2 false.
                _ => stp.edge = number.filter(|n| matches!(n, 1 | 2)).map(|n| n == 1),
            }
        }
        Ok(stp)
    }

    /// The number of a port in the bridge of one VLAN.
    async fn base_in(&self, agent: &dyn Snmp, if_index: u32) -> Result<Option<u32>, SnmpError> {
        let Some(object) = self.profile().object("bridge_port") else {
            return Ok(None);
        };
        let rows = agent.walk(&object.oid).await?;
        Ok(rows
            .iter()
            .find(|(_, value)| small(value) == Some(if_index))
            .and_then(|(oid, _)| oid.after(&object.oid)?.first().copied()))
    }

    async fn stp_over_ssh(&self, port: &str, vlan: Option<VlanId>) -> Result<Stp, SwitchError> {
        let since = Instant::now();
        let reading = self.read_over_ssh(&[port], &[], None).await?;
        let mut stp = Stp {
            state: None,
            edge: None,
            up: reading.ports.iter().any(|p| p.oper == Oper::Up),
            since,
        };
        let cli = self.cli()?;
        if !cli.rules().shows.contains_key("stp") {
            return Ok(stp);
        }
        let records = match cli.show("stp", &Vars::new().port(port)).await {
            Ok(records) => records,
            // Without spanning tree some have nothing to show, and say so as if it were an error.
            Err(CliError::Refused { .. } | CliError::Unparsable { .. }) => return Ok(stp),
            Err(e) => return Err(e.into()),
        };
        let here = records.iter().find(|r| {
            let port_fits = r.get("port").is_none_or(|p| cli.rules().same_port(port, p));
            // One tree for all VLANs, or for several as one instance: its record names none of ours.
            let vlan_fits = vlan
                .zip(r.get("vlan").and_then(|v| v.parse::<u16>().ok()))
                .is_none_or(|(want, is)| want.0 == is || records.len() == 1);
            port_fits && vlan_fits
        });
        stp.state = here
            .and_then(|r| r.get("state"))
            .and_then(|word| StpState::of_word(word));
        Ok(stp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_of_the_states() {
        for (number, word, state) in [
            (1, "Disabled", StpState::Disabled),
            (2, "Discarding", StpState::Blocking),
            (3, "listening", StpState::Listening),
            (4, "LRN", StpState::Learning),
            (5, "forwarding", StpState::Forwarding),
            (6, "BKN", StpState::Broken),
        ] {
            assert_eq!(StpState::of_number(number), Some(state));
            assert_eq!(StpState::of_word(word), Some(state));
        }
        assert_eq!(StpState::of_number(0), None);
        assert_eq!(StpState::of_number(7), None);
        assert_eq!(StpState::of_word("designated"), None);
    }
}
