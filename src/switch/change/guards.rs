//! What must hold before a change. Pure: a wrong port changed is worse than none.

use super::ChangeRequest;
use super::before::{Before, PortMode};
use super::guard::Guard;
use crate::switch::model::op::Operation;
use crate::switch::model::port::Learned;
use crate::switch::model::port::{HOST_MACS, Oper};
use crate::switch::profile::Need;
use crate::switch::read::switch::Switch;
use crate::switch::read::target::Listed;
use crate::types::MacAddr;

/// What is known of the port besides what [`Before`] says.
pub(super) struct Around<'a> {
    /// Which list of the configuration the port is in.
    pub listed: Option<Listed>,
    /// What is learned on the port; `None` without a port.
    pub macs: Option<&'a Learned>,
    /// What the profile wants.
    pub needs: &'a [Need],
}

/// Every guard that refuses, in the order of their weight, without those that were overridden.
pub(super) fn refusals(
    request: &ChangeRequest,
    before: &Before,
    around: &Around<'_>,
) -> Vec<Guard> {
    let mut all = by_port(request, before, around);
    all.extend(by_vlan(request.operation, before, around.needs));
    all.retain(|g| !(g.may_be_overridden() && is_overridden(request, g)));
    all
}

fn is_overridden(request: &ChangeRequest, guard: &Guard) -> bool {
    let has = |name: &str| request.overrides.contains(name);
    // Who says that neither guard on what is learned matters, needs nothing to be learned.
    let both = matches!(guard, Guard::MacsUnread { .. }) && has("too-many-macs") && has("own-mac");
    both || has(guard.name())
}

fn by_port(request: &ChangeRequest, before: &Before, around: &Around<'_>) -> Vec<Guard> {
    let mut all = Vec::new();
    let Some(port) = &before.port else { return all };
    all.extend(around.listed.map(Guard::from));
    let (macs, unread): (&[MacAddr], _) = match around.macs {
        Some(Learned::These(macs)) => (macs, None),
        Some(Learned::Unreadable(why)) => (&[], Some(why)),
        None => (&[], None),
    };
    if let Some(mac) = request.own_macs.iter().find(|m| macs.contains(m)) {
        all.push(Guard::OwnMac { mac: *mac });
    }
    let alias = port.if_alias.as_deref().unwrap_or("");
    if let Some(expected) = request.expected_alias.as_deref().filter(|e| *e != alias) {
        all.push(Guard::Alias {
            expected: expected.to_owned(),
            found: alias.to_owned(),
        });
    }
    // To open a port changes nothing for those behind it.
    if macs.len() > HOST_MACS && request.operation != Operation::PortOn {
        all.push(Guard::TooManyMacs { count: macs.len() });
    }
    // Nor is there anybody behind a port without link.
    let linkless = matches!(
        port.oper,
        Oper::Down | Oper::NotPresent | Oper::LowerLayerDown
    );
    if let Some(why) = unread
        && request.operation != Operation::PortOn
        && !linkless
    {
        all.push(Guard::MacsUnread { why: why.clone() });
    }
    if let Some(peer) = request.expected_mac.filter(|m| !macs.contains(m)) {
        let learned: Vec<String> = macs.iter().map(MacAddr::to_string).collect();
        let learned = match unread {
            Some(why) => format!("it cannot be read, {why}"),
            None if learned.is_empty() => "nothing".into(),
            None => learned.join(", "),
        };
        all.push(Guard::OtherHost { peer, learned });
    }
    all
}

fn by_vlan(operation: Operation, before: &Before, needs: &[Need]) -> Vec<Guard> {
    let mut all = Vec::new();
    let Some(vlan) = operation.vlan() else {
        return all;
    };
    // Where the switch does not say what the port is, its VLANs do.
    let by_vlans = before.tagged.as_ref().map(|t| match t.is_empty() {
        true => PortMode::Access,
        false => PortMode::Trunk,
    });
    let mode = before.mode.clone().or(by_vlans);
    for need in needs {
        match need {
            Need::VlanExists if before.vlan_exists != Some(true) => {
                all.push(Guard::NoVlan {
                    vlan,
                    known: before.vlan_exists.is_some(),
                });
            }
            Need::NotForbidden if before.forbidden => all.push(Guard::Forbidden { vlan }),
            Need::AccessPort => all.extend(match &mode {
                Some(PortMode::Trunk) => Some(Guard::IsTrunk),
                Some(PortMode::Other(is)) => Some(Guard::NotAccess { is: is.clone() }),
                Some(PortMode::Access) | None => None,
            }),
            Need::TrunkPort => all.extend(match &mode {
                Some(PortMode::Access) => Some(Guard::IsAccess),
                Some(PortMode::Other(is)) => Some(Guard::NotTrunk { is: is.clone() }),
                Some(PortMode::Trunk) | None => None,
            }),
            Need::VlanExists | Need::NotForbidden => {}
        }
    }
    all
}

/// Which list of the configuration has the port, by the name that was asked for or the one that the switch gives it.
pub(super) fn listed(switch: &Switch, request: &ChangeRequest, before: &Before) -> Option<Listed> {
    let named = request.port.iter().map(String::as_str);
    let mut names = named.chain(before.port.iter().map(|p| p.if_name.as_str()));
    names.find_map(|name| switch.target().listed(name))
}
