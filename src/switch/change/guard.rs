//! What must hold before a port is shut. Pure: a wrong port shut is worse than none.

use serde::Serialize;

use crate::switch::model::port::{HOST_MACS, PortIdentity, PortState};
use crate::switch::read::target::{Listed, SwitchTarget};
use crate::types::{MacAddr, PeerMacs, PortName, VlanId};

/// Why a port must not be shut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "guard")]
pub enum Guard {
    /// No port was named.
    #[error("no port was named: a fence needs at least one")]
    NoPort,
    /// The same port twice.
    #[error("it is named twice: every member port of the peer once")]
    Twice,
    /// An uplink.
    #[error(
        "it is listed as an uplink: shutting it would cut off everything behind it. If it is the peer's port, take it out of `uplinks`"
    )]
    Uplink,
    /// One of our own ports.
    #[error(
        "it is listed as a port of this machine: shutting it would cut us off, not the peer. If it is the peer's port, take it out of `own_ports`"
    )]
    OwnPort,
    /// The description is not the expected one.
    #[error(
        "its description (ifAlias) reads `{found}` and should read `{expected}`: somebody may have recabled. If the port is right, correct the configuration or the description"
    )]
    Alias {
        /// As configured or observed while healthy.
        expected: String,
        /// As read now, without our tag.
        found: String,
    },
    /// Our own MAC is behind it.
    #[error(
        "our own MAC address {mac} is learned on it: this is our port, or the path to us, not the peer's"
    )]
    OwnMac {
        /// Which.
        mac: MacAddr,
    },
    /// What is behind it is not known.
    #[error(
        "what is learned on it cannot be read: {why}. Whether several machines, or this one, are behind it is not known: look at the switch's own table"
    )]
    MacsUnread {
        /// Why.
        why: String,
    },
    /// Too many MACs behind it.
    #[error(
        "{count} MAC addresses are learned on it, more than the {HOST_MACS} of one host: it leads to another switch or to several machines"
    )]
    TooManyMacs {
        /// How many.
        count: usize,
    },
    /// The observed identity is of another port.
    #[error("the identity that was observed while all was healthy is that of port `{observed}`")]
    OtherPort {
        /// Its name.
        observed: String,
    },
    /// The peer was never seen behind any of the ports.
    #[error(
        "the peer's MAC address {peer} was never learned on it, nor on the other ports of this fence, while all was healthy; learned there: {learned}"
    )]
    OtherHost {
        /// The peer's.
        peer: MacAddr,
        /// What was learned there.
        learned: String,
    },
    /// The VLAN is not there.
    #[error("VLAN {} {}", vlan.0, if *known { "does not exist on the switch: create it there first" } else { "cannot be looked up on this switch, so that it may not exist" })]
    NoVlan {
        /// Which.
        vlan: VlanId,
        /// False if the switch does not tell.
        known: bool,
    },
    /// The port is forbidden in the VLAN.
    #[error("the port is in the VLAN's list of forbidden ports (dot1qVlanForbiddenEgressPorts of VLAN {}): somebody did not want it there", vlan.0)]
    Forbidden {
        /// Which.
        vlan: VlanId,
    },
    /// A trunk where an access port was expected.
    #[error("the port is a trunk (it carries tagged VLANs), and the operation is for access ports")]
    IsTrunk,
    /// An access port where a trunk was expected.
    #[error("the port is an access port, and the operation is for trunks")]
    IsAccess,
    /// Neither a trunk nor an access port, where an access port was expected.
    #[error(
        "the port is no access port, it is {is:?}: what was written would make it one, and nothing would make it again what it is"
    )]
    NotAccess {
        /// What the switch calls it.
        is: String,
    },
    /// Neither, where a trunk was expected.
    #[error("the port is no trunk, it is {is:?}")]
    NotTrunk {
        /// What the switch calls it.
        is: String,
    },
}

impl From<Listed> for Guard {
    fn from(listed: Listed) -> Guard {
        match listed {
            Listed::Uplink => Guard::Uplink,
            Listed::OwnPort => Guard::OwnPort,
        }
    }
}

