//! What is told over HTTP, and read back: every fault of a server, templates, secrets, redirects; TLS with a real nginx.

mod server;
mod step;
mod tls;

use crate::endpoint_support;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::{Fault, Server};
use standin::endpoint::http::{
    Action, Auth, Client, Done, HttpError, Limits, ReadBack, Request, Settings, Statuses, perform,
    read_value,
};

const NEW: &str = "rtmp://10.0.0.5/live";
const OLD: &str = "rtmp://10.0.0.11/live";
const BODY: &str = r#"{"url": "rtmp://{{ vip }}/live", "by": "{{ node }}", "epoch": {{ epoch }}}"#;

fn facts() -> Value {
    json!({"peer": "slave", "vip": "10.0.0.5", "node": "spare \"1\"", "epoch": 7, "time": "2026-11-28T00:00:00Z"})
}

fn get(url: &str) -> Request {
    Request::new("GET", url, &[], None, Statuses::default()).unwrap()
}

fn put(url: &str, headers: &[(&str, &str)]) -> Request {
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    Request::new("PUT", url, &headers, Some(BODY), Statuses::default()).unwrap()
}

fn action_at(base: &str) -> Action {
    let shown = ReadBack::new(
        get(&format!("{base}/state")),
        "/live/url",
        "rtmp://{{ vip }}/live",
    );
    Action {
        request: put(&format!("{base}/live"), &[("X-Peer", "{{ peer }}")]),
        read_back: Some(shown.unwrap()),
    }
}

fn action(at: SocketAddr) -> Action {
    action_at(&format!("http://{at}"))
}

fn limits(within_ms: u64) -> Limits {
    Limits {
        within: Duration::from_millis(within_ms),
        try_within: Duration::from_millis(200),
        pause: Duration::from_millis(20),
    }
}

fn client() -> Client {
    Client::new(&Settings::default()).unwrap()
}

async fn tell(server: &Server) -> Result<Done, HttpError> {
    perform(
        &client(),
        &action(server.at),
        &facts(),
        "standin-7-twin",
        limits(1000),
    )
    .await
}

#[tokio::test]
async fn what_is_told_is_read_back_and_what_stood_there_is_handed_on() {
    let server = Server::start(Fault::None).await;
    let done = tell(&server).await.unwrap();
    assert!(done.is_proven && !done.already && !done.reply_lost);
    assert_eq!((done.tries, done.before), (1, Some(json!(OLD))));
    assert_eq!(server.holds(), NEW);
    let told = &server.told()[0];
    assert_eq!(told.line, "PUT /live HTTP/1.1");
    assert_eq!(
        told.body,
        r#"{"url": "rtmp://10.0.0.5/live", "by": "spare \"1\"", "epoch": 7}"#
    );
    for (name, value) in [
        ("idempotency-key", "standin-7-twin"),
        ("x-peer", "slave"),
        ("content-type", "application/json"),
        ("host", &server.at.to_string()),
    ] {
        assert_eq!(told.header(name), Some(value), "{name}");
    }
    // Again: it holds already, and nothing is told.
    let again = tell(&server).await.unwrap();
    assert!(again.already && again.is_proven);
    assert_eq!(server.told().len(), 1);
    let read = action(server.at).read_back.unwrap();
    let value = read_value(&client(), &read, &facts(), Duration::from_secs(1)).await;
    assert_eq!(value.unwrap(), Some(json!(NEW)));
}

#[tokio::test]
async fn without_a_way_to_read_back_it_is_told_that_it_is_not_proven() {
    let server = Server::start(Fault::Lies).await;
    let blind = Action {
        read_back: None,
        ..action(server.at)
    };
    let done = perform(&client(), &blind, &facts(), "k", limits(500))
        .await
        .unwrap();
    assert!(!done.is_proven);
    let server = Server::start(Fault::Drops(2)).await;
    let blind = Action {
        read_back: None,
        ..action(server.at)
    };
    let done = perform(&client(), &blind, &facts(), "k", limits(500))
        .await
        .unwrap();
    assert_eq!(done.tries, 3);
}

