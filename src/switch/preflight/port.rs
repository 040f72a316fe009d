//! One port before standin is trusted with it.

use super::lines::{Line, Lines, Verdict};
use super::may_write::{protections, stp, write};
use super::{Ask, PortAsk, Seen};
use crate::switch::model::port::{Admin, HOST_MACS, Oper};
use crate::switch::read::lldp::Neighbour;
use crate::switch::read::switch::Switch;
use crate::switch::read::table::PortRow;

pub(super) async fn look(
    switch: &Switch,
    ask: &Ask,
    asked: &PortAsk,
    seen: &Seen,
    out: &mut Vec<Line>,
) {
    let mut lines = Lines {
        port: &asked.port,
        out,
    };
    let Some(row) = mapping(switch, asked, seen, &mut lines) else {
        return;
    };
    state(row, &mut lines);
    identity(switch, ask, asked, row, &mut lines);
    uplink(switch, asked, seen, &mut lines);
    vlans(row, &mut lines);
    stp(switch, row, &mut lines).await;
    protections(switch, row, &mut lines).await;
    if asked.is_fence {
        write(switch, ask, row, &mut lines).await;
    }
}

/// ifName, ifIndex and bridge port belong together, and to no other port.
fn mapping<'a>(
    switch: &Switch,
    asked: &PortAsk,
    seen: &'a Seen,
    lines: &mut Lines<'_>,
) -> Option<&'a PortRow> {
    let named = switch.rows_named(&seen.table, &asked.port);
    let row = match named.as_slice() {
        [one] => *one,
        [] => {
            let near = seen
                .table
                .iter()
                .find(|r| r.if_name.eq_ignore_ascii_case(&asked.port));
            let help = near.map_or_else(
                || "write the name as `standin switch ports` shows it".to_owned(),
                |r| format!("did you mean `{}`?", r.if_name),
            );
            let detail = format!("no interface has this name (for {})", asked.whose);
            lines.add("mapping", Verdict::Failed, detail, help);
            return None;
        }
        many => {
            let indexes: Vec<String> = many.iter().map(|r| r.if_index.to_string()).collect();
            lines.add(
                "mapping",
                Verdict::Failed,
                format!(
                    "several interfaces have this name: ifIndex {}",
                    indexes.join(", ")
                ),
                "give them distinct names on the switch",
            );
            return None;
        }
    };
    if row.if_index == 0 {
        let detail = format!("{}: found by its name, over SSH", asked.whose);
        lines.add("mapping", Verdict::Ok, detail, "");
        return Some(row);
    }
    let Some(base) = row.bridge_port else {
        lines.add(
            "mapping",
            Verdict::Warning,
            format!("{}: ifIndex {}, no bridge port (a member of a LAG, a routed port, or down and hidden)", asked.whose, row.if_index),
            "it can be shut, but not moved, and no MAC is found on it; of a LAG list every member as a fence port",
        );
        return Some(row);
    };
    let sharing = seen
        .table
        .iter()
        .filter(|r| r.bridge_port == Some(base))
        .count();
    if sharing > 1 {
        lines.add(
            "mapping",
            Verdict::Failed,
            format!("bridge port {base} belongs to {sharing} interfaces"),
            "nothing can be said of its VLANs: look at dot1dBasePortIfIndex, and tell the vendor",
        );
    } else {
        let detail = format!(
            "{}: ifIndex {}, bridge port {base}",
            asked.whose, row.if_index
        );
        lines.add("mapping", Verdict::Ok, detail, "");
    }
    Some(row)
}

fn state(row: &PortRow, lines: &mut Lines<'_>) {
    match (row.admin, row.oper) {
        (Some(Admin::Up), Some(Oper::Up)) => {
            lines.add("state", Verdict::Ok, "admin up, oper up", "");
        }
        (Some(Admin::Up), Some(oper)) => lines.add(
            "state",
            Verdict::Warning,
            format!("admin up, oper {oper:?}: no link, or err-disabled"),
            "plug the machine in; a port that is already down proves a fence only after oper-staleness",
        ),
        (Some(admin), oper) => lines.add(
            "state",
            Verdict::Warning,
            format!("admin {admin:?}, oper {oper:?}: it is shut already"),
            "open it if nobody shut it on purpose",
        ),
        (None, _) => lines.add(
            "state",
            Verdict::Failed,
            "the switch does not tell ifAdminStatus",
            "let the view have IF-MIB",
        ),
    }
}

