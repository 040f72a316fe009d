//! The journal after a crash, under a full queue, over rotations; the boot counter beside it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use standin::daemon::boot_counter;
use standin::daemon::journal::{
    self, Entry, Gap, Journal, JournalError, LOST, Limits, Replay, STATE, Ticket,
};
use standin::daemon::record::{self, Kept};
use standin::types::BootTime;

const SOON: Duration = Duration::from_secs(10);

fn entry(kind: &'static str, data: Value) -> Entry {
    Entry::new(BootTime(5), "cctv", kind, data)
}

/// Opens, writes so many records, waits for the disk, closes.
fn write(dir: &Path, count: u64) -> Replay {
    let (journal, replay) = open(dir);
    for n in 0..count {
        let ticket = journal.append(entry("event", json!(n)));
        if n + 1 == count {
            assert!(durable(ticket));
        }
    }
    replay
}

/// Waits for the disk.
fn durable(ticket: Ticket) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(ticket.durable(SOON))
}

/// The lock is given back by the thread that writes, a moment after the last handle is gone.
fn open(dir: &Path) -> (Journal, Replay) {
    let until = Instant::now() + SOON;
    loop {
        match Journal::open(dir, "standby") {
            Err(JournalError::InUse { .. }) if Instant::now() < until => std::thread::yield_now(),
            other => return other.unwrap(),
        }
    }
}

#[test]
fn what_was_durable_is_there_after_a_restart_and_numbers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    assert!(write(dir.path(), 3).records.is_empty());
    let replay = write(dir.path(), 2);
    assert_eq!(replay.records.len(), 3);
    let all = journal::read(&dir.path().join(journal::FILE)).unwrap();
    let numbers: Vec<u64> = all.records.iter().map(|r| r.seq).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let first = &all.records[0];
    assert_eq!(
        (first.node.as_str(), first.peer.as_str()),
        ("standby", "cctv")
    );
    assert_eq!((first.boot_us, &first.data), (BootTime(5), &json!(0)));
    assert!(first.wall.ends_with('Z') && !first.boot_id.is_empty());
}

#[test]
fn a_torn_last_line_is_put_aside_and_named() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 3);
    let path = dir.path().join(journal::FILE);
    let whole = fs::read(&path).unwrap();
    for cut in [1, 2, 40] {
        fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let replay = write(dir.path(), 0);
        assert_eq!(replay.records.len(), 2, "cut {cut}");
        let damage = replay.damage.expect("the cut is noticed");
        let aside = damage.moved_to.clone().unwrap();
        assert!(
            damage.to_string().contains(aside.to_str().unwrap()),
            "{damage}"
        );
        assert!(damage.to_string().contains("line 3"), "{damage}");
        let kept = &fs::read(&path).unwrap()[..replay.length as usize];
        let both = [kept, &fs::read(&aside).unwrap()].concat();
        assert_eq!(both, whole[..whole.len() - cut], "no byte is lost");
        let again = write(dir.path(), 0);
        assert!(again.damage.is_none(), "once is enough");
        let gap = Gap::of(&again.records[2]).expect("it is told behind what is used");
        assert_eq!(gap.lost, 1, "{gap}");
    }
}

#[test]
fn damage_in_the_middle_keeps_the_good_prefix_and_says_what_follows() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 5);
    let path = dir.path().join(journal::FILE);
    let mut bytes = fs::read(&path).unwrap();
    let second = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
    bytes[second + 10] ^= 1;
    fs::write(&path, &bytes).unwrap();

    let only_read = journal::read(&path).unwrap();
    assert_eq!(only_read.damage.as_ref().unwrap().moved_to, None);
    assert_eq!(fs::read(&path).unwrap(), bytes, "reading changes nothing");

    let replay = write(dir.path(), 1);
    assert_eq!(replay.records.len(), 1);
    let damage = replay.damage.unwrap();
    assert_eq!((damage.line, damage.kept, damage.intact_after), (2, 1, 3));
    let after = journal::read(&path).unwrap();
    // The one before the damage, that something is missing, and the new one.
    assert_eq!(after.records.len(), 3);
    assert_eq!(Gap::of(&after.records[1]).map(|g| g.lost), Some(4));
    assert!(after.damage.is_none(), "it is written on");
}

