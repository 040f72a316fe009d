//! `standin status`: one page that says what is going on.

use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use super::alert;
use super::common::{ask, fail, paths_of, runtime, say, say_json};
use super::health;
use super::left_behind;
use super::orders::left_lines;
use super::redirect;
use crate::exit::ExitCode;

/// Prints the status of the daemon.
pub fn run(config: &Path, only: Option<&str>, as_json: bool) -> ExitCode {
    let (socket, state_dir) = paths_of(config);
    let mut answer = match ask(&socket, "status", None, json!({}), as_json) {
        Ok(answer) => answer,
        Err(code) => {
            // One that is there and does not answer would be judged by what it has in hand.
            if code == ExitCode::NotReachable && UnixStream::connect(&socket).is_err() {
                match runtime() {
                    Ok(runtime) => runtime.block_on(left_behind::tell(&state_dir, as_json)),
                    Err(code) => return code,
                }
            }
            return code;
        }
    };
    if let (Some(name), Some(peers)) = (only, answer["peers"].as_array_mut()) {
        peers.retain(|p| p["name"].as_str() == Some(name));
        if peers.is_empty() {
            return fail(
                ExitCode::Usage,
                &format!("there is no peer `{name}` in the configuration"),
            );
        }
    }
    if as_json {
        say_json(&answer);
        return ExitCode::Ok;
    }
    say(&format!("node {}", answer["node"].as_str().unwrap_or("?")));
    for limit in answer["limits"].as_array().into_iter().flatten() {
        say(&format!("  note: {}", limit.as_str().unwrap_or("?")));
    }
    alarm_lines(&answer["alarms"]);
    if answer["traps"].is_object() {
        say(&format!("  traps: {}", traps(&answer["traps"])));
    }
    for sink in answer["sinks"].as_array().into_iter().flatten() {
        say(&format!("  alerts: {}", alert::shown(sink)));
    }
    for peer in answer["peers"].as_array().into_iter().flatten() {
        say("");
        peer_lines(peer);
    }
    redirect::lines(&answer).iter().for_each(|line| say(line));
    if troubled(&answer) {
        say("\nwhat each word means, and what to do: standin help operate");
    }
    ExitCode::Ok
}

/// True if a night operator has something to look up: an alarm, or a peer that is neither watched nor wholly taken over.
fn troubled(answer: &Value) -> bool {
    let alarms = |of: &Value| of["alarms"].as_array().is_some_and(|a| !a.is_empty());
    let usual = |p: &Value| match p["state"].as_str() {
        Some("standby") => true,
        Some("active") => p["verdict"].as_str() == Some("verified"),
        _ => false,
    };
    let mut peers = answer["peers"].as_array().into_iter().flatten();
    alarms(answer) || peers.any(|p| alarms(p) || !usual(p))
}

/// What stands and a person must know.
fn alarm_lines(alarms: &Value) {
    for a in alarms.as_array().into_iter().flatten() {
        say(&format!(
            "  ALARM     {} (for {} s): {}",
            a["key"].as_str().unwrap_or("?"),
            a["for_ms"].as_u64().unwrap_or(0) / 1000,
            a["text"].as_str().unwrap_or("?"),
        ));
    }
}

/// Notifications of switches, in one line.
fn traps(t: &Value) -> String {
    let text = |v: &Value| v.as_str().unwrap_or("?").to_owned();
    if let Some(fault) = t["fault"].as_str() {
        return format!("not received: {fault}");
    }
    let last = &t["last"];
    let last = if last.is_object() {
        let way = if last["link_up"].as_bool() == Some(true) {
            "up"
        } else {
            "down"
        };
        let port = last["if_index"]
            .as_u64()
            .map_or("?".to_owned(), |i| i.to_string());
        let ago = last["ms_ago"].as_u64().unwrap_or(0) / 1000;
        format!(
            "; the last {ago} s ago: {} ifIndex {port} {way}",
            text(&last["switch"])
        )
    } else {
        String::new()
    };
    let ignored = t["last_ignored"]
        .as_str()
        .map_or(String::new(), |w| format!(" (the last {w})"));
    format!(
        "on {}, {} received{last}; {} ignored{ignored}",
        text(&t["listen"]),
        t["received"],
        t["ignored"]
    )
}

