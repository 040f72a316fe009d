//! One port before standin is trusted with it.

use super::super::client::{Switch, small};
use super::super::guard::HOST_MACS;
use super::super::neighbours::Neighbour;
use super::super::port::{Admin, Oper};
use super::super::ports::PortRow;
use super::super::profile::{Index, Kind, Object};
use super::super::render::SetVar;
use super::super::snmp::SnmpError;
use super::super::value::Value;
use super::{Ask, Line, PortAsk, Seen, Verdict};

/// The lines about one port, put where they belong.
struct Lines<'a> {
    port: &'a str,
    out: &'a mut Vec<Line>,
}

impl Lines<'_> {
    fn add(
        &mut self,
        check: &'static str,
        verdict: Verdict,
        detail: impl Into<String>,
        todo: impl Into<String>,
    ) {
        self.out.push(Line {
            check,
            port: Some(self.port.to_owned()),
            verdict,
            detail: detail.into(),
            todo: todo.into(),
        });
    }
}

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
    let Some(row) = mapping(asked, seen, &mut lines) else {
        return;
    };
    state(row, &mut lines);
    identity(switch, ask, asked, row, &mut lines);
    uplink(asked, seen, &mut lines);
    vlans(row, &mut lines);
    stp(switch, row, &mut lines).await;
    protections(switch, row, &mut lines).await;
    if asked.is_fence {
        write(switch, ask, row, &mut lines).await;
    }
}

