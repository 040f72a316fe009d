//! Asking a check again and again, one look at a time, each with its deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{HealthCheck, Kit, Looked};
use crate::rt::{self, Instant};

/// Most characters of what a look says: a server may send anything.
pub const MOST_WORDS: usize = 300;
/// A deadline that is noticed this late says that this machine stood still, and nothing of the service.
const STALL: Duration = Duration::from_millis(500);
/// What was paused goes on within this.
const GO_ON: Duration = Duration::from_millis(500);

/// One look, over within `within`.
pub async fn look(check: Arc<dyn HealthCheck>, kit: &Kit, within: Duration) -> Looked {
    let begun = Instant::now();
    let inner = Kit {
        // So that its own words are heard before it is stopped.
        within: within - within / 20,
        ..kit.clone()
    };
    let task = rt::spawn(async move {
        let looked = rt::timeout(within, check.look(&inner)).await;
        looked.map_err(|_| begun.elapsed())
    });
    let looked = match task.await {
        Ok(Ok(looked)) => looked,
        Ok(Err(after)) => Looked::Bad(format!("no answer within {} ms", after.as_millis())),
        Err(_) => Looked::NotAsked(
            "a fault of standin (the log has a line that begins with `panic at`: please report it)"
                .to_owned(),
        ),
    };
    let late = begun.elapsed() > within + STALL;
    let looked = match looked {
        Looked::Bad(why) if late => Looked::NotAsked(format!(
            "this machine stood still meanwhile, so this is no evidence: {why}"
        )),
        looked => looked,
    };
    looked.map(|words| in_one_line(&words))
}

/// Looks every `interval`, for as long as somebody hears it; nothing while it is `paused`. A look that takes longer than
/// that is followed by the next at once, never accompanied.
pub async fn follow(
    check: Arc<dyn HealthCheck>,
    kit: Kit,
    (first, interval): (Duration, Duration),
    paused: Arc<AtomicBool>,
    hear: impl Fn(Looked, Duration) -> bool + Send,
) {
    rt::sleep(first).await;
    loop {
        let begun = Instant::now();
        if paused.load(Ordering::Relaxed) {
            rt::sleep(interval.min(GO_ON)).await;
            continue;
        }
        let looked = look(check.clone(), &kit, kit.within).await;
        if !hear(looked, begun.elapsed()) {
            return;
        }
        rt::sleep_until(begun + interval).await;
    }
}

/// Words of a server or a program, in one line that a terminal can show.
fn in_one_line(words: &str) -> String {
    let plain = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain: String = plain.chars().filter(|c| !c.is_control()).collect();
    match plain.char_indices().nth(MOST_WORDS) {
        Some((end, _)) => format!("{}...", &plain[..end]),
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_said_is_one_line_of_bounded_length() {
        assert_eq!(in_one_line("a\r\n b\u{7}\u{1b}[31m"), "a b[31m");
        let long = in_one_line(&"ü".repeat(5_000));
        assert_eq!(long.chars().count(), MOST_WORDS + 3, "{long}");
    }
}
