//! Verification's own thread: captures what the cameras do and tells the loop who is back.
//!
//! It begins before the claim, so that not one SYN is missed, and ends when every camera is back, when the VIP is
//! given up, or when nobody waits any more.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::hub::{Input, Tx};
use crate::host::{CaptureEnd, Wire};
use crate::net::capture::{CaptureError, Frame};
use crate::rt::{self, Instant};
use crate::takeover::event::{Event, Outcome};
use crate::types::{IfIndex, MacAddr, Vip};
use crate::verify::{Direction, Inventory, Rung, Source, Tracker};

/// The capture is looked at this often at the least.
const READ: Duration = Duration::from_millis(50);
/// Frames taken in one go.
const BATCH: usize = 256;
/// A summary is sent to the loop at most this often while nothing ends.
const TELL: Duration = Duration::from_millis(250);
/// Missing cameras are waited for this long after a verdict; then a new takeover or `standin verify` looks again.
const LATECOMERS: Duration = Duration::from_secs(900);

/// What is watched.
#[derive(Clone)]
pub struct Watched {
    /// Index of the peer.
    pub peer: usize,
    /// Kernel index of the interface.
    pub interface: IfIndex,
    /// Our MAC address there.
    pub own_mac: MacAddr,
    /// The VIP.
    pub vip: Vip,
    /// TCP port of the service.
    pub port: u16,
    /// The cameras.
    pub inventory: Arc<Inventory>,
}

/// A running capture.
pub struct Watch {
    shared: Arc<Shared>,
    on: (u32, MacAddr),
}

struct Shared {
    stop: AtomicBool,
    over: AtomicBool,
    /// The capture ended, or never began, by an error.
    failed: AtomicBool,
    all_back: Notify,
    tracker: Mutex<Tracker>,
}

impl Shared {
    fn tracker(&self) -> std::sync::MutexGuard<'_, Tracker> {
        self.tracker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Opens the capture and starts its thread.
    ///
    /// # Errors
    ///
    /// The capture cannot be opened, or there is no thread to be had.
    pub fn begin(watched: Watched, wire: &dyn Wire, tx: Tx) -> Result<Watch, String> {
        let capture = wire
            .capture(watched.interface, watched.vip.addr, watched.port)
            .map_err(|e| e.to_string())?;
        let watch = Watch::blind(&watched);
        let theirs = watch.shared.clone();
        theirs.failed.store(false, Ordering::Relaxed);
        theirs.over.store(false, Ordering::Relaxed);
        let work = async move {
            if let Err(e) = follow(capture, &watched, &theirs, &tx).await {
                tracing::error!(error = %e, "verification stopped");
                theirs.failed.store(true, Ordering::Relaxed);
            }
            theirs.over.store(true, Ordering::Relaxed);
        };
        rt::start_thread("verify", rt::sim::Thread::Verify, work)
            .map_err(|e| format!("cannot start the verification thread: {e}"))?;
        Ok(watch)
    }

    /// What stands for a capture that could not be opened: it sees nothing, and is to be begun again.
    pub fn blind(watched: &Watched) -> Watch {
        let tracker = Tracker::new(
            &watched.inventory,
            watched.vip,
            watched.port,
            Some(watched.own_mac),
        );
        Watch {
            shared: Arc::new(Shared {
                stop: AtomicBool::new(false),
                over: AtomicBool::new(true),
                failed: AtomicBool::new(true),
                all_back: Notify::new(),
                tracker: Mutex::new(tracker),
            }),
            on: (watched.interface.0, watched.own_mac),
        }
    }

    /// True if the capture ended, or never began, by an error: it has to be begun again.
    pub fn failed(&self) -> bool {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// True as long as it captures.
    pub fn runs(&self) -> bool {
        !self.shared.over.load(Ordering::Relaxed)
    }

    /// Index and MAC address of the interface on which it captures, as they were when it began.
    pub fn on(&self) -> (u32, MacAddr) {
        self.on
    }

    /// The gate dropped SYNs from `from` (microseconds since the epoch) to `to`, or still does.
    pub fn gate_closed(&self, from: u64, to: Option<u64>) {
        self.shared.tracker().gate_closed(from, to);
    }

    /// Takes over what the journal or the kernel knows of a camera (by its place in the inventory).
    pub fn adopt(&self, camera: usize, source: Source) {
        self.shared
            .tracker()
            .adopt(camera, Rung::Media, rt::wall_us(), source);
    }

    /// True as long as cameras are waited for.
    pub fn waiting(&self) -> impl Fn() -> bool + Send + 'static {
        let shared = Arc::downgrade(&self.shared);
        move || {
            shared
                .upgrade()
                .is_some_and(|s| !s.stop.load(Ordering::Relaxed) && !s.tracker().verified())
        }
    }

