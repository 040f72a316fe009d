//! BIND 9 with a zone of the test's own, on loopback.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use standin::endpoint::dns::TsigKey;
use tempfile::TempDir;

use crate::endpoint_support::{Server, place, programs};
use crate::names::ZONE;

const SECRET: &str = "c3RhbmRpbi10ZXN0LWtleS0wMTIzNDU2Nzg5YWJjZGU=";
const OTHER: &str = "YW5vdGhlci1zZWNyZXQtb2YtdGhlLXNhbWUtbGVuZ3Ro";

const RECORDS: &str = "\
$TTL 600
@ IN SOA ns hostmaster 1 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
live 300 IN A 10.0.0.11
pair 60 IN A 10.0.0.11
pair 60 IN A 10.0.0.12
old 120 IN CNAME elsewhere
note 45 IN TXT \"first \\\"part\\\"\" \"second\"
*.wild IN A 10.0.0.99
locked IN A 10.0.0.1
";

/// Text of a key file.
pub fn key_text(name: &str, algorithm: &str, secret: &str) -> String {
    format!("key \"{name}\" {{\n\talgorithm {algorithm};\n\tsecret \"{secret}\";\n}};\n")
}

/// Text of the file of the key that may change the zone's names.
pub fn usual_key_text() -> String {
    key_text("standin", "hmac-sha256", SECRET)
}

/// The key that may change the zone's names.
pub fn key() -> TsigKey {
    TsigKey::parse(&key_text("standin", "hmac-sha256", SECRET)).unwrap()
}

/// A longer digest; allowed as well.
pub fn key_512() -> TsigKey {
    TsigKey::parse(&key_text("standin-512", "hmac-sha512", SECRET)).unwrap()
}

/// The right name with another secret.
pub fn key_with_another_secret() -> TsigKey {
    TsigKey::parse(&key_text("standin", "hmac-sha256", OTHER)).unwrap()
}

/// A key that the server has never heard of.
pub fn key_unknown() -> TsigKey {
    TsigKey::parse(&key_text("stranger", "hmac-sha256", SECRET)).unwrap()
}

/// A running server.
pub struct Bind {
    pub at: SocketAddr,
    dig: PathBuf,
    nsupdate: PathBuf,
    _server: Server,
    folder: TempDir,
}

/// What is different from the usual primary.
#[derive(Default)]
pub struct Odd {
    /// Copies the zone from there.
    pub copies: Option<SocketAddr>,
    /// Is told there of changes.
    pub tells: Option<SocketAddr>,
    /// Its clock is ahead by so many seconds.
    pub ahead_s: Option<i64>,
    /// It has no zone at all.
    pub has_no_zone: bool,
    /// Where it listens.
    pub at: Option<SocketAddr>,
}

/// A library under which a program's clock is another one; libfaketime cannot be loaded before BIND's allocator.
fn other_clock(folder: &Path, ahead_s: i64) -> PathBuf {
    let source = folder.join("clock.c");
    let text = format!(
        "#include <time.h>\n#include <unistd.h>\n#include <sys/syscall.h>\n\
         int clock_gettime(clockid_t id, struct timespec *t) {{\n\
         int r = syscall(SYS_clock_gettime, id, t);\n\
         if (id == CLOCK_REALTIME || id == 5) t->tv_sec += {ahead_s};\n\
         return r;\n}}\n"
    );
    fs::write(&source, text).unwrap();
    let library = folder.join("clock.so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"])
        .args([&library, &source]);
    assert!(cc.status().unwrap().success());
    library
}

