//! A simulation: machines ([`Node`]) with clocks of their own, lanes, tasks and timers on one thread and in virtual
//! microseconds.
//!
//! A lane is busy while somebody blocks on it ([`block`]) or stalls it ([`Sim::stall`]): its tasks are not polled before
//! that is over, and the rest of a poll that blocked sees the later time. The order of what is ready at one moment is
//! strict ([`Order::Fifo`]) or by dice ([`Order::Dice`]); the same seed gives the same run, which [`Sim::trace`] tells.
//! A panic in a task ends the task, as tokio has it, and is noted.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// A simulated machine. Zero is the world itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node(pub u32);

/// The threads of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thread {
    /// The loop, heartbeats, probes, netlink.
    #[default]
    Fast,
    /// SNMP, SSH, child processes, the control socket.
    Slow,
    /// The journal's writer.
    Journal,
    /// Capture and verification.
    Verify,
}

/// A thread of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The machine.
    pub node: Node,
    /// Its thread.
    pub thread: Thread,
}

/// Which of several ready tasks goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The one that became ready first.
    Fifo,
    /// By dice with this seed.
    Dice(u64),
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Slot {
    generation: u32,
    place: Place,
    task: Option<Task>,
    wake: Option<Arc<Ready>>,
}

/// What became ready: when in the order of becoming ready, where, which task.
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

enum What {
    Wake(Waker),
    Call(Box<dyn FnOnce()>),
    /// A lane is not busy any more.
    Free,
}

#[derive(Clone, Copy, Debug, Default)]
struct Clocks {
    /// Boot time is the world's time and this.
    boot_offset: u64,
    /// Parts per million by which boot time runs fast.
    drift_ppm: i64,
    /// How long it was suspended.
    suspended: u64,
    /// Wall clock steps, summed up.
    stepped: i64,
}

struct Inner {
    now: Cell<u64>,
    place: Cell<Place>,
    order: Order,
    dice: Cell<u64>,
    counts: RefCell<BTreeMap<(u32, u64), u64>>,
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<usize>>,
    queue: Queue,
    timers: RefCell<BTreeMap<(u64, u64), (Node, What)>>,
    timer_at: RefCell<BTreeMap<u64, u64>>,
    sequence: Cell<u64>,
    busy: RefCell<BTreeMap<Place, u64>>,
    clocks: RefCell<BTreeMap<Node, Clocks>>,
    trace: Cell<u64>,
    polls: Cell<u64>,
    panics: RefCell<Vec<(u64, Node, String)>>,
}

thread_local! { static SIM: RefCell<Option<Rc<Inner>>> = const { RefCell::new(None) }; }

fn with<R>(f: impl FnOnce(&Inner) -> R) -> Option<R> {
    let inner = SIM.with(|s| s.try_borrow().ok().and_then(|s| s.clone()))?;
    Some(f(&inner))
}

/// True on a thread that has a simulation.
pub fn running() -> bool {
    SIM.with(|s| s.try_borrow().is_ok_and(|s| s.is_some()))
}

/// Where the code that asks is.
pub fn place() -> Option<Place> {
    with(|s| s.place.get())
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
        let seed = match s.order {
            Order::Fifo => 0,
            Order::Dice(seed) => seed,
        };
        mix(seed ^ mix(u64::from(purpose) << 32 ^ mix(thing ^ mix(*n)))) % below.max(1)
    })
    .unwrap_or(0)
}

fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

pub(super) fn mono_us() -> Option<u64> {
    with(|s| {
        let lost = s.clocks_of(s.place.get().node).suspended;
        s.local().saturating_sub(lost)
    })
}

pub(super) fn boot_us() -> Option<u64> {
    with(|s| {
        let c = s.clocks_of(s.place.get().node);
        let now = s.local();
        let drift = (now as i128 * i128::from(c.drift_ppm) / 1_000_000) as i64;
        c.boot_offset
            .saturating_add(now)
            .saturating_add_signed(drift)
    })
}

pub(super) fn wall_us() -> Option<u64> {
    const BEGIN: u64 = 1_767_225_600_000_000; // 2026-01-01
    with(|s| {
        let stepped = s.clocks_of(s.place.get().node).stepped;
        (BEGIN + s.local()).saturating_add_signed(stepped)
    })
}

