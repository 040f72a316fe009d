//! Names changed at a real BIND 9: what stands before and after, faults on the way, and each refusal in words.
//!
//! BIND is not installed: they are skipped, and say so; with REQUIRE_LAB=1 they fail.

pub mod bind;
mod faults;
mod proxy;
mod step;

use crate::endpoint_support;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::names::{ZONE, set, to, undo};
use bind::{Bind, Odd, bind, key};
use standin::endpoint::dns::{
    Changed, DnsError, Fault, Kind, NameChange, RecordSet, TsigKey, Zone, ZoneReport, change, read,
    rehearse,
};

const LONG: Duration = Duration::from_secs(5);

fn live(ip: &str) -> NameChange {
    to(set("live", Kind::A, 5, &[ip]))
}

fn zone(server: SocketAddr, key: Option<TsigKey>) -> Zone {
    Zone {
        name: ZONE.into(),
        key,
        servers: vec![server],
        readers: vec![],
        try_within: Duration::from_millis(300),
        pause: Duration::from_millis(30),
    }
}

fn only(mut report: ZoneReport) -> Result<Changed, DnsError> {
    assert_eq!(report.servers.len(), 1);
    report.servers.remove(0).outcome
}

async fn change_at(server: SocketAddr, changes: &[NameChange]) -> Result<Changed, DnsError> {
    only(change(&zone(server, Some(key())), changes, LONG).await)
}

fn usual() -> Option<Bind> {
    bind(Odd::default())
}

#[tokio::test]
async fn a_name_is_changed_and_given_back_exactly() {
    let Some(server) = usual() else { return };
    for key in [bind::key(), bind::key_512()] {
        let zone = zone(server.at, Some(key));
        let changes = [live("10.0.0.5")];
        let done = only(change(&zone, &changes, LONG).await).unwrap();
        assert!(!done.already && !done.reply_lost && done.note.is_none());
        assert_eq!(server.dig("live", "A"), ["5 A 10.0.0.5"]);
        let before = vec![Some(vec![set("live", Kind::A, 300, &["10.0.0.11"])])];
        assert_eq!(done.before, before);

        let back = undo(&changes, &done);
        only(change(&zone, &back, LONG).await).unwrap();
        assert_eq!(server.dig("live", "A"), ["300 A 10.0.0.11"]);
    }
}

#[tokio::test]
async fn several_names_and_types_are_one_message() {
    let Some(server) = usual() else { return };
    let proxy = proxy::proxy(server.at, proxy::Fault::None).await;
    let changes = [
        live("10.0.0.5"),
        to(set("pair", Kind::A, 7, &["10.0.0.6", "10.0.0.7"])),
        // An alias becomes an address, a text another, a name is new, and an address becomes an alias.
        to(set("old", Kind::A, 5, &["10.0.0.8"])),
        to(set("note", Kind::Txt, 5, &["by standin"])),
        to(set("new", Kind::A, 5, &["10.0.0.9"])),
    ];
    let done = change_at(proxy.at, &changes).await.unwrap();
    assert_eq!(proxy.updates.load(Ordering::SeqCst), 1);
    assert_eq!(server.dig("pair", "A"), ["7 A 10.0.0.6", "7 A 10.0.0.7"]);
    assert_eq!(server.dig("old", "A"), ["5 A 10.0.0.8"]);
    assert_eq!(server.dig("note", "TXT"), ["5 TXT \"by standin\""]);
    assert_eq!(done.before[4], Some(vec![]));

    let back = undo(&changes, &done);
    change_at(proxy.at, &back).await.unwrap();
    assert_eq!(proxy.updates.load(Ordering::SeqCst), 2);
    assert_eq!(
        server.dig("pair", "A"),
        ["60 A 10.0.0.11", "60 A 10.0.0.12"]
    );
    assert_eq!(
        server.dig("old", "A"),
        ["120 CNAME elsewhere.example.test."]
    );
    assert_eq!(
        server.dig("note", "TXT"),
        [r#"45 TXT "first \"part\"" "second""#]
    );
    assert_eq!(server.dig("new", "A"), [""; 0]);

    let alias = [to(set("pair", Kind::Cname, 9, &["live.example.test"]))];
    let done = change_at(server.at, &alias).await.unwrap();
    assert_eq!(server.dig("pair", "CNAME"), ["9 CNAME live.example.test."]);
    change_at(server.at, &undo(&alias, &done)).await.unwrap();
    assert_eq!(
        server.dig("pair", "A"),
        ["60 A 10.0.0.11", "60 A 10.0.0.12"]
    );
}

#[tokio::test]
async fn what_stands_already_is_not_written_again() {
    let Some(server) = usual() else { return };
    change_at(server.at, &[live("10.0.0.5")]).await.unwrap();
    let serial = server.serial();
    let again = change_at(server.at, &[live("10.0.0.5")]).await.unwrap();
    assert!(again.already);
    assert_eq!(again.before, [None]);
    assert_eq!(server.serial(), serial);
    // Nobody saw what was there before but who began: it is told, and handed on.
    let known = NameChange {
        from: Some(vec![set("live", Kind::A, 300, &["10.0.0.11"])]),
        ..live("10.0.0.5")
    };
    let again = change_at(server.at, std::slice::from_ref(&known))
        .await
        .unwrap();
    assert_eq!((again.already, again.before), (true, vec![known.from]));
    // Another TTL is another value.
    let longer = [to(set("live", Kind::A, 50, &["10.0.0.5"]))];
    assert!(!change_at(server.at, &longer).await.unwrap().already);
    assert_eq!(server.dig("live", "A"), ["50 A 10.0.0.5"]);
}

#[tokio::test]
async fn what_somebody_else_changed_is_left_alone() {
    let Some(server) = usual() else { return };
    let expected = NameChange {
        from: Some(vec![set("live", Kind::A, 300, &["10.0.0.11"])]),
        ..live("10.0.0.5")
    };
    server.somebody_else(
        "update delete live.example.test. A\nupdate add live.example.test. 77 A 10.0.0.66",
    );
    let changes = [to(set("new", Kind::A, 5, &["10.0.0.9"])), expected];
    let said = change_at(server.at, &changes)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("somebody else") && said.contains("10.0.0.66 (TTL 77 s)"),
        "{said}"
    );
    assert!(
        said.contains("10.0.0.11") && said.contains(&server.at.to_string()),
        "{said}"
    );
    // Nothing of it was done.
    assert_eq!(server.dig("new", "A"), [""; 0]);
    assert_eq!(server.dig("live", "A"), ["77 A 10.0.0.66"]);
}

