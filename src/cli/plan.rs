//! `standin plan NAME`: everything a takeover would do, in order, before anybody trusts it.
//!
//! Which steps there are, in which order and after which others comes from the core (`takeover::course`); here is only what each
//! of them does on this site.

pub(super) mod by_hand;
mod local;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::auto;
use super::common::{fail, say, say_json, with_config};
use super::site;
use crate::config::{Config, Fence, Peer, Secrets};
use crate::daemon::{policy, switches};
use crate::exit::ExitCode;
use crate::switch::change::plan_change;
use crate::switch::profile::Transport;
use crate::switch::{ChangeRequest, FenceTag, Operation, PlanOp, Switch, plan};
use crate::takeover::step::Step;
use crate::types::{Epoch, MacAddr};

/// Unused by a plan, which only reads.
const WITHIN: Duration = Duration::from_secs(10);

/// Prints the plan. Reads the switch, writes nothing.
pub fn run(path: &Path, name: &str, as_json: bool) -> ExitCode {
    with_config(path, as_json, async |mut config, secrets| {
        let plan = match collect(&mut config, &secrets, name).await {
            Ok(plan) => plan,
            Err(code) => return code,
        };
        let Some(peer) = config.peers.get(name) else {
            return fail(ExitCode::Internal, "the peer is gone");
        };
        let Plan {
            complete,
            now,
            steps,
            notice,
            management,
            ..
        } = plan;
        if as_json {
            say_json(
                &json!({ "ok": complete, "peer": name, "vip": peer.vip, "now": now, "detection": notice, "management": management, "steps": steps }),
            );
        } else {
            now.iter().for_each(|line| say(&format!("NOW: {line}")));
            print(name, peer, &steps);
            say(&format!("Before it: {notice}."));
            if let Some(text) = management {
                say(&text);
            }
        }
        if complete {
            ExitCode::Ok
        } else {
            ExitCode::Unavailable
        }
    })
}

/// What a takeover would do.
pub(super) struct Plan {
    /// False if something of it cannot be said.
    pub(super) complete: bool,
    /// What stands in its way now.
    pub(super) now: Vec<String>,
    /// Each step, in order, as `--json` has it.
    pub(super) steps: Vec<Value>,
    /// How the peer's death is noticed.
    pub(super) notice: String,
    /// What its management address is for.
    pub(super) management: Option<String>,
    /// What the ports would be tagged with.
    pub(super) tag: FenceTag,
}

/// Reads the switches, and says what would be done. What went wrong is said already.
///
/// # Errors
/// There is no such peer, or a switch's profile cannot be used.
pub(super) async fn collect(
    config: &mut Config,
    secrets: &Secrets,
    name: &str,
) -> Result<Plan, ExitCode> {
    if !config.peers.contains_key(name) {
        let known: Vec<&str> = config.peers.keys().map(String::as_str).collect();
        return Err(fail(
            ExitCode::Usage,
            &format!(
                "there is no peer `{name}`; the configuration has: {}",
                known.join(", ")
            ),
        ));
    }
    let switches = match switches::build(config, secrets) {
        Ok(switches) => switches,
        Err(e) => return Err(fail(ExitCode::BadConfig, &e.to_string())),
    };
    let told = auto::status(config).and_then(|s| auto::peer_of(&s, name).cloned());
    // The next takeover's; without a daemon here nobody knows it.
    let epoch = told.as_ref().and_then(|p| p["epoch"].as_u64());
    let tag = FenceTag {
        node: config.node.name.clone(),
        epoch: Epoch(epoch.map_or(0, |e| e + 1)),
    };
    let mut fence = Vec::new();
    let mut complete = true;
    let found = auto::fill_in(config, &switches).await;
    let Some(peer) = config.peers.get(name) else {
        return Err(fail(ExitCode::Internal, "the peer is gone"));
    };
    for (i, level) in peer.fence.iter().enumerate() {
        if let Some(f) = found.iter().find(|f| f.peer == name && f.level == i) {
            let (key, text) = match f.words() {
                Ok(text) => ("what", text),
                Err(text) => ("error", text),
            };
            fence.push(json!({ "step": "fence", "level": i + 1, key: text }));
            if f.result.is_err() {
                complete = false;
                continue;
            }
        }
        // Of a bond over several switches, switch after switch; a takeover writes them at the same time.
        for (on, ports) in level.by_switch() {
            let Some(switch) = switches.get(on) else {
                continue;
            };
            complete &= fenced(switch, ports, (i + 1, level), &tag, &mut fence).await;
        }
    }
    let mut rewire = Vec::new();
    if let Some(t) = &peer.port_takeover
        && let Some(switch) = switches.get(&t.switch)
    {
        complete &= changed(
            switch,
            ("rewire", 1),
            (&t.port, Operation::SetAccessVlan(t.production)),
            None,
            &mut rewire,
        )
        .await;
    }
    let now = told.as_ref().map(stands).unwrap_or_default();
    let steps = in_order(config, peer, tag.epoch, (&fence, &rewire));
    let notice = config.pace(peer).notice().to_string();
    let management = policy::asked_elsewhere(peer).map(|r| r.unwrap_or_else(|why| why));
    Ok(Plan {
        complete,
        now,
        steps,
        notice,
        management,
        tag,
    })
}

/// What stands in the way of a takeover now, as the daemon says.
fn stands(p: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if p["owner"].as_bool() == Some(true) {
        lines.push(format!(
            "this machine has the address already ({}): nothing of this is done again",
            p["state"].as_str().unwrap_or("?")
        ));
    } else if p["hold"].as_bool() == Some(true) {
        lines.push("a hold is on: nothing of this begins by itself".to_owned());
    }
    let levels = p["placement"].as_array().into_iter().flatten();
    for level in levels.filter(|l| l["state"] == "misplaced") {
        lines.push(format!(
            "the fence {} is NOT on the peer, so nothing is taken over: {}",
            level["level"].as_str().unwrap_or("?"),
            level["detail"].as_str().unwrap_or("?")
        ));
    }
    lines
}