/// What is to come of it: with how many tries and whether the answer was missed, or with which words.
enum Comes {
    Done(u32, bool),
    Fails(&'static str),
    Unclear(&'static str),
}

#[tokio::test]
async fn every_fault_has_its_outcome() {
    use Comes::{Done, Fails, Unclear};
    let ms = Duration::from_millis;
    let cases = [
        (Fault::None, Done(1, false)),
        (
            Fault::Hangs,
            Unclear("waiting for its answer took longer than"),
        ),
        (Fault::Silent(1), Done(2, false)),
        (
            Fault::Silent(99),
            Fails("waiting for its answer took longer than"),
        ),
        (Fault::Drops(1), Done(2, false)),
        (
            Fault::Drops(99),
            Fails("connection broke while waiting for its answer"),
        ),
        (Fault::LosesReply(1), Done(1, true)),
        (Fault::Late(ms(400)), Done(1, true)),
        (Fault::Late(ms(100)), Done(1, false)),
        (Fault::Drips, Fails("its answer")),
        (Fault::HalfHead(1), Done(1, true)),
        (Fault::HalfBody(1), Done(1, true)),
        (Fault::NoHttp, Fails("invalid HTTP version")),
        (Fault::Status(1, 503), Done(2, false)),
        (Fault::Status(1, 429), Done(2, false)),
        (
            Fault::Status(99, 500),
            Fails("it answered 500, 200-299 was expected; it says: not now"),
        ),
        (Fault::Status(99, 404), Fails("is the URL right?")),
        (
            Fault::Status(99, 403),
            Fails("are user, password or token right?"),
        ),
        (Fault::DoneButStatus(1, 500), Done(1, true)),
        (Fault::HugeBody, Fails("longer than 1048576 bytes")),
        (Fault::HugeHead, Fails("message head is too large")),
        (
            Fault::Lies,
            Fails(
                "`rtmp://10.0.0.5/live` was expected at `/live/url`, there is \"rtmp://10.0.0.11/live\"",
            ),
        ),
        (Fault::ShowsLate(ms(300)), Done(1, false)),
        (Fault::Page, Unclear("/state: its answer is no JSON")),
        (
            Fault::Redirect(302),
            Fails("it answered 302, 200-299 was expected"),
        ),
        (Fault::Echoes, Fails("it answered 401")),
    ];
    println!("| fault | outcome | ms | told |\n| --- | --- | --- | --- |");
    for (fault, comes) in cases {
        let server = Server::start(fault).await;
        let begun = Instant::now();
        let outcome = tell(&server).await;
        let took = begun.elapsed();
        let told = server.told();
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
        println!(
            "| {fault:?} | {said} | {} | {} |",
            took.as_millis(),
            told.len()
        );
        assert!(took < Duration::from_millis(1300), "{fault:?}: {took:?}");
        // The key of one change stays the same.
        assert!(
            told.iter()
                .all(|t| t.header("idempotency-key") == Some("standin-7-twin"))
        );
        match (comes, outcome) {
            (Done(tries, lost), Ok(done)) => {
                assert_eq!((done.tries, done.reply_lost), (tries, lost), "{fault:?}");
                assert!(done.is_proven, "{fault:?}");
                assert_eq!(server.holds(), NEW, "{fault:?}");
            }
            (Fails(word), Err(error)) => {
                assert!(said.contains(word), "{fault:?}: {said}");
                assert!(
                    said.contains(&format!("PUT http://{}/live", server.at)),
                    "{said}"
                );
                assert!(!error.is_unclear, "{fault:?}: {said}");
                assert_eq!(server.holds(), OLD, "{fault:?}");
            }
            (Unclear(word), Err(error)) => {
                assert!(said.contains(word) && error.is_unclear, "{fault:?}: {said}");
            }
            (_, outcome) => panic!("{fault:?}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn nobody_is_there() {
    let at = endpoint_support::place();
    let begun = Instant::now();
    let error = perform(&client(), &action(at), &facts(), "k", limits(400))
        .await
        .unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("cannot connect") && said.contains("refused"),
        "{said}"
    );
    assert!(!error.is_unclear && begun.elapsed() < Duration::from_millis(700));
    let nowhere = action_at("http://nowhere.invalid");
    let error = perform(&client(), &nowhere, &facts(), "k", limits(400))
        .await
        .unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("looked up") || said.contains("looking up"),
        "{said}"
    );
    // An address of its own, whatever the name says.
    let server = Server::start(Fault::None).await;
    let settings = Settings {
        connect: Some(server.at),
        ..Settings::default()
    };
    let client = Client::new(&settings).unwrap();
    perform(&client, &nowhere, &facts(), "k", limits(400))
        .await
        .unwrap();
    assert_eq!(server.told()[0].header("host"), Some("nowhere.invalid"));
}

#[tokio::test]
async fn a_server_that_asks_for_time_gets_it() {
    let server = Server::start(Fault::Status(2, 503)).await;
    let begun = Instant::now();
    let done = tell(&server).await.unwrap();
    assert_eq!(done.tries, 3);
    assert!(
        begun.elapsed() >= Duration::from_millis(60),
        "it did not wait longer each time"
    );
}

#[tokio::test]
async fn a_redirect_is_followed_only_where_asked_and_loses_no_body() {
    for (status, follow, word) in [
        (307, 1, None),
        (308, 2, None),
        (302, 1, Some("it does not say with which method")),
        (307, 0, Some("it answered 307")),
    ] {
        let server = Server::start(Fault::Redirect(status)).await;
        let settings = Settings {
            redirects: follow,
            auth: Auth::Bearer("token-1".into()),
            ..Settings::default()
        };
        let client = Client::new(&settings).unwrap();
        let done = perform(&client, &action(server.at), &facts(), "k", limits(500)).await;
        match word {
            None => {
                assert!(done.unwrap().is_proven);
                let told = server.told();
                assert_eq!(told[1].line, "PUT /elsewhere HTTP/1.1");
                assert_eq!(told[0].body, told[1].body);
                assert_eq!(told[1].header("authorization"), Some("Bearer token-1"));
            }
            Some(word) => {
                let said = done.unwrap_err().to_string();
                assert!(said.contains(word), "{said}");
                assert_eq!(server.told().len(), 1, "{said}");
            }
        }
    }
}

#[tokio::test]
async fn a_secret_is_shown_to_its_server_and_to_nobody_else() {
    for (auth, shown) in [
        (Auth::Bearer("geheim-123".into()), "Bearer geheim-123"),
        (
            Auth::Basic {
                user: "standin".into(),
                password: "geheim-123".into(),
            },
            "Basic c3RhbmRpbjpnZWhlaW0tMTIz",
        ),
    ] {
        let server = Server::start(Fault::Echoes).await;
        let settings = Settings {
            auth,
            ..Settings::default()
        };
        let client = Client::new(&settings).unwrap();
        let error = perform(&client, &action(server.at), &facts(), "k", limits(500)).await;
        let error = error.unwrap_err();
        let told = &server.told()[0];
        assert_eq!(told.header("authorization"), Some(shown));
        let said = format!("{error} {error:?} {client:?} {settings:?}");
        assert!(said.contains("***"), "{said}");
        for secret in ["geheim", "c3RhbmRpbjpn", "\u{1b}"] {
            assert!(
                !error.to_string().contains(secret) && !said.contains("geheim"),
                "{said}"
            );
        }
    }
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_not_asked() {
    let proxy = Server::start(Fault::None).await;
    // The environment is a process's own: the same as above, in another one.
    let test = "endpoint_http::what_is_told_is_read_back_and_what_stood_there_is_handed_on";
    let done = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env("http_proxy", format!("http://{}", proxy.at))
        .env("ALL_PROXY", format!("http://{}", proxy.at))
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
    assert!(proxy.asked().is_empty());
}

#[tokio::test]
async fn facts_that_are_not_there_are_told_before_anything_is_sent() {
    let server = Server::start(Fault::None).await;
    let mut facts = facts();
    facts.as_object_mut().unwrap().remove("vip");
    let error = perform(&client(), &action(server.at), &facts, "k", limits(500)).await;
    let said = error.unwrap_err().to_string();
    assert!(
        said.contains("there is no `vip`; there are: epoch, node, peer, time"),
        "{said}"
    );
    assert!(server.asked().is_empty());
}