impl Guard {
    /// Its name, as it is overridden by.
    pub fn name(&self) -> &'static str {
        match self {
            Guard::NoPort => "no-port",
            Guard::Twice => "twice",
            Guard::Uplink => "uplink",
            Guard::OwnPort => "own-port",
            Guard::Alias { .. } => "alias",
            Guard::OwnMac { .. } => "own-mac",
            Guard::MacsUnread { .. } => "macs-unread",
            Guard::TooManyMacs { .. } => "too-many-macs",
            Guard::OtherPort { .. } => "other-port",
            Guard::OtherHost { .. } => "other-host",
            Guard::NoVlan { .. } => "vlan-exists",
            Guard::Forbidden { .. } => "not-forbidden",
            Guard::IsTrunk | Guard::NotAccess { .. } => "access-port",
            Guard::IsAccess | Guard::NotTrunk { .. } => "trunk-port",
        }
    }

    /// True if a person may say that it does not matter this time. What cuts off others, or what the switch itself
    /// does not want, is not a matter of opinion.
    pub fn may_be_overridden(&self) -> bool {
        match self {
            Guard::NoPort
            | Guard::Twice
            | Guard::Uplink
            | Guard::OtherPort { .. }
            | Guard::Forbidden { .. } => false,
            Guard::NoVlan { known, .. } => !known,
            Guard::OwnPort
            | Guard::Alias { .. }
            | Guard::OwnMac { .. }
            | Guard::MacsUnread { .. }
            | Guard::TooManyMacs { .. }
            | Guard::OtherHost { .. }
            | Guard::IsTrunk
            | Guard::IsAccess
            | Guard::NotAccess { .. }
            | Guard::NotTrunk { .. } => true,
        }
    }

    /// For the end of a refusal.
    pub fn how_to_override(&self) -> String {
        if self.may_be_overridden() {
            format!(". If it is right all the same: --override {}", self.name())
        } else {
            String::new()
        }
    }
}

/// What is known about one port before it is shut.
pub(crate) struct Facts<'a> {
    pub state: &'a PortState,
    pub identity: Option<&'a PortIdentity>,
    pub expected_alias: Option<&'a str>,
    /// MACs learned on it, as good as is known.
    pub macs: &'a [MacAddr],
    /// Which of our own MACs the forwarding table has on it just now.
    pub own_mac: Option<MacAddr>,
}

/// The guards that need no reading.
pub(crate) fn by_name(target: &SwitchTarget, ports: &[&str]) -> Result<(), (String, Guard)> {
    if ports.is_empty() {
        return Err(("-".into(), Guard::NoPort));
    }
    for (i, port) in ports.iter().enumerate() {
        let guard = if ports[..i].iter().any(|p| target.same_port(p, port)) {
            Guard::Twice
        } else {
            match target.listed(port) {
                Some(listed) => Guard::from(listed),
                None => continue,
            }
        };
        return Err(((*port).to_owned(), guard));
    }
    Ok(())
}

