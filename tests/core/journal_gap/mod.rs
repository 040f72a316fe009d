//! A journal that could not be written for a while says so where the gap is, and what must be known after a restart is
//! behind it.

mod disk;
mod replay;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use disk::{Fault, Faulty};
use serde_json::{Value, json};
use standin::daemon::journal::{self, Entry, Gap, Journal, Limits, Record, STATE, Ticket};
use standin::daemon::record;
use standin::types::BootTime;

const SOON: Duration = Duration::from_secs(20);

const FINE: Fault = Fault {
    open: false,
    write: None,
    sync: false,
    cut: false,
    names: None,
    folder: false,
    hangs: false,
};

fn open(disk: &Faulty, dir: &Path, limits: Limits) -> Journal {
    let until = Instant::now() + SOON;
    loop {
        match Journal::open_in(Arc::new(disk.clone()), "boot", dir, "standby", limits) {
            Err(journal::JournalError::InUse { .. }) if Instant::now() < until => {
                std::thread::yield_now();
            }
            other => return other.unwrap().0,
        }
    }
}

fn durable(ticket: Ticket) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(ticket.durable(SOON))
}

fn entry(kind: &'static str, n: u64) -> Entry {
    Entry::new(BootTime(n), "cctv", kind, json!({ "n": n }))
}

fn number(record: &Record) -> u64 {
    record.data["n"].as_u64().unwrap()
}

/// The records of all files, oldest first; what a rotation carried over is there once.
fn all(dir: &Path) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for file in journal::files(dir) {
        let replay = journal::read(&file).unwrap();
        assert!(replay.damage.is_none(), "{:?}", replay.damage);
        let last = records.last().map_or(0, |r| r.seq);
        records.extend(replay.records.into_iter().filter(|r| r.seq > last));
    }
    records
}

/// Each event is there or a gap stands in its place that counts it; gives how many the gaps count.
fn counted(records: &[Record]) -> u64 {
    let (mut next, mut missing, mut sum) = (0, 0, 0);
    for record in records {
        if let Some(gap) = Gap::of(record) {
            let time = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
            let known = time(&gap.from) <= time(&gap.to) && !gap.why.is_empty();
            assert!(gap.lost > 0 && known, "{gap:?}");
            missing += gap.lost;
            sum += gap.lost;
        } else if record.kind == "event" {
            let jump = number(record) - next;
            assert!(
                jump <= missing,
                "no gap stands before event {}: {records:#?}",
                number(record)
            );
            // States and what was heard are counted too.
            missing = 0;
            next = number(record) + 1;
        }
    }
    sum
}

/// The disk has a fault while events and states come; then it is well.
fn after(fault: Fault, limits: Limits, from_the_start: bool) {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Faulty::default());
    if from_the_start {
        drop(open(&disk, dir.path(), limits));
        disk.set(fault);
    }
    let journal = open(&disk, dir.path(), limits);
    let before = [
        entry(STATE, 1),
        Entry::new(BootTime(1), "", "heard", json!({ "n": 1 })),
        entry("event", 0),
    ];
    let mut tickets = Vec::new();
    for entry in before {
        tickets.push(journal.append(entry));
        let last = tickets.last().cloned().unwrap();
        assert_eq!(durable(last), !from_the_start, "{fault:?}");
    }
    disk.set(fault);
    tickets.extend((1..40).map(|n| journal.append(entry("event", n))));
    tickets.push(journal.append(entry(STATE, 2)));
    tickets.push(journal.append(Entry::new(BootTime(2), "", "heard", json!({ "n": 2 }))));
    if !fault.hangs {
        for ticket in &tickets[3..] {
            assert!(!durable(ticket.clone()), "{fault:?}");
        }
    }
    disk.set(FINE);
    // A queue that was full may still be.
    let mut n = 40;
    while !durable(journal.append(entry("event", n))) {
        n += 1;
        tickets.push(journal.append(entry("event", n)));
        n += 1;
    }
    let lost = journal.health().lost;
    let written = tickets.into_iter().map(durable).filter(|d| *d).count();
    drop(journal);
    let journal = open(&disk, dir.path(), limits);
    let records = all(dir.path());
    assert!(
        lost > 0 && counted(&records) == lost,
        "{fault:?}: {lost} are lost, {written} written: {records:#?}"
    );
    if !fault.hangs {
        let last = |kind: &str| number(records.iter().rfind(|r| r.kind == kind).unwrap());
        assert_eq!((last(STATE), last("heard")), (2, 2), "{fault:?}");
        assert!(!record::is_behind(&records, "cctv"), "{fault:?}");
    }
    drop(journal);
}

#[test]
fn a_gap_is_told_of_where_it_is_and_what_must_be_known_is_behind_it() {
    let limits = Limits::default();
    for fault in [
        // Full.
        Fault {
            write: Some(50),
            ..FINE
        },
        Fault {
            write: Some(0),
            ..FINE
        },
        // Read-only.
        Fault {
            open: true,
            write: Some(0),
            cut: true,
            names: Some(""),
            folder: true,
            ..FINE
        },
        // Half a line, and it stays.
        Fault {
            write: Some(50),
            cut: true,
            ..FINE
        },
        Fault {
            write: Some(99),
            cut: true,
            ..FINE
        },
        // Not durable; and then it is not known what of it is there.
        Fault { sync: true, ..FINE },
        Fault {
            sync: true,
            cut: true,
            ..FINE
        },
    ] {
        after(fault, limits, false);
    }
    // A daemon that is started while its disk refuses.
    let refuses = Fault { open: true, ..FINE };
    after(refuses, limits, true);
}

