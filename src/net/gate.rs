//! The gate: while the service is not ready, new connections to it are dropped, not refused, so that
//! cameras try again in a second instead of backing off.
//!
//! One nftables table per peer, named after it, holds one rule and the set that it looks into, whose one element has a
//! timeout: the kernel opens the gate by itself when nobody closes it again, and taking the table away opens it at once.
//! Each `nft` runs on a thread of its own: never more than a few of them hang, and nobody else waits for one.

use std::io;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::host::Programs;
use crate::rt::{Elapsed, timeout};

const TABLE_PREFIX: &str = "standin_";
const FAMILY: &str = "ip";
/// The longest `nft` may take; it answers in milliseconds unless the machine is in trouble.
const DEADLINE: Duration = Duration::from_secs(2);
/// A gate that nobody closes again is opened by the kernel after this: our own end, or a hang, locks nobody out.
pub const CLOSED_FOR: Duration = Duration::from_secs(5);
/// So many `nft` at once; more than that hang, and another would hang too.
const AT_ONCE: usize = 4;
/// Stack of the thread of an `nft`, in bytes.
const STACK: usize = 1 << 18;

static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// The gate could not be moved, or its position not be proven.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The program is not installed.
    #[error("cannot {0}: `nft` is not installed; install the package `nftables`")]
    NoNft(String),
    /// It could not be run.
    #[error("cannot {doing}: running `nft` failed: {source}")]
    Run {
        /// What was attempted.
        doing: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// It hung, and was killed.
    #[error("cannot {0}: `nft` did not answer within {deadline} s and was killed", deadline = DEADLINE.as_secs())]
    Timeout(String),
    /// Earlier ones hang.
    #[error("cannot {0}: {AT_ONCE} earlier `nft` hang (a disk that does not answer?)")]
    Busy(String),
    /// It refused.
    #[error("cannot {doing}: nft says: {said} (it needs CAP_NET_ADMIN and the kernel's nf_tables)")]
    Refused {
        /// What was attempted.
        doing: String,
        /// What nft wrote to stderr.
        said: String,
    },
    /// It said yes, but the list of tables says no.
    #[error(
        "cannot {doing}: nft reported success, but table {table} is {state}; look at `nft list tables`"
    )]
    Unproven {
        /// What was attempted.
        doing: String,
        /// The table.
        table: String,
        /// "still there" or "not there".
        state: &'static str,
    },
}

/// The table of a peer. Two peers never share one: everything but letters and digits is written as
/// `_` and two hexadecimal digits.
pub fn table(peer: &str) -> String {
    table_of(TABLE_PREFIX, peer)
}

pub(super) fn table_of(prefix: &str, peer: &str) -> String {
    let mut name = prefix.to_owned();
    for byte in peer.bytes() {
        if byte.is_ascii_alphanumeric() {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("_{byte:02x}"));
        }
    }
    name
}

/// The rules that close the gate. Adding before deleting makes one transaction of it that works
/// whether the table was there or not. The hook lies before connection tracking and before Docker's
/// port forwarding, which would change the address.
fn closing(table: &str, vip: Ipv4Addr, port: u16) -> String {
    let element = element(vip, port);
    format!(
        "add table {FAMILY} {table}\n\
         delete table {FAMILY} {table}\n\
         table {FAMILY} {table} {{\n\
         \x20 set closed {{\n\
         \x20   type ipv4_addr . inet_service; flags timeout;\n\
         \x20   elements = {{ {element} }}\n\
         \x20 }}\n\
         \x20 chain gate {{\n\
         \x20   type filter hook prerouting priority raw; policy accept;\n\
         \x20   iifname != \"lo\" ip daddr . tcp dport @closed tcp flags & (fin|syn|rst|ack) == syn counter drop\n\
         \x20 }}\n\
         }}\n"
    )
}

fn element(vip: Ipv4Addr, port: u16) -> String {
    format!("{vip} . {port} timeout {}s", CLOSED_FOR.as_secs())
}

