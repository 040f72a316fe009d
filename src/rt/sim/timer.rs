//! The future that waits in virtual time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::ambient::with;
use super::executor::What;

/// Is ready at its time, by the monotonic clock of the machine that waits.
#[derive(Debug)]
pub struct Timer {
    at: u64,
    armed: Option<u64>,
}

impl Timer {
    pub(in crate::rt) fn new(at: u64) -> Self {
        Timer { at, armed: None }
    }
}

impl Future for Timer {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        with(|s| {
            let node = s.place.get().node;
            let world = self.at.saturating_add(s.clocks_of(node).suspended);
            if s.local() >= world {
                return Poll::Ready(());
            }
            match self.armed {
                Some(id) if s.rearm(id, cx.waker()) => {}
                Some(_) | None => {
                    self.armed = Some(s.timer(world, node, What::Wake(cx.waker().clone())));
                }
            }
            Poll::Pending
        })
        // The simulation is gone: whoever waits is about to be dropped.
        .unwrap_or(Poll::Pending)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(id) = self.armed {
            drop(with(|s| s.disarm(id)));
        }
    }
}
