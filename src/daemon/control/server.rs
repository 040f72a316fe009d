//! The daemon's end. One task accepts, one task serves each connection; all end with the future of [`serve`].

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::{LONGEST_LINE, Reply, Request, VERSION};
use crate::exit::ExitCode;
use crate::rt::{self, timeout};

/// Connections that are served at the same time.
const CONNECTIONS: usize = 16;
/// A client must have written its line, or taken a reply, within this.
const PATIENCE: Duration = Duration::from_secs(5);
/// Replies that wait for a slow client; what comes on top is dropped (progress) or ends the call.
const REPLIES: usize = 256;

/// Why the socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another daemon answers there.
    #[error(
        "another standin answers on {}: stop it, or give this one a socket of its own (node.socket)",
        path.display()
    )]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else has this name.
    #[error("{} is not a socket; remove it, or choose another node.socket", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The group does not exist.
    #[error("this machine has no group `{group}` (node.socket-group)")]
    NoGroup {
        /// Its name.
        group: String,
    },
    /// The operating system refuses.
    #[error("cannot {what} the control socket {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The open socket. Dropping it removes its file.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// Device and inode of our file: after a restart the name may be another daemon's.
    id: (u64, u64),
}

impl Listener {
    /// Opens the socket, 0660, for root and `group`. A file that a dead daemon left is replaced. Needs a running
    /// tokio runtime.
    ///
    /// # Errors
    ///
    /// Somebody answers there, it is no socket, the group does not exist, or the operating system refuses.
    pub fn bind(path: &Path, group: Option<&str>) -> Result<Listener, ControlError> {
        let fail = |what| {
            let path = path.to_owned();
            move |source| ControlError::Io { what, path, source }
        };
        let gid = group.map(group_id).transpose()?;
        make_way(path)?;
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(fail("make the folder of"))?;
        }
        // Made under another name and then moved: nobody can connect before the rights are right.
        let new = path.with_extension("new");
        match fs::remove_file(&new) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(fail("clear the way of")(e));
            }
            Ok(()) | Err(_) => {}
        }
        let socket = UnixListener::bind(&new).map_err(fail("open"))?;
        fs::set_permissions(&new, fs::Permissions::from_mode(0o660))
            .map_err(fail("set the rights of"))?;
        if gid.is_some() {
            chown(&new, None, gid).map_err(fail("give the group to"))?;
        }
        let meta = fs::symlink_metadata(&new).map_err(fail("look at"))?;
        fs::rename(&new, path).map_err(fail("put in place"))?;
        Ok(Listener {
            socket,
            path: path.to_owned(),
            id: (meta.dev(), meta.ino()),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let ours =
            fs::symlink_metadata(&self.path).is_ok_and(|meta| (meta.dev(), meta.ino()) == self.id);
        if ours {
            // The daemon ends: a file that stays is replaced at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn group_id(group: &str) -> Result<u32, ControlError> {
    match nix::unistd::Group::from_name(group) {
        Ok(Some(found)) => Ok(found.gid.as_raw()),
        Ok(None) | Err(_) => Err(ControlError::NoGroup {
            group: group.to_owned(),
        }),
    }
}

/// Removes a socket on which nobody listens.
fn make_way(path: &Path) -> Result<(), ControlError> {
    let fail = |what| {
        let path = path.to_owned();
        move |source| ControlError::Io { what, path, source }
    };
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(fail("look at")(e)),
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err(ControlError::NotASocket {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
    }
    match StdStream::connect(path) {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(fail("remove the stale"))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(fail("find out who answers on")(e)),
        Ok(_) => Err(ControlError::InUse {
            path: path.to_owned(),
        }),
    }
}

/// One request, and where its answer goes.
#[derive(Debug)]
pub struct Call {
    /// What is asked for.
    pub request: Request,
    /// Where the answer goes. Dropped without a last reply, the client is told that the daemon gave none.
    pub reply: ReplyTo,
}

/// Takes replies without ever blocking.
#[derive(Clone, Debug)]
pub struct ReplyTo(mpsc::Sender<Reply>);

impl ReplyTo {
    /// Sends a reply. False if the client is gone, or so slow that it cannot be kept.
    pub fn send(&self, reply: Reply) -> bool {
        self.0.try_send(reply).is_ok()
    }

    /// The end: it was done, with this exit code and this output.
    pub fn result(&self, code: ExitCode, data: serde_json::Value) -> bool {
        let code = code.number();
        self.send(Reply::Result { code, data })
    }

    /// The end: it could not be done.
    pub fn error(&self, code: ExitCode, message: impl Into<String>) -> bool {
        self.send(Reply::Error {
            code: code.number(),
            message: message.into(),
        })
    }

    /// Waits until the client is gone: nobody wants the answer any more.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

/// Accepts connections and hands their requests on, until the receiver of `calls` is gone or the future is dropped.
pub async fn serve(listener: Listener, calls: mpsc::Sender<Call>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = calls.closed() => return,
            accepted = listener.socket.accept() => accepted,
        };
        while tasks.try_join_next().is_some() {}
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(e) => {
                // No descriptors left, most likely: the next connection may find some.
                tracing::warn!("cannot accept a connection on the control socket: {e}");
                rt::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let calls = calls.clone();
        match places.clone().try_acquire_owned() {
            Ok(place) => tasks.spawn(async move {
                let _place = place;
                connection(stream, calls).await;
            }),
            Err(_) => {
                let full = format!("{CONNECTIONS} commands are being served already; try again");
                refuse(stream, ExitCode::TryAgain, full);
                continue;
            }
        };
    }
}

async fn connection(mut stream: UnixStream, calls: mpsc::Sender<Call>) {
    let request = match timeout(PATIENCE, read_line(&mut stream)).await {
        Ok(Ok(Some(line))) => parse(&line),
        Ok(Ok(None)) => return,
        Ok(Err(why)) => Err(why),
        Err(_) => Err(format!("no request came within {} s", PATIENCE.as_secs())),
    };
    let request = match request {
        Ok(request) => request,
        Err(why) => return refuse(stream, ExitCode::BadData, why),
    };
    let (reply, mut replies) = mpsc::channel(REPLIES);
    let call = Call {
        request,
        reply: ReplyTo(reply),
    };
    if calls.send(call).await.is_err() {
        return refuse(
            stream,
            ExitCode::Unavailable,
            "the daemon is stopping".to_owned(),
        );
    }
    let mut nothing = [0; 1];
    loop {
        let reply = tokio::select! {
            biased;
            reply = replies.recv() => reply,
            // The client hung up, or says what nobody asked for: either way it is done.
            _ = stream.read(&mut nothing) => return,
        };
        let reply = reply.unwrap_or_else(|| Reply::Error {
            code: ExitCode::Internal.number(),
            message: "the daemon gave no answer (it is stopping, or see its log)".to_owned(),
        });
        let written = timeout(PATIENCE, stream.write_all(reply.line().as_bytes())).await;
        if !matches!(written, Ok(Ok(()))) || reply.is_last() {
            return;
        }
    }
}

/// One line without its end; `None` if the client only looked in.
async fn read_line(stream: &mut UnixStream) -> Result<Option<Vec<u8>>, String> {
    let mut line = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let n = match stream.read(&mut buffer).await {
            Ok(0) if line.is_empty() => return Ok(None),
            Ok(0) => return Err("the request has no line end".to_owned()),
            Ok(n) => n,
            Err(_) => return Ok(None),
        };
        if let Some(end) = buffer[..n].iter().position(|b| *b == b'\n') {
            line.extend_from_slice(&buffer[..end]);
            return match end + 1 == n && line.len() < LONGEST_LINE {
                true => Ok(Some(line)),
                false => Err("one request, one line, nothing behind it".to_owned()),
            };
        }
        line.extend_from_slice(&buffer[..n]);
        if line.len() >= LONGEST_LINE {
            return Err(format!("a request has at most {LONGEST_LINE} bytes"));
        }
    }
}

fn parse(line: &[u8]) -> Result<Request, String> {
    let value: serde_json::Value = serde_json::from_slice(line).map_err(|e| {
        format!("the request is not JSON: {e}; such as {{\"v\":1,\"command\":\"status\"}}")
    })?;
    // Before the fields: those of another version may differ.
    match value.get("v").and_then(serde_json::Value::as_u64) {
        Some(v) if v == u64::from(VERSION) => {}
        Some(v) => {
            return Err(format!(
                "the request is of version {v}, this daemon speaks version {VERSION}: \
                 command and daemon are of different releases"
            ));
        }
        None => return Err("the request has no version: \"v\":1".to_owned()),
    }
    serde_json::from_value(value).map_err(|e| format!("the request is wrong: {e}"))
}

/// Writes the error if it fits into the socket's buffer, which it does unless the client never reads.
fn refuse(stream: UnixStream, code: ExitCode, message: String) {
    let line = Reply::Error {
        code: code.number(),
        message,
    }
    .line();
    let _ = stream.try_write(line.as_bytes());
    if let Ok(stream) = stream.into_std() {
        let _ = stream.shutdown(std::net::Shutdown::Write);
        // What the client still sends is taken away, or closing would discard our answer before it is read.
        let mut rest = [0; 4096];
        use std::io::Read;
        for _ in 0..64 {
            match (&stream).read(&mut rest) {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
    }
}
