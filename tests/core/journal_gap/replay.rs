//! What is recorded of a takeover begins anew behind a gap.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use standin::daemon::journal::{self, Entry, Journal, Limits};
use standin::daemon::record;
use standin::daemon::recorder::{self, Recorder};
use standin::takeover::Machine;
use standin::takeover::event::{Event, FenceRead, Order, Recovered};
use standin::types::BootTime;

use super::disk::{Fault, Faulty};
use super::{FINE, durable, entry, open};

/// A machine that is recorded as the daemon records one.
struct Recorded {
    machine: Machine,
    recorder: Recorder,
    now: u64,
}

impl Recorded {
    fn start(journal: &Journal) -> Recorded {
        let s = |secs: u64| json!({ "secs": secs, "nanos": 0 });
        let policy = json!({
            "vip": "192.168.1.101/24", "node": "b", "own_mac": "02:00:00:00:00:02", "peer_mac": null, "pair": false,
            "auto": true, "preferred": false, "service_dead": "alert", "alive_elsewhere": "takeover",
            "unproven": "hold", "fence": true, "levels": ["core:ge1"], "fence_timeout": s(10),
            "refence_within": s(5), "lifetime": s(10), "rewire": false, "rewire_timeout": s(10), "warm": true,
            "service_timeout": s(30), "verify_within": s(30), "release_timeout": s(20),
            "detect": {
                "probe_interval": s(1), "suspect_after": s(3), "beat_timeout": s(3), "confirm_probes": 4,
                "confirm_interval": s(1), "service_interval": s(1), "service_failures": 3, "switch_poll": s(1),
                "stall": s(1), "startup_grace": s(300), "min_cameras": 3, "vacant_after": s(1),
            },
        });
        let policy = serde_json::from_value(policy).expect("a policy");
        let mut recorded = Recorded {
            machine: Machine::new(policy, BootTime(1)),
            recorder: Recorder::new("cctv", journal.clone()),
            now: 1,
        };
        recorded.tell(Event::Start(Recovered::fresh(BootTime(1))));
        recorded
    }

    /// One event, a tenth of a second after the one before.
    fn tell(&mut self, event: Event) {
        self.now += 100_000;
        let now = BootTime(self.now);
        let prior = recorder::at_rest(&self.machine).then(|| self.machine.clone());
        let actions = self.machine.handle(now, event.clone());
        self.recorder
            .record(now, prior.as_ref(), &event, &self.machine, &actions);
    }

    fn ticks(&mut self, seconds: u64) {
        for _ in 0..seconds * 10 {
            self.tell(Event::Tick);
        }
    }
}

/// What `standin replay` makes of a journal.
fn replay(path: &Path) -> (bool, Value, String) {
    let mut standin = Command::new(env!("CARGO_BIN_EXE_standin"));
    let out = standin
        .args(["replay", "--json"])
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let json = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
    (out.status.success(), json, said)
}

/// Everything up to here is on the disk.
fn settle(journal: &Journal) {
    while !durable(journal.append(entry("mark", 0))) {}
}

#[test]
fn a_takeover_with_a_gap_in_it_is_played_from_behind_the_gap() {
    for (fault, queue) in [
        (
            Fault {
                write: Some(50),
                ..FINE
            },
            4096,
        ),
        (
            Fault {
                open: true,
                write: Some(0),
                cut: true,
                ..FINE
            },
            4096,
        ),
        (Fault { sync: true, ..FINE }, 4096),
        (
            Fault {
                write: Some(50),
                cut: true,
                ..FINE
            },
            4096,
        ),
        (
            Fault {
                hangs: true,
                ..FINE
            },
            8,
        ),
    ] {
        let (dir, disk) = (tempfile::tempdir().unwrap(), Faulty::default());
        let limits = Limits {
            queue,
            ..Limits::default()
        };
        let journal = open(&disk, dir.path(), limits);
        let mut one = Recorded::start(&journal);
        settle(&journal);
        one.tell(Event::Order(Order::Takeover));
        settle(&journal);
        assert!(!recorder::at_rest(&one.machine), "{fault:?}");
        disk.set(fault);
        // The order comes to its end while nothing is written, and what was to be known is another thing now.
        one.tell(Event::Order(Order::Hold(true)));
        one.ticks(2);
        one.tell(Event::FenceRead(FenceRead::Absent));
        one.tell(Event::Order(Order::Hold(false)));
        one.ticks(2);
        one.tell(Event::Order(Order::Takeover));
        one.ticks(1);
        if !fault.hangs {
            assert!(!durable(journal.append(entry("mark", 1))), "{fault:?}");
        }
        disk.set(FINE);
        for event in [Event::Tick, Event::Order(Order::Hold(true)), Event::Tick] {
            settle(&journal);
            one.tell(event);
        }
        settle(&journal);
        let path = dir.path().join(journal::FILE);
        let (same, told, said) = replay(&path);
        assert!(same && told["differ"] == 0, "{fault:?}: {told} {said}");
        let gaps = told["gaps"].as_array().unwrap();
        assert!(!gaps.is_empty(), "{fault:?}: {told}");
        assert!(said.contains("missing ("), "{fault:?}: {said}");
        // What it says now is what a restart finds.
        let records = journal::read(&path).unwrap().records;
        let (kept, _) = record::last(&records, "cctv", "boot").unwrap();
        assert_eq!(kept.label, one.machine.label(), "{fault:?}");
        assert_eq!(kept.epoch, one.machine.epoch(), "{fault:?}");
        assert!(
            kept.hold && !record::is_behind(&records, "cctv"),
            "{fault:?}"
        );
        // And what came behind the gap is played, not left out.
        let last = gaps.last().unwrap()["record"].as_u64().unwrap();
        let held = records
            .iter()
            .any(|r| r.seq > last && r.kind == recorder::CHANGED);
        let anew = records
            .iter()
            .any(|r| r.seq > last && r.kind == recorder::SNAPSHOT);
        assert!(held && anew, "{fault:?}");
    }
}

