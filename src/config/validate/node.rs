//! `[node]` and `[heartbeat]`.

use tracing_subscriber::EnvFilter;

use super::names::{self, LONGEST_NAME, is_name};
use super::range::{self, ms};
use crate::config::problem::Check;
use crate::config::resolved::{Heartbeat, Node};
use crate::config::schema;
use crate::config::secret::{SecretFile, Use};
use crate::config::surroundings::Surroundings;

/// Longest path of a unix socket, in bytes (`sun_path` less its zero).
const LONGEST_SOCKET: usize = 107;
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

pub(super) fn node(node: &schema::Node, around: &Surroundings, check: &mut Check<'_>) -> Node {
    if !node.name.is_empty() {
        names::name("node.name", &node.name, check);
    }
    let socket = check.origin.resolve(&node.socket);
    let length = socket.as_os_str().len();
    if length > LONGEST_SOCKET {
        check.error(
            "node.socket",
            format!("the path of a socket has at most {LONGEST_SOCKET} bytes, this one {length}"),
            "\"/run/standin/standin.sock\"",
        );
    }
    let group = Some(node.socket_group.clone()).filter(|g| !g.is_empty());
    if let Some(group) = &group
        && let Ok(None) = nix::unistd::Group::from_name(group)
    {
        check.error(
            "node.socket-group",
            format!("this machine has no group `{group}`"),
            format!("groupadd --system {group}, or \"\" for root only"),
        );
    }
    log(&node.log, check);
    Node {
        name: own_name(&node.name, around),
        state_dir: check.origin.resolve(&node.state_dir),
        socket,
        socket_group: group,
        log: node.log.clone(),
        realtime: node.realtime,
    }
}

/// The configured name, or else what can be used of the host name.
fn own_name(configured: &str, around: &Surroundings) -> String {
    if !configured.is_empty() {
        return configured.to_owned();
    }
    let host = around.host_name.as_deref().unwrap_or_default();
    let short: String = host
        .split('.')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .take(LONGEST_NAME)
        .collect();
    if is_name(&short) {
        short
    } else {
        "standin".to_owned()
    }
}

fn log(filter: &str, check: &mut Check<'_>) {
    // A lone word that is no level would be taken for a module's name, and nothing would be logged at all.
    let lone_word = !filter.contains(['=', ',', '[']);
    let bad = if lone_word {
        !LEVELS.contains(&filter.to_ascii_lowercase().as_str())
    } else {
        EnvFilter::try_new(filter).is_err()
    };
    if bad {
        check.error(
            "node.log",
            format!("`{filter}` is not a log level"),
            format!(
                "one of {}, or a filter such as \"info,standin::switch=debug\"",
                LEVELS.join(", ")
            ),
        );
    }
}

pub(super) fn heartbeat(
    heartbeat: Option<&schema::Heartbeat>,
    pair: bool,
    check: &mut Check<'_>,
    secrets: &mut Vec<SecretFile>,
) -> Option<Heartbeat> {
    let heartbeat = heartbeat?;
    if heartbeat.port == 0 {
        check.error(
            "heartbeat.port",
            "0 is not a UDP port",
            "from 1 to 65535, such as 4117",
        );
    }
    range::duration(
        "heartbeat.interval",
        heartbeat.interval,
        (ms(10), ms(5_000)),
        check,
    );
    let key_file = check.origin.resolve(&heartbeat.key_file);
    if pair {
        secrets.push(SecretFile {
            key: "heartbeat.key-file".into(),
            path: key_file.clone(),
            what: Use::HeartbeatKey,
        });
    }
    Some(Heartbeat {
        port: heartbeat.port,
        key_file,
        interval: heartbeat.interval,
    })
}
