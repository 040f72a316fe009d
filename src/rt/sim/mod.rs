//! A simulation: machines ([`Node`]) with clocks of their own, lanes, tasks and timers on one thread and in virtual
//! microseconds.
//!
//! A lane is busy while somebody blocks on it ([`block`]) or stalls it ([`Sim::stall`]): its tasks are not polled before
//! that is over, and the rest of a poll that blocked sees the later time. The order of what is ready at one moment is
//! strict ([`Order::Fifo`]) or by dice ([`Order::Dice`]); the same seed gives the same run, which [`Sim::trace`] tells.
//! A panic in a task ends the task, as tokio has it, and is noted.

mod ambient;
mod executor;
mod place;
mod timer;

use std::rc::Rc;

pub(super) use ambient::{Entered, abort, boot_us, enter, mono_us, random, start, wall_us};
pub use ambient::{block, dice, place, running};
use executor::{Inner, What};
pub use place::{Node, Order, Place, Thread};
pub use timer::Timer;

/// The simulation of the calling thread; one at a time. Dropping it ends it.
pub struct Sim(Rc<Inner>);

impl Sim {
    /// Begins one on this thread, at one virtual hour.
    ///
    /// # Panics
    /// Where the thread has one already.
    pub fn new(order: Order) -> Self {
        let inner = Rc::new(Inner::new(order));
        ambient::begin(inner.clone());
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

    /// SIGKILL, or power: all tasks of the machine are gone at once, and so are its timers; what their `Drop`s start is
    /// not started. Tasks that are started on it later are its next life.
    pub fn kill(&self, node: Node) {
        let gone = self.0.take_all(node);
        let before = self.0.dying.replace(Some(node));
        let thread = Thread::Fast;
        self.on(Place { node, thread }, || drop(gone));
        self.0.dying.set(before);
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
        for thread in Thread::ALL {
            self.stall(Place { node, thread }, us);
        }
        {
            let mut clocks = self.0.clocks.borrow_mut();
            clocks.entry(node).or_default().suspended += us;
        }
        self.0.postpone(node, us);
    }

    /// How many tasks the machine has.
    pub fn tasks(&self, node: Node) -> usize {
        self.0.tasks(node)
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
        self.0.clear();
        ambient::end();
    }
}

#[cfg(test)]
mod tests;
