//! `standin switch trust`: the host key of a switch, looked at by a person and written down.

use std::path::Path;

use crate::cli::common::{config_errors, load, refuse};
use crate::cli::exit::ExitCode;

pub async fn run(path: &Path, name: &str, json: bool) -> Result<ExitCode, ExitCode> {
    let (config, _) = load(path, false)
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
    let told = match &switch.ssh {
        None => {
            format!("switch {name} has no [switch.{name}.ssh] table: SNMP has no host key to trust")
        }
        Some(ssh) => format!(
            "this build cannot fetch host keys yet; until it can, look at the fingerprint on the switch itself and write its key down by hand: ssh-keyscan -p {} {} >> {}",
            ssh.address.port(),
            ssh.address.ip(),
            ssh.known_hosts.display()
        ),
    };
    Err(refuse(ExitCode::Unavailable, &told, json))
}