/// The guards that compare what was read with what is expected.
pub(crate) fn by_facts(ports: &[Facts<'_>], peer: &PeerMacs) -> Result<(), (String, Guard)> {
    for p in ports {
        if let Some(guard) = one(p) {
            return Err((p.state.if_name.clone(), guard));
        }
    }
    // The peer may have several ports (a LAG's members, two NICs), and its MAC then is on one of them.
    let identities = || ports.iter().filter_map(|p| p.identity);
    let learned: Vec<String> = identities()
        .flat_map(|i| &i.macs)
        .map(MacAddr::to_string)
        .collect();
    if let (Some(mac), Some(first)) = (peer.now(), ports.first())
        && !learned.is_empty()
        && !identities().any(|i| i.macs.iter().any(|m| peer.has(*m)))
    {
        let learned = learned.join(", ");
        return Err((
            first.state.if_name.clone(),
            Guard::OtherHost { peer: mac, learned },
        ));
    }
    Ok(())
}

fn one(p: &Facts<'_>) -> Option<Guard> {
    if let Some(mac) = p.own_mac {
        return Some(Guard::OwnMac { mac });
    }
    let observed = p.identity.and_then(|i| i.if_alias.as_deref());
    let found = p.state.if_alias.as_deref().unwrap_or("");
    for expected in [p.expected_alias, observed].into_iter().flatten() {
        if expected != found {
            return Some(Guard::Alias {
                expected: expected.to_owned(),
                found: found.to_owned(),
            });
        }
    }
    if let Some(i) = p.identity
        && !PortName::same(&i.if_name, &p.state.if_name)
    {
        return Some(Guard::OtherPort {
            observed: i.if_name.clone(),
        });
    }
    (p.macs.len() > HOST_MACS).then_some(Guard::TooManyMacs {
        count: p.macs.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::model::port::{Admin, Oper};
    use crate::switch::profile::Profile;
    use crate::switch::recording::Recording;
    use crate::types::IfIndex;

    fn state(alias: &str) -> PortState {
        PortState {
            if_name: "ge7".into(),
            if_index: IfIndex(7),
            bridge_port: None,
            if_alias: None,
            tag: None,
            admin: Admin::Up,
            oper: Oper::Up,
            last_change_cs: None,
            sys_uptime_cs: None,
            place: None,
            alias_octets: None,
        }
        .with_alias(Some(alias.as_bytes().to_vec()))
    }

    fn mac(n: u8) -> MacAddr {
        MacAddr([2, 0, 0, 0, 0, n])
    }

    fn identity(alias: &str, macs: &[u8]) -> PortIdentity {
        PortIdentity {
            if_name: "ge7".into(),
            if_index: IfIndex(99),
            if_alias: Some(alias.into()),
            macs: macs.iter().map(|n| mac(*n)).collect(),
        }
    }

    fn check(
        state: &PortState,
        identity: Option<&PortIdentity>,
        alias: Option<&str>,
    ) -> Option<Guard> {
        let macs = identity.map(|i| i.macs.clone()).unwrap_or_default();
        let facts = Facts {
            state,
            identity,
            expected_alias: alias,
            macs: &macs,
            own_mac: None,
        };
        by_facts(&[facts], &mac(1).into()).err().map(|(_, g)| g)
    }

    #[test]
    fn a_port_that_is_as_it_was_passes_even_renumbered_and_with_our_tag_on_it() {
        let s = state("slave-a [standin:b:3]");
        assert_eq!(
            check(&s, Some(&identity("slave-a", &[1, 2])), Some("slave-a")),
            None
        );
        assert_eq!(check(&s, None, None), None);
        assert_eq!(check(&s, Some(&identity("slave-a", &[])), None), None);
    }

    #[test]
    fn another_description_another_host_and_a_crowd_are_each_refused() {
        let s = state("slave-a");
        assert!(matches!(
            check(&s, None, Some("slave-b")),
            Some(Guard::Alias { .. })
        ));
        assert!(matches!(
            check(&s, Some(&identity("x", &[1])), None),
            Some(Guard::Alias { .. })
        ));
        assert!(matches!(
            check(&s, Some(&identity("slave-a", &[2, 3])), None),
            Some(Guard::OtherHost { .. })
        ));
        assert_eq!(
            check(&s, Some(&identity("slave-a", &[1, 2, 3, 4])), None),
            None
        );
        assert_eq!(
            check(&s, Some(&identity("slave-a", &[1, 2, 3, 4, 5])), None),
            Some(Guard::TooManyMacs { count: 5 })
        );
    }

    #[test]
    fn the_peers_mac_on_one_of_two_ports_is_enough() {
        let (a, b) = (state("slave-a"), state("slave-a"));
        let (ia, ib) = (identity("slave-a", &[2]), identity("slave-a", &[1]));
        let facts = [(&a, &ia), (&b, &ib)].map(|(state, i)| Facts {
            state,
            identity: Some(i),
            expected_alias: None,
            macs: &i.macs,
            own_mac: None,
        });
        assert_eq!(by_facts(&facts, &mac(1).into()), Ok(()));
        assert!(by_facts(&facts, &mac(9).into()).is_err());
    }

    #[test]
    fn uplinks_own_ports_and_doubles_are_refused_before_anything_is_asked() {
        let mut target = Recording::parse("x.snmprec", "1.3.6.1.2.1.1.5.0|4|x")
            .unwrap()
            .switch("x", Profile::find("cisco-ios", None).unwrap())
            .target()
            .clone();
        target.uplinks = vec!["GigabitEthernet1/0/48".to_owned()];
        target.own_ports = vec!["Gi1/0/2".to_owned()];
        let guard = |ports: &[&str]| by_name(&target, ports).err().map(|(_, g)| g);
        assert_eq!(guard(&["Gi1/0/7", "Gi1/0/8"]), None);
        for uplink in ["Gi1/0/48", "gi1/0/48", "Gi 1/0/48", "gigabitethernet1/0/48"] {
            assert_eq!(guard(&["Gi1/0/7", uplink]), Some(Guard::Uplink), "{uplink}");
        }
        assert_eq!(guard(&["GIGABITETHERNET 1/0/2"]), Some(Guard::OwnPort));
        assert_eq!(guard(&["Gi1/0/7", "gi1/0/7"]), Some(Guard::Twice));
        assert_eq!(guard(&[]), Some(Guard::NoPort));
    }
}
