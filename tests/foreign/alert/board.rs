//! What one sink is told, and when.

use std::time::Duration;

use standin::alert::{Board, CALM, Heard, MOST, ONCE_WINDOW, Raised};
use standin::takeover::action::Level;
use standin::types::BootTime;

const REPEAT: Duration = Duration::from_secs(3600);

fn at(ms: u64) -> BootTime {
    BootTime(1_000_000_000 + ms * 1000)
}

fn raised(key: &str, level: Level) -> Raised {
    Raised {
        peer: "cctv".to_owned(),
        key: key.to_owned(),
        level,
        text: format!("{key} stands"),
        next: "mend it".to_owned(),
        phase: String::new(),
    }
}

fn raise(key: &str, level: Level) -> Heard {
    Heard::Raised(raised(key, level))
}

fn settle(key: &str) -> Heard {
    Heard::Settled {
        peer: "cctv".to_owned(),
        key: key.to_owned(),
        text: format!("{key} is over"),
    }
}

fn once(text: &str) -> Heard {
    Heard::Once {
        peer: "cctv".to_owned(),
        level: Level::Warning,
        text: text.to_owned(),
        next: String::new(),
    }
}

fn board() -> Board {
    Board::new(Level::Warning, REPEAT)
}

/// Sends everything that is due: key, status, count.
fn sent(board: &mut Board, now: BootTime) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(taken) = board.take(now) {
        let b = &taken.bulletin;
        all.push(format!("{} {} x{}", b.key, b.status().word(), b.count));
        board.sent(now, &taken);
    }
    all
}

#[test]
fn a_thousand_of_one_are_one_with_a_count() {
    // While the receiver is down.
    let mut down = board();
    for i in 0..1000 {
        down.hear(at(i), 0, raise("gate", Level::Warning));
        down.hear(at(i), 0, once("a camera redials"));
    }
    assert_eq!(down.queued(), 2);
    assert_eq!(
        sent(&mut down, at(1000)),
        ["gate firing x1000", "event once x1000"]
    );

    // While it takes each at once.
    let mut up = board();
    let mut all = Vec::new();
    for i in 0..1000 {
        up.hear(at(i), 0, raise("gate", Level::Warning));
        up.hear(at(i), 0, once("a camera redials"));
        all.extend(sent(&mut up, at(i)));
    }
    assert_eq!(all, ["gate firing x1", "event once x1"]);
    // How often it was is told when the window ends, and then it is forgotten.
    let later = at(0) + ONCE_WINDOW;
    assert_eq!(sent(&mut up, later), ["event once x1000"]);
    assert_eq!(sent(&mut up, later + ONCE_WINDOW), Vec::<String>::new());
    up.hear(later + ONCE_WINDOW, 0, once("a camera redials"));
    assert_eq!(sent(&mut up, later + ONCE_WINDOW), ["event once x1"]);

    // One that comes and goes is one, and is over once.
    let mut flaps = board();
    let mut all = Vec::new();
    for i in 0..1000 {
        flaps.hear(at(2 * i), 0, raise("gate", Level::Warning));
        all.extend(sent(&mut flaps, at(2 * i)));
        flaps.hear(at(2 * i + 1), 0, settle("gate"));
        all.extend(sent(&mut flaps, at(2 * i + 1)));
    }
    assert_eq!(all, ["gate firing x1"]);
    assert_eq!(flaps.due(), Some(at(1999) + CALM));
    assert_eq!(sent(&mut flaps, at(1999) + CALM), ["gate resolved x1000"]);
    assert_eq!(flaps.due(), None);
}

#[test]
fn what_is_worse_is_told_at_once_and_what_is_not_urgent_enough_never() {
    let mut board = board();
    board.hear(at(0), 0, raise("gate", Level::Info));
    assert_eq!(board.due(), None);
    board.hear(at(1), 0, settle("gate"));
    assert_eq!(board.due(), None, "what was never told is not over");
    board.hear(at(2), 0, raise("gate", Level::Warning));
    assert_eq!(sent(&mut board, at(2)), ["gate firing x1"]);
    board.hear(at(3), 0, raise("gate", Level::Warning));
    assert_eq!(sent(&mut board, at(3)), Vec::<String>::new());
    board.hear(at(4), 0, raise("gate", Level::Critical));
    assert_eq!(sent(&mut board, at(4)), ["gate firing x3"]);
    board.hear(at(5), 0, raise("gate", Level::Warning));
    assert_eq!(sent(&mut board, at(5)), Vec::<String>::new());
    // It lasts.
    assert_eq!(sent(&mut board, at(4) + REPEAT), ["gate firing x4"]);
}

#[test]
fn each_phase_of_a_takeover_is_told_with_its_own_urgency() {
    let mut board = board();
    let phase = |level, phase: &str| {
        let raised = Raised {
            phase: phase.to_owned(),
            ..raised("takeover", level)
        };
        Heard::Raised(raised)
    };
    let mut levels = Vec::new();
    for (i, (level, name)) in [
        (Level::Info, "suspected"),
        (Level::Warning, "taking"),
        (Level::Warning, "taking"),
        (Level::Critical, "degraded"),
        (Level::Warning, "active"),
    ]
    .into_iter()
    .enumerate()
    {
        let now = at(i as u64);
        board.hear(now, 0, phase(level, name));
        while let Some(taken) = board.take(now) {
            levels.push((name, taken.bulletin.level));
            board.sent(now, &taken);
        }
    }
    assert_eq!(
        levels,
        [
            ("taking", Level::Warning),
            ("degraded", Level::Critical),
            ("active", Level::Warning)
        ]
    );
}

