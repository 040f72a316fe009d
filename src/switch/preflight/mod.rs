//! May standin be trusted with this switch? Everything that a fence or a move will need, looked at beforehand.
//!
//! Nothing is written but, unless told otherwise, the value that is there already: the fence's own object
//! (ifAdminStatus, or the commands that open a port) of a port that is admin and oper up.

mod lines;
mod may_write;
mod objects;
mod port;
mod said;
mod shown;

use std::time::Duration;

use crate::rt::Instant;
use crate::switch::model::port::SystemInfo;
use crate::switch::profile::Persistence;
use crate::switch::profile::identify;
use crate::switch::profile::identify::{Fit, Marks};
use crate::switch::read::error::SwitchError;
use crate::switch::read::lldp::{Neighbour, neighbours};
use crate::switch::read::numbering::misread;
use crate::switch::read::switch::Switch;
use crate::switch::read::table::PortRow;
use crate::switch::snmp::SnmpError;
use crate::types::MacAddr;
pub use lines::{Line, Verdict};

/// A slower switch than this is worth a word.
const SLOW: Duration = Duration::from_millis(100);

/// A port that standin will write to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortAsk {
    /// ifName.
    pub port: String,
    /// Whose it is, in words.
    pub whose: String,
    /// What ifAlias must say.
    pub alias: Option<String>,
    /// The MAC address that should be learned there.
    pub mac: Option<MacAddr>,
    /// Whether it is saved to the start-up configuration.
    pub persist: Option<bool>,
    /// True if it is the peer's, false if it leads to this machine.
    pub is_fence: bool,
}

/// What is asked about one switch.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The ports.
    pub ports: Vec<PortAsk>,
    /// This machine's MAC addresses.
    pub own_macs: Vec<MacAddr>,
    /// Whether the value that is there may be written back.
    pub write: bool,
    /// How all families are recognised, to see whether another fits better.
    pub profiles: std::sync::Arc<Vec<Marks>>,
}

/// Everything that was read once for all ports.
struct Seen {
    table: Vec<PortRow>,
    neighbours: Result<Vec<Neighbour>, SwitchError>,
}

fn line(
    check: &'static str,
    verdict: Verdict,
    detail: impl Into<String>,
    todo: impl Into<String>,
) -> Line {
    Line {
        check,
        port: None,
        verdict,
        detail: detail.into(),
        todo: todo.into(),
    }
}

/// Looks at everything. A switch that does not answer has one line, which says so.
pub async fn preflight(switch: &Switch, ask: &Ask) -> Vec<Line> {
    let mut lines = Vec::new();
    let system = match reach(switch, &mut lines).await {
        Some(system) => system,
        None => return lines,
    };
    lines.push(profile_fits(switch, &system, &ask.profiles));
    let table = match switch.port_table().await {
        Ok(table) => table,
        Err(e) => {
            let todo = if e.is_silence() {
                "it answers single requests: raise `timeout` in [switch.NAME.snmp], or try version = \"1\""
            } else {
                "the user or community needs a view with IF-MIB, BRIDGE-MIB and Q-BRIDGE-MIB"
            };
            lines.push(line("ports", Verdict::Failed, e.to_string(), todo));
            return lines;
        }
    };
    let by_name = table.iter().all(|p| p.if_index == 0);
    let bridged = table.iter().filter(|p| p.bridge_port.is_some()).count();
    lines.push(if table.is_empty() {
        line(
            "ports",
            Verdict::Failed,
            "no interface has a name (ifName)",
            "choose a profile that reads another object as `name`, or let the view have IF-MIB",
        )
    } else if by_name {
        // A command line goes by names: there is no number that could be mixed up with another.
        let detail = format!("{} ports, by name, over SSH", table.len());
        line("ports", Verdict::Ok, detail, "")
    } else if bridged == 0 {
        line(
            "ports",
            Verdict::Warning,
            format!("{} interfaces, none of them is told to be a bridge port", table.len()),
            "without dot1dBasePortIfIndex ports can be shut, but not moved, and no MAC is found: let the view have BRIDGE-MIB",
        )
    } else {
        line(
            "ports",
            Verdict::Ok,
            format!("{} interfaces, {bridged} bridge ports", table.len()),
            "",
        )
    });
    let seen = Seen {
        table,
        neighbours: neighbours(switch).await,
    };
    if !by_name {
        let around = seen.neighbours.as_deref().unwrap_or_default();
        lines.push(match misread(&seen.table, around) {
            Some(why) => line(
                "numbering",
                Verdict::Failed,
                why,
                "a fence whose port is contradicted is not used",
            ),
            None => line(
                "numbering",
                Verdict::Ok,
                "no address is learned on a port on which it cannot be",
                "",
            ),
        });
    }
    lines.extend(listed(switch, &seen.table));
    for asked in &ask.ports {
        port::look(switch, ask, asked, &seen, &mut lines).await;
    }
    lines.extend(by_profile(switch, ask));
    lines
}

/// Entries of `uplinks` and `own-ports` that name no port: nothing would be guarded by them.
fn listed(switch: &Switch, table: &[PortRow]) -> Vec<Line> {
    let target = switch.target();
    let lists = [
        ("uplinks", &target.uplinks),
        ("own-ports", &target.own_ports),
    ];
    let entries = lists
        .iter()
        .flat_map(|(list, all)| all.iter().map(move |p| (list, p)));
    let void = entries.filter(|(_, p)| switch.rows_named(table, p).is_empty());
    void.map(|(list, port)| Line {
        port: Some(port.clone()),
        ..line(
            "guards",
            Verdict::Failed,
            format!("`{list}` has `{port}`, and the switch has no port of that name: this entry guards nothing"),
            "write the name as `standin switch ports` shows it",
        )
    })
    .collect()
}

