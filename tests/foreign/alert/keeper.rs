//! A sink's task on virtual time: a receiver that is down for ten minutes, hangs, panics; a restart in between; a disk that
//! refuses or hangs.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, pending};
use standin::alert::{Board, Bulletin, Heard, Keeper, Kit, Raised, Refusal, Running, Sink, Store};
use standin::host::real::{RealDisk, RealPrograms};
use standin::host::{Disk, DiskFile, DiskLock, LockFault};
use standin::rt::sim::{Order, Place, Sim, Thread};
use standin::rt::{self, Lane};
use standin::takeover::action::Level;

/// How the receiver behaves until a virtual time.
#[derive(Clone, Copy)]
enum Until {
    Down(u64),
    Hangs(u64),
    Panics(u64),
    Refuses(&'static str),
}

struct Receiver {
    until: Until,
    heard: Arc<Mutex<Vec<(u64, String)>>>,
    tries: Arc<Mutex<u32>>,
}

impl Sink for Receiver {
    fn target(&self) -> String {
        "a test".to_owned()
    }

    fn check<'a>(&'a self, _: &'a Kit) -> BoxFuture<'a, Result<String, String>> {
        async { Ok(String::new()) }.boxed()
    }

    fn send<'a>(&'a self, _: &'a Kit, b: &'a Bulletin) -> BoxFuture<'a, Result<String, Refusal>> {
        async move {
            *self.tries.lock().unwrap() += 1;
            let now = rt::boot().0;
            match self.until {
                Until::Down(at) if now < at => return Err("refused".to_owned().into()),
                Until::Hangs(at) if now < at => pending().await,
                Until::Panics(at) if now < at => panic!("as in the field"),
                Until::Refuses(key) if b.key == key => {
                    let why = "it cannot read this".to_owned();
                    return Err(Refusal { why, of_this: true });
                }
                Until::Down(_) | Until::Hangs(_) | Until::Panics(_) | Until::Refuses(_) => {}
            }
            let word = format!("{} {} x{}", b.key, b.status().word(), b.count);
            self.heard.lock().unwrap().push((now, word));
            Ok("fine".to_owned())
        }
        .boxed()
    }
}

/// The real disk, or one that refuses.
struct FullDisk;

impl Disk for FullDisk {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Err(io::Error::other("input/output error"))
    }
    fn make_folder(&self, _: &Path) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }
    fn append_to(&self, _: &Path, _: bool) -> io::Result<Box<dyn DiskFile>> {
        unreachable!()
    }
    fn replace(&self, _: &Path, _: &[u8]) -> io::Result<()> {
        unreachable!("there is no folder")
    }
    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        unreachable!()
    }
    fn link(&self, _: &Path, _: &Path) -> io::Result<()> {
        unreachable!()
    }
    fn remove(&self, _: &Path) -> io::Result<()> {
        unreachable!()
    }
    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        unreachable!()
    }
    fn lock(&self, _: &Path, _: &Path) -> Result<Box<dyn DiskLock>, LockFault> {
        unreachable!()
    }
}

struct World {
    sim: Sim,
    dir: tempfile::TempDir,
    heard: Arc<Mutex<Vec<(u64, String)>>>,
    tries: Arc<Mutex<u32>>,
    began: u64,
}

fn lane() -> Lane {
    Lane::simulated(Place {
        thread: Thread::Slow,
        ..Place::default()
    })
}

impl World {
    fn new() -> World {
        let sim = Sim::new(Order::Fifo);
        let began = sim.now();
        World {
            sim,
            dir: tempfile::tempdir().unwrap(),
            heard: Arc::default(),
            tries: Arc::default(),
            began,
        }
    }

    fn start(&self, until: impl FnOnce(u64) -> Until, disk: Arc<dyn Disk>) -> Running {
        let keeper = Keeper {
            sink: Arc::new(Receiver {
                until: until(self.began),
                heard: self.heard.clone(),
                tries: self.tries.clone(),
            }),
            kit: Kit {
                node: "spare".to_owned(),
                within: Duration::from_secs(10),
                programs: Arc::new(RealPrograms),
            },
            board: Board::new(Level::Warning, Duration::from_secs(4 * 3600)),
            store: Store::new(disk, self.dir.path(), "night"),
            quiet: None,
        };
        keeper.start(&lane(), None)
    }

    /// Runs for so many seconds.
    fn pass(&self, seconds: u64) {
        self.sim.run(self.sim.now() + seconds * 1_000_000, |_| {});
    }

    /// What was heard, with its second.
    fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let lines = heard
            .iter()
            .map(|(at, word)| format!("{} {word}", (at - self.began) / 1_000_000));
        lines.collect()
    }

    fn words(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().map(|(_, word)| word.clone()).collect()
    }
}

fn raise(key: &str, level: Level) -> Heard {
    Heard::Raised(Raised {
        peer: "cctv".to_owned(),
        key: key.to_owned(),
        level,
        text: format!("{key} stands"),
        next: String::new(),
        phase: String::new(),
    })
}

fn settle(key: &str) -> Heard {
    Heard::Settled {
        peer: "cctv".to_owned(),
        key: key.to_owned(),
        text: format!("{key} is over"),
    }
}

const TEN_MINUTES: u64 = 600 * 1_000_000;