#[test]
fn the_latest_state_of_each_key_is_told_in_the_order_in_which_they_came() {
    let mut board = board();
    for (i, key) in ["a", "b", "c"].into_iter().enumerate() {
        board.hear(at(i as u64), 0, raise(key, Level::Warning));
    }
    board.hear(at(10), 7, settle("a"));
    board.hear(at(11), 7, raise("c", Level::Critical));
    assert_eq!(
        sent(&mut board, at(12)),
        ["a resolved x1", "b firing x1", "c firing x2"]
    );
    // It was never told while it stood: what it was is told with its end.
    board.hear(at(20), 5, raise("d", Level::Warning));
    board.hear(at(21), 9, settle("d"));
    let d = board.take(at(22)).unwrap().bulletin;
    assert_eq!((d.since_us, d.until_us), (5, Some(9)));
    assert_eq!((d.was.as_str(), d.text.as_str()), ("d stands", "d is over"));
}

#[test]
fn what_changes_while_it_is_sent_is_sent_again() {
    let mut board = board();
    board.hear(at(0), 0, raise("gate", Level::Warning));
    let taken = board.take(at(0)).unwrap();
    assert!(board.take(at(0)).is_none(), "it is under way");
    board.hear(at(1), 0, raise("gate", Level::Critical));
    board.sent(at(2), &taken);
    let again = board.take(at(2)).unwrap();
    assert_eq!(again.bulletin.level, Level::Critical);
    board.hear(at(3), 0, settle("gate"));
    board.sent(at(4), &again);
    assert_eq!(sent(&mut board, at(5)), Vec::<String>::new());
    assert_eq!(sent(&mut board, at(3) + CALM), ["gate resolved x2"]);
}

#[test]
fn what_is_refused_stands_behind_the_others() {
    let mut board = board();
    board.hear(at(0), 0, raise("bad", Level::Warning));
    board.hear(at(1), 0, raise("good", Level::Warning));
    let bad = board.take(at(2)).unwrap();
    assert_eq!(bad.bulletin.key, "bad");
    board.failed(&bad, Some(at(60_000)));
    assert_eq!(sent(&mut board, at(3)), ["good firing x1"]);
    assert_eq!(sent(&mut board, at(60_000)), ["bad firing x1"]);
}

#[test]
fn it_is_bounded_and_the_most_urgent_stay() {
    let mut board = board();
    board.hear(at(0), 0, raise("worst", Level::Critical));
    for i in 0..2 * MOST {
        board.hear(at(1), 0, once(&format!("event {i}")));
    }
    assert_eq!(board.queued(), MOST);
    assert_eq!(board.dropped() as usize, MOST + 1);
    let all = sent(&mut board, at(2));
    assert_eq!((all.len(), all[0].as_str()), (MOST, "worst firing x1"));
    // What was told makes room for what was not.
    board.hear(at(3), 0, raise("new", Level::Warning));
    assert_eq!(sent(&mut board, at(3)), ["new firing x1"]);
    board.hear(at(4), 0, once(&"x".repeat(1_000_000)));
    assert!(board.kept().len() < 200_000, "{}", board.kept().len());
}

#[test]
fn a_restart_forgets_nothing_and_tells_nothing_twice() {
    let mut before = board();
    before.hear(at(0), 0, raise("told", Level::Warning));
    sent(&mut before, at(0));
    before.hear(at(1), 0, raise("waits", Level::Critical));
    before.hear(at(2), 0, raise("over", Level::Warning));
    before.hear(at(3), 0, settle("over"));
    // One is under way when the daemon dies.
    before.take(at(4)).unwrap();
    let kept = before.kept();

    let mut after = board();
    assert_eq!(after.recall(at(100_000), &kept), Ok(3));
    assert_eq!(
        sent(&mut after, at(100_000)),
        ["waits firing x1", "over resolved x1"]
    );
    // It is raised again, as it stands: no news. One that is not is over when all that stands is compared.
    after.hear(at(100_001), 0, raise("told", Level::Warning));
    assert_eq!(sent(&mut after, at(100_001)), Vec::<String>::new());
    let standing = Heard::Standing(vec![
        raised("told", Level::Warning),
        raised("missed", Level::Critical),
    ]);
    after.hear(at(220_000), 0, standing);
    assert_eq!(sent(&mut after, at(220_000)), ["missed firing x1"]);
    assert_eq!(sent(&mut after, at(220_000) + CALM), ["waits resolved x1"]);
    for damaged in [&b"{"[..], b"", b"[1]", &kept[..kept.len() / 2]] {
        assert!(board().recall(at(0), damaged).is_err());
    }
}

#[test]
fn in_quiet_hours_what_can_wait_waits_and_what_cannot_does_not() {
    let mut board = board();
    board.keep_quiet(at(60_000));
    board.hear(at(0), 0, raise("gate", Level::Warning));
    board.hear(at(1), 0, raise("takeover", Level::Critical));
    assert_eq!(sent(&mut board, at(1)), ["takeover firing x1"]);
    board.hear(at(2), 0, settle("takeover"));
    assert_eq!(sent(&mut board, at(2) + CALM), ["takeover resolved x1"]);
    assert_eq!(board.due(), Some(at(60_000)));
    // It becomes worse.
    board.hear(at(30_000), 0, raise("gate", Level::Critical));
    assert_eq!(sent(&mut board, at(30_000)), ["gate firing x2"]);
    board.hear(at(30_001), 0, once("a camera redials"));
    assert_eq!(sent(&mut board, at(59_999)), Vec::<String>::new());
    assert_eq!(sent(&mut board, at(60_000)), ["event once x1"]);
}
