//! The program `nft`: how long it may take, and how many of it at once.
//!
//! Each runs on a thread of its own: never more than a few of them hang, and nobody else waits for one. What closes the
//! gate has to be done again every few seconds and is given [`DEADLINE`]. What is only to succeed at some time (to take
//! something of ours away, to mute or unmute) has [`Patience`]: its deadline grows, so that an `nft` that is slow for
//! good gets there. Such patient ones have places of their own, fewer than all, for which they queue: those that keep a gate
//! closed always find one.

use std::io;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use super::nft_error::AT_ONCE;
pub use super::nft_error::NftError;
use crate::host::Programs;
use crate::rt::{Elapsed, Instant, timeout};

/// The longest `nft` may take; it answers in milliseconds unless the machine is in trouble.
pub const DEADLINE: Duration = Duration::from_secs(2);
/// The longest that it is ever given.
const LONGEST: Duration = Duration::from_secs(60);
/// So many of them with a longer deadline than [`DEADLINE`].
const PATIENT: usize = 2;
const _: () = assert!(
    PATIENT < AT_ONCE,
    "what is urgent would wait behind what may take long"
);
/// Stack of the thread of an `nft`, in bytes.
const STACK: usize = 1 << 18;

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static PATIENT_ONES: Semaphore = Semaphore::const_new(PATIENT);

/// How long the next `nft` of one aim may take: twice as long after each that took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Patience(DEADLINE)
    }
}

impl Patience {
    /// What the next one is given.
    pub fn within(self) -> Duration {
        self.0
    }

    /// True if it cannot grow any more.
    pub fn is_at_its_end(self) -> bool {
        self.0 >= LONGEST
    }

    /// Learns from what was asked: `took` is all of it.
    pub fn learn<T>(&mut self, answer: &Result<T, NftError>, took: Duration) {
        self.0 = match answer {
            Err(NftError::Timeout { .. }) => self.0 * 2,
            // It never ran.
            Err(NftError::Busy(_) | NftError::NoNft(_) | NftError::Run { .. }) => self.0,
            Ok(_) | Err(NftError::Refused { .. } | NftError::Unproven { .. }) => took * 2,
        }
        .clamp(DEADLINE, LONGEST);
    }

    /// Does `work` with what it is to be given, and learns from it.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn spend<T>(
        &mut self,
        work: impl AsyncFnOnce(Duration) -> Result<T, NftError>,
    ) -> Result<T, NftError> {
        let begun = Instant::now();
        let answer = work(self.0).await;
        self.learn(&answer, begun.elapsed());
        answer
    }
}

/// The tables of one address family, or of all: family and name of each.
///
/// # Errors
/// [`NftError`].
pub async fn tables(
    programs: &dyn Programs,
    family: Option<&str>,
    within: Duration,
) -> Result<Vec<String>, NftError> {
    let mut arguments = vec!["list", "tables"];
    arguments.extend(family);
    let doing = "list the tables of nftables";
    let listing = programs.nft(&arguments, "", within, doing).await?;
    let names = listing
        .lines()
        .filter_map(|line| line.trim().strip_prefix("table "));
    Ok(names.map(str::to_owned).collect())
}

