//! Every kind that asks a server or a program, against each fault: what is said, and that it is over in time.

use std::time::Duration;

use crate::health::servers::{Does, Server, nobody};
use crate::health::{Is, Site, is};

/// Time for one look.
const WITHIN: Duration = Duration::from_millis(500);
/// What a loaded machine may take beside it.
const SLACK: Duration = Duration::from_millis(1500);

fn http(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn rtsp(status: &str, cseq: u32) -> Vec<u8> {
    format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY\r\n\r\n")
        .into_bytes()
}

fn handshake() -> Vec<u8> {
    let mut bytes = vec![3];
    bytes.extend([7; 2 * 1536]);
    bytes
}

/// The keys that lead a check of this kind to the server.
fn keys(kind: &str, at: std::net::SocketAddr, more: &str) -> String {
    match kind {
        "http" => format!("url = \"http://{at}/health\"\n{more}"),
        _ => format!("at = \"{at}\"\n{more}"),
    }
}

#[tokio::test]
async fn what_each_fault_of_a_server_is_called() {
    let well = "body-matches = '\"ok\": *true'";
    let greets = "greeting = \"220 \"";
    let (ok, not_ok) = (
        http("200 OK", r#"{"ok": true}"#),
        http("200 OK", r#"{"ok": false}"#),
    );
    let cases: Vec<(&str, &str, &str, Does, Is)> = vec![
        (
            "tcp",
            "is well",
            "",
            Does::Says(Vec::new()),
            Is::Good("takes the connection"),
        ),
        (
            "tcp",
            "is well, and greets",
            greets,
            Does::Says(b"220 here".to_vec()),
            Is::Good("says \"220 \""),
        ),
        // The kernel takes connections for it: so the manual says.
        (
            "tcp",
            "hangs",
            "",
            Does::Hangs,
            Is::Good("takes the connection"),
        ),
        (
            "tcp",
            "hangs",
            greets,
            Does::Hangs,
            Is::Bad("only 0 of 4 bytes"),
        ),
        (
            "tcp",
            "drips",
            greets,
            Does::Drips(b"2".repeat(50)),
            Is::Bad("expected"),
        ),
        (
            "tcp",
            "drips what is right",
            "greeting = \"22222222222222222222\"",
            Does::Drips(b"2".repeat(50)),
            Is::Bad("of its greeting within"),
        ),
        (
            "tcp",
            "answers wrongly",
            greets,
            Does::Says(b"554 no".to_vec()),
            Is::Bad("says \"554 \" where"),
        ),
        (
            "tcp",
            "closes half-way",
            greets,
            Does::Closes(b"22".to_vec()),
            Is::Bad("greeting within"),
        ),
        (
            "http",
            "is well",
            well,
            Does::Answers(ok.clone()),
            Is::Good("answers 200, with the body"),
        ),
        (
            "http",
            "hangs",
            well,
            Does::Hangs,
            Is::Bad("waiting for its answer took longer"),
        ),
        (
            "http",
            "drips",
            well,
            Does::Drips(ok.clone()),
            Is::Bad("took longer than"),
        ),
        (
            "http",
            "another status",
            well,
            Does::Answers(http("503 Busy", "later")),
            Is::Bad("503, 200-299 was expected; it says: later"),
        ),
        (
            "http",
            "another body",
            well,
            Does::Answers(not_ok),
            Is::Bad("nothing in its body matches"),
        ),
        (
            "http",
            "redirects",
            "",
            Does::Answers(
                b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
                    .to_vec(),
            ),
            Is::Bad("302, 200-299 was expected"),
        ),
        (
            "http",
            "no HTTP",
            well,
            Does::Answers(b"SSH-2.0-x\r\n".to_vec()),
            Is::Bad("connection broke"),
        ),
        (
            "http",
            "closes half-way",
            well,
            Does::Closes(ok[..ok.len() - 3].to_vec()),
            Is::Bad("broke while reading"),
        ),
        (
            "http",
            "closes at once",
            well,
            Does::Closes(Vec::new()),
            Is::Bad("broke while waiting"),
        ),
        (
            "http",
            "resets",
            well,
            Does::Resets,
            Is::Bad("broke while waiting"),
        ),
        (
            "http",
            "an answer without an end",
            well,
            Does::Answers([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 1 << 21]].concat()),
            Is::Bad("longer than"),
        ),
        (
            "rtmp",
            "is well",
            "",
            Does::Answers(handshake()),
            Is::Good("completes a handshake"),
        ),
        (
            "rtmp",
            "hangs",
            "",
            Does::Hangs,
            Is::Bad("its media server hangs"),
        ),
        (
            "rtmp",
            "drips",
            "",
            Does::Drips(handshake()),
            Is::Bad("of 3073 handshake bytes"),
        ),
        (
            "rtmp",
            "answers wrongly",
            "",
            Does::Answers(http("400 Bad Request", "")),
            Is::Bad("something else listens"),
        ),
        (
            "rtmp",
            "closes half-way",
            "",
            Does::Closes(handshake()[..2000].to_vec()),
            Is::Bad("closed the connection after"),
        ),
        (
            "rtmp",
            "resets",
            "",
            Does::Resets,
            Is::Bad("closed the connection after 0"),
        ),
        (
            "rtsp",
            "is well",
            "path = \"/live\"",
            Does::Answers(rtsp("200 OK", 1)),
            Is::Good("answers OPTIONS in"),
        ),
        (
            "rtsp",
            "wants a password",
            "",
            Does::Answers(rtsp("401 Unauthorized", 1)),
            Is::Good("wants a password"),
        ),
        (
            "rtsp",
            "hangs",
            "",
            Does::Hangs,
            Is::Bad("its server hangs"),
        ),
        (
            "rtsp",
            "drips",
            "",
            Does::Drips(rtsp("200 OK", 1)),
            Is::Bad("its server hangs"),
        ),
        (
            "rtsp",
            "another status",
            "",
            Does::Answers(rtsp("500 Internal Server Error", 1)),
            Is::Bad("OPTIONS with 500 Internal Server Error"),
        ),
        (
            "rtsp",
            "no RTSP",
            "",
            Does::Answers(b"SSH-2.0-x\r\n".to_vec()),
            Is::Bad("that is no RTSP"),
        ),
        (
            "rtsp",
            "somebody else's answer",
            "",
            Does::Answers(rtsp("200 OK", 9)),
            Is::Bad("not the answer to our request"),
        ),
        (
            "rtsp",
            "closes half-way",
            "",
            Does::Closes(rtsp("200 OK", 1)[..20].to_vec()),
            Is::Bad("closes the connection after 20 bytes"),
        ),
        (
            "rtsp",
            "a head without an end",
            "",
            Does::Answers([b"RTSP/1.0 200 OK\r\n".to_vec(), vec![b'x'; 1 << 15]].concat()),
            Is::Bad("its head has no end"),
        ),
    ];
    let site = Site::default();
    println!("| kind, fault | what is said |\n| --- | --- |");
    for (kind, fault, more, does, expected) in cases {
        let server = Server::start(does).await;
        let (looked, took) = site.look(kind, &keys(kind, server.at, more), WITHIN).await;
        is(&looked, expected, &format!("{kind}: {fault}"));
        assert!(took < WITHIN + SLACK, "{kind}, {fault}: {took:?}");
    }
    for kind in ["tcp", "http", "rtmp", "rtsp"] {
        let (looked, _) = site.look(kind, &keys(kind, nobody(), ""), WITHIN).await;
        is(&looked, Is::Bad("refuse"), &format!("{kind}: refuses"));
    }
}

/// What keeps us from asking is never the service's fault.
#[tokio::test]
async fn our_own_faults_are_no_evidence() {
    let site = Site::default();
    // A broadcast address: the kernel lets nobody connect to it.
    for kind in ["tcp", "http", "rtmp", "rtsp"] {
        let at = "255.255.255.255:9".parse().unwrap();
        let (looked, _) = site.look(kind, &keys(kind, at, ""), WITHIN).await;
        is(
            &looked,
            Is::NotAsked("from here"),
            &format!("{kind}: no way from here"),
        );
    }
    let (looked, _) = site
        .look(
            "http",
            "url = \"http://nobody.invalid/\"",
            Duration::from_secs(5),
        )
        .await;
    is(
        &looked,
        Is::NotAsked("looked up"),
        "http: a name that is not found",
    );
    let token = "url = \"http://127.0.0.1:9/\"\nbearer-file = \"not-there\"";
    let (looked, _) = site.look("http", token, WITHIN).await;
    is(
        &looked,
        Is::NotAsked("not-there"),
        "http: a secret that cannot be read",
    );
    let (looked, _) = site.look("command", "run = [\"/not/there\"]", WITHIN).await;
    is(
        &looked,
        Is::NotAsked("/not/there cannot be run"),
        "command: a program that is not there",
    );
    let (looked, _) = site
        .look("command", "run = [\"/etc/hostname\"]", WITHIN)
        .await;
    is(
        &looked,
        Is::NotAsked("cannot be run"),
        "command: what is no program",
    );
    let (looked, _) = site
        .look(
            "command",
            "run = [\"/bin/true\"]\nuser = \"nobody-of-that-name\"",
            WITHIN,
        )
        .await;
    is(
        &looked,
        Is::NotAsked("no user"),
        "command: a user who is not there",
    );
}

#[tokio::test]
async fn what_a_program_says() {
    let site = Site::default();
    for (script, expected) in [
        ("echo fine", Is::Good("ends well in")),
        (
            "echo disk full >&2; exit 3",
            Is::Bad("/bin/sh failed (exit status: 3): disk full"),
        ),
        ("kill -9 $$", Is::Bad("signal: 9")),
        ("echo begun; sleep 60", Is::Bad("was not done after")),
        (
            "echo \"$STANDIN_STEP $STANDIN_PEER $SITE\"",
            Is::Good("health:a cctv hall-3"),
        ),
    ] {
        let keys =
            format!("run = [\"/bin/sh\", \"-c\", '{script}']\nenvironment = [\"SITE=hall-3\"]");
        let (looked, took) = site.look("command", &keys, WITHIN).await;
        is(&looked, expected, &format!("command: {script}"));
        assert!(took < WITHIN + SLACK, "{script}: {took:?}");
    }
}