/// Starts it; `None`: BIND is not installed, and that has been said.
pub fn bind(odd: Odd) -> Option<Bind> {
    let [named, dig, nsupdate] = programs(["named", "dig", "nsupdate"], "bind9, bind9-dnsutils")?;
    let at = odd.at.unwrap_or_else(place);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("zone.db"), RECORDS).unwrap();
    let keys = [
        key_text("standin", "hmac-sha256", SECRET),
        key_text("standin-512", "hmac-sha512", SECRET),
    ];
    let names = ["live", "pair", "old", "note", "new", "x.wild", "two"];
    let names: Vec<String> = ["standin.", "standin-512."]
        .iter()
        .flat_map(|key| names.map(|n| format!("grant {key} name {n}.{ZONE}. ANY;")))
        .collect();
    let zone = match (odd.copies, odd.tells) {
        (Some(from), _) => format!(
            "type secondary; primaries {{ {} port {}; }}; allow-notify {{ any; }}; file \"{}\";",
            from.ip(),
            from.port(),
            path("copy.db")
        ),
        (None, tells) => {
            let tells = tells.map(|t| format!("also-notify {{ {} port {}; }};", t.ip(), t.port()));
            format!(
                "type primary; file \"{}\"; notify explicit; notify-delay 0; {} update-policy {{ {} }};",
                path("zone.db"),
                tells.unwrap_or_default(),
                names.join(" ")
            )
        }
    };
    let zone = match odd.has_no_zone {
        true => String::new(),
        false => format!("zone \"{ZONE}\" {{ {zone} }};"),
    };
    let conf = format!(
        "options {{ directory \"{dir}\"; listen-on port {port} {{ {ip}; }}; listen-on-v6 {{ none; }}; recursion no; \
         dnssec-validation no; pid-file \"{pid}\"; session-keyfile \"{session}\"; allow-transfer {{ any; }}; \
         notify-source {ip}; transfer-source {ip}; serial-query-rate 1000; }};\n\
         controls {{ }};\n{keys}\n{zone}\n",
        dir = folder.path().display(),
        port = at.port(),
        ip = at.ip(),
        pid = path("pid"),
        session = path("session.key"),
        keys = keys.join(""),
    );
    fs::write(path("named.conf"), conf).unwrap();
    let log = fs::File::create(path("log")).unwrap();
    let mut command = Command::new(named);
    command.args(["-4", "-f", "-U1", "-n1", "-g", "-c", &path("named.conf")]);
    if let Some(ahead) = odd.ahead_s {
        command.env("LD_PRELOAD", other_clock(folder.path(), ahead));
    }
    let child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let bind = Bind {
        at,
        dig,
        nsupdate,
        _server: Server(child),
        folder,
    };
    let begun = Instant::now();
    let shows = |bind: &Bind| match odd.has_no_zone {
        true => bind.log().contains("running"),
        false => !bind.dig("ns", "A").is_empty(),
    };
    while !shows(&bind) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", bind.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(bind)
}

impl Bind {
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What another program than ours is told: `TTL TYPE VALUE`, sorted.
    pub fn dig(&self, name: &str, kind: &str) -> Vec<String> {
        let out = Command::new(&self.dig)
            .args(["+norec", "+noall", "+answer", "+time=3", "+tries=3", "-p"])
            .arg(self.at.port().to_string())
            .arg(format!("@{}", self.at.ip()))
            .args([&format!("{name}.{ZONE}."), kind])
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let lines = text.lines().filter(|l| !l.starts_with(';'));
        let mut lines: Vec<String> = lines
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                [&words[1..2], &words[3..]].concat().join(" ")
            })
            .collect();
        lines.sort();
        lines
    }

    /// The zone's serial number: it goes up with each change.
    pub fn serial(&self) -> u32 {
        let out = Command::new(&self.dig)
            .args(["+norec", "+short", "-p", &self.at.port().to_string()])
            .arg(format!("@{}", self.at.ip()))
            .args([ZONE, "SOA"])
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        text.split_whitespace().nth(2).unwrap().parse().unwrap()
    }

    /// Somebody else changes a name, with another program.
    pub fn somebody_else(&self, lines: &str) {
        let file = self.folder.path().join("somebody.txt");
        let key = self.folder.path().join("somebody.key");
        fs::write(&key, key_text("standin", "hmac-sha256", SECRET)).unwrap();
        let at = format!("server {} {}\nzone {ZONE}\n", self.at.ip(), self.at.port());
        fs::write(&file, format!("{at}{lines}\nsend\n")).unwrap();
        let done = Command::new(&self.nsupdate)
            .arg("-k")
            .args([&key, &file])
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}
