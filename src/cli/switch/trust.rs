//! `standin switch trust`: the host key of a switch, looked at by a person and written down.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use serde_json::json;

use crate::cli::common::{answer, config_errors, load, refuse};
use crate::daemon::switches::ssh_target;
use crate::exit::ExitCode;
use crate::switch::ssh::known_hosts::{Trusted, trust};
use crate::switch::ssh::{CliError, fetch};

pub async fn run(path: &Path, name: &str, yes: bool, json: bool) -> Result<ExitCode, ExitCode> {
    let (config, secrets) = load(path, true)
        .await
        .map_err(|e| config_errors(&e, json))?;
    let Some(switch) = config.switches.get(name) else {
        let known: Vec<&str> = config.switches.keys().map(String::as_str).collect();
        let told = format!(
            "there is no switch `{name}`; the configuration has: {}",
            known.join(", ")
        );
        return Err(refuse(ExitCode::Usage, &told, json));
    };
    let secret = secrets.as_ref().and_then(|s| s.ssh.get(name));
    let (Some(ssh), Some(secret)) = (&switch.ssh, secret) else {
        let told = format!(
            "switch {name} has no [switch.{name}.ssh] table: SNMP has no host key to trust"
        );
        return Err(refuse(ExitCode::Usage, &told, json));
    };
    let target = ssh_target(name, ssh, secret);
    let shown = fetch(&target).await.map_err(|e| {
        let code = match e {
            CliError::Auth { .. } | CliError::HostKey { .. } => ExitCode::NoPermission,
            _ => ExitCode::Unavailable,
        };
        refuse(code, &e.to_string(), json)
    })?;
    let (algorithm, fingerprint) = (shown.algorithm(), shown.fingerprint());
    if !yes && !agreed(name, &algorithm, &fingerprint) {
        let told = format!(
            "switch {name} shows the {algorithm} key {fingerprint}; it was not written down. Compare it with what the switch itself says on its console, then: standin switch trust {name} --yes"
        );
        return Err(refuse(ExitCode::NotReached, &told, json));
    }
    let file = &ssh.known_hosts;
    let done = trust(file, name, &target.host(), ssh.address.port(), &shown.key)
        .map_err(|e| refuse(ExitCode::NoPermission, &e.to_string(), json))?;
    let added = matches!(done, Trusted::Added);
    let told = if added {
        "is now trusted"
    } else {
        "was trusted already"
    };
    answer(
        json,
        &json!({ "ok": true, "switch": name, "algorithm": algorithm, "fingerprint": fingerprint,
            "file": file, "added": added }),
        &[format!(
            "{name}: the {algorithm} key {fingerprint} {told} ({})",
            file.display()
        )],
    );
    Ok(ExitCode::Ok)
}

/// Asks, where there is a person to ask.
fn agreed(name: &str, algorithm: &str, fingerprint: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return false;
    }
    let mut err = std::io::stderr().lock();
    let asked = write!(
        err,
        "switch {name} shows the {algorithm} key\n  {fingerprint}\nIs that what its console says? Trust it from now on? [y/N] "
    );
    let mut line = String::new();
    asked.and_then(|()| err.flush()).is_ok()
        && std::io::stdin().lock().read_line(&mut line).is_ok()
        && matches!(line.trim(), "y" | "Y" | "yes")
}
