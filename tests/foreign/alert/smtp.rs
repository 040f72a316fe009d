//! `kind = "smtp"`: mails to a real server (aiosmtpd), read back with Python's own mail parser; and each fault in words.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::alert::{Site, fence_read_again, fence_stale, program, send};
use crate::endpoint_support::{Server, place, programs};

/// Debian's Python with Debian's aiosmtpd; says so where it is missing.
fn python() -> Option<[PathBuf; 2]> {
    let found = programs(["python3", "openssl"], "python3, openssl")?;
    let has = Command::new(&found[0])
        .args(["-c", "import aiosmtpd"])
        .status();
    if has.unwrap().success() {
        return Some(found);
    }
    assert!(
        std::env::var_os("REQUIRE_LAB").is_none(),
        "not installed: python3-aiosmtpd (scripts/lib-install.sh servers)"
    );
    println!("SKIPPED: python3-aiosmtpd is not installed (scripts/lib-install.sh servers)");
    None
}

struct Mailer {
    site: Site,
    keys: String,
    python: PathBuf,
    _server: Server,
}

async fn mailer([python, openssl]: &[PathBuf; 2], mode: &str) -> Mailer {
    let site = Site::new();
    program::certificates(openssl, site.0.path());
    let at = place();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/alert/smtp.py");
    let folder = site.0.path().display().to_string();
    let arguments = [
        &script.display().to_string(),
        &at.port().to_string(),
        &folder,
        mode,
    ];
    let server = program::start(python, &arguments, site.0.path());
    program::listens(at, site.0.path()).await;
    let keys = format!(
        "kind = \"smtp\"\nserver = \"127.0.0.1\"\nport = {}\nca-file = \"{folder}/ca.pem\"\nfrom = \"standin@example.org\"",
        at.port()
    );
    Mailer {
        site,
        keys,
        python: python.clone(),
        _server: server,
    }
}

impl Mailer {
    fn keys(&self, more: &str) -> String {
        let to = if more.contains("to = ") {
            ""
        } else {
            "to = [\"night@example.org\"]"
        };
        format!("{}\n{to}\n{more}", self.keys)
    }

    /// What Python's parser makes of mail N: headers and text.
    fn mail(&self, n: u32) -> Value {
        let read = "import email, email.policy, json, sys
m = email.message_from_binary_file(open(sys.argv[1], 'rb'), policy=email.policy.default)
assert not m.defects, m.defects
print(json.dumps({'headers': {k.lower(): str(v) for k, v in m.items()}, 'text': m.get_content()}))";
        let file = self.site.path(&format!("mail.{n}"));
        let said = Command::new(&self.python)
            .arg("-c")
            .arg(read)
            .arg(file)
            .output()
            .unwrap();
        assert!(said.status.success(), "{said:?}");
        serde_json::from_slice(&said.stdout).unwrap()
    }
}

