//! `kind = "webhook"`: what is sent, that its signature is openssl's, and each fault in words.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::alert::receiver::{Answer, Receiver};
use crate::alert::{Site, fence_read_again, fence_stale, program, send};
use crate::endpoint_support::{place, programs};

/// HMAC-SHA-256 as openssl has it.
fn hmac(openssl: &std::path::Path, key: &str, text: &str) -> String {
    use std::io::Write;
    let mut child = Command::new(openssl)
        .args(["dgst", "-sha256", "-hmac", key])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let said = child.wait_with_output().unwrap().stdout;
    let said = String::from_utf8(said).unwrap();
    said.trim().rsplit("= ").next().unwrap().to_owned()
}

#[tokio::test]
async fn each_alert_is_a_post_of_json_that_is_signed() {
    let Some([openssl]) = programs(["openssl"], "openssl") else {
        return;
    };
    let server = Receiver::start(Answer::Status(204)).await;
    let site = Site::new();
    let key = site.file("hook.key", "geheim\n", 0o600);
    let sink = site.sink(&format!(
        "kind = \"webhook\"\nurl = \"http://{}/hook?site=hall-3\"\nhmac-file = \"{}\"",
        server.at,
        key.display()
    ));
    let said = send(&sink, &fence_stale(), 5000).await.unwrap();
    assert_eq!(said, "it answered 204");
    send(&sink, &fence_read_again(), 5000).await.unwrap();
    let told = server.told();
    assert_eq!(told[0].line, "POST /hook?site=hall-3 HTTP/1.1");
    assert_eq!(told[0].headers["content-type"], "application/json");
    let stamp = &told[0].headers["x-standin-timestamp"];
    let signed = hmac(&openssl, "geheim", &format!("{stamp}.{}", told[0].body));
    assert_eq!(
        told[0].headers["x-standin-signature"],
        format!("sha256={signed}")
    );
    let body: Value = serde_json::from_str(&told[0].body).unwrap();
    for (field, value) in [
        ("status", "firing"),
        ("key", "fence-stale"),
        ("peer", "cctv"),
        ("node", "spare"),
        ("level", "critical"),
        ("do", "Mend the way to the switch."),
        ("since", "2026-11-30T00:53:20Z"),
    ] {
        assert_eq!(body[field], value, "{field}");
    }
    assert_eq!(body["text"], fence_stale().text);
    assert_eq!((&body["count"], &body["until"]), (&3.into(), &Value::Null));
    let over: Value = serde_json::from_str(&told[1].body).unwrap();
    assert_eq!(over["id"], body["id"], "one alarm");
    assert_eq!(
        (&over["status"], &over["until"]),
        (&"resolved".into(), &"2026-11-30T00:54:20Z".into())
    );
    assert_eq!(over["was"], fence_stale().text);
}

#[tokio::test]
async fn every_fault_is_said_in_time_and_in_words() {
    let cases = [
        (Answer::Status(500), "it answered 500", false),
        (Answer::Status(503), "it answered 503", false),
        (
            Answer::Status(401),
            "are user, password or token right?",
            false,
        ),
        (Answer::Status(404), "is the URL right?", false),
        (Answer::Status(400), "it answered 400", true),
        (Answer::Status(302), "it answered 302", false),
        (Answer::Garbage, "the connection broke", false),
        (Answer::Drops, "the connection broke", false),
        (
            Answer::Hangs,
            "waiting for its answer took longer than",
            false,
        ),
    ];
    for (answer, words, of_this) in cases {
        let server = Receiver::start(answer).await;
        let sink = Site::new().sink(&format!(
            "kind = \"webhook\"\nurl = \"http://{}/\"",
            server.at
        ));
        let begun = Instant::now();
        let fault = send(&sink, &fence_stale(), 500).await.unwrap_err();
        println!("{}", fault.why);
        assert!(fault.why.contains(words), "{words}: {}", fault.why);
        assert_eq!(fault.of_this, of_this, "{}", fault.why);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    let nobody = place();
    let sink = Site::new().sink(&format!("kind = \"webhook\"\nurl = \"http://{nobody}/\""));
    let fault = send(&sink, &fence_stale(), 500).await.unwrap_err();
    assert!(fault.why.contains("cannot connect"), "{}", fault.why);
}

#[tokio::test]
async fn an_expired_certificate_a_stranger_and_a_secret_that_others_read_are_refused() {
    let Some([openssl]) = programs(["openssl"], "openssl") else {
        return;
    };
    let site = Site::new();
    program::certificates(&openssl, site.0.path());
    let ca = site.path("ca.pem").display().to_string();
    for (name, trusted, words) in [
        ("good", true, ""),
        ("expired", true, "its certificate has expired"),
        ("good", false, "nobody whom we trust signed"),
    ] {
        let at = place();
        let accept = at.to_string();
        let (cert, key) = (format!("{name}.pem"), format!("{name}.key"));
        let arguments = [
            "s_server", "-accept", &accept, "-cert", &cert, "-key", &key, "-www", "-quiet",
        ];
        let _server = program::start(&openssl, &arguments, site.0.path());
        program::listens(at, site.0.path()).await;
        let trust = if trusted {
            format!("ca-file = \"{ca}\"")
        } else {
            String::new()
        };
        let sink = site.sink(&format!(
            "kind = \"webhook\"\nurl = \"https://{at}/\"\n{trust}"
        ));
        let sent = send(&sink, &fence_stale(), 5000).await;
        match words {
            // It knows GET alone, and answers nothing to a POST: TLS was fine.
            "" => assert!(!sent.unwrap_err().why.contains("certificate")),
            words => {
                let why = sent.unwrap_err().why;
                assert!(why.contains(words), "{why}");
            }
        }
    }
    let open = site.file("open.key", "geheim\n", 0o644);
    let sink = site.sink(&format!(
        "kind = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\nhmac-file = \"{}\"",
        open.display()
    ));
    let why = send(&sink, &fence_stale(), 500).await.unwrap_err().why;
    assert!(
        why.contains("others than its owner can read") && !why.contains("geheim"),
        "{why}"
    );
    let why = sink.check(&crate::alert::kit(500)).await.unwrap_err();
    assert!(why.contains("chmod 600"), "{why}");
}