#[tokio::test]
async fn somebody_else_is_quicker_by_a_moment() {
    let Some(server) = usual() else { return };
    let server = std::sync::Arc::new(server);
    let other = server.clone();
    let before = move || {
        other.somebody_else(
            "update delete live.example.test. A\nupdate add live.example.test. 77 A 10.0.0.66",
        );
    };
    let proxy = proxy::with(server.at, proxy::Fault::None, Some(Box::new(before))).await;
    let error = change_at(proxy.at, &[live("10.0.0.5")]).await.unwrap_err();
    assert!(matches!(error.fault, Fault::Conflict { .. }), "{error}");
    assert_eq!(server.dig("live", "A"), ["77 A 10.0.0.66"]);
}

#[tokio::test]
async fn each_refusal_has_words_of_its_own() {
    let Some(server) = usual() else { return };
    let Some(empty) = bind(Odd {
        has_no_zone: true,
        ..Odd::default()
    }) else {
        return;
    };
    let locked = to(set("locked", Kind::A, 5, &["10.0.0.5"]));
    let outside = NameChange {
        name: "live.elsewhere.test.".into(),
        to: vec![RecordSet::new("live.elsewhere.test", Kind::A, 5, &["10.0.0.5".into()]).unwrap()],
        from: None,
    };
    let wild = to(set("x.wild", Kind::A, 5, &["10.0.0.5"]));
    let one = live("10.0.0.5");
    for (at, key, change_of, words) in [
        (
            server.at,
            Some(key()),
            &locked,
            ["REFUSED", "update-policy", "standin."],
        ),
        (
            server.at,
            None,
            &one,
            ["REFUSED", "no key was used", "live.example.test."],
        ),
        (
            server.at,
            Some(bind::key_unknown()),
            &one,
            ["BADKEY", "stranger.", "algorithm"],
        ),
        (
            server.at,
            Some(bind::key_with_another_secret()),
            &one,
            ["BADSIG", "standin.", "copy"],
        ),
        (
            server.at,
            Some(key()),
            &outside,
            ["REFUSED", "live.elsewhere.test.", "key"],
        ),
        (
            empty.at,
            Some(key()),
            &one,
            ["REFUSED", "live.example.test.", "key"],
        ),
        (
            server.at,
            Some(key()),
            &wild,
            ["wildcard", "10.0.0.99", "x.wild"],
        ),
    ] {
        let begun = Instant::now();
        let within = Duration::from_secs(1);
        let error = only(change(&zone(at, key), std::slice::from_ref(change_of), within).await);
        let said = error.unwrap_err().to_string();
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(begun.elapsed() < Duration::from_millis(1500), "{said}");
        assert!(!said.contains("c3RhbmRpb"), "{said}");
    }
    assert_eq!(server.serial(), 1);
}