#[tokio::test]
async fn a_night_operator_reads_what_it_is_and_what_to_do() {
    let Some(python) = python() else {
        return;
    };
    let mailer = mailer(&python, "starttls").await;
    let sink = mailer.site.sink(
        &mailer.keys("to = [\"night@example.org\", \"gone@example.org\", \"day@example.org\"]"),
    );
    let said = send(&sink, &fence_stale(), 20_000).await.unwrap();
    assert!(
        said.starts_with("taken, but not for gone@example.org") && said.contains("550"),
        "{said}"
    );
    send(&sink, &fence_read_again(), 20_000).await.unwrap();
    let (first, second) = (mailer.mail(1), mailer.mail(2));
    let header = |mail: &Value, name: &str| mail["headers"][name].as_str().unwrap_or("").to_owned();
    assert_eq!(
        header(&first, "subject"),
        format!("CRITICAL cctv: {}", fence_stale().text)
    );
    assert_eq!(
        header(&first, "x-test-to"),
        "night@example.org day@example.org"
    );
    assert_eq!(header(&first, "x-test-tls"), "True");
    assert_eq!(header(&first, "auto-submitted"), "auto-generated");
    let text = first["text"].as_str().unwrap();
    for line in [
        &fence_stale().text,
        "Since: 2026-11-30T00:53:20Z (UTC), and it lasts.",
        "WHAT TO DO NOW",
        "  Mend the way to the switch.",
        "  standin status cctv",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(
        header(&second, "subject").starts_with("OVER cctv: the switch core"),
        "{second}"
    );
    assert!(
        second["text"]
            .as_str()
            .unwrap()
            .contains("Nothing has to be done."),
        "{second}"
    );
    assert_eq!(
        header(&first, "references"),
        header(&second, "references"),
        "one thread"
    );
    assert_ne!(header(&first, "message-id"), header(&second, "message-id"));
    // A line that is a full stop ends no mail, and what looks like a header is none.
    let mut odd = fence_stale();
    odd.text = "a\n.\nb\r\nBcc: x@y".to_owned();
    send(&sink, &odd, 20_000).await.unwrap();
    let odd = mailer.mail(3);
    assert!(odd["headers"].get("bcc").is_none(), "{odd}");
    assert!(
        odd["text"]
            .as_str()
            .unwrap()
            .starts_with("a\n.\nb\nBcc: x@y\n"),
        "{odd}"
    );
}

#[tokio::test]
async fn with_a_password_with_tls_from_the_first_byte_and_in_the_clear() {
    let Some(python) = python() else {
        return;
    };
    let login = mailer(&python, "login").await;
    let password = |site: &Site, word: &str| {
        let file = site.file("password", word, 0o600);
        format!("user = \"standin\"\npassword-file = \"{}\"", file.display())
    };
    let right = login.keys(&password(&login.site, "geheim\n"));
    send(&login.site.sink(&right), &fence_stale(), 20_000)
        .await
        .unwrap();
    assert_eq!(login.mail(1)["headers"]["x-test-user"], "standin");
    let wrong = login.keys(&password(&login.site, "falsch\n"));
    let why = send(&login.site.sink(&wrong), &fence_stale(), 20_000)
        .await
        .unwrap_err()
        .why;
    assert!(
        why.contains("535") && why.contains("are user and password right?"),
        "{why}"
    );
    let why = send(&login.site.sink(&login.keys("")), &fence_stale(), 20_000)
        .await
        .unwrap_err()
        .why;
    assert!(why.contains("530"), "{why}");

    let tls = mailer(&python, "tls").await;
    let sink = tls.site.sink(&tls.keys("security = \"tls\""));
    send(&sink, &fence_stale(), 20_000).await.unwrap();
    let plain = mailer(&python, "plain").await;
    let sink = plain.site.sink(&plain.keys("security = \"none\""));
    send(&sink, &fence_stale(), 20_000).await.unwrap();
    assert_eq!(plain.mail(1)["headers"]["x-test-tls"], "False");
    // Who asks for privacy never falls back.
    let why = send(&plain.site.sink(&plain.keys("")), &fence_stale(), 20_000)
        .await
        .unwrap_err()
        .why;
    assert!(why.contains("it offers no STARTTLS"), "{why}");
}

#[tokio::test]
async fn every_fault_is_said_in_time_and_in_words() {
    let Some(python) = python() else {
        return;
    };
    for (mode, keys, words, of_this) in [
        ("expired", "", "its certificate has expired", false),
        (
            "starttls",
            "ca-file = \"/etc/ssl/certs/ca-certificates.crt\"",
            "nobody whom we trust signed",
            false,
        ),
        (
            "refuse",
            "security = \"none\"",
            "554 5.7.1 this looks like spam",
            true,
        ),
        (
            "later",
            "security = \"none\"",
            "451 4.3.0 the disk is full; it says: later",
            false,
        ),
        (
            "unknown",
            "security = \"none\"",
            "550 5.1.1 no such mailbox",
            false,
        ),
        ("hang", "security = \"none\"", "no answer after", false),
        (
            "garbage",
            "security = \"none\"",
            "`SSH-2.0-OpenSSH_9.2` is no reply of a mail server",
            false,
        ),
    ] {
        let mailer = mailer(&python, mode).await;
        let mut all = mailer.keys(keys);
        if keys.contains("ca-file") {
            let own = all.lines().filter(|l| !l.contains("/ca.pem"));
            all = own.collect::<Vec<_>>().join("\n");
        }
        let begun = Instant::now();
        let within = if mode == "hang" { 700 } else { 20_000 };
        let fault = send(&mailer.site.sink(&all), &fence_stale(), within)
            .await
            .unwrap_err();
        println!("{mode}: {}", fault.why);
        assert!(fault.why.contains(words), "{mode}: {}", fault.why);
        assert_eq!(fault.of_this, of_this, "{mode}: {}", fault.why);
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert!(
            fs::metadata(mailer.site.path("mail.1")).is_err(),
            "{mode}: it was taken"
        );
    }
}