/// A takeover that holds for longer than it is recorded: what comes of it later is in no recording.
#[test]
fn what_comes_after_a_recording_is_over_does_not_differ() {
    let dir = tempfile::tempdir().unwrap();
    let disk: Arc<Faulty> = Arc::default();
    let journal = open(&disk, dir.path(), Limits::default());
    let mut one = Recorded::start(&journal);
    one.tell(Event::Order(Order::Takeover));
    let order = one.machine.label();
    one.now += Duration::from_secs(61).as_micros() as u64;
    one.tell(Event::Order(Order::Hold(true)));
    assert_ne!(one.machine.label(), order);
    settle(&journal);
    let (same, told, said) = replay(&dir.path().join(journal::FILE));
    assert!(same && told["events"].as_u64() > Some(0), "{told} {said}");
    assert_eq!(told["gaps"], json!([]));
}

/// A journal of the version before: something is lost in a recording, and it goes on without a snapshot.
#[test]
fn nothing_is_played_over_a_gap_that_no_snapshot_follows() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Faulty::default();
    let journal = open(&disk, dir.path(), Limits::default());
    let mut one = Recorded::start(&journal);
    one.tell(Event::Order(Order::Takeover));
    // This one is lost.
    one.machine
        .handle(BootTime(one.now + 1), Event::Order(Order::Hold(true)));
    let lost = Entry::new(BootTime(one.now), "", journal::LOST, json!({ "lost": 1 }));
    assert!(durable(journal.append(lost)));
    one.tell(Event::Order(Order::Hold(false)));
    one.tell(Event::Order(Order::Takeover));
    one.ticks(5);
    settle(&journal);
    let (same, told, said) = replay(&dir.path().join(journal::FILE));
    assert!(same && told["differ"] == 0, "{told} {said}");
    assert_eq!(told["gaps"][0]["lost"], 1, "{told}");
    assert!(told["recordings"].as_u64() > Some(1), "{told}");
}

/// Nothing else happens after the disk is well again: what the queue did not take must still be known after a restart.
#[test]
fn a_state_that_a_hung_disk_did_not_take_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Faulty::default();
    let limits = Limits {
        queue: 4,
        ..Limits::default()
    };
    let journal = open(&disk, dir.path(), limits);
    let mut one = Recorded::start(&journal);
    settle(&journal);
    one.tell(Event::Tick);
    settle(&journal);
    disk.set(Fault {
        hangs: true,
        ..FINE
    });
    // Before the thread that writes hangs it may take what was queued, and there is room again.
    while !disk.keeps_waiting() {
        is_full(&journal);
    }
    while !is_full(&journal) {}
    one.tell(Event::Order(Order::Hold(true)));
    disk.set(FINE);
    settle(&journal);
    let held = || {
        let records = journal::read(&dir.path().join(journal::FILE)).unwrap();
        record::last(&records.records, "cctv", "boot")
            .unwrap()
            .0
            .hold
    };
    assert!(!held(), "it was lost");
    one.tell(Event::Tick);
    settle(&journal);
    assert!(held());
}

/// True as soon as the queue takes no more.
fn is_full(journal: &Journal) -> bool {
    let before = journal.health().lost;
    drop(journal.append(entry("mark", 0)));
    journal.health().lost > before
}