    /// What is known now.
    pub fn summary(&self) -> Value {
        json!(self.shared.tracker().summary())
    }

    /// Waits until every camera is back, at most `within`.
    pub fn all_back(&self, within: Duration) -> impl Future<Output = Outcome> + Send + 'static {
        let shared = self.shared.clone();
        async move {
            let verified = async {
                loop {
                    let told = shared.all_back.notified();
                    if shared.tracker().verified() {
                        return;
                    }
                    told.await;
                }
            };
            match rt::timeout(within, verified).await {
                Ok(()) => Outcome::Done("every camera's media was seen".to_owned()),
                Err(_) => {
                    let summary = shared.tracker().summary();
                    let missing = summary.missing.join(", ");
                    Outcome::Failed(format!(
                        "{} of {} cameras are back; missing: {missing}",
                        summary.back, summary.expected
                    ))
                }
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

async fn follow(
    mut capture: Box<dyn CaptureEnd>,
    watched: &Watched,
    shared: &Shared,
    tx: &Tx,
) -> Result<(), CaptureError> {
    let began = Instant::now();
    let (mut told, mut told_back, mut excluded) = (Instant::now(), usize::MAX, Vec::new());
    loop {
        if shared.stop.load(Ordering::Relaxed) || began.elapsed() > LATECOMERS {
            return Ok(());
        }
        let mut changes = 0;
        // The lock is taken for each frame, not for the wait before the first.
        let mut each = |f: Frame<'_>| {
            let direction = if f.outgoing {
                Direction::Out
            } else {
                Direction::In
            };
            let mut tracker = shared.tracker();
            changes += tracker
                .observe(f.real_us, f.bytes, f.original_len, direction)
                .len();
        };
        capture.read(READ, BATCH, &mut each).await?;
        let (verified, back, finished) = {
            let mut tracker = shared.tracker();
            changes += tracker.tick(rt::wall_us()).len();
            let finished = tracker.finished_addresses();
            (tracker.verified(), tracker.back(), finished)
        };
        // A camera that dials again, or is refused after all, comes back into the filter.
        if finished != excluded {
            capture.exclude(&finished)?;
            excluded = finished;
        }
        let due = told.elapsed() >= TELL || verified;
        if due && (changes > 0 || told_back != back || verified) {
            told = Instant::now();
            told_back = back;
            tell(watched.peer, shared, &mut *capture, tx)?;
        }
        if verified {
            shared.all_back.notify_waiters();
            return Ok(());
        }
    }
}

fn tell(
    peer: usize,
    shared: &Shared,
    capture: &mut dyn CaptureEnd,
    tx: &Tx,
) -> Result<(), CaptureError> {
    let drops = capture.drops()?;
    let summary = shared.tracker().summary();
    let (expected, back) = (summary.expected as u32, summary.back as u32);
    let mut value = json!(summary);
    value["capture_drops"] = json!(drops);
    // The loop may be gone at the end of the daemon.
    let _ = tx.send(Input::Cameras(peer, value));
    let _ = tx.send(Input::Event(peer, Event::Cameras { expected, back }));
    Ok(())
}

/// The cameras of `inventory` whose connections the kernel shows as established and fed, by their place.
///
/// A connection whose handshake the server has answered (3073 bytes acknowledged: S0, S1, S2) and that has brought
/// more than the client's half of it is a camera that came back while nobody was watching. An address with several
/// streams counts only when it has a connection for each of them.
pub fn adoptable(inventory: &Inventory, fed: &[Ipv4Addr]) -> Vec<usize> {
    let cameras = inventory.cameras();
    (0..cameras.len())
        .filter(|i| {
            let address = cameras[*i].address;
            let streams = cameras.iter().filter(|c| c.address == address).count();
            fed.iter().filter(|a| **a == address).count() >= streams
        })
        .collect()
}