/// The element with its whole time again, in one transaction; refused where the table is gone.
fn again(table: &str, vip: Ipv4Addr, port: u16) -> String {
    format!(
        "flush set {FAMILY} {table} closed\nadd element {FAMILY} {table} closed {{ {} }}\n",
        element(vip, port)
    )
}

/// What [`close`] hands to `nft -f -`, for a person.
pub fn rules(peer: &str, vip: Ipv4Addr, port: u16) -> String {
    closing(&table(peer), vip, port)
}

/// Closes the gate of `peer` for [`CLOSED_FOR`]: SYNs to `vip`:`port` from other machines are dropped. Connections from
/// this machine itself, such as a health check, still pass. Again is fine; the last word counts.
///
/// # Errors
/// [`GateError`]; the gate is then as it was before.
pub async fn close(
    programs: &dyn Programs,
    peer: &str,
    vip: Ipv4Addr,
    port: u16,
) -> Result<(), GateError> {
    let doing = format!("close the gate to {vip}:{port}");
    let name = table(peer);
    programs
        .nft(&["-f", "-"], &closing(&name, vip, port), &doing)
        .await?;
    prove(programs, &name, true, doing).await
}

/// Keeps a closed gate closed for another [`CLOSED_FOR`]. True if it was gone, because somebody flushed the rules, and is
/// there again.
///
/// # Errors
/// [`GateError`]; the kernel opens the gate when the time that it had is over.
pub async fn keep_closed(
    programs: &dyn Programs,
    peer: &str,
    vip: Ipv4Addr,
    port: u16,
) -> Result<bool, GateError> {
    let doing = format!("keep the gate to {vip}:{port} closed");
    match programs
        .nft(&["-f", "-"], &again(&table(peer), vip, port), &doing)
        .await
    {
        Ok(_) => Ok(false),
        Err(GateError::Refused { .. }) => close(programs, peer, vip, port).await.map(|()| true),
        Err(e) => Err(e),
    }
}

/// Opens the gate of `peer`. An open one is fine.
///
/// # Errors
/// [`GateError`]; cameras may still be locked out: try again.
pub async fn open(programs: &dyn Programs, peer: &str) -> Result<(), GateError> {
    let name = table(peer);
    remove(programs, &name, format!("open the gate of {peer}")).await
}

/// Opens every gate, whoever closed it: after a crash. Returns how many there were.
///
/// # Errors
/// The first [`GateError`].
pub async fn clean_all(programs: &dyn Programs) -> Result<usize, GateError> {
    let found = closed(programs).await?;
    for name in &found {
        remove(programs, name, format!("remove the left-over table {name}")).await?;
    }
    Ok(found.len())
}

/// The names of the tables of all closed gates.
///
/// # Errors
/// [`GateError`].
pub async fn closed(programs: &dyn Programs) -> Result<Vec<String>, GateError> {
    let tables = programs
        .nft(
            &["list", "tables", FAMILY],
            "",
            "list the tables of nftables",
        )
        .await?;
    Ok(our_tables(&tables))
}

fn our_tables(listing: &str) -> Vec<String> {
    let head = format!("table {FAMILY} ");
    let names = listing
        .lines()
        .filter_map(|line| line.trim().strip_prefix(&head));
    let ours = names.filter(|name| name.starts_with(TABLE_PREFIX));
    ours.map(str::to_owned).collect()
}

async fn remove(programs: &dyn Programs, name: &str, doing: String) -> Result<(), GateError> {
    let rules = format!("add table {FAMILY} {name}\ndelete table {FAMILY} {name}\n");
    programs.nft(&["-f", "-"], &rules, &doing).await?;
    prove(programs, name, false, doing).await
}

async fn prove(
    programs: &dyn Programs,
    name: &str,
    expected: bool,
    doing: String,
) -> Result<(), GateError> {
    let there = closed(programs).await?.iter().any(|t| t == name);
    if there == expected {
        return Ok(());
    }
    Err(GateError::Unproven {
        doing,
        table: name.to_owned(),
        state: if there { "still there" } else { "not there" },
    })
}