#[test]
fn a_file_of_garbage_is_put_aside_whole() {
    for garbage in [&b"\0\0\0\0\0\0\0\0"[..], b"{}\n", b"\n", b"\xff\xfe\n{}"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(journal::FILE), garbage).unwrap();
        let replay = write(dir.path(), 1);
        assert!(replay.records.is_empty());
        let aside = replay.damage.unwrap().moved_to.unwrap();
        assert_eq!(fs::read(aside).unwrap(), garbage);
    }
}

#[test]
fn two_daemons_do_not_share_a_journal() {
    let dir = tempfile::tempdir().unwrap();
    let (_first, _) = open(dir.path());
    let second = Journal::open(dir.path(), "standby").unwrap_err();
    assert!(matches!(second, JournalError::InUse { .. }));
    assert!(second.to_string().contains("state-dir"), "{second}");
}

#[test]
fn rotation_carries_the_last_state_of_each_peer_and_keeps_so_many_files() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        rotate_at: 4000,
        keep: 3,
        queue: 4096,
    };
    let (journal, _) = Journal::open_with(dir.path(), "standby", limits).unwrap();
    let state = |peer: &str, n: u64| Entry::new(BootTime(n), peer, STATE, json!({ "n": n }));
    journal.append(state("a", 1));
    journal.append(state("b", 2));
    journal.append(state("a", 3));
    // Which heartbeats were heard: without it a restart after a rotation would take recorded ones for new.
    journal.append(Entry::new(BootTime(4), "", "heard", json!({ "n": 4 })));
    for n in 0..200 {
        let last = journal.append(entry("event", json!(n)));
        // One at a time, so that each rotation has its own group.
        assert!(durable(last));
    }
    let files = journal::files(dir.path());
    assert_eq!(files.len(), 4, "{files:?}");
    for path in &files {
        let replay = journal::read(path).unwrap();
        assert!(replay.damage.is_none(), "{replay:?}");
        let last = |peer: &str| {
            let of = |r: &&journal::Record| r.kind == STATE && r.peer == peer;
            replay.records.iter().rev().find(of).unwrap().data["n"].clone()
        };
        assert_eq!((last("a"), last("b")), (json!(3), json!(2)));
        let heard = replay.records.iter().rfind(|r| r.kind == "heard");
        assert_eq!(heard.unwrap().data["n"], 4, "{path:?}");
    }
    let current = journal::read(files.last().unwrap()).unwrap();
    assert_eq!(current.records.last().unwrap().seq, 204);
    drop(journal);
    let (_journal, replay) = open(dir.path());
    assert_eq!(replay.records, current.records);
}

#[test]
fn a_full_queue_loses_entries_without_blocking_and_says_how_many() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        queue: 2,
        ..Limits::default()
    };
    let (journal, _) = Journal::open_with(dir.path(), "standby", limits).unwrap();
    let tickets: Vec<_> = (0..2000)
        .map(|n| journal.append(entry("event", json!(n))))
        .collect();
    let written = tickets
        .into_iter()
        .map(|t| u64::from(durable(t)))
        .sum::<u64>();
    let lost = journal.health().lost;
    assert_eq!(written + lost, 2000);
    assert!(lost > 0, "the queue of two never filled up");
    assert!(durable(journal.append(entry("event", json!("last")))));
    let replay = journal::read(&dir.path().join(journal::FILE)).unwrap();
    assert!(replay.damage.is_none());
    let said: u64 = replay
        .records
        .iter()
        .filter(|r| r.kind == LOST)
        .map(|r| r.data["lost"].as_u64().unwrap())
        .sum();
    assert_eq!(said, lost);
}

#[tokio::test]
async fn a_ticket_answers_each_of_its_holders() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let ticket = journal.clone().append(entry("event", json!(1)));
    assert!(ticket.clone().durable(SOON).await);
    assert!(
        ticket.durable(Duration::ZERO).await,
        "known things need no time"
    );
    assert_eq!(journal.health(), journal::Health::default());
}