pub(super) fn random() -> Option<u64> {
    let node = place()?.node;
    Some(dice(u32::MAX, u64::from(node.0), u64::MAX))
}

pub(super) fn start(place: Place, task: Task) -> u64 {
    with(|s| s.start(place, task)).unwrap_or(u64::MAX)
}

pub(super) fn abort(task: u64) {
    let gone = with(|s| s.take_task(task));
    drop(gone);
}

pub(super) fn poll_sleep(at: u64, timer: &mut Option<u64>, cx: &mut Context<'_>) -> Poll<()> {
    with(|s| {
        let node = s.place.get().node;
        let world = at.saturating_add(s.clocks_of(node).suspended);
        if s.local() >= world {
            return Poll::Ready(());
        }
        match *timer {
            Some(id) if s.rearm(id, cx.waker()) => {}
            Some(_) | None => {
                *timer = Some(s.timer(world, node, What::Wake(cx.waker().clone())));
            }
        }
        Poll::Pending
    })
    // The simulation is gone: whoever waits is about to be dropped.
    .unwrap_or(Poll::Pending)
}

pub(super) fn drop_timer(id: u64) {
    let gone = with(|s| {
        let at = s.timer_at.borrow_mut().remove(&id)?;
        s.timers.borrow_mut().remove(&(at, id))
    });
    drop(gone);
}

impl Inner {
    /// The time of the lane that runs: the world's, or later where it has blocked.
    fn local(&self) -> u64 {
        let busy = self.busy.borrow().get(&self.place.get()).copied();
        self.now.get().max(busy.unwrap_or(0))
    }

    fn clocks_of(&self, node: Node) -> Clocks {
        self.clocks.borrow().get(&node).copied().unwrap_or_default()
    }

    fn timer(&self, at: u64, node: Node, what: What) -> u64 {
        let id = self.sequence.get() + 1;
        self.sequence.set(id);
        self.timers.borrow_mut().insert((at, id), (node, what));
        self.timer_at.borrow_mut().insert(id, at);
        id
    }

    /// False if that timer has fired.
    fn rearm(&self, id: u64, waker: &Waker) -> bool {
        let Some(at) = self.timer_at.borrow().get(&id).copied() else {
            return false;
        };
        if let Some((_, What::Wake(w))) = self.timers.borrow_mut().get_mut(&(at, id))
            && !w.will_wake(waker)
        {
            w.clone_from(waker);
        }
        true
    }

    fn note(&self, x: u64) {
        let hash = (self.trace.get() ^ x).wrapping_mul(0x100_0000_01b3);
        self.trace.set(hash);
    }

