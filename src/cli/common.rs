//! What several commands do: load the configuration, print, talk to the daemon.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::config::{Config, ConfigErrors, Secrets, Surroundings, schema};
use crate::daemon::around;
use crate::daemon::control::{self, CallError, Reply, Request};
use crate::exit::ExitCode;

/// The daemon answers every request at once; a loop that is silent for so long hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// Prints one line to stdout; a reader that has gone away (`| head`) is no error.
pub fn say(line: &str) {
    super::print(&format!("{line}\n"));
}

/// Prints a JSON value on one line.
pub fn say_json(value: &Value) {
    say(&value.to_string());
}

/// Prints an error and passes the code on.
pub fn fail(code: ExitCode, message: &str) -> ExitCode {
    super::complain(message);
    code
}

/// As [`fail`], and with `--json` on standard output too: `ok` false, and `error`.
pub fn refuse(code: ExitCode, message: &str, json: bool) -> ExitCode {
    if json {
        say_json(&serde_json::json!({ "ok": false, "error": message }));
    }
    fail(code, message)
}

/// Prints a JSON value on one line, or `text` line by line.
pub fn answer(json: bool, value: &Value, text: &[String]) {
    if json {
        say_json(value);
    } else {
        text.iter().for_each(|line| say(line));
    }
}

/// Lines up columns; the last one is as long as it is.
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |c: usize| {
        let cells = rows.iter().filter_map(|r| r.get(c));
        cells.map(|t| t.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths);
            let line: Vec<String> = cells.map(|(t, w)| format!("{t:<w$}")).collect();
            line.join("  ").trim_end().to_owned()
        })
        .collect()
}

/// Prints what is wrong with a configuration.
pub fn config_errors(errors: &ConfigErrors, json: bool) -> ExitCode {
    if json {
        say_json(&errors.to_json());
    } else {
        let _ = write!(
            std::io::stderr(),
            "{}",
            errors.render(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        );
    }
    ExitCode::BadConfig
}

/// A small runtime for a command.
///
/// # Errors
///
/// The operating system has no more threads or descriptors.
pub fn runtime() -> Result<Runtime, ExitCode> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| fail(ExitCode::Internal, &format!("cannot start: {e}")))
}

/// Loads the configuration and, if `with_secrets`, its secrets; warnings go to stderr.
///
/// # Errors
///
/// As [`Config::load`] and [`Config::load_secrets`].
pub async fn load(
    path: &Path,
    with_secrets: bool,
) -> Result<(Config, Option<Secrets>), ConfigErrors> {
    let around = around::surroundings(with_secrets, path).await;
    load_around(path, &around)
}

/// As [`load`], for commands that only talk to switches: the file need not have a `[peer.NAME]`.
///
/// # Errors
///
/// As there.
pub async fn load_switches(
    path: &Path,
    with_secrets: bool,
) -> Result<(Config, Option<Secrets>), ConfigErrors> {
    let mut around = around::surroundings(with_secrets, path).await;
    around.without_peers = true;
    load_around(path, &around)
}

fn load_around(
    path: &Path,
    around: &Surroundings,
) -> Result<(Config, Option<Secrets>), ConfigErrors> {
    let with_secrets = around.examine_secrets;
    let (config, warnings) = Config::load(path, around)?;
    for warning in warnings {
        let _ = writeln!(std::io::stderr(), "{warning}");
    }
    let secrets = if with_secrets {
        Some(config.load_secrets()?)
    } else {
        None
    };
    Ok((config, secrets))
}

/// Loads the configuration with its secrets for a command; what is wrong is said already.
///
/// # Errors
///
/// The code to exit with.
pub async fn load_all(path: &Path, json: bool) -> Result<(Config, Secrets), ExitCode> {
    both(load(path, true).await, json)
}

/// As [`load_all`], for commands that only talk to switches.
///
/// # Errors
///
/// The code to exit with.
pub async fn load_all_switches(path: &Path, json: bool) -> Result<(Config, Secrets), ExitCode> {
    both(load_switches(path, true).await, json)
}

fn both(
    loaded: Result<(Config, Option<Secrets>), ConfigErrors>,
    json: bool,
) -> Result<(Config, Secrets), ExitCode> {
    match loaded {
        Ok((config, Some(secrets))) => Ok((config, secrets)),
        Ok((_, None)) => Err(fail(ExitCode::Internal, "the secrets were not loaded")),
        Err(e) => Err(config_errors(&e, json)),
    }
}

/// Loads the configuration with its secrets, and goes on with them on a runtime of the command's own.
pub fn with_config(
    path: &Path,
    json: bool,
    go: impl AsyncFnOnce(Config, Secrets) -> ExitCode,
) -> ExitCode {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    runtime.block_on(async {
        match load_all(path, json).await {
            Ok((config, secrets)) => go(config, secrets).await,
            Err(code) => code,
        }
    })
}

/// Asks the daemon and returns its answer.
///
/// # Errors
///
/// The daemon cannot be reached, or says no; said to the user already.
pub fn ask(
    socket: &Path,
    command: &str,
    peer: Option<&str>,
    args: Value,
    json: bool,
) -> Result<Value, ExitCode> {
    let request = Request::new(command, peer, args);
    let failed = |e: CallError| fail(e.exit_code(), &e.to_string());
    for reply in control::call(socket, &request, Some(PATIENCE)).map_err(failed)? {
        match reply.map_err(failed)? {
            Reply::Progress { .. } => {}
            Reply::Result { data, .. } => return Ok(data),
            Reply::Error { code, message } => {
                if json {
                    say_json(&serde_json::json!({ "ok": false, "error": message }));
                }
                return Err(fail(
                    ExitCode::from_number(code).unwrap_or(ExitCode::Internal),
                    &message,
                ));
            }
        }
    }
    Err(fail(ExitCode::NotReachable, "the daemon did not answer"))
}

/// Where the daemon's socket is: as the configuration says, or the default if that cannot be read.
pub fn socket_of(config: &Path) -> PathBuf {
    paths_of(config).0
}

/// The daemon's socket and its state folder. A file with a fault keeps nobody from asking the daemon, which goes on with
/// the file before it, nor from reading what it wrote: the fault is said, and of `[node]` what can be read counts, else the default.
pub fn paths_of(config: &Path) -> (PathBuf, PathBuf) {
    let loaded = runtime().and_then(|r| {
        r.block_on(load(config, false))
            .map_err(|e| config_errors(&e, false))
    });
    if let Ok((config, _)) = loaded {
        return (config.node.socket, config.node.state_dir);
    }
    let text = std::fs::read_to_string(config).unwrap_or_default();
    let table: toml::Table = text.parse().unwrap_or_default();
    let path = |key: &str| Some(PathBuf::from(table.get("node")?.get(key)?.as_str()?));
    let default = schema::Node::default();
    (
        path("socket").unwrap_or(default.socket),
        path("state-dir").unwrap_or(default.state_dir),
    )
}