#[test]
fn the_boot_counter_grows_with_each_start_whatever_becomes_of_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(boot_counter::FILE);
    fs::write(&path, "1\n").unwrap();
    assert_eq!(boot_counter::next(dir.path()).number, 2);
    let third = boot_counter::next(dir.path());
    assert_eq!((third.number, third.trouble), (3, None));
    // No counter of starts reaches the seconds since 1970: nobody takes what follows for a replay.
    let mut last = 1_700_000_000;
    for broken in [&b""[..], b"x\n", b"-1\n"] {
        fs::write(&path, broken).unwrap();
        let lost = boot_counter::next(dir.path());
        assert!(lost.number >= last, "{lost:?}");
        assert!(lost.trouble.unwrap().contains("holds no number"));
        last = lost.number;
    }
    fs::remove_file(&path).unwrap();
    let gone = boot_counter::next(dir.path());
    assert!(gone.number >= last && gone.trouble.is_none(), "{gone:?}");
    assert_eq!(boot_counter::next(dir.path()).number, gone.number + 1);
    // A disk that takes nothing.
    let nowhere = dir.path().join("not/there");
    let refused = boot_counter::next(&nowhere);
    assert!(refused.number >= last, "{refused:?}");
    assert!(refused.trouble.unwrap().contains("cannot be written"));
}

#[test]
fn a_record_of_a_newer_version_is_read() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1);
    let path = dir.path().join(journal::FILE);
    let text = fs::read_to_string(&path).unwrap();
    let json: Value = serde_json::from_str(text.trim()).unwrap();
    let mut json = json.as_object().unwrap().clone();
    json.remove("crc");
    json.insert("what-is-this".into(), json!({ "a": 1 }));
    let whole = serde_json::to_string(&json).unwrap();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(whole.as_bytes());
    let crc: String = digest[..4].iter().map(|b| format!("{b:02x}")).collect();
    let line = format!("{},\"crc\":\"{crc}\"}}\n", &whole[..whole.len() - 1]);
    fs::write(&path, line).unwrap();
    let replay = write(dir.path(), 1);
    assert_eq!(replay.damage, None);
    assert_eq!(replay.records.len(), 1);
}

#[test]
fn journals_of_the_version_before_are_read_and_nothing_is_dropped() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/core/journals_9e90df5");
    // An owner of a pair by the other one's consent too: an old record does not say that nothing was shut.
    let in_place = ["active", "pair-owner", "parked-active", "taking-fence"];
    let mut read = Vec::new();
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|e| e != "jsonl") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let replay = journal::read(&path).unwrap();
        assert_eq!(
            replay.records.len(),
            lines.len(),
            "{name}: {:?}",
            replay.damage
        );
        assert!(replay.damage.is_none(), "{name}: {:?}", replay.damage);
        for (line, record) in lines.iter().zip(&replay.records) {
            assert_eq!(
                (&line["kind"], &line["data"]),
                (&json!(record.kind), &record.data),
                "{name}"
            );
        }
        let mut states = lines.iter().filter(|l| l["kind"] == STATE);
        let said = &states
            .next_back()
            .unwrap_or_else(|| panic!("{name} has no state"))["data"];
        let (kept, unread) = Kept::read(said).unwrap();
        assert!(unread.is_empty(), "{name}: {unread:?}");
        let (last, _) = record::last(&replay.records, "cctv", "").unwrap();
        assert_eq!(last, kept, "{name}");
        // Every key of the old record is there with the value that it had.
        let now = serde_json::to_value(&kept).unwrap();
        for (key, value) in said.as_object().unwrap() {
            assert_eq!(&now[key], value, "{name}: {key}");
        }
        assert_eq!(kept.in_place(), in_place.contains(&name.as_str()), "{name}");
        let standing = kept.standing();
        let ports: Vec<_> = standing.levels.iter().flat_map(|l| l.ports()).collect();
        assert_eq!(ports, kept.fence, "{name}");
        let moved = standing
            .levels
            .iter()
            .filter(|l| l.vlans().is_some())
            .count();
        assert_eq!(moved, kept.quarantined.len(), "{name}");
        assert!(
            !kept.in_place() || standing.levels.iter().all(|l| l.set),
            "{name}"
        );
        read.push(name);
    }
    assert_eq!(read.len(), 9, "{read:?}");
}
