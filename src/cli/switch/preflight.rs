//! `standin switch preflight`: what an engineer runs before trusting standin with a switch.

use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt;
use serde_json::{Value, json};

use super::plan::own_macs;
use super::reach::{at_target, named};
use crate::cli::args::PreflightArgs;
use crate::cli::auto;
use crate::cli::common::{load_all_switches, refuse, say, say_json, table};
use crate::cli::placement::{self, Said};
use crate::cli::wire;
use crate::config::{Config, Peer};
use crate::daemon::switches::{self, PROFILES};
use crate::exit::ExitCode;
use crate::switch::Switch;
use crate::switch::preflight::{Ask, Line, PortAsk, Verdict, preflight};
use crate::switch::profile::identify;

/// Switches that are asked at the same time: enough to hide their latency, few enough to bound memory and sockets.
const AT_ONCE: usize = 64;

pub async fn run(path: &Path, args: &PreflightArgs, json: bool) -> Result<ExitCode, ExitCode> {
    let ask = Ask {
        own_macs: own_macs().await,
        write: !args.no_write,
        profiles: Arc::new(identify::all(Some(Path::new(PROFILES)))),
        ports: Vec::new(),
    };
    let mut wire = Vec::new();
    let asked = if args.target.target.is_some() {
        if !args.no_write {
            let told = "with --target nothing may be written: say --no-write too";
            return Err(refuse(ExitCode::Usage, told, json));
        }
        let switch = at_target(&args.target, json).await?;
        let ports = args.port.iter().map(|p| named_port(p)).collect();
        vec![(switch, Ask { ports, ..ask }, Vec::new())]
    } else {
        configured(path, args, &ask, &mut wire, json).await?
    };
    let answers = futures_util::stream::iter(asked.into_iter().enumerate().map(
        |(i, (switch, ask, found))| async move {
            let mut lines = preflight(&switch, &ask).await;
            lines.extend(found);
            (i, switch.target().name.clone(), lines)
        },
    ))
    .buffer_unordered(AT_ONCE);
    let mut all: Vec<(usize, String, Vec<Line>)> = answers.collect().await;
    all.sort_by_key(|(i, _, _)| *i);
    let failed = all
        .iter()
        .map(|(_, _, lines)| lines)
        .chain(wire.iter().map(|(_, lines)| lines))
        .flatten()
        .any(|l| l.verdict == Verdict::Failed);
    if json {
        let switches: Vec<Value> = all
            .iter()
            .map(|(_, name, lines)| {
                let ok = lines.iter().all(|l| l.verdict != Verdict::Failed);
                json!({ "switch": name, "ok": ok, "lines": lines })
            })
            .collect();
        let peers: Vec<Value> = wire
            .iter()
            .map(|(name, lines)| {
                let ok = lines.iter().all(|l| l.verdict != Verdict::Failed);
                json!({ "peer": name, "ok": ok, "lines": lines })
            })
            .collect();
        say_json(&json!({ "ok": !failed, "switches": switches, "peers": peers }));
    } else {
        for (_, name, lines) in &all {
            print(&format!("switch {name}"), lines);
        }
        for (name, lines) in &wire {
            print(&format!("network of {name}"), lines);
        }
    }
    Ok(if failed {
        ExitCode::NotReached
    } else {
        ExitCode::Ok
    })
}

fn named_port(port: &str) -> PortAsk {
    PortAsk {
        port: port.to_owned(),
        whose: "named on the command line".to_owned(),
        is_fence: true,
        ..PortAsk::default()
    }
}

async fn configured(
    path: &Path,
    args: &PreflightArgs,
    ask: &Ask,
    wire: &mut Vec<(String, Vec<Line>)>,
    json: bool,
) -> Result<Vec<(Switch, Ask, Vec<Line>)>, ExitCode> {
    let (mut config, secrets) = load_all_switches(path, json).await?;
    if let Some(peer) = args
        .peer
        .as_ref()
        .filter(|p| !config.peers.contains_key(*p))
    {
        let known: Vec<&str> = config.peers.keys().map(String::as_str).collect();
        let told = format!(
            "there is no peer `{peer}`; the configuration has: {}",
            known.join(", ")
        );
        return Err(refuse(ExitCode::Usage, &told, json));
    }
    let built = switches::build(&config, &secrets)
        .map_err(|e| refuse(ExitCode::BadConfig, &e.to_string(), json))?;
    let found = auto::fill_in(&mut config, &built).await;
    let places = placement::look(&config, &built, &ask.own_macs, args.peer.as_deref()).await;
    let about = |p: &&Peer| args.peer.as_ref().is_none_or(|only| *only == p.name);
    let looks = config.peers.values().filter(about).map(async |p| {
        let found = wire::look(&config, p, &built).await;
        (p.name.clone(), wire_lines(found))
    });
    *wire = futures_util::future::join_all(looks).await;
    let names: Vec<String> = if args.all {
        config.switches.keys().cloned().collect()
    } else {
        args.switches.clone()
    };
    let mut out = Vec::new();
    for name in &names {
        let switch = named(&config, &secrets, name, json)?;
        let mut ports = ports_of(&config, name, args.peer.as_deref());
        ports.extend(args.port.iter().map(|p| named_port(p)));
        let only = |f: &&auto::Found| args.peer.as_ref().is_none_or(|p| *p == f.peer);
        let here = found.iter().filter(|f| f.switch == *name).filter(only);
        let places = places.iter().filter(|l| l.switches.contains(name));
        out.push((
            switch,
            Ask {
                ports,
                ..ask.clone()
            },
            here.map(found_line).chain(places.map(place_line)).collect(),
        ));
    }
    Ok(out)
}