/// Three requests: whether there are answers, and how fast.
async fn reach(switch: &Switch, lines: &mut Vec<Line>) -> Option<SystemInfo> {
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..3 {
        let start = Instant::now();
        match switch.system().await {
            Ok(system) => {
                times.push(start.elapsed());
                last = Some(system);
            }
            Err(SwitchError::Snmp(e @ SnmpError::WrongCredentials { .. })) => {
                let todo = "correct user, algorithms and pass phrases in [switch.NAME.snmp]";
                lines.push(line("credentials", Verdict::Failed, e.to_string(), todo));
                return None;
            }
            Err(e) => {
                let todo = "ping the switch, compare community and access list, enable SNMP for this machine's address";
                lines.push(line("reachable", Verdict::Failed, e.to_string(), todo));
                return None;
            }
        }
    }
    times.sort();
    let median = *times.get(1)?;
    let system = last?;
    let detail = format!(
        "answers in {:.1} ms (median of 3): {} ({})",
        median.as_secs_f64() * 1000.0,
        system.sys_name,
        system.sys_descr.lines().next().unwrap_or_default()
    );
    lines.push(if median > SLOW {
        line("reachable", Verdict::Warning, detail, "a fence takes at least two round trips: use a nearer management path, or count with it")
    } else {
        line("reachable", Verdict::Ok, detail, "")
    });
    lines.push(line("credentials", Verdict::Ok, "may read", ""));
    Some(system)
}

fn profile_fits(switch: &Switch, system: &SystemInfo, profiles: &[Marks]) -> Line {
    let mine = &switch.profile().name;
    let Fit {
        profile,
        recognised,
        why,
    } = identify::choose(profiles, system);
    let tested = if switch.profile().is_untried() {
        "; it was never run against a switch of this family"
    } else {
        ""
    };
    if !recognised {
        return line(
            "profile",
            if mine == identify::FALLBACK {
                Verdict::Warning
            } else {
                Verdict::NotKnown
            },
            format!("`{mine}`; {why}{tested}"),
            "try it in a maintenance window; a profile of its own may do more (`standin help profiles`)",
        );
    }
    if profile == *mine && tested.is_empty() {
        return line("profile", Verdict::Ok, format!("`{mine}`: {why}"), "");
    }
    if profile == *mine {
        return line(
            "profile",
            Verdict::Warning,
            format!("`{mine}`: {why}{tested}"),
            "try a shut and a move of a spare port with `standin switch apply` first",
        );
    }
    line(
        "profile",
        Verdict::Warning,
        format!("`{mine}` is configured, but `{profile}` fits: {why}"),
        format!("set profile = \"{profile}\", or be sure that `{mine}` is right"),
    )
}

/// What the profile says of all ports alike.
fn by_profile(switch: &Switch, ask: &Ask) -> Vec<Line> {
    let profile = switch.profile();
    let mut lines = Vec::new();
    let can_save = !profile.transports("save").is_empty();
    let wants = ask
        .ports
        .iter()
        .filter_map(|p| p.persist)
        .collect::<Vec<_>>();
    lines.push(match (profile.persistence, can_save) {
        (Persistence::Instant, _) => line("save", Verdict::Ok, "every change is kept at once: a fence survives a reboot of the switch", ""),
        (_, true) if wants.contains(&false) => line(
            "save",
            Verdict::Warning,
            "the profile can save, but a fence here is not saved (persist = false): a reboot of the switch lifts it until standin shuts it again",
            "persist = true in [[peer.NAME.fence]] if that must not be",
        ),
        (_, true) => line("save", Verdict::Ok, "a change is kept after it is saved, which the profile can do", ""),
        (Persistence::Save, false) => line(
            "save",
            Verdict::Warning,
            "a reboot of the switch lifts a fence, and the profile cannot save",
            "standin notices the reboot and shuts the port again; until then the peer could come back",
        ),
        (Persistence::Unknown, false) => line(
            "save",
            Verdict::NotKnown,
            "whether a change survives a reboot of the switch is not known, and the profile cannot save",
            "shut a spare port, reboot the switch in a maintenance window, look",
        ),
    });
    let staleness = switch.target().staleness();
    lines.push(line(
        "oper-staleness",
        if staleness.is_zero() { Verdict::Ok } else { Verdict::Warning },
        format!("the state of a port is taken to be up to {staleness:?} old (stated, not measured: that takes a port that changes)"),
        if staleness.is_zero() {
            "be sure that the column is live: with a cached one a fence would be proven by an old value"
        } else {
            "a fence of a port whose link was already down is proven only after that time; oper-staleness = \"0s\" where the column is known to be live"
        },
    ));
    let missing: Vec<&str> = ["port-off", "port-on"]
        .into_iter()
        .filter(|op| profile.transports(op).is_empty())
        .collect();
    lines.push(if missing.is_empty() {
        line(
            "operations",
            Verdict::Ok,
            "ports can be shut and opened",
            "",
        )
    } else {
        line(
            "operations",
            Verdict::Failed,
            format!("the profile has no {}", missing.join(", ")),
            "choose another profile: this one cannot fence",
        )
    });
    lines
}