    fn start(&self, place: Place, task: Task) -> u64 {
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
        let key = (i as u64) << 32 | u64::from(slot.generation);
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

    fn take_task(&self, key: u64) -> Option<Task> {
        let i = (key >> 32) as usize;
        let mut slots = self.slots.borrow_mut();
        let slot = slots.get_mut(i).filter(|s| s.generation == key as u32)?;
        let task = slot.task.take()?;
        slot.generation += 1;
        slot.wake = None;
        self.free.borrow_mut().push(i);
        Some(task)
    }

    /// The next ready task whose lane is not busy.
    fn next_ready(&self) -> Option<u64> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let (busy, now) = (self.busy.borrow(), self.now.get());
        let idle = |place: &Place| busy.get(place).is_none_or(|until| *until <= now);
        let ready = queue.iter().enumerate().filter(|(_, (p, _))| idle(p));
        let at = match self.order {
            Order::Fifo => ready.map(|(i, _)| i).next()?,
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

    fn poll_one(&self) -> bool {
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
        let Some((mut task, wake, place)) = taken else {
            return true;
        };
        wake.queued.store(false, Ordering::Relaxed);
        self.polls.set(self.polls.get() + 1);
        self.note(key ^ self.now.get());
        let before = self.place.replace(place);
        let waker = Waker::from(wake);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            task.as_mut().poll(&mut Context::from_waker(&waker))
        }));
        if let Err(panic) = &polled {
            let words = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
            let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
            let told = (self.now.get(), place.node, words.unwrap_or_default());
            self.panics.borrow_mut().push(told);
        }
        let over = !matches!(polled, Ok(Poll::Pending));
        let task = if over {
            drop(task);
            None
        } else {
            Some(task)
        };
        if let Some(until) = self.busy.borrow().get(&place).copied()
            && until > self.now.get()
        {
            self.timer(until, Node(0), What::Free);
        }
        self.place.set(before);
        let mut slots = self.slots.borrow_mut();
        let slot = &mut slots[i];
        if slot.generation == key as u32 {
            if over {
                slot.generation += 1;
                slot.wake = None;
                self.free.borrow_mut().push(i);
            } else {
                slot.task = task;
            }
        }
        true
    }

    /// Fires the next timer that is due by `until`.
    fn fire(&self, until: u64) -> bool {
        let first = self.timers.borrow().keys().next().copied();
        let Some((at, id)) = first.filter(|(at, _)| *at <= until) else {
            return false;
        };
        self.now.set(self.now.get().max(at));
        self.timer_at.borrow_mut().remove(&id);
        let fired = self.timers.borrow_mut().remove(&(at, id));
        match fired {
            Some((_, What::Wake(waker))) => waker.wake(),
            Some((_, What::Call(call))) => call(),
            Some((_, What::Free)) | None => {}
        }
        true
    }
}

/// The simulation of the calling thread; one at a time. Dropping it ends it.
pub struct Sim(Rc<Inner>);

impl Sim {
    /// Begins one on this thread, at one virtual hour.
    ///
    /// # Panics
    /// Where the thread has one already.
    pub fn new(order: Order) -> Self {
        let seed = match order {
            Order::Fifo => 0,
            Order::Dice(seed) => seed,
        };
        let inner = Rc::new(Inner {
            now: Cell::new(3_600_000_000),
            place: Cell::default(),
            order,
            dice: Cell::new(mix(seed)),
            counts: RefCell::default(),
            slots: RefCell::default(),
            free: RefCell::default(),
            queue: Queue::default(),
            timers: RefCell::default(),
            timer_at: RefCell::default(),
            sequence: Cell::new(0),
            busy: RefCell::default(),
            clocks: RefCell::default(),
            trace: Cell::new(0xcbf2_9ce4_8422_2325),
            polls: Cell::new(0),
            panics: RefCell::default(),
        });
        SIM.with(|s| {
            let earlier = s.borrow_mut().replace(inner.clone());
            assert!(earlier.is_none(), "this thread has a simulation already");
        });
        Sim(inner)
    }

    /// The world's time, in microseconds.
    pub fn now(&self) -> u64 {
        self.0.now.get()
    }

    /// Sets a machine's boot time ahead of the world's, and lets it run fast by so many parts per million.
    pub fn set_clock(&self, node: Node, boot_offset_us: u64, drift_ppm: i64) {
        let mut clocks = self.0.clocks.borrow_mut();
        let c = clocks.entry(node).or_default();
        (c.boot_offset, c.drift_ppm) = (boot_offset_us, drift_ppm);
    }

    /// Steps a machine's wall clock.
    pub fn step_wall(&self, node: Node, us: i64) {
        let mut clocks = self.0.clocks.borrow_mut();
        clocks.entry(node).or_default().stepped += us;
    }

    /// Calls `what` after so many microseconds, as the world.
    pub fn after(&self, us: u64, what: impl FnOnce() + 'static) {
        let at = self.now().saturating_add(us);
        self.0.timer(at, Node(0), What::Call(Box::new(what)));
    }

    /// Calls `what` as that machine and thread.
    pub fn on<R>(&self, place: Place, what: impl FnOnce() -> R) -> R {
        let before = self.0.place.replace(place);
        let result = what();
        self.0.place.set(before);
        result
    }

    /// Runs until then; `after` is called after each step of time, with the time.
    pub fn run(&self, until: u64, mut after: impl FnMut(u64)) {
        loop {
            while self.0.poll_one() {}
            after(self.now());
            if !self.0.fire(until) {
                self.0.now.set(self.now().max(until));
                return;
            }
        }
    }

