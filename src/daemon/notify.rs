//! What systemd is told (sd_notify(3)). Without systemd all of it does nothing.
//!
//! The watchdog is fed by the loop itself: a timer of its own would go on feeding it while the loop hangs.

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
    if let Err(e) = sd_notify::notify(states) {
        tracing::debug!("cannot notify systemd: {e}");
    }
}
