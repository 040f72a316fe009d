//! Tasks that are ready, timers that are due, and who comes next.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::place::{Node, Order, Place};

pub(in crate::rt) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Slot {
    generation: u32,
    place: Place,
    /// `None` also while it is polled.
    task: Option<Task>,
    /// `None`: the slot is free.
    wake: Option<Arc<Ready>>,
}

/// What became ready, in that order: where, which task.
type Queue = Arc<Mutex<Vec<(Place, u64)>>>;

struct Ready {
    task: u64,
    place: Place,
    queued: AtomicBool,
    queue: Queue,
}

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.push((self.place, self.task));
        }
    }
}

/// What a timer does.
pub(super) enum What {
    Wake(Waker),
    Call(Box<dyn FnOnce()>),
    /// A lane is not busy any more.
    Free,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clocks {
    /// Boot time is the world's time and this.
    pub boot_offset: u64,
    /// Parts per million by which boot time runs fast.
    pub drift_ppm: i64,
    /// How long it was suspended.
    pub suspended: u64,
    /// Wall clock steps, summed up.
    pub stepped: i64,
}

pub(super) struct Inner {
    pub now: Cell<u64>,
    pub place: Cell<Place>,
    pub order: Order,
    dice: Cell<u64>,
    /// How often each dice was thrown.
    pub counts: RefCell<BTreeMap<(u32, u64), u64>>,
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<usize>>,
    queue: Queue,
    timers: RefCell<BTreeMap<(u64, u64), (Node, What)>>,
    timer_at: RefCell<BTreeMap<u64, u64>>,
    sequence: Cell<u64>,
    pub busy: RefCell<BTreeMap<Place, u64>>,
    pub clocks: RefCell<BTreeMap<Node, Clocks>>,
    /// The machine whose tasks are being killed: it starts none.
    pub dying: Cell<Option<Node>>,
    pub trace: Cell<u64>,
    pub polls: Cell<u64>,
    pub panics: RefCell<Vec<(u64, Node, String)>>,
}

pub(super) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

fn key(slot: usize, generation: u32) -> u64 {
    ((slot as u64) << 32) | u64::from(generation)
}

impl Inner {
    pub fn new(order: Order) -> Self {
        Inner {
            now: Cell::new(3_600_000_000),
            place: Cell::default(),
            order,
            dice: Cell::new(mix(order.seed())),
            counts: RefCell::default(),
            slots: RefCell::default(),
            free: RefCell::default(),
            queue: Queue::default(),
            timers: RefCell::default(),
            timer_at: RefCell::default(),
            sequence: Cell::new(0),
            busy: RefCell::default(),
            clocks: RefCell::default(),
            dying: Cell::new(None),
            trace: Cell::new(0xcbf2_9ce4_8422_2325),
            polls: Cell::new(0),
            panics: RefCell::default(),
        }
    }

    /// The time of the lane that runs: the world's, or later where it has blocked.
    pub fn local(&self) -> u64 {
        let busy = self.busy.borrow().get(&self.place.get()).copied();
        self.now.get().max(busy.unwrap_or(0))
    }

    pub fn clocks_of(&self, node: Node) -> Clocks {
        self.clocks.borrow().get(&node).copied().unwrap_or_default()
    }

    pub fn timer(&self, at: u64, node: Node, what: What) -> u64 {
        let id = self.sequence.get() + 1;
        self.sequence.set(id);
        self.timers.borrow_mut().insert((at, id), (node, what));
        self.timer_at.borrow_mut().insert(id, at);
        id
    }

    /// False if that timer has fired.
    pub fn rearm(&self, id: u64, waker: &Waker) -> bool {
        let Some(at) = self.timer_at.borrow().get(&id).copied() else {
            return false;
        };
        if let Some((_, What::Wake(w))) = self.timers.borrow_mut().get_mut(&(at, id)) {
            w.clone_from(waker);
        }
        true
    }

    pub fn disarm(&self, id: u64) -> Option<(Node, What)> {
        let at = self.timer_at.borrow_mut().remove(&id)?;
        self.timers.borrow_mut().remove(&(at, id))
    }

    /// The machine's sleeps end so much later.
    pub fn postpone(&self, node: Node, us: u64) {
        let mut timers = self.timers.borrow_mut();
        let sleeps = timers
            .iter()
            .filter(|(_, (n, what))| *n == node && matches!(what, What::Wake(_)));
        let sleeps: Vec<(u64, u64)> = sleeps.map(|(key, _)| *key).collect();
        for (at, id) in sleeps {
            if let Some(what) = timers.remove(&(at, id)) {
                let later = at.saturating_add(us);
                timers.insert((later, id), what);
                self.timer_at.borrow_mut().insert(id, later);
            }
        }
    }

    pub fn tasks(&self, node: Node) -> usize {
        let slots = self.slots.borrow();
        let of_node = |s: &&Slot| s.place.node == node && s.wake.is_some();
        slots.iter().filter(of_node).count()
    }