#[tokio::test]
async fn clocks_that_differ_are_told_with_by_how_much() {
    for (ahead, word) in [(3600, "ahead of"), (-3600, "behind")] {
        let odd = Odd {
            ahead_s: Some(ahead),
            ..Odd::default()
        };
        let Some(server) = bind(odd) else { return };
        let error = change_at(server.at, &[live("10.0.0.5")]).await.unwrap_err();
        let Fault::BadTime(Some(told)) = error.fault else {
            panic!("{error}")
        };
        assert!((told - ahead).abs() < 10, "{told}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn every_server_of_the_zone_must_answer_with_it() {
    let (first, second, third) = (
        endpoint_support::place(),
        endpoint_support::place(),
        endpoint_support::place(),
    );
    let primary = bind(Odd {
        at: Some(first),
        tells: Some(second),
        ..Odd::default()
    });
    let Some(primary) = primary else { return };
    let copy = |at| {
        bind(Odd {
            at: Some(at),
            copies: Some(first),
            ..Odd::default()
        })
        .unwrap()
    };
    let (told, late) = (copy(second), copy(third));
    let mut zone = zone(first, Some(key()));
    zone.readers = vec![second];
    let report = change(&zone, &[live("10.0.0.5")], LONG).await;
    assert_eq!(report.errors().count(), 0, "{report:?}");
    assert_eq!(told.dig("live", "A"), ["5 A 10.0.0.5"]);
    assert_eq!(primary.dig("live", "A"), ["5 A 10.0.0.5"]);

    // One that nobody tells keeps the old one: it is named, and the others have it.
    zone.readers = vec![third];
    let report = change(&zone, &[live("10.0.0.6")], Duration::from_secs(2)).await;
    let errors: Vec<String> = report.errors().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("has not come to it"), "{errors:?}");
    assert!(errors[0].contains(&third.to_string()) && errors[0].contains("10.0.0.11"));
    assert_eq!(late.dig("live", "A"), ["300 A 10.0.0.11"]);

    // Servers of their own, of which one is dead: the other has it all the same.
    let dead = endpoint_support::place();
    zone.readers = vec![];
    zone.servers = vec![dead, first];
    let report = change(&zone, &[live("10.0.0.7")], Duration::from_millis(1500)).await;
    assert!(report.servers[0].outcome.is_err() && report.servers[1].outcome.is_ok());
    assert_eq!(
        report.before().unwrap()[0].as_ref().unwrap()[0].values(),
        ["10.0.0.6"]
    );
    assert_eq!(primary.dig("live", "A"), ["5 A 10.0.0.7"]);
}

#[tokio::test]
async fn a_rehearsal_proves_that_it_could_be_changed_and_changes_nothing() {
    let Some(server) = usual() else { return };
    let zone_with = |key| zone(server.at, Some(key));
    let changes = [live("10.0.0.5"), to(set("note", Kind::Txt, 5, &["x"]))];
    let done = only(rehearse(&zone_with(key()), &changes, LONG).await).unwrap();
    assert_eq!(done.note, None);
    assert_eq!(server.dig("live", "A"), ["300 A 10.0.0.11"]);
    assert_eq!(
        server.dig("note", "TXT"),
        [r#"45 TXT "first \"part\"" "second""#]
    );
    let locked = [to(set("locked", Kind::A, 5, &["10.0.0.5"]))];
    let error = only(rehearse(&zone_with(key()), &locked, LONG).await).unwrap_err();
    assert_eq!(error.fault, Fault::Refused(Some("standin.".into())));
    let nothing = [to(set("new", Kind::A, 5, &["10.0.0.5"]))];
    let done = only(rehearse(&zone_with(key()), &nothing, LONG).await).unwrap();
    assert!(done.note.unwrap().contains("only the key"));
}

#[tokio::test]
async fn a_name_is_read_as_it_stands() {
    let Some(server) = usual() else { return };
    let zone = zone(server.at, None);
    let all = [Kind::A, Kind::Aaaa, Kind::Txt];
    let at = async |name: &str| {
        let name = format!("{name}.{ZONE}.");
        read(&zone, server.at, &name, &all, LONG).await.unwrap()
    };
    assert_eq!(
        at("live").await,
        [set("live", Kind::A, 300, &["10.0.0.11"])]
    );
    assert_eq!(
        at("old").await,
        [set("old", Kind::Cname, 120, &["elsewhere.example.test"])]
    );
    assert_eq!(at("none").await, []);
}