/// Description, and whose MAC addresses are there.
fn identity(switch: &Switch, ask: &Ask, asked: &PortAsk, row: &PortRow, lines: &mut Lines<'_>) {
    let found = row.if_alias.as_deref().unwrap_or_default();
    match asked.alias.as_deref() {
        Some(expected) if expected != found => lines.add(
            "alias",
            Verdict::Failed,
            format!("ifAlias reads `{found}` and should read `{expected}`"),
            "a fence would be refused: correct `alias` in [[peer.NAME.fence]], or the description",
        ),
        Some(_) => lines.add("alias", Verdict::Ok, format!("ifAlias reads `{found}`"), ""),
        None if asked.is_fence => lines.add(
            "alias",
            Verdict::Warning,
            format!("ifAlias reads `{found}`, and nothing says what it should be"),
            "give the port a description and `alias` in [[peer.NAME.fence]]: a recabled port is then noticed",
        ),
        None => {}
    }
    if asked.is_fence {
        let listed = |name: &str| switch.target().listed(name).is_some();
        if listed(&asked.port) || listed(&row.if_name) {
            let todo = "take it out of `uplinks` or `own-ports`, or out of the fence";
            let detail = "it is listed as an uplink or as a port of this machine: never shut";
            lines.add("guards", Verdict::Failed, detail, todo);
        }
    }
    let Some(macs) = &row.macs else {
        lines.add(
            "macs",
            Verdict::NotKnown,
            format!(
                "what is learned on it cannot be read: {}",
                row.macs_unread.as_deref().unwrap_or("the switch does not tell")
            ),
            "look at its MAC address table by hand: is it the right machine, and only that? `standin switch apply` refuses it without --override macs-unread",
        );
        return;
    };
    let own = macs.iter().find(|m| ask.own_macs.contains(&m.mac));
    if let Some(own) = own.filter(|_| asked.is_fence) {
        lines.add(
            "macs",
            Verdict::Failed,
            format!("our own MAC address {} is learned on it", own.mac),
            "this is our port, or the path to us: name the peer's port",
        );
        return;
    }
    let mut distinct: Vec<_> = macs.iter().map(|m| m.mac).collect();
    distinct.sort();
    distinct.dedup();
    if distinct.len() > HOST_MACS {
        lines.add(
            "macs",
            Verdict::Failed,
            format!(
                "{} MAC addresses are learned on it, more than the {HOST_MACS} of one host",
                distinct.len()
            ),
            "it leads to another switch or to several machines: a fence would be refused",
        );
        return;
    }
    let told: Vec<String> = distinct.iter().map(ToString::to_string).collect();
    match asked.mac {
        Some(peer) if distinct.contains(&peer) => {
            lines.add("macs", Verdict::Ok, format!("{peer} is learned on it"), "");
        }
        Some(peer) => lines.add(
            "macs",
            if distinct.is_empty() { Verdict::Warning } else { Verdict::Failed },
            format!("{peer} is not learned on it; learned: {}", none_or(&told)),
            "ping the machine so that the switch learns it, or name the right port (`standin switch find`)",
        ),
        None if distinct.is_empty() => lines.add(
            "macs",
            Verdict::Warning,
            "nothing is learned on it",
            "ping the machine, and look again: whose port it is cannot be told so",
        ),
        None => lines.add("macs", Verdict::Ok, format!("learned: {}", told.join(", ")), ""),
    }
}

fn none_or(words: &[String]) -> String {
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(", ")
    }
}

fn uplink(switch: &Switch, asked: &PortAsk, seen: &Seen, lines: &mut Lines<'_>) {
    let all: &[Neighbour] = match &seen.neighbours {
        Ok(all) => all,
        Err(e) => {
            let todo = "look at `show lldp neighbors` by hand: is a switch behind this port?";
            lines.add("uplink", Verdict::NotKnown, e.to_string(), todo);
            return;
        }
    };
    let here = all.iter().find(|n| {
        n.if_name
            .as_deref()
            .is_some_and(|p| switch.target().same_port(p, lines.port))
    });
    match here {
        Some(n) if n.leads_on() => lines.add(
            "uplink",
            if asked.is_fence {
                Verdict::Failed
            } else {
                Verdict::Warning
            },
            format!(
                "LLDP neighbour `{}` says that it is {}",
                n.sys_name,
                n.capabilities.join(", ")
            ),
            "not the port of one host: put it into `uplinks`, and name the machine's own port",
        ),
        Some(n) if n.capabilities.is_empty() => lines.add(
            "uplink",
            Verdict::NotKnown,
            format!("LLDP neighbour `{}` does not say what it is", n.sys_name),
            "look by hand whether it is a switch",
        ),
        Some(n) => lines.add(
            "uplink",
            Verdict::Ok,
            format!("LLDP neighbour `{}` is no bridge", n.sys_name),
            "",
        ),
        None if all.is_empty() => lines.add(
            "uplink",
            Verdict::NotKnown,
            "the switch tells no LLDP neighbours at all",
            "enable LLDP, or look by hand whether a switch is behind this port",
        ),
        None if all.iter().any(|n| n.if_name.is_none()) => lines.add(
            "uplink",
            Verdict::NotKnown,
            "the switch has LLDP neighbours whose port cannot be told",
            "look at `show lldp neighbors` by hand: is a switch behind this port?",
        ),
        None => lines.add(
            "uplink",
            Verdict::Ok,
            "no LLDP neighbour on it, and others are told",
            "",
        ),
    }
}

fn vlans(row: &PortRow, lines: &mut Lines<'_>) {
    let told = |list: &Option<Vec<u32>>| {
        list.as_ref().map_or("not told".to_owned(), |l| {
            let words: Vec<String> = l.iter().map(u32::to_string).collect();
            none_or(&words)
        })
    };
    let (plain, tagged) = (told(&row.untagged), told(&row.tagged));
    let pvid = row.pvid.map_or("not told".to_owned(), |v| v.to_string());
    let detail = format!("PVID {pvid}, untagged {plain}, tagged {tagged}");
    let split = row
        .pvid
        .zip(row.untagged.as_ref())
        .is_some_and(|(pvid, plain)| !plain.is_empty() && !plain.contains(&pvid));
    if split {
        let todo = "frames come in on one VLAN and leave on another: correct the port";
        lines.add("vlans", Verdict::Warning, detail, todo);
    } else if row.pvid.is_none() && row.untagged.is_none() {
        let todo = "a port can be shut, but not moved: let the view have Q-BRIDGE-MIB";
        lines.add("vlans", Verdict::NotKnown, detail, todo);
    } else {
        lines.add("vlans", Verdict::Ok, detail, "");
    }
}