    /// SIGKILL, or power: all tasks of the machine are gone at once, and so are its timers.
    pub fn kill(&self, node: Node) {
        let gone: Vec<Task> = {
            let slots = self.0.slots.borrow();
            let of_node = slots.iter().enumerate();
            let keys: Vec<u64> = of_node
                .filter(|(_, s)| s.place.node == node && s.task.is_some())
                .map(|(i, s)| (i as u64) << 32 | u64::from(s.generation))
                .collect();
            drop(slots);
            keys.iter().filter_map(|k| self.0.take_task(*k)).collect()
        };
        self.on(
            Place {
                node,
                thread: Thread::Fast,
            },
            || drop(gone),
        );
        self.0.busy.borrow_mut().retain(|p, _| p.node != node);
    }

    /// A thread of a machine does nothing for so many microseconds.
    pub fn stall(&self, place: Place, us: u64) {
        let until = self.now().saturating_add(us);
        let mut busy = self.0.busy.borrow_mut();
        let at = busy.entry(place).or_default();
        *at = (*at).max(until);
        self.0.timer(*at, Node(0), What::Free);
    }

    /// A machine does nothing for so many microseconds, and its monotonic clock stands; its boot time goes on.
    pub fn suspend(&self, node: Node, us: u64) {
        use Thread::{Fast, Journal, Slow, Verify};
        for thread in [Fast, Slow, Journal, Verify] {
            self.stall(Place { node, thread }, us);
        }
        self.0
            .clocks
            .borrow_mut()
            .entry(node)
            .or_default()
            .suspended += us;
        let mut timers = self.0.timers.borrow_mut();
        let later: Vec<(u64, u64)> = timers
            .iter()
            .filter(|(_, (n, what))| *n == node && matches!(what, What::Wake(_)))
            .map(|(key, _)| *key)
            .collect();
        for (at, id) in later {
            if let Some(what) = timers.remove(&(at, id)) {
                timers.insert((at + us, id), what);
                self.0.timer_at.borrow_mut().insert(id, at + us);
            }
        }
    }

    /// A hash over what ran and when: the same for the same seed.
    pub fn trace(&self) -> u64 {
        self.0.trace.get()
    }

    /// How many polls there were.
    pub fn polls(&self) -> u64 {
        self.0.polls.get()
    }

