//! Machines, lanes, clocks and tasks of a simulation: order, kills, suspends, panics, and the same run again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::rt::{self, Lane};

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
                rt::sleep(Duration::from_millis(10)).await;
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
            rt::sleep(Duration::from_millis(5)).await;
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
                rt::sleep(Duration::from_millis(10)).await;
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
        let late = rt::timeout(Duration::from_millis(3), never).await.is_err();
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
    let before = rt::Instant::now();
    std::thread::sleep(Duration::from_millis(2));
    assert!(before.elapsed() >= Duration::from_millis(2));
    assert!(rt::boot().0 > 0 && rt::wall_us() > 1_700_000_000_000_000);
    assert_ne!(rt::random(), rt::random());
}

/// Starts a task when it is dropped.
struct StartsOne(Told);

impl Drop for StartsOne {
    fn drop(&mut self) {
        let told = self.0.clone();
        rt::spawn(async move { tell(&told, "after the kill") });
    }
}

#[test]
fn what_a_killed_task_starts_when_it_is_dropped_is_not_started() {
    let sim = Sim::new(Order::Fifo);
    let told = Told::default();
    let lane = Lane::simulated(place(1, Thread::Fast));
    let starts = StartsOne(told.clone());
    lane.spawn(async move {
        rt::sleep(Duration::from_secs(1)).await;
        drop(starts);
    });
    sim.run(sim.now() + 1_000, |_| {});
    assert_eq!((sim.tasks(Node(1)), sim.tasks(Node(2))), (1, 0));
    sim.kill(Node(1));
    // Its next life.
    let theirs = told.clone();
    lane.spawn(async move { tell(&theirs, "again") });
    sim.run(sim.now() + 2_000_000, |_| {});
    let told: Vec<&str> = told.lock().unwrap().iter().map(|t| t.1).collect();
    assert_eq!((told, sim.tasks(Node(1))), (vec!["again"], 0));
}

#[test]
fn two_machines_have_two_clocks_and_the_dice_of_one_do_not_move_the_others() {
    let thrown = |others: u64| {
        let sim = Sim::new(Order::Dice(3));
        sim.set_clock(Node(1), 5_000_000, 100);
        sim.set_clock(Node(2), 0, 0);
        sim.step_wall(Node(2), -1_000_000);
        let seen = Arc::new(Mutex::new(Vec::new()));
        for n in [1, 2] {
            let seen = seen.clone();
            Lane::simulated(place(n, Thread::Fast)).spawn(async move {
                rt::sleep(Duration::from_secs(1)).await;
                let times = (rt::boot().0, rt::wall_us());
                let dice = rt::random();
                for _ in 0..others * u64::from(n == 2) {
                    rt::random();
                }
                seen.lock().unwrap().push((n, times, dice, rt::random()));
            });
        }
        sim.run(sim.now() + 2_000_000, |_| {});
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_unstable_by_key(|s| s.0);
        seen
    };
    let (few, many) = (thrown(0), thrown(5));
    assert_eq!(few[0], many[0]);
    let ((boot1, wall1), (boot2, wall2)) = (few[0].1, few[1].1);
    // 3601 s at 100 ppm are 360100 us.
    assert_eq!(boot1 - boot2, 5_000_000 + 360_100);
    assert_eq!(wall1 - wall2, 1_000_000);
    assert_ne!(few[0].2, few[0].3);
    assert_ne!(few[1].3, many[1].3);
}

#[test]
fn a_sleep_that_is_dropped_leaves_no_timer_and_ticks_come_each_period() {
    let sim = Sim::new(Order::Fifo);
    let (told, begin) = (Told::default(), sim.now());
    let theirs = told.clone();
    Lane::simulated(place(1, Thread::Fast)).spawn(async move {
        let mut ticks = rt::interval(Duration::from_millis(7));
        loop {
            tokio::select! {
                biased;
                () = ticks.tick() => tell(&theirs, "tick"),
                () = rt::sleep(Duration::from_secs(9)) => tell(&theirs, "never"),
            }
        }
    });
    let mut steps = 0;
    sim.run(begin + 70_000, |_| steps += 1);
    let told = told.lock().unwrap().clone();
    let at: Vec<u64> = told.iter().map(|t| t.0 - begin).collect();
    assert_eq!(at, (0..11).map(|n| n * 7_000).collect::<Vec<_>>());
    assert!(told.iter().all(|t| t.1 == "tick"));
    assert_eq!(steps, 11, "a timer of a dropped sleep fired");
}