fn peer_lines(p: &Value) {
    let text = |v: &Value| v.as_str().unwrap_or("-").to_owned();
    let state = text(&p["state"]).to_uppercase();
    say(&format!(
        "{}: {state} ({} mode, {} on {})",
        text(&p["name"]),
        text(&p["mode"]),
        text(&p["vip"]),
        text(&p["interface"])
    ));
    if let Some(why) = p["why"].as_str() {
        say(&format!("  why       {why}"));
    }
    alarm_lines(&p["alarms"]);
    let owner = if p["owner"].as_bool() == Some(true) {
        "this machine has the address"
    } else {
        "the address is not here"
    };
    say(&format!("  address   {owner}"));
    // The state says it where nobody owns the address.
    if p["hold"].as_bool() == Some(true) && p["state"].as_str() != Some("held") {
        let of = p["hold_of"].as_str().unwrap_or("this node");
        say(&format!(
            "  hold      on (of {of}): once the address is gone from here, nothing begins by itself"
        ));
    }
    if let Some(fence) = p["fence"].as_str() {
        let owner = p["owner"].as_bool() == Some(true);
        let survives = match p["fence_survives_switch_reboot"].as_bool() {
            Some(true) => "saved: it survives a reboot of the switch",
            _ if owner => "not saved: a reboot of the switch lifts it, and it is then set again",
            _ => "not saved: a reboot of the switch lifts it",
        };
        let read = p["fence_read_ms_ago"].as_u64().unwrap_or(0) / 1000;
        let fence = match fence {
            "stale" => format!("STALE since {read} s: the switch does not answer"),
            "lost" => "LOST: it is being set again".to_owned(),
            other => other.to_owned(),
        };
        say(&format!("  fence     {fence} ({survives})"));
    }
    for line in health::lines(p) {
        say(&format!("  services  {line}"));
    }
    for line in left_lines(&p["left"]) {
        say(&format!("  left      {line}"));
    }
    let cameras = &p["cameras"];
    if cameras["expected"].as_u64().unwrap_or(0) > 0 {
        // When the verdict was given; what becomes of each camera afterwards is not followed.
        let (came, verdict) = match p["verdict"].as_str() {
            Some(verdict) => ("came back", verdict),
            None => ("are back", "under way"),
        };
        say(&format!(
            "  cameras   {} of {} {came} ({verdict})",
            cameras["back"], cameras["expected"]
        ));
    }
    let peer = &p["peer"];
    let ago = |v: &Value| {
        v.as_u64()
            .map_or("never".to_owned(), |ms| format!("{ms} ms ago"))
    };
    say(&format!(
        "  peer      MAC {}, answers ARP {}, service {}{}",
        text(&peer["mac"]),
        ago(&peer["vip_answered_ms_ago"]),
        ago(&peer["service_ok_ms_ago"]),
        match p["mode"].as_str() {
            Some("pair") => format!(", heartbeat {}", ago(&peer["heartbeat_ms_ago"])),
            _ => String::new(),
        }
    ));
    if let Some(fault) = peer["service_fault"].as_str() {
        say(&format!("            service fault: {fault}"));
    }
    let port = match (peer["port_up"].as_bool(), peer["switch_silent"].as_bool()) {
        (_, Some(true)) => format!("NOT KNOWN: {}", text(&peer["switch_fault"])),
        (Some(true), _) => "up".to_owned(),
        (Some(false), _) => "down".to_owned(),
        (None, _) => "not known now".to_owned(),
    };
    say(&format!("  its port  {port}"));
    for level in p["fence_ports"].as_array().into_iter().flatten() {
        if level["auto"].as_bool() == Some(true) {
            say(&format!("  fence on  {}", found(level)));
        }
    }
    for level in p["placement"].as_array().into_iter().flatten() {
        say(&format!("  fence on  {}", placed(level)));
    }
    say(&format!("  next      {}", advice(p)));
}

