//! From the command line to a switch: one of the configuration, or any other by address and community.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::args::{AtArgs, TargetArgs};
use crate::cli::common::{load_all_switches, refuse};
use crate::config::{Config, Secrets, community_file};
use crate::daemon::switches::{self, PROFILES};
use crate::exit::ExitCode;
use crate::switch::profile::identify;
use crate::switch::snmp::SnmpError;
use crate::switch::ssh::CliError;
use crate::switch::{Credentials, Profile, Switch, SwitchError, SwitchTarget};

/// A request to a switch that is in no configuration waits so long, three times.
const TIMEOUT: Duration = Duration::from_millis(500);

/// The configuration, and one of its switches.
pub async fn configured(
    path: &Path,
    name: &str,
    json: bool,
) -> Result<(Config, Secrets, Switch), ExitCode> {
    let (config, secrets) = load_all_switches(path, json).await?;
    let switch = named(&config, &secrets, name, json)?;
    Ok((config, secrets, switch))
}

/// A switch of the configuration.
pub fn named(
    config: &Config,
    secrets: &Secrets,
    name: &str,
    json: bool,
) -> Result<Switch, ExitCode> {
    let Some(entry) = config.switches.get(name) else {
        let known: Vec<&str> = config.switches.keys().map(String::as_str).collect();
        let known = if known.is_empty() {
            "(none)".to_owned()
        } else {
            known.join(", ")
        };
        let told = format!("there is no switch `{name}`; the configuration has: {known}");
        return Err(refuse(ExitCode::Usage, &told, json));
    };
    switches::one(entry, secrets).map_err(|e| refuse(ExitCode::BadConfig, &e.to_string(), json))
}

/// The switch that is meant, wherever it is from.
pub async fn at(path: &Path, args: &AtArgs, json: bool) -> Result<Switch, ExitCode> {
    match &args.switch {
        Some(name) => Ok(configured(path, name, json).await?.2),
        None => at_target(&args.target, json).await,
    }
}

/// A switch that is in no configuration, with its profile found by what it says of itself if that is asked for.
pub async fn at_target(args: &TargetArgs, json: bool) -> Result<Switch, ExitCode> {
    let auto = args.profile == "auto";
    let first = if auto {
        identify::FALLBACK
    } else {
        &args.profile
    };
    let profile = Profile::find(first, Some(Path::new(PROFILES)))
        .map_err(|e| refuse(ExitCode::BadConfig, &e.to_string(), json))?;
    let target = target_of(
        args.target.as_deref(),
        args.community_file.as_deref(),
        profile,
        json,
    )
    .await?;
    let switch = Switch::new(target.clone());
    if !auto {
        return Ok(switch);
    }
    let system = switch.system().await.map_err(|e| unreadable(&e, json))?;
    let folder = Path::new(PROFILES);
    let fit = identify::choose(&identify::all(Some(folder)), &system);
    if !fit.recognised {
        crate::cli::complain(&format!("profile `{}`: {}", fit.profile, fit.why));
    }
    let profile = Profile::find(&fit.profile, Some(folder))
        .map_err(|e| refuse(ExitCode::BadConfig, &e.to_string(), json))?;
    Ok(Switch::new(SwitchTarget {
        profile: Arc::new(profile),
        ..target
    }))
}

/// Address and community of a switch that is in no configuration.
pub async fn target_of(
    host: Option<&str>,
    file: Option<&Path>,
    profile: Profile,
    json: bool,
) -> Result<SwitchTarget, ExitCode> {
    let (Some(host), Some(file)) = (host, file) else {
        let told = "say which switch: --target HOST[:PORT] --community-file FILE";
        return Err(refuse(ExitCode::Usage, told, json));
    };
    let community = community_file(file)
        .map_err(|e| refuse(ExitCode::NoInput, &format!("--community-file: {e}"), json))?;
    Ok(SwitchTarget {
        name: host.to_owned(),
        address: resolve(host)
            .await
            .map_err(|e| refuse(ExitCode::Usage, &e, json))?,
        local: None,
        profile: Arc::new(profile),
        credentials: Credentials::V2c { community },
        timeout: TIMEOUT,
        retries: 2,
        ssh: None,
        prefer: Vec::new(),
        oper_staleness: None,
        uplinks: Vec::new(),
        own_ports: Vec::new(),
    })
}

async fn resolve(host: &str) -> Result<SocketAddr, String> {
    let bad = |why: &str| {
        format!("--target {host}: {why}; HOST[:PORT], such as 192.168.20.2 or 192.168.20.2:1161")
    };
    if let Ok(ip) = host.parse::<std::net::IpAddr>() {
        return Ok(SocketAddr::new(ip, 161));
    }
    let with_port = if host.rsplit_once(':').is_some() {
        host.to_owned()
    } else {
        format!("{host}:161")
    };
    let found = tokio::net::lookup_host(with_port).await;
    let mut found = found.map_err(|e| bad(&e.to_string()))?;
    found.next().ok_or_else(|| bad("it has no address"))
}

/// Says why a switch could not be read, with the code that fits.
pub fn unreadable(error: &SwitchError, json: bool) -> ExitCode {
    refuse(code_of(error), &error.to_string(), json)
}

/// The code for a switch that could not be read.
pub fn code_of(error: &SwitchError) -> ExitCode {
    match error {
        SwitchError::Snmp(SnmpError::WrongCredentials { .. } | SnmpError::Denied { .. }) => {
            ExitCode::NoPermission
        }
        SwitchError::Snmp(_) | SwitchError::Moving { .. } | SwitchError::Missing { .. } => {
            ExitCode::Unavailable
        }
        SwitchError::Cli(e) => match &**e {
            CliError::Auth { .. } | CliError::HostKey { .. } => ExitCode::NoPermission,
            _ => ExitCode::Unavailable,
        },
        SwitchError::NoWay { .. } => ExitCode::Unavailable,
        SwitchError::NoSuchPort { .. }
        | SwitchError::NotShown { .. }
        | SwitchError::Ambiguous { .. } => ExitCode::Usage,
    }
}
