//! How soon a fall is noticed, one look at a time, and that a pause pauses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use standin::health::{Condition, Judgement, Looked, follow};
use standin::rt::Instant;
use tokio::sync::mpsc;

use crate::health::Site;
use crate::health::servers::{Does, Server};

const INTERVAL: Duration = Duration::from_millis(300);
const TIMEOUT: Duration = Duration::from_millis(280);
const FALL: u32 = 3;

/// Looks at the server at `at`; what was seen comes by the channel until it is dropped.
fn looks(
    site: &Site,
    at: std::net::SocketAddr,
    paused: Arc<AtomicBool>,
) -> mpsc::UnboundedReceiver<Looked> {
    let (tx, rx) = mpsc::unbounded_channel();
    let check = site.check("tcp", &format!("at = \"{at}\"\ngreeting = \"220\""));
    let hear = move |looked, _| tx.send(looked).is_ok();
    tokio::spawn(follow(
        check,
        site.kit(TIMEOUT),
        (Duration::ZERO, INTERVAL),
        paused,
        hear,
    ));
    rx
}

/// From each fault on: the judgement falls within `fall` intervals and one timeout.
#[tokio::test]
async fn a_fall_is_noticed_in_its_time_whatever_the_fault() {
    let site = Site::default();
    let bound = INTERVAL * FALL + TIMEOUT;
    for (fault, does) in [
        ("refuses", None),
        ("hangs", Some(Does::Hangs)),
        ("answers wrongly", Some(Does::Says(b"554".to_vec()))),
        ("closes", Some(Does::Closes(Vec::new()))),
    ] {
        let mut worst = Duration::ZERO;
        for round in [0, 2] {
            let server = Server::start(Does::Says(b"220".to_vec())).await;
            let at = server.at;
            let mut heard = looks(&site, at, Arc::default());
            let mut judgement = Judgement::new(2, FALL);
            judgement.take(&heard.recv().await.unwrap());
            assert_eq!(judgement.condition(), Condition::Up, "{fault}");
            // At another moment between two looks each time.
            tokio::time::sleep(INTERVAL / 4 * round).await;
            drop(server);
            tokio::task::yield_now().await;
            let fell = Instant::now();
            let _server = match &does {
                Some(does) => Some(Server::at(at, does.clone()).await),
                None => None,
            };
            while judgement.condition() == Condition::Up {
                judgement.take(&heard.recv().await.unwrap());
            }
            worst = worst.max(fell.elapsed());
        }
        println!("{fault}: down after {worst:?} at the most, bound {bound:?}");
        // What a loaded machine may take beside it.
        assert!(
            worst < bound + Duration::from_millis(400),
            "{fault}: {worst:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_asked_by_one_at_a_time_and_nothing_stays_open() {
    let site = Site::default();
    let server = Server::start(Does::Hangs).await;
    let mut heard = looks(&site, server.at, Arc::default());
    for _ in 0..8 {
        assert!(matches!(heard.recv().await.unwrap(), Looked::Bad(_)));
    }
    let (most, all) = (
        server.seen.most.load(Ordering::SeqCst),
        server.seen.all.load(Ordering::SeqCst),
    );
    assert_eq!(most, 1, "{all} connections");
    assert!((8..=9).contains(&all), "{all} connections for 8 looks");
}

#[tokio::test]
async fn a_pause_pauses_and_its_end_is_noticed() {
    let site = Site::default();
    let server = Server::start(Does::Says(b"220".to_vec())).await;
    let paused = Arc::new(AtomicBool::new(true));
    let mut heard = looks(&site, server.at, paused.clone());
    let silent = tokio::time::timeout(INTERVAL * 4, heard.recv()).await;
    assert!(silent.is_err(), "{silent:?}");
    assert_eq!(server.seen.all.load(Ordering::SeqCst), 0);
    paused.store(false, Ordering::Relaxed);
    let looked = tokio::time::timeout(Duration::from_secs(2), heard.recv()).await;
    assert!(matches!(looked, Ok(Some(Looked::Good(_)))), "{looked:?}");
}

/// A check that never comes back, and one that panics, are judged all the same.
mod odd {
    use futures_util::future::{BoxFuture, FutureExt};
    use standin::health::{HealthCheck, Kit, Looked, look};

    use super::*;

    struct Odd(bool);

    impl HealthCheck for Odd {
        fn what(&self) -> String {
            "odd".to_owned()
        }

        fn look<'a>(&'a self, _: &'a Kit) -> BoxFuture<'a, Looked> {
            async move {
                assert!(!self.0, "a planted panic");
                std::future::pending().await
            }
            .boxed()
        }
    }

    #[tokio::test]
    async fn a_look_is_over_whatever_the_kind_does() {
        let site = Site::default();
        let hung = look(Arc::new(Odd(false)), &site.kit(TIMEOUT), TIMEOUT).await;
        assert!(
            matches!(&hung, Looked::Bad(why) if why.contains("no answer within")),
            "{hung:?}"
        );
        let panicked = look(Arc::new(Odd(true)), &site.kit(TIMEOUT), TIMEOUT).await;
        assert!(
            matches!(&panicked, Looked::NotAsked(why) if why.contains("fault of standin")),
            "{panicked:?}"
        );
    }
}
