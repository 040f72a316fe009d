//! Each fault of server and network, with what comes of a change: a table is printed.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use standin::endpoint::dns::change;

use super::bind::{Odd, bind, key};
use super::proxy::{Fault, proxy};
use super::{live, only, zone};
use crate::endpoint_support::place;

/// What is to come of it.
enum Comes {
    /// It is done, with so many updates sent; whether the answer was missed.
    Done(u32, bool),
    /// It is told in these words; nothing was changed.
    Fails(&'static str),
}

#[tokio::test]
async fn every_fault_has_its_outcome() {
    let ms = Duration::from_millis;
    let within = ms(800);
    let cases = [
        (Fault::None, Comes::Done(1, false)),
        (Fault::Hangs, Comes::Fails("no answer within")),
        (Fault::Mute, Comes::Fails("no answer within")),
        (Fault::LosesUpdate(1), Comes::Done(2, false)),
        (Fault::LosesReply(1), Comes::Done(1, true)),
        (Fault::Late(ms(100)), Comes::Done(1, false)),
        (Fault::Late(ms(800)), Comes::Fails("no answer within")),
        (Fault::Garbage, Comes::Fails("no DNS message")),
        (Fault::WrongId, Comes::Fails("another question")),
        (Fault::Tampered, Comes::Fails("signed by somebody else")),
        (Fault::Truncated, Comes::Done(2, true)),
        (
            Fault::HalfOverTcp,
            Comes::Fails("before its answer was whole"),
        ),
        (Fault::TcpHangs, Comes::Fails("then nothing came")),
        (Fault::Code(2), Comes::Fails("SERVFAIL")),
        (Fault::Code(5), Comes::Fails("REFUSED")),
        (Fault::Code(4), Comes::Fails("Not Implemented")),
        (Fault::Code(0), Comes::Fails("not authenticated")),
        (Fault::TcpOnly, Comes::Done(1, false)),
    ];
    println!("| fault | outcome | ms | updates |\n| --- | --- | --- | --- |");
    for (fault, comes) in cases {
        let Some(server) = bind(Odd::default()) else {
            return;
        };
        let proxy = proxy(server.at, fault).await;
        let begun = Instant::now();
        let outcome = only(change(&zone(proxy.at, Some(key())), &[live("10.0.0.5")], within).await);
        let took = begun.elapsed();
        let updates = proxy.updates.load(Ordering::SeqCst);
        let said = match &outcome {
            Ok(done) => format!(
                "done{}",
                if done.reply_lost {
                    ", the answer was lost"
                } else {
                    ""
                }
            ),
            Err(error) => error.to_string(),
        };
        println!("| {fault:?} | {said} | {} | {updates} |", took.as_millis());
        assert!(took < within + ms(400), "{fault:?}: {took:?}");
        let stands = server.dig("live", "A");
        match (comes, outcome) {
            (Comes::Done(sent, lost), Ok(done)) => {
                assert_eq!((updates, done.reply_lost), (sent, lost), "{fault:?}");
                assert_eq!(stands, ["5 A 10.0.0.5"], "{fault:?}");
            }
            (Comes::Fails(word), Err(error)) => {
                assert!(
                    said.contains(word) && said.contains(&proxy.at.to_string()),
                    "{said}"
                );
                assert!(!error.is_unclear, "{said}");
                assert_eq!(stands, ["300 A 10.0.0.11"], "{fault:?}");
            }
            (_, outcome) => panic!("{fault:?}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn nobody_is_there() {
    let begun = Instant::now();
    let within = Duration::from_millis(600);
    let error = only(change(&zone(place(), Some(key())), &[live("10.0.0.5")], within).await);
    let said = error.unwrap_err().to_string();
    assert!(
        said.contains("refused") && said.contains("is a server there"),
        "{said}"
    );
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_server_that_falls_silent_after_the_update_leaves_it_unclear() {
    let Some(server) = bind(Odd::default()) else {
        return;
    };
    let proxy = proxy(server.at, Fault::FallsSilent).await;
    let within = Duration::from_secs(1);
    let error = only(change(&zone(proxy.at, Some(key())), &[live("10.0.0.5")], within).await);
    let error = error.unwrap_err();
    assert!(error.is_unclear, "{error}");
    assert!(
        error
            .to_string()
            .contains("whether it was done is not known"),
        "{error}"
    );
    assert_eq!(server.dig("live", "A"), ["5 A 10.0.0.5"]);
}

#[tokio::test]
async fn one_that_answers_without_authority_is_no_server_of_the_zone() {
    let Some(server) = bind(Odd::default()) else {
        return;
    };
    let proxy = proxy(server.at, Fault::NoAuthority).await;
    let mut zone = zone(server.at, Some(key()));
    zone.readers = vec![proxy.at];
    let report = change(&zone, &[live("10.0.0.5")], Duration::from_secs(2)).await;
    let errors: Vec<String> = report.errors().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("without authority"), "{errors:?}");
}
