//! Connecting to a switch: the host's key checked, then authentication. Every wait has a deadline.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::client::{self, Handle, Msg};
use russh::keys::{Algorithm, PublicKey};
use russh::{Channel, Disconnect, SshId};
use tokio::net::{TcpSocket, TcpStream};

use super::auth::authenticate;
use super::error::{CliError, unreachable};
use super::host_check::{Check, Guard};
use super::known_hosts;
use super::known_hosts::{HostKeyError, ShownKey};
use super::target::{Legacy, SshTarget};
use crate::rt::{self, timeout};
use crate::switch::profile::ssh::rules::CliRules;

/// An authenticated connection.
pub struct Session {
    pub(super) handle: Handle<Guard>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("closed", &self.handle.is_closed())
            .finish()
    }
}

impl Session {
    /// Connects and logs in.
    ///
    /// # Errors
    ///
    /// The switch cannot be reached, is not the one that is known, has no algorithm in common with us, or does not let
    /// us in.
    pub async fn open(target: &SshTarget, rules: &CliRules) -> Result<Session, CliError> {
        let (file, switch) = (target.known_hosts.clone(), target.name.clone());
        let (host, port) = (target.host(), target.address.port());
        let known = known_hosts::known_types(&file, &host, port);
        let check = move |key: &PublicKey| known_hosts::check(&file, &switch, &host, port, key);
        let mut handle = connect(target, &known, Box::new(check)).await?;
        authenticate(&mut handle, target, rules).await?;
        Ok(Session { handle })
    }

    /// True if the connection is known to be gone.
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Opens a channel for a shell or a command.
    pub(super) async fn channel(&self, target: &SshTarget) -> Result<Channel<Msg>, CliError> {
        let opened = timeout(target.timeout, self.handle.channel_open_session()).await;
        let why = match opened {
            Ok(Ok(channel)) => return Ok(channel),
            Ok(Err(e)) => format!("it opens no channel ({e}); perhaps too many are logged in"),
            Err(_) => format!("it opened no channel within {:?}", target.timeout),
        };
        Err(unreachable(target, why))
    }

    /// Says goodbye; the connection is gone either way.
    pub async fn close(self) {
        let bye = self.handle.disconnect(Disconnect::ByApplication, "", "");
        if !matches!(timeout(Duration::from_millis(200), bye).await, Ok(Ok(()))) {
            tracing::debug!("the connection was gone before it was closed");
        }
    }
}

async fn dial(target: &SshTarget) -> std::io::Result<TcpStream> {
    let socket = match target.address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(local) = target.local {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    let stream = socket.connect(target.address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What a server says instead of its identification, or before it (RFC 4253, 4.2): "too many sessions" and the like.
/// Nothing is taken out of the stream.
async fn said_before_id(stream: &TcpStream) -> Option<String> {
    let mut buffer = [0; 512];
    let mut seen = 0;
    let wait = async {
        loop {
            match stream.peek(&mut buffer).await {
                Ok(n) if n > 0 && !buffer.starts_with(b"SSH-") => {
                    let more = n > seen;
                    seen = n;
                    if !more || n == buffer.len() {
                        return;
                    }
                }
                Ok(_) | Err(_) => return,
            }
            // What follows in a moment belongs to it.
            rt::sleep(Duration::from_millis(50)).await;
        }
    };
    // Who waits for our identification first says nothing.
    let _ = timeout(Duration::from_millis(500), wait).await;
    let text = String::from_utf8_lossy(buffer.get(..seen)?);
    let lines = text.lines().take_while(|l| !l.starts_with("SSH-"));
    let words: Vec<&str> = lines.map(str::trim).filter(|l| !l.is_empty()).collect();
    (!words.is_empty()).then(|| words.join(" / "))
}

fn config(target: &SshTarget, known: &[Algorithm]) -> Result<client::Config, russh::Error> {
    Ok(client::Config {
        client_id: SshId::Standard("SSH-2.0-standin".into()),
        preferred: target.legacy.preferred(known),
        // The library takes no group below 2048 bits; what it asks for by default, 8192, keeps an old switch busy for
        // seconds.
        gex: client::GexParams::new(2048, if target.legacy.kex { 2048 } else { 3072 }, 8192)?,
        nodelay: true,
        keepalive_interval: Some(Duration::from_secs(5)),
        keepalive_max: 2,
        ..client::Config::default()
    })
}

async fn connect(
    target: &SshTarget,
    known: &[Algorithm],
    check: Check,
) -> Result<Handle<Guard>, CliError> {
    let stream = match timeout(target.timeout, dial(target)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(e)) => return Err(unreachable(target, e.to_string())),
        Err(_) => {
            let why = format!("no answer within {:?}", target.timeout);
            return Err(unreachable(target, why));
        }
    };
    let said = said_before_id(&stream).await;
    let said = said.map_or(String::new(), |t| format!("; it says: {}", target.mask(&t)));
    let config = config(target, known).map_err(|e| unreachable(target, e.to_string()))?;
    let verdict = Arc::new(Mutex::new(None));
    let guard = Guard {
        check,
        verdict: verdict.clone(),
    };
    let shaken = timeout(
        target.timeout,
        client::connect_stream(Arc::new(config), stream, guard),
    )
    .await;
    let judged = verdict.lock().ok().and_then(|mut v| v.take());
    if let Some(problem) = judged {
        return Err(CliError::HostKey {
            switch: target.name.clone(),
            problem,
        });
    }
    match shaken {
        Ok(Ok(handle)) => Ok(handle),
        Ok(Err(russh::Error::NoCommonAlgo { kind, theirs, .. })) => {
            let (what, help) = Legacy::help(&kind, &theirs);
            Err(CliError::NoCommonAlgorithm {
                switch: target.name.clone(),
                what,
                theirs: theirs.join(", "),
                help,
            })
        }
        Ok(Err(e)) => Err(unreachable(
            target,
            format!("it accepts the connection, but the SSH handshake fails: {e}{said}"),
        )),
        Err(_) => Err(unreachable(
            target,
            format!(
                "it accepts the connection, but the SSH handshake did not end within {:?}{said}",
                target.timeout
            ),
        )),
    }
}

/// The key that a host shows, whoever it is: nothing is sent to it.
///
/// # Errors
///
/// It cannot be reached, or has no algorithm in common with us.
pub async fn fetch(target: &SshTarget) -> Result<ShownKey, CliError> {
    let seen = Arc::new(Mutex::new(None));
    let keep = seen.clone();
    let file = target.known_hosts.clone();
    let look = move |key: &PublicKey| {
        if let Ok(mut seen) = keep.lock() {
            *seen = Some(ShownKey { key: key.clone() });
        }
        // Refused in any case: it is only looked at.
        Err(HostKeyError::File {
            file: file.clone(),
            why: "the key was only looked at".into(),
        })
    };
    let refused = connect(target, &[], Box::new(look)).await;
    let key = seen.lock().ok().and_then(|mut s| s.take());
    match (key, refused) {
        (Some(key), _) => Ok(key),
        (None, Err(e)) => Err(e),
        (None, Ok(_)) => Err(unreachable(target, "it showed no key")),
    }
}