/// Whether a fence is on the peer, in one line.
fn placed(level: &Value) -> String {
    let text = |v: &Value| v.as_str().unwrap_or("?").to_owned();
    let name = text(&level["level"]);
    match level["state"].as_str() {
        Some("confirmed") => {
            let ago = level["confirmed_s_ago"].as_u64().unwrap_or(0);
            format!("{name}, confirmed {ago} s ago: {}", text(&level["detail"]))
        }
        Some("misplaced") => format!(
            "{name}: NOT on the peer, not used: {}",
            text(&level["detail"])
        ),
        Some("unconfirmed") => {
            format!("{name}: unconfirmed, the switch tells no MAC addresses")
        }
        _ => format!("{name}: not confirmed yet, not used by itself"),
    }
}

/// True if the fence is known to be on another port than the peer's.
fn misplaced(p: &Value) -> bool {
    let mut levels = p["placement"].as_array().into_iter().flatten();
    levels.any(|l| l["state"] == "misplaced")
}

/// An automatic fence, in one line.
fn found(level: &Value) -> String {
    let text = |v: &Value| v.as_str().unwrap_or("?").to_owned();
    let switch = text(&level["switch"]);
    match level["ports"][0].as_str() {
        Some(port) => {
            let how = level["how"].as_str().or(level["why"].as_str());
            format!("{switch}:{port} (auto: {})", how.unwrap_or("?"))
        }
        None => format!(
            "{switch}: NOT THERE, its port is not known (auto): {}",
            text(&level["why"])
        ),
    }
}

/// True if a fence's port is to be found, and is not known.
fn fence_missing(p: &Value) -> bool {
    let levels = p["fence_ports"].as_array();
    let none = |l: &Value| l["ports"].as_array().is_some_and(Vec::is_empty);
    levels.is_some_and(|levels| levels.iter().any(none))
}