    pub fn start(&self, place: Place, task: Task) -> u64 {
        if self.dying.get() == Some(place.node) {
            return u64::MAX;
        }
        let mut slots = self.slots.borrow_mut();
        let i = self.free.borrow_mut().pop().unwrap_or_else(|| {
            slots.push(Slot {
                generation: 0,
                place,
                task: None,
                wake: None,
            });
            slots.len() - 1
        });
        let slot = &mut slots[i];
        slot.generation += 1;
        slot.place = place;
        slot.task = Some(task);
        let key = key(i, slot.generation);
        let wake = Arc::new(Ready {
            task: key,
            place,
            queued: AtomicBool::new(false),
            queue: self.queue.clone(),
        });
        wake.wake_by_ref();
        slot.wake = Some(wake);
        key
    }

    /// Frees the task's slot. One that is being polled ends with that poll.
    pub fn take_task(&self, key: u64) -> Option<Task> {
        let i = (key >> 32) as usize;
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get_mut(i)?;
        if slot.generation != key as u32 || slot.wake.take().is_none() {
            return None;
        }
        slot.generation += 1;
        self.free.borrow_mut().push(i);
        slot.task.take()
    }

    /// All tasks of a machine.
    pub fn take_all(&self, node: Node) -> Vec<Task> {
        let keys: Vec<u64> = {
            let slots = self.slots.borrow();
            let all = slots.iter().enumerate();
            all.filter(|(_, s)| s.place.node == node && s.wake.is_some())
                .map(|(i, s)| key(i, s.generation))
                .collect()
        };
        keys.iter().filter_map(|k| self.take_task(*k)).collect()
    }

    /// The next ready task whose lane is not busy.
    fn next_ready(&self) -> Option<u64> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let (busy, now) = (self.busy.borrow(), self.now.get());
        let idle = |place: &Place| busy.get(place).is_none_or(|until| *until <= now);
        let mut ready = queue.iter().enumerate().filter(|(_, (p, _))| idle(p));
        let at = match self.order {
            Order::Fifo => ready.next()?.0,
            Order::Dice(_) => {
                let all: Vec<usize> = ready.map(|(i, _)| i).collect();
                if all.is_empty() {
                    return None;
                }
                let x = mix(self.dice.get());
                self.dice.set(x);
                all[(x % all.len() as u64) as usize]
            }
        };
        Some(queue.remove(at).1)
    }

    /// Polls one task; false if none can be.
    pub fn poll_one(&self) -> bool {
        let Some(key) = self.next_ready() else {
            return false;
        };
        let i = (key >> 32) as usize;
        let taken = {
            let mut slots = self.slots.borrow_mut();
            let slot = &mut slots[i];
            let wake = slot.wake.clone().filter(|_| slot.generation == key as u32);
            wake.and_then(|wake| Some((slot.task.take()?, wake, slot.place)))
        };
        let Some((task, wake, place)) = taken else {
            return true;
        };
        wake.queued.store(false, Ordering::Relaxed);
        self.polls.set(self.polls.get() + 1);
        let hash = (self.trace.get() ^ key ^ self.now.get()).wrapping_mul(0x100_0000_01b3);
        self.trace.set(hash);
        let before = self.place.replace(place);
        if let Some(task) = self.poll_task(task, &Waker::from(wake)) {
            let killed = self.put_back(key, task);
            drop(killed);
        } else {
            self.take_task(key);
        }
        if let Some(until) = self.busy.borrow().get(&place).copied()
            && until > self.now.get()
        {
            self.timer(until, Node(0), What::Free);
        }
        self.place.set(before);
        true
    }

    /// The task, if it goes on.
    fn poll_task(&self, mut task: Task, waker: &Waker) -> Option<Task> {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            task.as_mut().poll(&mut Context::from_waker(waker))
        }));
        match polled {
            Ok(Poll::Pending) => Some(task),
            Ok(Poll::Ready(())) => None,
            Err(panic) => {
                let words = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
                let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
                let told = (
                    self.now.get(),
                    self.place.get().node,
                    words.unwrap_or_default(),
                );
                self.panics.borrow_mut().push(told);
                None
            }
        }
    }

    /// Back into its slot; or back to the caller, if it was aborted or killed while it was polled.
    fn put_back(&self, key: u64, task: Task) -> Option<Task> {
        let mut slots = self.slots.borrow_mut();
        let slot = &mut slots[(key >> 32) as usize];
        if slot.generation != key as u32 {
            return Some(task);
        }
        slot.task = Some(task);
        None
    }

    /// Fires the next timer that is due by `until`.
    pub fn fire(&self, until: u64) -> bool {
        let first = self.timers.borrow().keys().next().copied();
        let Some((at, id)) = first.filter(|(at, _)| *at <= until) else {
            return false;
        };
        self.now.set(self.now.get().max(at));
        match self.disarm(id) {
            Some((_, What::Wake(waker))) => waker.wake(),
            Some((_, What::Call(call))) => call(),
            Some((_, What::Free)) | None => {}
        }
        true
    }

    /// Drops all tasks and timers.
    pub fn clear(&self) {
        self.free.borrow_mut().clear();
        let slots = std::mem::take(&mut *self.slots.borrow_mut());
        drop(slots);
        let timers = std::mem::take(&mut *self.timers.borrow_mut());
        drop(timers);
    }
}