    /// Panics of tasks: when, on which machine, in its words.
    pub fn panics(&self) -> Vec<(u64, Node, String)> {
        self.0.panics.borrow().clone()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let slots = std::mem::take(&mut *self.0.slots.borrow_mut());
        drop(slots);
        let timers = std::mem::take(&mut *self.0.timers.borrow_mut());
        drop(timers);
        SIM.with(|s| s.borrow_mut().take());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rt::{self, Lane, time};

    fn place(node: u32, thread: Thread) -> Place {
        Place {
            node: Node(node),
            thread,
        }
    }

    type Told = Arc<Mutex<Vec<(u64, &'static str)>>>;

    fn tell(told: &Told, what: &'static str) {
        told.lock().unwrap().push((rt::boot().0, what));
    }

    /// Two machines that sleep and wake each other over a channel.
    fn talk(order: Order) -> (u64, Vec<(u64, &'static str)>) {
        let sim = Sim::new(order);
        let told = Told::default();
        let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
        for n in [1, 2] {
            let (tx, told) = (tx.clone(), told.clone());
            Lane::simulated(place(n, Thread::Fast)).spawn(async move {
                for _ in 0..5 {
                    time::sleep(Duration::from_millis(10)).await;
                    tell(&told, if n == 1 { "one" } else { "two" });
                    let _ = tx.send(n);
                }
            });
        }
        let heard = told.clone();
        Lane::simulated(place(3, Thread::Slow)).spawn(async move {
            while let Some(_n) = rx.recv().await {
                tell(&heard, "heard");
            }
        });
        sim.run(sim.now() + 1_000_000, |_| {});
        let told = told.lock().unwrap().clone();
        (sim.trace(), told)
    }

    #[test]
    fn a_seed_gives_the_same_run_and_another_one_another() {
        assert_eq!(talk(Order::Dice(7)), talk(Order::Dice(7)));
        let traces: std::collections::BTreeSet<u64> =
            (0..8).map(|seed| talk(Order::Dice(seed)).0).collect();
        assert!(traces.len() > 1);
        let (_, told) = talk(Order::Fifo);
        assert_eq!(told.len(), 20);
        assert!(told.is_sorted_by_key(|t| t.0));
    }

    #[test]
    fn a_blocked_lane_is_late_and_the_others_are_not() {
        let sim = Sim::new(Order::Fifo);
        let (told, begin) = (Told::default(), sim.now());
        for (thread, what) in [(Thread::Fast, "fast"), (Thread::Slow, "slow")] {
            let told = told.clone();
            Lane::simulated(place(1, thread)).spawn(async move {
                time::sleep(Duration::from_millis(5)).await;
                tell(&told, what);
            });
        }
        let blocked = told.clone();
        Lane::simulated(place(1, Thread::Slow)).spawn(async move {
            block(50_000);
            tell(&blocked, "blocked");
        });
        sim.run(begin + 100_000, |_| {});
        let mut told = told.lock().unwrap().clone();
        told.sort_unstable();
        let expected = [
            (begin + 5_000, "fast"),
            (begin + 50_000, "blocked"),
            (begin + 50_000, "slow"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_killed_machine_does_nothing_more_and_a_suspended_one_sleeps_longer() {
        let sim = Sim::new(Order::Fifo);
        let (told, begin) = (Told::default(), sim.now());
        for (node, what) in [(1, "killed"), (2, "suspended")] {
            let told = told.clone();
            Lane::simulated(place(node, Thread::Fast)).spawn(async move {
                loop {
                    time::sleep(Duration::from_millis(10)).await;
                    tell(&told, what);
                }
            });
        }
        sim.run(begin + 15_000, |_| {});
        sim.kill(Node(1));
        sim.suspend(Node(2), 30_000);
        sim.run(begin + 55_000, |_| {});
        let told = told.lock().unwrap().clone();
        let killed: Vec<u64> = told
            .iter()
            .filter(|t| t.1 == "killed")
            .map(|t| t.0)
            .collect();
        assert_eq!(killed, [begin + 10_000]);
        let slept: Vec<u64> = told
            .iter()
            .filter(|t| t.1 == "suspended")
            .map(|t| t.0 - begin)
            .collect();
        assert_eq!(slept, [10_000, 50_000]);
    }

    #[test]
    fn a_timeout_a_panic_and_an_abort_end_as_they_do_with_tokio() {
        let sim = Sim::new(Order::Fifo);
        let lane = Lane::simulated(place(1, Thread::Slow));
        let ends = Arc::new(Mutex::new(Vec::new()));
        let into = ends.clone();
        let inner = lane.clone();
        lane.spawn(async move {
            let never = std::future::pending::<()>();
            let late = time::timeout(Duration::from_millis(3), never)
                .await
                .is_err();
            let panicked = inner.spawn(async { panic!("as planned") }).await.is_err();
            let endless = inner.spawn(std::future::pending::<()>());
            endless.abort();
            let aborted = endless.await.is_err();
            let fine = inner.spawn_blocking(|| 7).await;
            into.lock().unwrap().push((late, panicked, aborted, fine));
        });
        sim.run(sim.now() + 10_000, |_| {});
        let told: Vec<String> = sim.panics().into_iter().map(|p| p.2).collect();
        assert_eq!(*ends.lock().unwrap(), [(true, true, true, Ok(7))]);
        assert_eq!(told, ["as planned"]);
    }

    #[test]
    fn without_a_simulation_it_is_the_real_time() {
        assert!(!running());
        let before = time::Instant::now();
        std::thread::sleep(Duration::from_millis(2));
        assert!(before.elapsed() >= Duration::from_millis(2));
        assert!(rt::boot().0 > 0 && rt::wall_us() > 1_700_000_000_000_000);
        assert_ne!(rt::random(), rt::random());
    }
}