/// ifName, ifIndex and bridge port belong together, and to no other port.
fn mapping<'a>(asked: &PortAsk, seen: &'a Seen, lines: &mut Lines<'_>) -> Option<&'a PortRow> {
    let named: Vec<&PortRow> = seen
        .table
        .iter()
        .filter(|r| r.if_name == asked.port)
        .collect();
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
        let listed = |ports: &[String]| ports.contains(&asked.port);
        if listed(&switch.target().uplinks) || listed(&switch.target().own_ports) {
            let todo = "take it out of `uplinks` or `own-ports`, or out of the fence";
            let detail = "it is listed as an uplink or as a port of this machine: never shut";
            lines.add("guards", Verdict::Failed, detail, todo);
        }
    }
    let Some(macs) = &row.macs else {
        lines.add(
            "macs",
            Verdict::NotKnown,
            "the switch does not tell what is learned on it",
            "look at its MAC address table by hand: is it the right machine, and only that?",
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

fn uplink(asked: &PortAsk, seen: &Seen, lines: &mut Lines<'_>) {
    let all: &[Neighbour] = match &seen.neighbours {
        Ok(all) => all,
        Err(e) => {
            let todo = "look at `show lldp neighbors` by hand: is a switch behind this port?";
            lines.add("uplink", Verdict::NotKnown, e.to_string(), todo);
            return;
        }
    };
    let here = all
        .iter()
        .find(|n| n.if_name.as_deref() == Some(lines.port));
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

/// The instance of an object that has one per port.
fn of_port(object: &Object, row: &PortRow) -> Option<super::super::value::Oid> {
    let index: Option<Vec<u32>> = object
        .index
        .iter()
        .map(|part| match part {
            Index::IfIndex => Some(row.if_index),
            Index::BasePort => row.bridge_port,
            Index::Fixed(n) => Some(*n),
            _ => None,
        })
        .collect();
    index.map(|i| object.oid.at(&i))
}

async fn number(switch: &Switch, name: &str, row: &PortRow) -> Option<u32> {
    let oid = of_port(switch.profile().object(name)?, row)?;
    let values = switch.snmp().get(&[oid]).await.ok()?;
    values.first().and_then(small)
}

/// dot1dStpPortState (BRIDGE-MIB).
async fn stp(switch: &Switch, row: &PortRow, lines: &mut Lines<'_>) {
    let by_hand = "look at `show spanning-tree` by hand: it must forward at once after a link comes up (edge port)";
    match number(switch, "stp", row).await {
        Some(5) => lines.add("stp", Verdict::Ok, "forwarding", ""),
        Some(1) => lines.add(
            "stp",
            Verdict::Warning,
            "disabled on this port",
            "fine on an edge port; a loop would not be noticed",
        ),
        Some(n) => {
            let word = ["blocking", "listening", "learning"];
            let word = usize::try_from(n)
                .ok()
                .and_then(|n| word.get(n.checked_sub(2)?));
            lines.add(
                "stp",
                Verdict::Warning,
                format!("not forwarding: {}", word.unwrap_or(&"broken")),
                "make it an edge port (PortFast): else it is dark for up to 30 s after it comes up",
            );
        }
        None => lines.add(
            "stp",
            Verdict::NotKnown,
            "the switch does not tell",
            by_hand,
        ),
    }
}

/// What may eat a takeover's ARP or shut the port.
async fn protections(switch: &Switch, row: &PortRow, lines: &mut Lines<'_>) {
    for (check, object, by_hand) in [
        (
            "arp-inspection",
            "arp_inspection",
            "look at `show ip arp inspection`: on an untrusted port it drops a takeover's ARP and err-disables above 15 a second; then arp-per-second = 10 and a static binding for the VIP",
        ),
        (
            "source-guard",
            "source_guard",
            "look at `show ip verify source`: it drops frames with the VIP unless there is a binding",
        ),
        (
            "port-security",
            "port_security",
            "look at `show port-security`: an address that moves here may shut the port",
        ),
        (
            "dot1x",
            "dot1x",
            "look at `show dot1x`: after a shut and an open the machine must authenticate again",
        ),
    ] {
        match number(switch, object, row).await {
            Some(1) => lines.add(check, Verdict::Warning, "is on", by_hand),
            Some(n) => lines.add(check, Verdict::Ok, format!("is off ({n})"), ""),
            None => lines.add(
                check,
                Verdict::NotKnown,
                "the profile has no object for it",
                by_hand,
            ),
        }
    }
}

/// The value that is there is written back: nothing changes, and it is known whether we may.
async fn write(switch: &Switch, ask: &Ask, row: &PortRow, lines: &mut Lines<'_>) {
    if !ask.write {
        let todo = "run it without --no-write before you rely on it";
        lines.add(
            "may-write",
            Verdict::NotKnown,
            "not tried (--no-write)",
            todo,
        );
        return;
    }
    let Some(object) = switch.profile().object("admin") else {
        lines.add(
            "may-write",
            Verdict::NotKnown,
            "the profile has no `admin` object",
            "try `standin switch apply` on a spare port",
        );
        return;
    };
    let writer = switch.writer().await;
    // Read again under the right to write: what is written is what is there now.
    let now = switch.port(&row.if_name).await;
    let disabled = number(switch, "err_disabled", row)
        .await
        .filter(|n| *n != 0);
    let fit =
        matches!(&now, Ok(p) if p.admin == Admin::Up && p.oper == Oper::Up) && disabled.is_none();
    let Ok(now) = now else {
        lines.add(
            "may-write",
            Verdict::NotKnown,
            "the port could not be read again",
            "run it again",
        );
        return;
    };
    if !fit {
        lines.add(
            "may-write",
            Verdict::NotKnown,
            "not tried: only a port that is admin and oper up is written to",
            "run it again when the link is up",
        );
        return;
    }
    let var = SetVar {
        object: "admin".to_owned(),
        oid: object.oid.at(&[now.if_index.0]),
        kind: Kind::I32,
        value: Value::Int(1),
    };
    let done = switch.snmp().set_many(std::slice::from_ref(&var)).await;
    let after = switch.port(&row.if_name).await;
    drop(writer);
    let still_up = matches!(&after, Ok(p) if p.admin == Admin::Up);
    match done {
        Ok(()) if still_up => lines.add(
            "may-write",
            Verdict::Ok,
            "ifAdminStatus := up (as it was) was taken, and reads up",
            "",
        ),
        Ok(()) => lines.add(
            "may-write",
            Verdict::Failed,
            "ifAdminStatus := up (as it was) was taken, but it does not read up afterwards",
            "look at the port now",
        ),
        Err(e @ SnmpError::Denied { .. }) => lines.add(
            "may-write",
            Verdict::Failed,
            e.to_string(),
            "give this community or user write access (a read-write view)",
        ),
        Err(e) if e.is_silence() => lines.add(
            "may-write",
            Verdict::Failed,
            e.to_string(),
            "a read-only community is often met with silence: give it write access",
        ),
        Err(e) => lines.add(
            "may-write",
            Verdict::Failed,
            e.to_string(),
            "look at the switch's own log",
        ),
    }
}
