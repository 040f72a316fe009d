//! What code that runs in a simulation asks of it, without a handle.

use std::cell::RefCell;
use std::rc::Rc;

use super::Place;
use super::executor::{Inner, Task, mix};

thread_local! { static SIM: RefCell<Option<Rc<Inner>>> = const { RefCell::new(None) }; }

/// `None` on a thread without a simulation, also while such a thread ends.
pub(super) fn with<R>(f: impl FnOnce(&Inner) -> R) -> Option<R> {
    let inner = SIM.try_with(|s| s.try_borrow().ok().and_then(|s| s.clone()));
    Some(f(&*inner.ok()??))
}

pub(super) fn begin(inner: Rc<Inner>) {
    SIM.with(|s| {
        let earlier = s.borrow_mut().replace(inner);
        assert!(earlier.is_none(), "this thread has a simulation already");
    });
}

pub(super) fn end() {
    let last = SIM.with(|s| s.borrow_mut().take());
    drop(last);
}

/// True on a thread that has a simulation.
pub fn running() -> bool {
    SIM.try_with(|s| s.try_borrow().is_ok_and(|s| s.is_some()))
        .unwrap_or(false)
}

/// Where the code that asks is.
pub fn place() -> Option<Place> {
    with(|s| s.place.get())
}

/// Back where it was when this is dropped.
#[derive(Debug)]
pub(in crate::rt) struct Entered(Option<Place>);

pub(in crate::rt) fn enter(place: Place) -> Entered {
    Entered(with(|s| s.place.replace(place)))
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            with(|s| s.place.set(before));
        }
    }
}

/// The calling lane is busy for so many microseconds: what follows in this poll happens later, and so does all else on it.
pub fn block(us: u64) {
    with(|s| {
        let place = s.place.get();
        let until = s.local().saturating_add(us);
        s.busy.borrow_mut().insert(place, until);
    });
}

/// A number below `below` that depends on the seed, `purpose`, `thing` and how often that was asked, and on nothing else.
pub fn dice(purpose: u32, thing: u64, below: u64) -> u64 {
    with(|s| {
        let mut counts = s.counts.borrow_mut();
        let n = counts.entry((purpose, thing)).or_default();
        *n += 1;
        let seed = s.order.seed();
        mix(seed ^ mix((u64::from(purpose) << 32) ^ mix(thing ^ mix(*n)))) % below.max(1)
    })
    .unwrap_or(0)
}

pub(in crate::rt) fn mono_us() -> Option<u64> {
    with(|s| {
        let lost = s.clocks_of(s.place.get().node).suspended;
        s.local().saturating_sub(lost)
    })
}

pub(in crate::rt) fn boot_us() -> Option<u64> {
    with(|s| {
        let c = s.clocks_of(s.place.get().node);
        let now = s.local();
        let drift = (i128::from(now) * i128::from(c.drift_ppm) / 1_000_000) as i64;
        c.boot_offset
            .saturating_add(now)
            .saturating_add_signed(drift)
    })
}

pub(in crate::rt) fn wall_us() -> Option<u64> {
    const BEGIN: u64 = 1_767_225_600_000_000; // 2026-01-01
    with(|s| {
        let stepped = s.clocks_of(s.place.get().node).stepped;
        (BEGIN + s.local()).saturating_add_signed(stepped)
    })
}

pub(in crate::rt) fn random() -> Option<u64> {
    let node = place()?.node;
    Some(dice(u32::MAX, u64::from(node.0), u64::MAX))
}

pub(in crate::rt) fn start(place: Place, task: Task) -> u64 {
    // Without a simulation the task is dropped, and whoever waits for it learns that it is gone.
    with(|s| s.start(place, task)).unwrap_or(u64::MAX)
}

pub(in crate::rt) fn abort(task: u64) {
    let gone = with(|s| s.take_task(task));
    drop(gone);
}