/// Runs `nft` on a thread of its own; what it wrote.
///
/// # Errors
/// [`GateError`], but for [`GateError::Unproven`].
pub(crate) async fn nft(arguments: &[&str], input: &str, doing: &str) -> Result<String, GateError> {
    let result = on_a_thread(arguments, input, doing).await?;
    let output = match result {
        Err(_) => return Err(GateError::Timeout(doing.to_owned())),
        Ok(Err(e)) if e.kind() == io::ErrorKind::NotFound => {
            return Err(GateError::NoNft(doing.to_owned()));
        }
        Ok(Err(source)) => {
            let doing = doing.to_owned();
            return Err(GateError::Run { doing, source });
        }
        Ok(Ok(output)) => output,
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(GateError::Refused {
        doing: doing.to_owned(),
        said: said.lines().next().unwrap_or("nothing").to_owned(),
    })
}

/// To start a program waits until it was read from the disk, which may hang: that is waited for on a thread that has
/// nothing else to do.
async fn on_a_thread(
    arguments: &[&str],
    input: &str,
    doing: &str,
) -> Result<Result<io::Result<std::process::Output>, Elapsed>, GateError> {
    let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
    let input = input.to_owned();
    let (answer, answered) = oneshot::channel();
    if RUNNING.fetch_add(1, Ordering::SeqCst) >= AT_ONCE {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
        return Err(GateError::Busy(doing.to_owned()));
    }
    let failed = |source| GateError::Run {
        doing: doing.to_owned(),
        source,
    };
    let thread = std::thread::Builder::new().name("nft".to_owned());
    let spawned = thread.stack_size(STACK).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let result = match runtime {
            Ok(runtime) => runtime.block_on(async {
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                timeout(DEADLINE, run(&arguments, &input)).await
            }),
            Err(e) => Ok(Err(e)),
        };
        RUNNING.fetch_sub(1, Ordering::SeqCst);
        let _ = answer.send(result);
    });
    if let Err(e) = spawned {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
        return Err(failed(e));
    }
    match timeout(DEADLINE + DEADLINE / 4, answered).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_)) => Err(failed(io::Error::other("its thread ended"))),
        Err(_) => Err(GateError::Timeout(doing.to_owned())),
    }
}

async fn run(arguments: &[&str], input: &str) -> io::Result<std::process::Output> {
    // A service manager's PATH need not contain the sbin directories.
    let mut missing = io::Error::from(io::ErrorKind::NotFound);
    for program in ["nft", "/usr/sbin/nft", "/sbin/nft"] {
        let mut command = Command::new(program);
        command.args(arguments).kill_on_drop(true);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                missing = e;
                continue;
            }
            other => other?,
        };
        if let Some(mut stdin) = child.stdin.take() {
            // Where nft has ended early its own message says more than our broken pipe.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        return child.wait_with_output().await;
    }
    Err(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_peers_share_a_table_and_no_name_breaks_out_of_it() {
        assert_eq!(table("slave1"), "standin_slave1");
        assert_eq!(table("a-b"), "standin_a_2db");
        assert_eq!(table("a_b"), "standin_a_5fb");
        assert_eq!(table("x {\n"), "standin_x_20_7b_0a");
    }

    #[test]
    fn the_closing_rules_are_one_transaction() {
        let rules = closing("standin_s", Ipv4Addr::new(192, 168, 1, 101), 1935);
        let expected = r#"add table ip standin_s
delete table ip standin_s
table ip standin_s {
  set closed {
    type ipv4_addr . inet_service; flags timeout;
    elements = { 192.168.1.101 . 1935 timeout 5s }
  }
  chain gate {
    type filter hook prerouting priority raw; policy accept;
    iifname != "lo" ip daddr . tcp dport @closed tcp flags & (fin|syn|rst|ack) == syn counter drop
  }
}
"#;
        assert_eq!(rules, expected);
    }

    #[test]
    fn only_our_tables_are_ours() {
        let listing =
            "table ip filter\ntable ip standin_a\ntable inet standin_b\ntable ip mystandin_c\n";
        assert_eq!(our_tables(listing), ["standin_a"]);
    }
}