/// What a level writes on one switch; false if that cannot be said.
async fn fenced(
    switch: &Switch,
    ports: &[String],
    (n, level): (usize, &Fence),
    tag: &FenceTag,
    steps: &mut Vec<Value>,
) -> bool {
    let by_ssh = switch.route(Operation::PortOff.name()).first() == Some(&Transport::Ssh);
    let change = match level.quarantine {
        Some(vlans) => Some(Operation::SetAccessVlan(vlans.quarantine)),
        None => by_ssh.then_some(Operation::PortOff),
    };
    let mut complete = true;
    if let Some(operation) = change {
        for port in ports {
            let alias = level.alias.clone();
            complete &= changed(switch, ("fence", n), (port, operation), alias, steps).await;
        }
        return complete;
    }
    let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
    let tag = tag.clone();
    match plan(switch, &ports, &PlanOp::Fence { tag }).await {
        Ok(sets) => {
            for set in sets {
                steps.push(json!({
                    "step": "fence", "level": n, "what": format!("{} := {} (now {}) on {} {}",
                        set.object, set.value, set.now.as_deref().unwrap_or("unknown"), set.switch, set.port),
                    "command": set.command, "set": set,
                }));
            }
        }
        Err(e) => {
            complete = false;
            steps.push(json!({ "step": "fence", "level": n, "error": e.to_string() }));
        }
    }
    complete
}

/// Everything that changes one port; false if that cannot be said.
async fn changed(
    switch: &Switch,
    (step, level): (&str, usize),
    (port, operation): (&str, Operation),
    alias: Option<String>,
    steps: &mut Vec<Value>,
) -> bool {
    let mut request = ChangeRequest::new(operation, Some(port), WITHIN);
    request.expected_alias = alias;
    // As the daemon has it: a table that cannot be read does not stop a takeover; `preflight` says that it cannot.
    request.overrides.insert("macs-unread".to_owned());
    match plan_change(switch, &request).await {
        Ok(plan) => {
            let at = |what: String| json!({ "step": step, "level": level, "what": what });
            for line in &plan.lines {
                let now = line.now.as_deref().unwrap_or("unknown");
                // Without an object it is a command line, or a pause.
                let what = match (&line.oid, &line.command) {
                    (Some(_), _) => format!(
                        "{} := {} (now {now}) on {} {port}",
                        line.what, line.value, plan.switch
                    ),
                    (None, Some(_)) => {
                        format!("over SSH to {}, for {port}: {}", plan.switch, line.what)
                    }
                    (None, None) => line.what.clone(),
                };
                let mut said = at(what);
                (said["set"], said["command"]) = (json!(line), json!(line.command));
                steps.push(said);
            }
            if plan.lines.is_empty() {
                steps.push(at(format!(
                    "nothing would be sent to {} for {port}",
                    plan.switch
                )));
            }
            for guard in &plan.refused {
                steps.push(json!({ "step": step, "level": level, "error": format!("a guard refuses it: {guard}") }));
            }
            plan.refused.is_empty()
        }
        Err(e) => {
            steps.push(json!({ "step": step, "level": level, "error": e.to_string() }));
            false
        }
    }
}

/// All steps in the order in which they may begin, each with what it does and after which others.
fn in_order(
    config: &Config,
    peer: &Peer,
    epoch: Epoch,
    (fence, rewire): (&[Value], &[Value]),
) -> Vec<Value> {
    // Our MAC address does not decide about any step.
    let policy = policy::policy(config, peer, MacAddr::ZERO);
    let order = local::order(&policy);
    let mut steps = Vec::new();
    for planned in &order {
        let lines = match planned.step {
            Step::Fence => fence.to_vec(),
            Step::Rewire => rewire.to_vec(),
            Step::Site(name) => vec![site::plan_line(config, peer, epoch, name)],
            step => vec![local::line(config, peer, &policy, step)],
        };
        for mut line in lines {
            line["after"] = json!(planned.after);
            if let Some(only) = planned.only {
                line["only"] = json!(only);
            }
            steps.push(line);
        }
    }
    steps
}

fn print(name: &str, peer: &Peer, steps: &[Value]) {
    say(&format!(
        "A takeover of {name} ({}) would do this, in this order; nothing has been changed:",
        peer.vip
    ));
    let mut before = None;
    for (i, step) in steps.iter().enumerate() {
        let after = &step["after"];
        if before != Some(after) {
            before = Some(after);
            say(&heading(after));
        }
        let what = step["what"]
            .as_str()
            .or(step["error"].as_str())
            .unwrap_or("?");
        let only = step["only"]
            .as_str()
            .map(|o| format!(" (only {o})"))
            .unwrap_or_default();
        say(&format!(
            "{:>3}. {:<9} {what}{only}",
            i + 1,
            step["step"].as_str().unwrap_or("?")
        ));
        if let Some(command) = step["command"].as_str() {
            say(&format!("               by hand: {command}"));
        }
        if let Some(undo) = step["undo"].as_str() {
            say(&format!("               taken back {undo}"));
        }
    }
    say(
        "The fence must be proven before anything that needs it happens (policy.unproven says what else).",
    );
}

/// After what the steps below it begin.
fn heading(after: &Value) -> String {
    let names: Vec<&str> = after
        .as_array()
        .map(|all| all.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    if names.is_empty() {
        "  at once, beside each other:".to_owned()
    } else {
        format!("  after {}:", names.join(", "))
    }
}