/// What happens while nobody hears: some of it is over by then.
fn a_bad_night(world: &World, running: &Running) {
    running.hear(raise("takeover", Level::Critical));
    world.pass(1);
    for _ in 0..1000 {
        running.hear(raise("fence-stale", Level::Warning));
        world.pass(0);
    }
    world.pass(60);
    running.hear(raise("own-service", Level::Warning));
    world.pass(60);
    running.hear(settle("own-service"));
    running.hear(raise("own-service", Level::Info));
    running.hear(settle("own-service"));
    running.hear(raise("gate", Level::Info));
    world.pass(300);
}

const TOLD: [&str; 3] = [
    "takeover firing x1",
    "fence-stale firing x1000",
    "own-service resolved x2",
];

#[test]
fn a_receiver_that_is_down_for_ten_minutes_misses_nothing() {
    for until in [Until::Down, Until::Hangs, Until::Panics] {
        let world = World::new();
        let running = world.start(|now| until(now + TEN_MINUTES), Arc::new(RealDisk));
        a_bad_night(&world, &running);
        assert_eq!(world.words(), Vec::<String>::new());
        let health = running.health();
        assert_eq!((health.queued, health.dropped), (3, 0));
        assert!(health.failed >= 5 && health.error.is_some(), "{health:?}");
        world.pass(300);
        assert_eq!(world.words(), TOLD);
        let health = running.health();
        assert_eq!((health.queued, health.sent, health.failed), (0, 3, 0));
        // Tried seldom, and not seldomer than once a minute (and the ten seconds of a try that hangs).
        let tries = *world.tries.lock().unwrap();
        assert!((10..=25).contains(&tries), "{tries} tries");
        let last = world.heard.lock().unwrap()[0].0 - world.began;
        assert!(last <= TEN_MINUTES + 75_000_000, "{last}");
    }
}

#[test]
fn a_restart_in_between_loses_nothing_however_it_comes() {
    for is_orderly in [true, false] {
        let world = World::new();
        let running = world.start(|now| Until::Down(now + TEN_MINUTES), Arc::new(RealDisk));
        a_bad_night(&world, &running);
        match is_orderly {
            true => drop(running.end()),
            false => world.sim.kill(standin::rt::sim::Node(0)),
        }
        world.pass(1);
        let again = world.start(|_| Until::Down(0), Arc::new(RealDisk));
        world.pass(5);
        assert_eq!(world.words(), TOLD);
        let file = world.dir.path().join("alerts/night.json");
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        drop(again.end());
        world.pass(1);
        // And what was told before is not told again.
        let third = world.start(|_| Until::Down(0), Arc::new(RealDisk));
        third.hear(raise("takeover", Level::Critical));
        world.pass(60);
        assert_eq!(world.words(), TOLD);
    }
}

#[test]
fn a_file_that_is_damaged_and_a_disk_that_refuses_keep_no_alert_back() {
    let world = World::new();
    std::fs::create_dir(world.dir.path().join("alerts")).unwrap();
    std::fs::write(world.dir.path().join("alerts/night.json"), "[{\"bull").unwrap();
    let running = world.start(|_| Until::Down(0), Arc::new(RealDisk));
    running.hear(raise("gate", Level::Warning));
    world.pass(1);
    assert_eq!(world.heard(), ["0 gate firing x1"]);
    assert_eq!(running.health().not_kept, None);

    let world = {
        drop(world);
        World::new()
    };
    let running = world.start(|_| Until::Down(0), Arc::new(FullDisk));
    running.hear(raise("gate", Level::Warning));
    world.pass(1);
    assert_eq!(world.heard(), ["0 gate firing x1"]);
    let why = running.health().not_kept.expect("it is said");
    assert!(
        why.contains("alerts/night.json") && why.contains("storage"),
        "{why}"
    );
}

#[test]
fn what_the_receiver_cannot_read_keeps_nothing_else_back() {
    let world = World::new();
    let running = world.start(|_| Until::Refuses("bad"), Arc::new(RealDisk));
    for key in ["bad", "good", "better"] {
        running.hear(raise(key, Level::Warning));
    }
    world.pass(30);
    assert_eq!(world.words(), ["good firing x1", "better firing x1"]);
    assert_eq!(running.health().queued, 1);
}

#[test]
fn whoever_tells_never_waits_and_the_first_word_leaves_at_once() {
    let world = World::new();
    let running = world.start(|now| Until::Hangs(now + TEN_MINUTES), Arc::new(RealDisk));
    world.pass(1);
    // Nobody polls the task meanwhile: what does not fit is dropped and counted, and the caller goes on.
    for i in 0..5000 {
        running.hear(raise(&format!("key {i}"), Level::Warning));
    }
    assert_eq!(running.health().dropped, 5000 - 1024);
    world.pass(1);
    assert!(running.health().queued <= standin::alert::MOST);

    let quick = {
        drop(running);
        drop(world);
        World::new()
    };
    let running = quick.start(|_| Until::Down(0), Arc::new(RealDisk));
    quick.pass(5);
    running.hear(raise("takeover", Level::Warning));
    quick.pass(1);
    let at = quick.heard.lock().unwrap()[0].0 - quick.began;
    assert!(at < 5_001_000, "{at}");
}