/// Whether a fence is on the machine that is meant.
fn place_line(line: &placement::Line) -> Line {
    let (verdict, detail, todo) = match &line.result {
        Said::Ok(text) => (Verdict::Ok, text, ""),
        Said::Warning(text) => (Verdict::Warning, text, "look again while the peer answers"),
        Said::Failed(text) => (
            Verdict::Failed,
            text,
            "correct `ports` in [[peer.NAME.fence]], or the cable",
        ),
    };
    Line {
        check: "place",
        port: Some(line.about.clone()),
        verdict,
        detail: detail.clone(),
        todo: todo.to_owned(),
    }
}

/// Who answers on the wire for the addresses of a peer's network.
fn wire_lines(found: Result<Vec<wire::Line>, String>) -> Vec<Line> {
    let line = |(verdict, detail), todo| Line {
        check: "who answers",
        port: None,
        verdict,
        detail,
        todo,
    };
    match found {
        Err(why) => vec![line(
            (Verdict::NotKnown, format!("not asked: {why}")),
            "run it on the standby, with its interface up".to_owned(),
        )],
        Ok(all) => all
            .into_iter()
            .map(|l| match l.said {
                Said::Ok(text) => line((Verdict::Ok, text), l.todo),
                Said::Warning(text) => line((Verdict::Warning, text), l.todo),
                Said::Failed(text) => line((Verdict::Failed, text), l.todo),
            })
            .collect(),
    }
}

/// Which port an automatic fence would write.
fn found_line(found: &auto::Found) -> Line {
    let words = found.words();
    Line {
        check: "fence port",
        port: found.result.as_ref().ok().map(|(port, _)| port.clone()),
        verdict: match words {
            Ok(_) => Verdict::Ok,
            Err(_) => Verdict::Failed,
        },
        todo: match words {
            Ok(_) => String::new(),
            Err(_) => format!("name the ports of peer.{}.fence", found.peer),
        },
        detail: words.unwrap_or_else(|why| why),
    }
}

/// The ports of fences, and this machine's own.
fn ports_of(config: &Config, switch: &str, only: Option<&str>) -> Vec<PortAsk> {
    let mut out = Vec::new();
    for peer in config
        .peers
        .values()
        .filter(|p| only.is_none_or(|o| o == p.name))
    {
        for fence in &peer.fence {
            for port in fence.ports_on(switch) {
                out.push(PortAsk {
                    port: port.clone(),
                    whose: format!("fence of {}", peer.name),
                    alias: fence.alias.clone(),
                    // With several ports the address is learned on one of them, and which is not known.
                    mac: (peer.macs.now())
                        .filter(|_| fence.port_refs().count() == 1 && !peer.macs.several()),
                    persist: Some(fence.persist),
                    is_fence: true,
                });
            }
        }
    }
    let moved = config
        .peers
        .values()
        .filter_map(|p| p.port_takeover.as_ref());
    out.extend(moved.filter(|t| t.switch == *switch).map(|t| PortAsk {
        port: t.port.clone(),
        whose: "port of this machine that a takeover moves".to_owned(),
        ..PortAsk::default()
    }));
    if let Some(entry) = config.switches.get(switch) {
        out.extend(entry.own_ports.iter().map(|port| PortAsk {
            port: port.clone(),
            whose: "port of this machine".to_owned(),
            ..PortAsk::default()
        }));
    }
    out
}

fn print(about: &str, lines: &[Line]) {
    say(about);
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|l| {
            let verdict = match l.verdict {
                Verdict::Ok => "ok",
                Verdict::Warning => "warning",
                Verdict::Failed => "FAILED",
                Verdict::NotKnown => "not known",
            };
            vec![
                format!("  {verdict}"),
                l.check.to_owned(),
                l.port.clone().unwrap_or_else(|| "-".to_owned()),
                l.detail.clone(),
            ]
        })
        .collect();
    for (text, line) in table(&rows).iter().zip(lines) {
        say(text);
        if !line.todo.is_empty() {
            say(&format!("               do: {}", line.todo));
        }
    }
}
