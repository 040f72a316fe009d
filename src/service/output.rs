//! Runs one program in a process group of its own: output bounded, deadline kept, nothing left behind on failure.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::OUTPUT_LIMIT;
use super::error::{Ended, ServiceError};
use crate::rt::{self, Join};

/// After the program's end its last output may still be in the pipe. A daemon that it left behind holds the pipe open
/// for ever, so the wait is short.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Ends the whole group unless the program ended by itself: also when the future is dropped.
struct Group {
    leader: Option<Pid>,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            // It may be gone already; there is nobody left to tell.
            let _ = killpg(leader, Signal::SIGKILL);
        }
    }
}

/// Runs `program` with `input`; at the deadline, or if the future is dropped, its process group is killed.
pub(crate) async fn run(
    program: &str,
    arguments: &[String],
    input: Option<&str>,
    within: Duration,
) -> Result<Ended, ServiceError> {
    let mut command = Command::new(program);
    crate::sys::as_killable_as_others(&mut command);
    let mut child = command
        .args(arguments)
        .env("LC_ALL", "C")
        // The notification socket is ours: a service of another unit has its own.
        .env_remove("NOTIFY_SOCKET")
        .env_remove("WATCHDOG_USEC")
        .env_remove("WATCHDOG_PID")
        .current_dir("/")
        .stdin(match input {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| ServiceError::Spawn {
            program: program.to_owned(),
            source,
        })?;
    let mut group = Group {
        // A process id of Linux fits (at most 2^22).
        leader: child.id().map(|id| Pid::from_raw(id as i32)),
    };
    let output = Arc::new(Mutex::new(Vec::new()));
    let readers = [
        child.stdout.take().map(|p| drain(p, output.clone())),
        child.stderr.take().map(|p| drain(p, output.clone())),
    ];
    let pipe = child.stdin.take();
    let fed = async {
        if let (Some(mut pipe), Some(input)) = (pipe, input) {
            // A program that does not read all of it is judged by how it ends.
            let _ = pipe.write_all(input.as_bytes()).await;
        }
    };
    let waited = rt::timeout(within, async {
        let (ended, ()) = join(child.wait(), fed).await;
        ended
    })
    .await;
    let text = |output: &Mutex<Vec<u8>>| {
        let bytes = output.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).trim_end().to_owned()
    };
    match waited {
        Ok(Ok(status)) => {
            // What it left behind in its group is meant to stay.
            group.leader = None;
            let ends = readers.into_iter().flatten();
            let _ = rt::timeout(LAST_WORDS, async {
                for reader in ends {
                    let _ = reader.await;
                }
            })
            .await;
            Ok(Ended {
                status,
                output: text(&output),
            })
        }
        Ok(Err(source)) => Err(ServiceError::Spawn {
            program: program.to_owned(),
            source,
        }),
        Err(_) => {
            drop(group);
            Err(ServiceError::Timeout {
                program: program.to_owned(),
                after: within,
                output: text(&output),
            })
        }
    }
}

/// Reads until the last holder of the pipe is gone, keeping the beginning: a daemon that goes on printing must
/// neither block nor die of a closed pipe.
fn drain<R: AsyncRead + Unpin + Send + 'static>(
    mut pipe: R,
    into: Arc<Mutex<Vec<u8>>>,
) -> Join<()> {
    rt::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = pipe.read(&mut buffer).await {
            let mut kept = into.lock().unwrap_or_else(PoisonError::into_inner);
            let room = OUTPUT_LIMIT.saturating_sub(kept.len());
            kept.extend_from_slice(&buffer[..n.min(room)]);
        }
    })
}