/// What the night operator can do now.
fn advice(p: &Value) -> String {
    let name = p["name"].as_str().unwrap_or("NAME");
    match p["state"].as_str().unwrap_or("") {
        "standby" if fence_missing(p) => format!(
            "without its port there is no fence, and no takeover: name the ports of peer.{name}.fence"
        ),
        "suspect" if fence_missing(p) => format!(
            "without its port there is no fence: name the ports of peer.{name}.fence and reload (SIGHUP), then `standin takeover {name}` takes over"
        ),
        "standby" | "suspect" if misplaced(p) => format!(
            "the fence would shut the wrong port, so nothing is taken over: correct the ports of peer.{name}.fence or the cable, or, if they are right, `standin fence confirm {name}`"
        ),
        "standby" if p["peer"]["switch_silent"].as_bool() == Some(true) => {
            "make its switch answer (the line `its port`): as long as it does not there is no fence, and no takeover".to_owned()
        }
        "standby" if p["alarms"].as_array().is_some_and(|a| !a.is_empty()) => {
            "what the alarm says".to_owned()
        }
        "standby" => "nothing to do".to_owned(),
        "held" if p["hold_of"].as_str() == Some("the other node") => format!(
            "the hold was given at the other node: `standin hold {name} off` there lets both act again"
        ),
        "held" => format!("`standin hold {name} off` lets it act again"),
        "suspect" if p["carrier"].as_bool() == Some(false) && p["mode"].as_str() == Some("pair") => format!(
            "plug {} in, or, where the other machine has shut its port (its status says `fence`), `standin release {name}` there",
            p["interface"].as_str().unwrap_or("our interface")
        ),
        "suspect" if p["carrier"].as_bool() == Some(false) => format!(
            "plug {} in: without it nothing is seen of the peer, and nothing can be taken over",
            p["interface"].as_str().unwrap_or("our interface")
        ),
        "suspect" => format!("look at the peer; `standin takeover {name}` takes over now"),
        "confirming" => "wait a second".to_owned(),
        "active" if p["fence"].as_str() == Some("stale") => format!(
            "make the switch answer: until then nothing can be released. Then repair the peer, and `standin release {name}`"
        ),
        "active" if p["alarms"].as_array().is_some_and(|a| !a.is_empty()) => format!(
            "what the alarm says; then repair the peer, and `standin release {name}`"
        ),
        // In a pair either may have it: nothing is broken.
        "active" if p["fence"].is_null() && p["verdict"].as_str() == Some("verified") => {
            format!("nothing to do; `standin release {name}` hands the address to the other machine")
        }
        "active" if p["verdict"].as_str() == Some("verified") => {
            format!("repair the peer, then `standin release {name}`")
        }
        "active" => format!(
            "`standin report` names the missing cameras; repair the peer, then `standin release {name}`"
        ),
        "halted" => {
            format!("read `standin report`, mend the cause, then `standin takeover {name}`")
        }
        s if s.starts_with("taking fence") => {
            format!(
                "wait; if it stays, shut the peer's port by hand: `standin plan {name}` prints the commands"
            )
        }
        "taking verify" => {
            "wait: the cameras come back; `standin report` has it when it is over".to_owned()
        }
        _ => "wait".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A standby that is as it should be, with `changes` on top.
    fn peer(changes: &[(&str, Value)]) -> Value {
        let mut p = json!({
            "name": "cctv", "state": "standby", "interface": "eth0", "carrier": true, "alarms": [], "mode": "agentless",
            "fence": "proven", "verdict": "verified",
            "peer": { "switch_silent": false }, "placement": [], "fence_ports": [],
        });
        for (at, value) in changes {
            *p.pointer_mut(at).unwrap_or_else(|| panic!("{at}")) = value.clone();
        }
        p
    }

    #[test]
    fn what_to_do_next_is_never_nothing_while_something_is_wrong() {
        assert_eq!(advice(&peer(&[])), "nothing to do");
        let alarm = json!([{ "key": "own-address", "text": "..." }]);
        for (wrong, words) in [
            (peer(&[("/alarms", alarm.clone())]), "alarm"),
            (
                peer(&[("/alarms", alarm), ("/state", json!("active"))]),
                "alarm",
            ),
            (
                peer(&[("/peer/switch_silent", json!(true))]),
                "make its switch answer",
            ),
            // Without a link a takeover that is ordered is refused: it is not what to do.
            (
                peer(&[("/state", json!("suspect")), ("/carrier", json!(false))]),
                "plug eth0 in",
            ),
        ] {
            let next = advice(&wrong);
            assert!(next.contains(words), "{next}");
        }
    }

    #[test]
    fn the_manual_is_named_where_there_is_something_to_look_up() {
        let said = |p: Value, alarms: Value| troubled(&json!({ "alarms": alarms, "peers": [p] }));
        let alarm = json!([{ "key": "journal", "text": "..." }]);
        assert!(!said(peer(&[]), json!([])));
        assert!(!said(peer(&[("/state", json!("active"))]), json!([])));
        assert!(said(peer(&[]), alarm.clone()));
        assert!(said(peer(&[("/alarms", alarm)]), json!([])));
        let degraded = [("/state", json!("active")), ("/verdict", json!("degraded"))];
        assert!(said(peer(&degraded), json!([])));
        assert!(said(peer(&[("/state", json!("suspect"))]), json!([])));
    }

    #[test]
    fn the_regular_owner_of_a_pair_is_not_told_to_repair_its_peer() {
        let owner = [("/state", json!("active")), ("/mode", json!("pair"))];
        let mut p = peer(&owner);
        assert!(advice(&p).contains("repair the peer"), "it is fenced");
        p["fence"] = Value::Null;
        assert!(advice(&p).starts_with("nothing to do"), "{}", advice(&p));
    }
}
