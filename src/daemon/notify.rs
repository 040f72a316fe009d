//! What systemd is told (sd_notify(3)). Without systemd all of it does nothing.
//!
//! The watchdog is fed by the loop itself: a timer of its own would go on feeding it while the loop hangs. The loop does
//! not wait for systemd either: a message that does not fit into its socket is dropped, and the next one comes a second
//! later. (The `sd-notify` crate sends on a blocking socket.)

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

/// The daemon is ready: the loop runs and every peer has its first state.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The loop is alive: feeds the watchdog and sets the line that `systemctl status` shows.
pub fn alive(status: &str) {
    send(&[NotifyState::Watchdog, NotifyState::Status(status)]);
}

/// The configuration is read again; [`ready`] says when that is done.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        // Without the time systemd would call the reload failed and end us; better not to say anything.
        Err(e) => tracing::debug!("cannot tell systemd that the configuration is read again: {e}"),
    }
}

/// The daemon is stopping.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// How often [`alive`] must be called: half of systemd's WatchdogSec; `None` where nobody watches.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

fn send(states: &[NotifyState<'_>]) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let text: String = states.iter().map(|s| format!("{s}\n")).collect();
    if let Err(e) = send_at_once(path.as_bytes(), &text) {
        tracing::debug!("cannot notify systemd: {e}");
    }
}

fn send_at_once(path: &[u8], text: &str) -> std::io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    let to = match path.split_first() {
        // An abstract name (unix(7)).
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path))?,
    };
    socket.send_to_addr(text.as_bytes(), &to).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_systemd_that_does_not_read_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let theirs = UnixDatagram::bind(&path).unwrap();
        let began = std::time::Instant::now();
        let mut refused = None;
        for _ in 0..10_000 {
            if let Err(e) = send_at_once(path.as_os_str().as_bytes(), "WATCHDOG=1\n") {
                refused = Some(e.kind());
                break;
            }
        }
        assert_eq!(refused, Some(std::io::ErrorKind::WouldBlock));
        assert!(began.elapsed() < Duration::from_secs(5));
        let mut text = [0; 64];
        let n = theirs.recv(&mut text).unwrap();
        assert_eq!(&text[..n], b"WATCHDOG=1\n");
    }
}
