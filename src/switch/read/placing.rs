//! Is a machine behind these ports? One look by single rows of the forwarding table; LLDP and whole tables only where
//! these say nothing.

use super::error::SwitchError;
use super::lldp::neighbours;
use super::over_snmp::Reading;
use super::switch::Switch;
use super::target::Listed;
use crate::switch::model::port::{Oper, PortState};
use crate::switch::profile::Transport;
use crate::types::MacAddr;

/// What one look saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placing {
    /// It is behind these ports.
    Here {
        /// How that is known.
        how: String,
        /// The aggregate that the table names for them, where it is one.
        aggregate: Option<String>,
    },
    /// It is not, or these ports cannot be its.
    Elsewhere {
        /// Where, in few words that are the same each time.
        at: String,
        /// What was seen, for a person.
        why: String,
    },
    /// The switch tells MAC addresses, and this one nowhere.
    Nowhere,
    /// The switch tells no MAC addresses at all.
    Untold,
}

/// A look: the ports as they are, and what was seen.
#[derive(Clone, Debug)]
pub struct Look {
    /// The ports.
    pub ports: Vec<PortState>,
    /// What was seen.
    pub placing: Placing,
}

impl Look {
    /// Which ports these are: name, ifIndex and description of each. Another text is another port.
    pub fn identity(&self) -> String {
        let words = self.ports.iter().map(|p| {
            let mut text = p.if_name.clone();
            if p.if_index.0 != 0 {
                text.push_str(&format!(" (ifIndex {})", p.if_index));
            }
            match p.if_alias.as_deref() {
                None | Some("") => text,
                Some(alias) => format!("{text} `{alias}`"),
            }
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

impl Switch {
    /// Where a machine that answers just now is, seen from these ports: `macs` are its addresses, `own` ours.
    ///
    /// # Errors
    /// The switch does not answer, or has no such port.
    pub async fn place(
        &self,
        ports: &[&str],
        macs: &[MacAddr],
        own: &[MacAddr],
    ) -> Result<Look, SwitchError> {
        self.look_at(ports, (macs, own), false).await
    }

    /// The same of a machine that has ports on other switches too: what is learned on an uplink says nothing here, and
    /// ports without link are [`Placing::Nowhere`].
    ///
    /// # Errors
    /// As [`Switch::place`].
    pub async fn place_leg(
        &self,
        ports: &[&str],
        macs: &[MacAddr],
        own: &[MacAddr],
    ) -> Result<Look, SwitchError> {
        self.look_at(ports, (macs, own), true).await
    }

    async fn look_at(
        &self,
        ports: &[&str],
        (macs, own): (&[MacAddr], &[MacAddr]),
        leg: bool,
    ) -> Result<Look, SwitchError> {
        let asked: Vec<MacAddr> = macs.iter().chain(own).copied().collect();
        let reading = self.read(ports, &asked, None).await?;
        let placing = self.judge_place(ports, macs, &reading, leg).await?;
        Ok(Look {
            ports: reading.ports,
            placing,
        })
    }

    /// Where a machine is learned that is neither on these ports nor on an uplink: where, and what was seen; whether it
    /// answers does not matter. `None`: on no such port.
    ///
    /// # Errors
    /// The switch does not answer, has no such port, or tells no MAC addresses.
    pub async fn elsewhere(
        &self,
        ports: &[&str],
        macs: &[MacAddr],
    ) -> Result<Option<(String, String)>, SwitchError> {
        let reading = self.read(ports, macs, None).await?;
        match reading.unread {
            Some(why) => Err(why.into()),
            None => Ok(self.learned(ports, macs, &reading, true).await.err()),
        }
    }

    /// With which MAC address it is learned on these ports, and the aggregate that the table names for them; or, as an
    /// error, where else it is learned, and what was seen.
    async fn learned(
        &self,
        ports: &[&str],
        macs: &[MacAddr],
        reading: &Reading,
        leg: bool,
    ) -> Result<Option<(MacAddr, Option<String>)>, (String, String)> {
        let name = &self.target().name;
        let all = ports.join(", ");
        let own: Vec<u32> = reading
            .ports
            .iter()
            .filter_map(|p| self.place_of(p))
            .collect();
        let fenced = |place: u32| {
            own.contains(&place)
                || self
                    .name_of_port_at(reading.over, place)
                    .is_some_and(|n| ports.iter().any(|p| self.target().same_port(p, &n)))
        };
        let mut here = None;
        for (i, mac) in macs.iter().enumerate() {
            let places = reading.places.get(i).into_iter().flatten();
            for (_, place) in places.filter(|(_, p)| *p != 0) {
                if fenced(*place) {
                    here = here.or(Some((*mac, None)));
                    continue;
                }
                if let Some(aggregate) = self.aggregate_at(ports, reading, i).await {
                    here = Some((*mac, Some(aggregate)));
                    continue;
                }
                let shown = self.name_of_port_at(reading.over, *place);
                if leg && shown.is_some_and(|n| self.target().listed(&n) == Some(Listed::Uplink)) {
                    continue;
                }
                let at = self.words_of_place(*place);
                let why =
                    format!("the peer's MAC address {mac} is learned on {at}, not on {name}:{all}");
                return Err((at, why));
            }
        }
        Ok(here)
    }

    async fn judge_place(
        &self,
        ports: &[&str],
        macs: &[MacAddr],
        reading: &Reading,
        leg: bool,
    ) -> Result<Placing, SwitchError> {
        let name = &self.target().name;
        let all = ports.join(", ");
        let linked = reading.ports.iter().any(|p| p.oper == Oper::Up);
        let here = match self.learned(ports, macs, reading, leg).await {
            Ok(here) => here,
            Err((at, why)) => return Ok(Placing::Elsewhere { at, why }),
        };
        if leg && !linked && here.is_none() {
            return Ok(Placing::Nowhere);
        }
        if !linked {
            let why = match here {
                Some((mac, _)) => format!(
                    "{mac} is learned on {name}:{all}, which has no link, beside a peer that answers: the switch's table is misread (its port numbers are not what dot1dBasePortIfIndex says), and this is not its port"
                ),
                None => format!(
                    "no port of {name}:{all} has a link, beside a peer that answers: it hangs somewhere else"
                ),
            };
            let at = "a port without link".to_owned();
            return Ok(Placing::Elsewhere { at, why });
        }
        match here {
            Some((mac, aggregate)) => {
                let how = match &aggregate {
                    None => format!("{mac} is learned there"),
                    Some(name) => {
                        format!("{mac} is learned on {name}, whose only members they are")
                    }
                };
                Ok(Placing::Here { how, aggregate })
            }
            None => self.by_lldp(ports, macs, reading).await,
        }
    }

    /// The forwarding table has nothing of it.
    async fn by_lldp(
        &self,
        ports: &[&str],
        macs: &[MacAddr],
        reading: &Reading,
    ) -> Result<Placing, SwitchError> {
        let name = &self.target().name;
        // A switch without LLDP, or whose LLDP cannot be read, has no neighbours to tell.
        let around = neighbours(self).await.unwrap_or_default();
        let its = |chassis: &str| macs.iter().any(|m| m.to_string() == chassis);
        let told = around.iter().filter(|n| its(&n.chassis) || its(&n.port));
        for neighbour in told {
            let Some(port) = &neighbour.if_name else {
                continue;
            };
            if ports.iter().any(|p| self.target().same_port(p, port)) {
                let how = "it says so by LLDP".to_owned();
                return Ok(Placing::Here {
                    how,
                    aggregate: None,
                });
            }
            let at = format!("{name}:{port}");
            let why = format!(
                "by LLDP the peer says that it hangs on {at}, not on {}",
                ports.join(", ")
            );
            return Ok(Placing::Elsewhere { at, why });
        }
        if reading.unread.is_some() {
            return Ok(Placing::Untold);
        }
        let ours = reading.places.iter().skip(macs.len());
        if ours.flatten().next().is_some() || self.tells_macs(reading.over).await? {
            Ok(Placing::Nowhere)
        } else {
            Ok(Placing::Untold)
        }
    }

    /// True if the switch's forwarding table has any entry that can be read.
    async fn tells_macs(&self, over: Transport) -> Result<bool, SwitchError> {
        match over {
            Transport::Ssh => Ok(self
                .table_over_ssh(None)
                .await?
                .is_some_and(|t| !t.is_empty())),
            Transport::Snmp => {
                for object in ["fdb", "fdb_1d"] {
                    if !self.walk(object).await?.is_empty() {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    /// On which port that is no uplink the machine is, if it is on any: for a switch that is not its fence's.
    ///
    /// # Errors
    /// The switch does not answer.
    pub async fn access_port_of(&self, mac: MacAddr) -> Result<Option<String>, SwitchError> {
        let entries = self.where_is(mac, None).await?;
        for entry in entries.into_iter().filter(|e| e.port_number != 0) {
            let uplink = self.target().uplinks.iter().any(|u| self.is_on(&entry, u));
            if let (Some(name), false) = (entry.if_name, uplink) {
                // A port with more machines than one is an uplink that nobody has listed.
                let many = self.macs_on(&name).await.map_or(0, |m| m.len());
                if many <= crate::switch::model::port::HOST_MACS {
                    return Ok(Some(name));
                }
            }
        }
        Ok(None)
    }

    /// dot1dTpAgingTime, seconds: how long an entry stands after the last frame; `None` where the switch does not tell.
    pub async fn ageing(&self) -> Option<u32> {
        if matches!(
            self.target().credentials,
            crate::switch::snmp::target::Credentials::Off
        ) {
            return None;
        }
        let oid = crate::switch::model::value::Oid::new([1, 3, 6, 1, 2, 1, 17, 4, 2, 0]);
        let values = self.snmp().get(std::slice::from_ref(&oid)).await.ok()?;
        values.first().and_then(super::switch::small)
    }
}
