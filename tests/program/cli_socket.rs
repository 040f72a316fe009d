//! The control socket: a real one, with a daemon's loop played by a task.

use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use standin::daemon::control::{
    Call, CallError, ControlError, LONGEST_LINE, Listener, Reply, Request, call, serve,
};
use standin::exit::ExitCode;
use tokio::sync::mpsc;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

struct Daemon {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Daemon {
    /// Answers `echo` with two events and its arguments, `hang` never, `drop` by forgetting about it.
    fn start() -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (calls, mut asked) = mpsc::channel::<Call>(4);
        let guard = runtime.enter();
        let listener = Listener::bind(&folder.path().join("sock"), None).unwrap();
        drop(guard);
        runtime.spawn(serve(listener, calls));
        runtime.spawn(async move {
            let mut hanging = Vec::new();
            while let Some(Call { request, reply }) = asked.recv().await {
                match request.command.as_str() {
                    "echo" => {
                        reply.send(Reply::Progress { data: json!(1) });
                        reply.send(Reply::Progress { data: json!(2) });
                        reply.result(ExitCode::NotReached, request.args);
                    }
                    "hang" => hanging.push(reply),
                    "drop" => {}
                    _ => {
                        reply.error(ExitCode::Usage, "no such command");
                    }
                }
            }
        });
        Daemon { folder, runtime }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("sock")
    }

    fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.path()).unwrap();
        stream.set_read_timeout(PATIENCE).unwrap();
        // The daemon may hang up in the middle of nonsense.
        let _ = stream.write_all(bytes);
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    }
}

fn ask(path: &Path, command: &str) -> Vec<Reply> {
    let request = Request::new(command, Some("cctv"), json!({ "a": 1 }));
    call(path, &request, PATIENCE)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn a_request_gets_its_progress_and_its_result() {
    let daemon = Daemon::start();
    let replies = ask(&daemon.path(), "echo");
    assert_eq!(replies.len(), 3);
    assert_eq!(replies[1], Reply::Progress { data: json!(2) });
    assert_eq!(
        replies[2],
        Reply::Result {
            code: 1,
            data: json!({ "a": 1 })
        }
    );
    let line = daemon.raw(b"{\"v\":1,\"command\":\"nonsense\"}\n");
    assert_eq!(
        line,
        "{\"v\":1,\"event\":\"error\",\"code\":2,\"message\":\"no such command\"}\n"
    );
    let Reply::Error { code: 70, message } = &ask(&daemon.path(), "drop")[0] else {
        panic!("a forgotten request must be an error");
    };
    assert!(message.contains("no answer"), "{message}");
}

#[test]
fn garbage_gets_an_error_that_says_what_is_wrong() {
    let daemon = Daemon::start();
    let long = [&vec![b'x'; LONGEST_LINE * 2][..], b"\n"].concat();
    for (bytes, said) in [
        (&b"GET / HTTP/1.0\r\n\r\n"[..], "one request, one line"),
        (b"GET /\n", "not JSON"),
        (b"\xff\xfe\n", "not JSON"),
        (b"[]\n", "no version"),
        (b"{\"v\":2,\"command\":\"status\"}\n", "different releases"),
        (b"{\"v\":1}\n", "missing field `command`"),
        (
            b"{\"v\":1,\"command\":\"echo\",\"pear\":\"x\"}\n",
            "unknown field `pear`",
        ),
        (&long, "at most 65536 bytes"),
    ] {
        let answer = daemon.raw(bytes);
        let json: serde_json::Value = serde_json::from_str(&answer).expect(&answer);
        assert_eq!(
            (&json["event"], &json["code"]),
            (&json!("error"), &json!(65)),
            "{answer}"
        );
        assert!(json["message"].as_str().unwrap().contains(said), "{answer}");
    }
    assert_eq!(ask(&daemon.path(), "echo").len(), 3, "it still serves");
}

#[test]
fn too_many_connections_are_told_to_try_again_and_places_come_free() {
    let daemon = Daemon::start();
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut stream = UnixStream::connect(daemon.path()).unwrap();
        stream
            .write_all(b"{\"v\":1,\"command\":\"hang\"}\n")
            .unwrap();
        held.push(stream);
    }
    let request = Request::new("echo", None, json!(null));
    let first = || {
        call(&daemon.path(), &request, PATIENCE)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
    };
    assert!(matches!(first(), Reply::Error { code: 75, .. }));
    drop(held);
    let until = Instant::now() + Duration::from_secs(20);
    while matches!(first(), Reply::Error { code: 75, .. }) {
        assert!(Instant::now() < until, "the places never came free");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_daemon_that_is_not_there_is_said_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let request = Request::new("status", None, json!(null));
    let missing = call(&path, &request, PATIENCE).unwrap_err();
    assert!(
        missing.to_string().contains("standin does not run here"),
        "{missing}"
    );
    assert_eq!(missing.exit_code(), ExitCode::NotReachable);
    drop(UnixListener::bind(&path).unwrap());
    let stale = call(&path, &request, PATIENCE).unwrap_err();
    assert!(matches!(stale, CallError::NotRunning { .. }));
}

#[test]
fn a_daemon_that_stops_in_between_is_said_as_such() {
    let daemon = Daemon::start();
    let request = Request::new("hang", None, json!(null));
    let mut replies = call(&daemon.path(), &request, PATIENCE).unwrap();
    let path = daemon.path();
    daemon.runtime.shutdown_background();
    let lost = replies.next().unwrap().unwrap_err();
    assert!(lost.to_string().contains("lost the daemon"), "{lost}");
    assert!(replies.next().is_none());
    let until = Instant::now() + Duration::from_secs(20);
    while path.exists() {
        assert!(Instant::now() < until, "the socket's file is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn a_stale_socket_is_replaced_a_living_one_and_a_file_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/sock");
    let first = Listener::bind(&path, None).unwrap();
    let meta = std::fs::metadata(&path).unwrap();
    assert!(meta.file_type().is_socket());
    assert_eq!(meta.permissions().mode() & 0o777, 0o660);
    assert!(matches!(
        Listener::bind(&path, None),
        Err(ControlError::InUse { .. })
    ));
    drop(first);
    assert!(!path.exists());

    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a dead daemon leaves its file");
    let third = Listener::bind(&path, None).unwrap();
    // Another daemon took the name over: it is not ours to remove.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "").unwrap();
    drop(third);
    assert!(path.exists());
    assert!(matches!(
        Listener::bind(&path, None),
        Err(ControlError::NotASocket { .. })
    ));
    let no_group = Listener::bind(&folder.path().join("s"), Some("no-such-group")).unwrap_err();
    assert!(no_group.to_string().contains("no-such-group"), "{no_group}");
}