#[tokio::test]
async fn the_same_calls_are_tokios_without_a_simulation() {
    let never = std::future::pending::<()>();
    let begun = rt::Instant::now();
    let late = rt::timeout(Duration::from_millis(5), never).await;
    assert_eq!(late, Err(rt::Elapsed));
    assert!(begun.elapsed() >= Duration::from_millis(5));
    assert_eq!(rt::timeout(Duration::MAX, async { 7 }).await, Ok(7));
    let endless = rt::spawn(std::future::pending::<()>());
    endless.abort();
    assert_eq!(endless.await, Err(rt::Gone));
    let fine = Lane::current().spawn_blocking(|| 7).await;
    assert_eq!(fine, Ok(7));
    let mut ticks = rt::interval(Duration::from_millis(2));
    for _ in 0..3 {
        ticks.tick().await;
    }
    rt::yield_now().await;
    assert!(begun.elapsed() >= Duration::from_millis(9));
}

#[test]
fn a_simulated_task_that_comes_to_tokios_clock_or_io_panics_instead_of_waiting_for_real() {
    let sim = Sim::new(Order::Fifo);
    let lane = Lane::simulated(place(1, Thread::Fast));
    lane.spawn(async { tokio::time::sleep(Duration::from_millis(1)).await });
    lane.spawn(async {
        let _ = tokio::net::UdpSocket::bind("127.0.0.1:0").await;
    });
    lane.spawn(async { drop(crate::net::netlink::Netlink::open()) });
    sim.run(sim.now() + 1_000_000, |_| {});
    let words: Vec<String> = sim.panics().into_iter().map(|p| p.2).collect();
    assert_eq!(words.len(), 3, "{words:?}");
    assert!(
        words.iter().all(|w| w.contains("no reactor running")),
        "{words:?}"
    );
}

#[test]
fn a_suspended_machines_monotonic_clock_stands_and_its_boot_time_goes_on() {
    let sim = Sim::new(Order::Fifo);
    let seen = Arc::new(Mutex::new(Vec::new()));
    for n in [1, 2] {
        let seen = seen.clone();
        Lane::simulated(place(n, Thread::Fast)).spawn(async move {
            let (mono, boot) = (rt::Instant::now(), rt::boot());
            let late = rt::timeout(Duration::from_millis(20), std::future::pending::<()>()).await;
            let boot = rt::boot().since(boot);
            seen.lock()
                .unwrap()
                .push((n, late.is_err(), mono.elapsed(), boot));
        });
    }
    sim.run(sim.now() + 5_000, |_| {});
    sim.suspend(Node(2), 100_000);
    sim.run(sim.now() + 1_000_000, |_| {});
    let ms = Duration::from_millis;
    let expected = [(1, true, ms(20), ms(20)), (2, true, ms(20), ms(120))];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn a_stalled_lane_is_late_and_a_task_that_aborts_itself_ends_where_it_next_waits() {
    let sim = Sim::new(Order::Fifo);
    let (told, begin) = (Told::default(), sim.now());
    let slow = Lane::simulated(place(1, Thread::Slow));
    let own: Arc<Mutex<Option<rt::Join<()>>>> = Arc::default();
    let (mine, theirs) = (own.clone(), told.clone());
    let join = slow.spawn(async move {
        rt::sleep(Duration::from_millis(1)).await;
        mine.lock().unwrap().take().unwrap().abort();
        tell(&theirs, "still here");
        rt::yield_now().await;
        tell(&theirs, "never");
    });
    *own.lock().unwrap() = Some(join);
    sim.stall(place(1, Thread::Slow), 30_000);
    sim.run(begin + 100_000, |_| {});
    // The sleep begins when the stall is over.
    assert_eq!(*told.lock().unwrap(), [(begin + 31_000, "still here")]);
    assert_eq!(sim.tasks(Node(1)), 0);
}
