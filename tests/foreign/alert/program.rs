//! Programs of Debian that a test starts, and certificates that openssl makes.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::endpoint_support::Server;

/// Starts it; what it says is in `folder/log`.
pub fn start(program: &Path, arguments: &[&str], folder: &Path) -> Server {
    let log = fs::File::create(folder.join("log")).unwrap();
    let child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn();
    Server(child.unwrap())
}

/// Waits until somebody listens there.
pub async fn listens(at: SocketAddr, folder: &Path) {
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(at).await.is_err() {
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "nobody at {at}: {log}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An authority `ca.pem`, and certificates of it for 127.0.0.1: `good` and `expired`.
pub fn certificates(openssl: &Path, folder: &Path) {
    let make = |arguments: &str| {
        let done = Command::new(openssl)
            .current_dir(folder)
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(done.status.success(), "{arguments}: {done:?}");
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    make(&format!(
        "req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=Lab"
    ));
    fs::write(folder.join("ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    for (name, days) in [("good", "2"), ("expired", "-1")] {
        make(&format!(
            "req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        make(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days {days} -extfile ext"
        ));
    }
}