/// Runs `nft` on a thread of its own; what it wrote. If the future is dropped, it is killed.
///
/// # Errors
/// [`NftError`], but for [`NftError::Unproven`].
pub(crate) async fn run(
    arguments: &[&str],
    input: &str,
    within: Duration,
    doing: &str,
) -> Result<String, NftError> {
    let result = on_a_thread(arguments, input, within, doing).await?;
    let doing = doing.to_owned();
    let output = match result {
        Err(_) => return Err(NftError::Timeout { doing, within }),
        Ok(Err(e)) if e.kind() == io::ErrorKind::NotFound => return Err(NftError::NoNft(doing)),
        Ok(Err(source)) => return Err(NftError::Run { doing, source }),
        Ok(Ok(output)) => output,
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or("nothing").to_owned();
    Err(NftError::Refused { doing, said })
}

/// One of the places; it is free again when the thread that has it ends.
struct Place(#[expect(dead_code, reason = "held until the end")] Option<SemaphorePermit<'static>>);

impl Place {
    async fn take(within: Duration, doing: &str) -> Result<Place, NftError> {
        let busy = || NftError::Busy(doing.to_owned());
        let patient = if within > DEADLINE {
            let queued = timeout(within, PATIENT_ONES.acquire()).await;
            Some(queued.map_err(|_| busy())?.map_err(|_| busy())?)
        } else {
            None
        };
        if RUNNING.fetch_add(1, Ordering::SeqCst) >= AT_ONCE {
            RUNNING.fetch_sub(1, Ordering::SeqCst);
            return Err(busy());
        }
        Ok(Place(patient))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// To start a program waits until it was read from the disk, which may hang: that is waited for on a thread that has
/// nothing else to do.
async fn on_a_thread(
    arguments: &[&str],
    input: &str,
    within: Duration,
    doing: &str,
) -> Result<Result<io::Result<Output>, Elapsed>, NftError> {
    let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
    let input = input.to_owned();
    let (mut answer, answered) = oneshot::channel();
    let place = Place::take(within, doing).await?;
    let failed = |source| NftError::Run {
        doing: doing.to_owned(),
        source,
    };
    let thread = std::thread::Builder::new().name("nft".to_owned());
    let spawned = thread.stack_size(STACK).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let result = match runtime {
            Ok(runtime) => runtime.block_on(async {
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                tokio::select! {
                    biased;
                    result = timeout(within, child(&arguments, &input)) => Some(result),
                    () = answer.closed() => None,
                }
            }),
            Err(e) => Some(Ok(Err(e))),
        };
        drop(place);
        if let Some(result) = result {
            let _ = answer.send(result);
        }
    });
    spawned.map_err(failed)?;
    match timeout(within + DEADLINE / 4, answered).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_)) => Err(failed(io::Error::other("its thread ended"))),
        Err(_) => Err(NftError::Timeout {
            doing: doing.to_owned(),
            within,
        }),
    }
}

async fn child(arguments: &[&str], input: &str) -> io::Result<Output> {
    // A service manager's PATH need not contain the sbin directories.
    let mut missing = io::Error::from(io::ErrorKind::NotFound);
    for program in ["nft", "/usr/sbin/nft", "/sbin/nft"] {
        let mut command = Command::new(program);
        command.args(arguments).kill_on_drop(true);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                missing = e;
                continue;
            }
            other => other?,
        };
        if let Some(mut stdin) = child.stdin.take() {
            // Where nft has ended early its own message says more than our broken pipe.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        return child.wait_with_output().await;
    }
    Err(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn patience_grows_with_what_is_too_slow_and_follows_what_answers() {
        let too_slow = |within| {
            Err::<(), _>(NftError::Timeout {
                doing: String::new(),
                within,
            })
        };
        let mut patience = Patience::default();
        let mut given = Vec::new();
        for _ in 0..7 {
            given.push(patience.within().as_secs());
            patience.learn(&too_slow(patience.within()), patience.within());
        }
        assert_eq!(given, [2, 4, 8, 16, 32, 60, 60]);
        assert!(patience.is_at_its_end());
        // Who takes three seconds is not cut off again, and who is quick is soon told of.
        patience.learn(&Ok(()), s(3));
        assert_eq!(patience.within(), s(6));
        patience.learn(&Err::<(), _>(NftError::Busy(String::new())), s(6));
        assert_eq!(patience.within(), s(6));
        patience.learn(&Ok(()), Duration::from_millis(9));
        assert_eq!(patience.within(), DEADLINE);
    }

    /// Both in one test: the places are the process's.
    #[tokio::test]
    async fn patient_ones_leave_places_free_and_one_that_is_not_awaited_gives_its_own_back() {
        let mut patient = Vec::new();
        for _ in 0..PATIENT {
            patient.push(Place::take(s(4), "wait").await.unwrap());
        }
        let next = timeout(s(1), Place::take(s(4), "wait")).await;
        assert!(next.is_err(), "a third one did not queue");
        let mut quick = Vec::new();
        for _ in PATIENT..AT_ONCE {
            quick.push(Place::take(DEADLINE, "close").await.unwrap());
        }
        let full = Place::take(DEADLINE, "close").await;
        assert!(matches!(full, Err(NftError::Busy(_))));
        drop(patient.pop());
        drop(Place::take(s(4), "wait").await.unwrap());
        drop((patient, quick));
        assert_eq!(RUNNING.load(Ordering::SeqCst), 0);
        assert_eq!(PATIENT_ONES.available_permits(), PATIENT);
    }
}
