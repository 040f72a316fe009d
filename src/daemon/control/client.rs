//! The commands' end: blocking, since a command has nothing else to do.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Reply, Request};
use crate::exit::ExitCode;

/// Longest reply line, in bytes: a report of many cameras is long.
const LONGEST_REPLY: u64 = 64 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens.
    #[error(
        "standin does not run here: nobody listens on {} ({why}); \
         start it with `systemctl start standin`, or name its configuration with --config",
        path.display()
    )]
    NotRunning {
        /// The socket.
        path: PathBuf,
        /// What the kernel says.
        why: io::Error,
    },
    /// Not root, and not in the group.
    #[error("you may not use {}: {who}", path.display())]
    NoPermission {
        /// The socket.
        path: PathBuf,
        /// Who may.
        who: String,
    },
    /// The connection broke.
    #[error("lost the daemon on {} before its answer was complete: {why}", path.display())]
    Lost {
        /// The socket.
        path: PathBuf,
        /// How.
        why: String,
    },
}

impl CallError {
    /// What the command exits with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            CallError::NotRunning { .. } | CallError::Lost { .. } => ExitCode::NotReachable,
            CallError::NoPermission { .. } => ExitCode::NoPermission,
        }
    }
}

/// Sends a request; the replies come as an iterator that ends with the last one.
///
/// `patience` is the longest silence between two replies; `None` waits for ever.
///
/// # Errors
///
/// The daemon does not run, or we may not talk to it.
pub fn call(
    path: &Path,
    request: &Request,
    patience: Option<Duration>,
) -> Result<Replies, CallError> {
    let mut stream = UnixStream::connect(path).map_err(|e| refused(path, e))?;
    let lost = |why: io::Error| CallError::Lost {
        path: path.to_owned(),
        why: why.to_string(),
    };
    stream.set_read_timeout(patience).map_err(lost)?;
    stream.set_write_timeout(patience).map_err(lost)?;
    let mut line = serde_json::to_vec(request).map_err(|e| lost(e.into()))?;
    line.push(b'\n');
    match stream.write_all(&line) {
        Ok(()) => {}
        // The daemon said why before it hung up: that is what is to be read.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {}
        Err(e) => return Err(lost(e)),
    }
    Ok(Replies {
        path: path.to_owned(),
        lines: Some(BufReader::new(stream)),
    })
}

/// The replies to one request, in order; the last one is a result or an error.
#[derive(Debug)]
pub struct Replies {
    path: PathBuf,
    lines: Option<BufReader<UnixStream>>,
}

impl Iterator for Replies {
    type Item = Result<Reply, CallError>;

    fn next(&mut self) -> Option<Self::Item> {
        let lines = self.lines.as_mut()?;
        let read = read_reply(lines);
        if !matches!(&read, Ok(reply) if !reply.is_last()) {
            self.lines = None;
        }
        Some(read.map_err(|why| CallError::Lost {
            path: self.path.clone(),
            why,
        }))
    }
}

fn read_reply(lines: &mut BufReader<UnixStream>) -> Result<Reply, String> {
    let mut line = Vec::new();
    let mut bounded = io::Read::take(lines, LONGEST_REPLY);
    match bounded.read_until(b'\n', &mut line) {
        Ok(0) => return Err("it hung up".to_owned()),
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
            return Err("it was silent for too long".to_owned());
        }
        Err(e) => return Err(e.to_string()),
    }
    if line.last() != Some(&b'\n') {
        return Err("its answer was cut off".to_owned());
    }
    serde_json::from_slice(&line).map_err(|e| {
        format!("its answer cannot be read ({e}): are command and daemon of the same release?")
    })
}

fn refused(path: &Path, e: io::Error) -> CallError {
    let path = path.to_owned();
    if e.kind() != io::ErrorKind::PermissionDenied {
        return CallError::NotRunning { path, why: e };
    }
    let group = fs::metadata(&path).ok().map(|meta| meta.gid());
    let name = group.filter(|gid| *gid != 0).map(|gid| {
        let found = nix::unistd::Group::from_gid(gid.into());
        found.ok().flatten().map_or(gid.to_string(), |g| g.name)
    });
    let who = match name {
        Some(group) => format!(
            "it is for root and the group `{group}` (to join it: usermod -a -G {group} USER, then log in again)"
        ),
        None => {
            "it is for root only (node.socket-group names a group that may use it too)".to_owned()
        }
    };
    CallError::NoPermission { path, who }
}
