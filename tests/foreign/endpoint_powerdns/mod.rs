//! Names changed at a real PowerDNS: by its HTTP API, read back by API and DNS; and by RFC 2136, which it speaks too.
//!
//! It is not installed: they are skipped, and say so; with REQUIRE_LAB=1 they fail.

mod step;

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::endpoint_support::{Server, place, programs};
use crate::names::{ZONE, set, to, undo};
use standin::endpoint::dns::{self, Kind, NameChange, RecordSet, TsigKey, Zone};
use standin::endpoint::http::{Auth, Client, Limits, Settings, Url};
use standin::endpoint::powerdns::{PowerDns, PowerDnsError, change, read};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const KEY: &str = "api-key-0123456789";
const SECRET: &str = "c3RhbmRpbi10ZXN0LWtleS0wMTIzNDU2Nzg5YWJjZGU=";

struct Pdns {
    dns: SocketAddr,
    api: SocketAddr,
    _server: Server,
    folder: TempDir,
}

async fn pdns() -> Option<Pdns> {
    let [pdns, sqlite] = programs(
        ["pdns_server", "sqlite3"],
        "pdns-server, pdns-backend-sqlite3, sqlite3",
    )?;
    let schema = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().display().to_string();
    let record = |name: &str, kind: &str, ttl: u32, content: &str| {
        format!(
            "INSERT INTO records(domain_id,name,type,content,ttl,auth) VALUES(1,'{name}','{kind}','{content}',{ttl},1);\n"
        )
    };
    let mut sql = fs::read_to_string(schema).unwrap();
    sql.push_str("INSERT INTO domains(name,type) VALUES('example.test','NATIVE');\n");
    for (name, kind, ttl, content) in [
        (
            "example.test",
            "SOA",
            600,
            "ns.example.test h.example.test 1 3600 600 86400 60",
        ),
        ("example.test", "NS", 600, "ns.example.test"),
        ("live.example.test", "A", 300, "10.0.0.11"),
        ("old.example.test", "CNAME", 120, "elsewhere.example.test"),
        ("note.example.test", "TXT", 45, "\"one\" \"two\""),
        ("off.example.test", "A", 45, "10.0.0.12"),
    ] {
        sql.push_str(&record(name, kind, ttl, content));
    }
    sql.push_str("UPDATE records SET disabled = 1 WHERE name = 'off.example.test';\n");
    sql.push_str(&format!(
        "INSERT INTO tsigkeys(name,algorithm,secret) VALUES('standin','hmac-sha256','{SECRET}');\n\
         INSERT INTO domainmetadata(domain_id,kind,content) VALUES(1,'TSIG-ALLOW-DNSUPDATE','standin');\n"
    ));
    fs::write(folder.path().join("sql"), sql).unwrap();
    let made = Command::new(sqlite)
        .arg(folder.path().join("z.db"))
        .stdin(fs::File::open(folder.path().join("sql")).unwrap())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let (at, api) = (place(), place());
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let child = Command::new(pdns)
        .args([
            "--daemon=no",
            "--guardian=no",
            "--launch=gsqlite3",
            "--api=yes",
            "--webserver=yes",
        ])
        .args([
            "--zone-cache-refresh-interval=0",
            "--setuid=",
            "--setgid=",
            "--dnsupdate=yes",
        ])
        .args(["--local-address=127.0.0.1", "--webserver-address=127.0.0.1"])
        .arg(format!("--config-dir={dir}"))
        .arg(format!("--socket-dir={dir}"))
        .arg(format!("--gsqlite3-database={dir}/z.db"))
        .arg(format!("--local-port={}", at.port()))
        .arg(format!("--webserver-port={}", api.port()))
        .arg(format!("--api-key={KEY}"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let pdns = Pdns {
        dns: at,
        api,
        _server: Server(child),
        folder,
    };
    let begun = Instant::now();
    while TcpStream::connect(api).await.is_err() || TcpStream::connect(at).await.is_err() {
        let log = fs::read_to_string(pdns.folder.path().join("log")).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(20), "{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Some(pdns)
}

impl Pdns {
    fn server(&self, api: SocketAddr, key: &str, zone: &str) -> PowerDns {
        let settings = Settings {
            auth: Auth::Header {
                name: "X-API-Key".into(),
                value: key.into(),
            },
            ..Settings::default()
        };
        PowerDns {
            api: Url::parse(&format!("http://{api}")).unwrap(),
            server_id: "localhost".into(),
            zone: zone.into(),
            client: Client::new(&settings).unwrap(),
            readers: vec![self.dns],
            limits: Limits {
                within: Duration::from_millis(2500),
                try_within: Duration::from_millis(600),
                pause: Duration::from_millis(30),
            },
        }
    }

    /// The whole zone, as the API has it, without its serial number.
    async fn zone(&self) -> Vec<String> {
        let mut api = TcpStream::connect(self.api).await.unwrap();
        let ask = format!(
            "GET /api/v1/servers/localhost/zones/{ZONE}. HTTP/1.0\r\nX-API-Key: {KEY}\r\n\r\n"
        );
        api.write_all(ask.as_bytes()).await.unwrap();
        let mut answer = String::new();
        api.read_to_string(&mut answer).await.unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let zone: serde_json::Value = serde_json::from_str(body).unwrap();
        let sets = zone["rrsets"].as_array().unwrap().iter();
        let sets = sets.filter(|s| s["type"] != "SOA").map(ToString::to_string);
        let mut sets: Vec<String> = sets.collect();
        sets.sort();
        assert!(sets.len() >= 5, "{sets:?}");
        sets
    }

    fn usual(&self) -> PowerDns {
        self.server(self.api, KEY, ZONE)
    }
}

async fn stands(server: &PowerDns, name: &str, kind: Kind) -> Vec<RecordSet> {
    let name = format!("{name}.{ZONE}.");
    read(server, &name, &[kind], Duration::from_secs(1))
        .await
        .unwrap()
}

#[tokio::test]
async fn names_are_changed_by_the_api_and_given_back_exactly() {
    let Some(pdns) = pdns().await else { return };
    let server = pdns.usual();
    let changes = [
        to(set("live", Kind::A, 5, &["10.0.0.5", "10.0.0.6"])),
        to(set("old", Kind::A, 5, &["10.0.0.7"])),
        to(set("note", Kind::Txt, 5, &["by standin"])),
        to(set("new", Kind::A, 5, &["10.0.0.8"])),
    ];
    let done = change(&server, &changes).await.unwrap();
    assert!(!done.already && !done.reply_lost);
    for c in &changes {
        assert_eq!(
            stands(
                &server,
                c.to[0].name().split('.').next().unwrap(),
                c.to[0].kind()
            )
            .await,
            c.to
        );
    }
    let again = change(&server, &changes).await.unwrap();
    assert!(again.already);
    change(&server, &undo(&changes, &done)).await.unwrap();
    assert_eq!(
        stands(&server, "live", Kind::A).await,
        [set("live", Kind::A, 300, &["10.0.0.11"])]
    );
    let alias = set("old", Kind::Cname, 120, &["elsewhere.example.test"]);
    assert_eq!(stands(&server, "old", Kind::Cname).await, [alias]);
    assert_eq!(
        stands(&server, "note", Kind::Txt).await,
        [set("note", Kind::Txt, 45, &["\"one\" \"two\""])]
    );
    assert_eq!(stands(&server, "new", Kind::A).await, []);
}

#[tokio::test]
async fn each_refusal_has_words_of_its_own() {
    let Some(pdns) = pdns().await else { return };
    let one = to(set("live", Kind::A, 5, &["10.0.0.5"]));
    let expected = NameChange {
        from: Some(vec![set("live", Kind::A, 300, &["10.0.0.66"])]),
        ..one.clone()
    };
    let outside = NameChange {
        name: "live.other.test.".into(),
        to: vec![RecordSet::new("live.other.test", Kind::A, 5, &["10.0.0.5".into()]).unwrap()],
        from: None,
    };
    for (server, change_of, words) in [
        (
            pdns.server(pdns.api, "wrong-key-geheim", ZONE),
            &one,
            ["401", "Unauthorized"],
        ),
        (
            pdns.server(pdns.api, KEY, "nowhere.test"),
            &one,
            ["404", "is the URL right?"],
        ),
        (
            pdns.server(place(), KEY, ZONE),
            &one,
            ["cannot connect", "does the server run"],
        ),
        (pdns.usual(), &outside, ["422", "out of zone"]),
        (
            pdns.usual(),
            &expected,
            ["somebody else changed it", "10.0.0.11 (TTL 300 s)"],
        ),
    ] {
        let error = change(&server, std::slice::from_ref(change_of))
            .await
            .unwrap_err();
        let said = error.to_string();
        println!("{said}");
        for word in words {
            assert!(
                said.to_lowercase().contains(&word.to_lowercase()),
                "{word}: {said}"
            );
        }
        assert!(!said.contains("geheim") && !said.contains(KEY), "{said}");
        assert!(!format!("{server:?}").contains(&KEY[..8]));
    }
    // A server that does not answer with it is named.
    let mut server = pdns.usual();
    let dead = place();
    server.readers.push(dead);
    let error = change(&server, std::slice::from_ref(&one))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, PowerDnsError::Dns(e) if e.len() == 1),
        "{error}"
    );
    assert!(error.to_string().contains(&dead.to_string()), "{error}");
}

/// Hands requests on; `instead` says what is answered to the nth PATCH, which then goes no further.
async fn between(
    to: SocketAddr,
    instead: impl Fn(u32) -> Option<&'static str> + Send + Sync + 'static,
) -> SocketAddr {
    serve(to, move |patches| (instead(patches), true)).await
}

/// Hands requests on; the first so many answers to a PATCH are lost.
async fn lossy(to: SocketAddr, lost: u32) -> SocketAddr {
    serve(to, move |patches| (None, patches > lost)).await
}

/// `say` tells of the nth PATCH, from 1 on, what is answered without asking, and whether an answer is handed on.
async fn serve(
    to: SocketAddr,
    say: impl Fn(u32) -> (Option<&'static str>, bool) + Send + Sync + 'static,
) -> SocketAddr {
    let at = place();
    let listener = TcpListener::bind(at).await.unwrap();
    tokio::spawn(async move {
        let patches = AtomicU32::new(0);
        while let Ok((mut here, _)) = listener.accept().await {
            let mut buffer = vec![0; 65_536];
            let length = here.read(&mut buffer).await.unwrap();
            let is_patch = buffer.starts_with(b"PATCH");
            let (instead, hands_on) = match is_patch {
                true => say(patches.fetch_add(1, Ordering::SeqCst) + 1),
                false => (None, true),
            };
            if let Some(answer) = instead {
                let _ = here.write_all(answer.as_bytes()).await;
                continue;
            }
            let mut there = TcpStream::connect(to).await.unwrap();
            there.write_all(&buffer[..length]).await.unwrap();
            let mut answer = Vec::new();
            let _ = there.read_to_end(&mut answer).await;
            if hands_on {
                let _ = here.write_all(&answer).await;
            }
        }
    });
    at
}

#[tokio::test]
async fn a_lost_answer_is_no_failure() {
    let Some(pdns) = pdns().await else { return };
    let between = lossy(pdns.api, 1).await;
    let server = pdns.server(between, KEY, ZONE);
    let changes = [to(set("live", Kind::A, 5, &["10.0.0.5"]))];
    let done = change(&server, &changes).await.unwrap();
    assert!(done.reply_lost);
    assert_eq!(done.sent, 1);
    assert_eq!(
        done.before,
        [Some(vec![set("live", Kind::A, 300, &["10.0.0.11"])])]
    );
}

#[tokio::test]
async fn it_takes_updates_of_rfc_2136_as_bind_does() {
    let Some(pdns) = pdns().await else { return };
    let text = format!("key standin {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};");
    let zone = Zone {
        name: ZONE.into(),
        key: Some(TsigKey::parse(&text).unwrap()),
        servers: vec![pdns.dns],
        readers: vec![],
        try_within: Duration::from_millis(600),
        pause: Duration::from_millis(30),
    };
    let within = Duration::from_secs(3);
    let changes = [
        to(set("live", Kind::A, 5, &["10.0.0.5"])),
        to(set("note", Kind::Txt, 5, &["by standin"])),
    ];
    let mut report = dns::change(&zone, &changes, within).await;
    let done = report.servers.remove(0).outcome.unwrap();
    assert_eq!(stands(&pdns.usual(), "live", Kind::A).await, changes[0].to);
    let mut report = dns::change(&zone, &undo(&changes, &done), within).await;
    report.servers.remove(0).outcome.unwrap();
    assert_eq!(
        stands(&pdns.usual(), "live", Kind::A).await,
        [set("live", Kind::A, 300, &["10.0.0.11"])]
    );
    let expected = NameChange {
        from: Some(vec![set("live", Kind::A, 300, &["10.0.0.66"])]),
        ..changes[0].clone()
    };
    let mut report = dns::change(&zone, &[expected], within).await;
    let said = report.servers.remove(0).outcome.unwrap_err().to_string();
    assert!(said.contains("somebody else changed it"), "{said}");
}