#[test]
fn what_a_hung_disk_did_not_take_is_told_of_where_it_is() {
    for queue in [1, 2, 3, 7] {
        let limits = Limits {
            queue,
            ..Limits::default()
        };
        after(
            Fault {
                hangs: true,
                ..FINE
            },
            limits,
            false,
        );
    }
}

#[test]
fn what_was_lost_at_last_is_told_of_although_nothing_follows() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Faulty::default());
    let limits = Limits {
        queue: 1,
        ..Limits::default()
    };
    let journal = open(&disk, dir.path(), limits);
    assert!(durable(journal.append(entry("event", 0))));
    disk.set(Fault {
        hangs: true,
        ..FINE
    });
    let tickets: Vec<Ticket> = (1..9).map(|n| journal.append(entry("event", n))).collect();
    assert!(!durable(tickets[7].clone()));
    disk.set(FINE);
    drop(journal);
    let _journal = open(&disk, dir.path(), limits);
    let records = all(dir.path());
    let told = records
        .iter()
        .filter_map(Gap::of)
        .map(|g| g.lost)
        .sum::<u64>();
    let there = records.iter().filter(|r| r.kind == "event").count() as u64;
    assert_eq!(told + there, 9, "{records:#?}");
    assert!(told > 0);
}

/// Whatever a rotation fails at, nothing that was told to be durable is missing, and it is done later.
#[test]
fn a_rotation_that_fails_loses_nothing() {
    for fault in [
        Fault { open: true, ..FINE },
        Fault {
            names: Some(""),
            ..FINE
        },
        // The older ones have moved on, and this one cannot follow.
        Fault {
            names: Some(".old"),
            ..FINE
        },
        // It has moved, and the new one cannot take its place.
        Fault {
            names: Some(".new"),
            ..FINE
        },
        Fault {
            folder: true,
            ..FINE
        },
    ] {
        let (dir, disk) = (tempfile::tempdir().unwrap(), Faulty::default());
        let limits = Limits {
            rotate_at: 3000,
            ..Limits::default()
        };
        let journal = open(&disk, dir.path(), limits);
        assert!(durable(journal.append(entry(STATE, 7))));
        let (mut told, mut rotated, mut refused) = (Vec::new(), 0, 0);
        for n in 0..120 {
            disk.set(if (20..60).contains(&n) { fault } else { FINE });
            let files = journal::files(dir.path()).len();
            if n == 20 {
                rotated = files;
            }
            let is_durable = durable(journal.append(entry("event", n)));
            // What is in a file whose name may be gone after a loss of power is not durable.
            let nameless = fault.folder && (20..60).contains(&n) && files > rotated;
            assert!(!(is_durable && nameless), "{n}");
            refused += u64::from(nameless);
            if is_durable {
                told.push(n);
            }
        }
        assert_eq!(
            refused > 0,
            fault.folder,
            "{fault:?}: it was rotated meanwhile"
        );
        assert!(told.len() >= 80, "{fault:?}: {told:?}");
        let records = all(dir.path());
        let there: Vec<u64> = records
            .iter()
            .filter(|r| r.kind == "event")
            .map(number)
            .collect();
        assert!(
            told.iter().all(|n| there.contains(n)),
            "{fault:?}: {told:?}, {there:?}"
        );
        assert_eq!(counted(&records), journal.health().lost, "{fault:?}");
        let files = journal::files(dir.path());
        assert!(files.len() > 3, "{files:?}");
        for file in &files {
            let states = journal::read(file).unwrap().records;
            assert!(states.iter().any(|r| r.kind == STATE), "{file:?}");
        }
    }
}

#[test]
fn a_damaged_end_that_was_put_aside_is_a_gap() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Faulty::default());
    let journal = open(&disk, dir.path(), Limits::default());
    journal.append(entry(STATE, 1));
    for n in 0..4 {
        assert!(durable(journal.append(entry("event", n))));
    }
    drop(journal);
    drop(open(&disk, dir.path(), Limits::default()));
    let path = dir.path().join(journal::FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    let lines: Vec<usize> = (0..bytes.len()).filter(|i| bytes[*i] == b'\n').collect();
    bytes[lines[2] + 10] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let journal = open(&disk, dir.path(), Limits::default());
    assert!(durable(journal.append(entry("event", 4))));
    let records = all(dir.path());
    let gap = Gap::of(&records[3]).expect("it stands behind what is used");
    assert_eq!(gap.lost, 2, "{gap}");
    assert!(gap.why.contains("line 4 was damaged"), "{gap}");
    // Its state may be among what is lost.
    assert!(record::is_behind(&records, "cctv"));
    drop(journal);
}

#[test]
fn a_gap_is_said_in_words_and_those_of_before_are_read() {
    let gap = |data: Value| {
        let record = json!({
            "seq": 4, "boot_id": "b", "boot_us": 1, "wall": "", "node": "n", "peer": "", "kind": "lost", "data": data,
        });
        Gap::of(&serde_json::from_value(record).unwrap())
            .unwrap()
            .to_string()
    };
    let whole = json!({ "lost": 3, "from": "T1", "to": "T2", "why": "the disk said: no" });
    assert_eq!(
        gap(whole),
        "3 records from T1 to T2 are missing (the disk said: no)"
    );
    assert_eq!(
        gap(json!({ "lost": 1 })),
        "1 record is missing (not recorded)"
    );
}
