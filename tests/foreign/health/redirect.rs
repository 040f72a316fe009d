//! Redirects as the daemon runs them, with real checks, real steps (HTTP, read back) and a real journal: a Compressor that falls
//! back, goes to its backup and home, and a place that stays until a person releases it; with faults and restarts.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use standin::config::Config;
use standin::daemon::journal::Journal;
use standin::daemon::redirects::{Around, REDIRECT, Redirects};
use standin::host::Disk;
use standin::host::real::{self, RealDisk};
use standin::redirect::Order;
use standin::rt::Lane;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::endpoint_support::place;
use crate::health::Site;
use crate::health::servers::{Does, Server};

/// What a Digital Twin holds; it refuses while it is told to.
#[derive(Clone)]
struct Twin {
    at: SocketAddr,
    holds: Arc<Mutex<(Value, Instant)>>,
    told: Arc<Mutex<Vec<Value>>>,
    refuses: Arc<Mutex<bool>>,
}

impl Twin {
    async fn start() -> Twin {
        let twin = Twin {
            at: place(),
            holds: Arc::new(Mutex::new((json!({"url": "primary"}), Instant::now()))),
            told: Arc::default(),
            refuses: Arc::default(),
        };
        let (here, listener) = (twin.clone(), TcpListener::bind(twin.at).await.unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let here = here.clone();
                tokio::spawn(async move {
                    let mut asked = Vec::new();
                    let mut some = [0; 4096];
                    loop {
                        let text = String::from_utf8_lossy(&asked).into_owned();
                        if let Some((head, body)) = text.split_once("\r\n\r\n") {
                            let length = head.to_lowercase();
                            let length = length
                                .lines()
                                .find_map(|l| l.strip_prefix("content-length: ")?.parse().ok());
                            if body.len() >= length.unwrap_or(0) {
                                let answer = here.answer(head, body);
                                let _ = stream.write_all(answer.as_bytes()).await;
                                return;
                            }
                        }
                        match stream.read(&mut some).await {
                            Ok(n @ 1..) => asked.extend_from_slice(&some[..n]),
                            _ => return,
                        }
                    }
                });
            }
        });
        twin
    }

    fn answer(&self, head: &str, body: &str) -> String {
        let (status, said) = match (*self.refuses.lock().unwrap(), head.starts_with("GET")) {
            (true, _) => ("503 Busy", "later".to_owned()),
            (false, true) => ("200 OK", self.holds.lock().unwrap().0.to_string()),
            (false, false) => {
                let new: Value = serde_json::from_str(body).unwrap();
                self.told.lock().unwrap().push(new["url"].clone());
                *self.holds.lock().unwrap() = (new, Instant::now());
                ("200 OK", "{}".to_owned())
            }
        };
        format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}",
            said.len()
        )
    }

    fn url(&self) -> String {
        self.holds.lock().unwrap().0["url"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// A place whose step tells the twin its name.
fn a_place(twin: &Twin, name: &str, checks: &str, after: &str) -> String {
    let at = twin.at;
    format!(
        "[[redirect.twin.place]]\nname = \"{name}\"\nchecks = [{checks}]\nafter = \"{after}\"\nsays = \"it uses {name}\"\n\
         [[redirect.twin.place.step]]\nkind = \"http\"\nname = \"url\"\nwithin = \"3s\"\nurl = \"http://{at}/\"\n\
         body = '{{\"url\": \"{name}\", \"epoch\": {{{{ epoch }}}}}}'\nread-url = \"http://{at}/\"\nread-pointer = \"/url\"\nread-value = \"{name}\"\n"
    )
}

pub fn a_check(name: &str, at: SocketAddr) -> String {
    format!(
        "[[redirect.twin.health]]\nkind = \"tcp\"\nname = \"{name}\"\nat = \"{at}\"\ngreeting = \"220\"\ninterval = \"100ms\"\ntimeout = \"100ms\"\nfall = 2\nrise = 2\n"
    )
}

/// A daemon's redirects, which can be ended and started again.
pub struct Daemon {
    site: Site,
    config: Config,
    running: Option<(Redirects, Journal)>,
}

impl Daemon {
    fn new(text: &str) -> Daemon {
        Daemon::at(Site::default(), text)
    }

    /// With files that the site has already.
    pub fn at(site: Site, text: &str) -> Daemon {
        let config = site
            .read(text)
            .unwrap_or_else(|e| panic!("{}", e.render(false)));
        let mut daemon = Daemon {
            site,
            config,
            running: None,
        };
        daemon.start();
        daemon
    }

    fn start(&mut self) -> Vec<(String, Value)> {
        let (journal, replay) = Journal::open(&self.site.path("state"), "standby").unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let around = Around {
            host: &real::host().unwrap(),
            disk: &(disk, self.site.path("state")),
            slow: &Lane::current(),
            journal: (&journal, &replay.records),
        };
        let redirects = Redirects::start(&self.config, &around).unwrap();
        self.running = Some((redirects, journal));
        let ours = replay.records.into_iter().filter(|r| r.kind == REDIRECT);
        ours.map(|r| (r.peer, r.data)).collect()
    }

    async fn stop(&mut self) {
        let (redirects, journal) = self.running.take().unwrap();
        drop(redirects);
        // Until its thread has let the file go.
        drop(journal);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    pub fn shown(&self) -> Value {
        self.running.as_ref().unwrap().0.shown().remove(0)
    }

    pub async fn until(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let shown = self.shown();
            if fits(&shown) {
                return shown;
            }
            assert!(begun.elapsed() < Duration::from_secs(15), "{what}: {shown}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn settled_at(&self, place: &str) -> Value {
        self.until(place, |s| s["place"] == place && s["settled"] == true)
            .await
    }

    pub async fn order(&self, order: Order) -> Result<Value, String> {
        let (tx, rx) = tokio::sync::oneshot::channel();
        assert!(
            self.running
                .as_ref()
                .unwrap()
                .0
                .order("twin", order, tx)
                .is_none()
        );
        rx.await.unwrap().map_err(|(_, why)| why)
    }
}

pub fn well() -> Does {
    Does::Says(b"220".to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressor_falls_back_goes_to_its_backup_and_home() {
    let twin = Twin::start().await;
    let (first, second) = (place(), place());
    let primary = Server::at(first, well()).await;
    let text = [
        "[redirect.twin]\nback = \"auto\"\n".to_owned(),
        a_place(&twin, "primary", "\"one\"", "1s"),
        a_place(&twin, "backup", "\"two\"", "300ms"),
        a_place(&twin, "none", "", "0s"),
        a_check("one", first),
        a_check("two", second),
    ];
    let mut daemon = Daemon::new(&text.concat());
    daemon
        .until("the primary is well", |s| s["places"][0]["state"] == "up")
        .await;
    assert!(
        twin.told.lock().unwrap().is_empty(),
        "nothing is told while all is well"
    );
    let fell = Instant::now();
    drop(primary);
    let shown = daemon.settled_at("none").await;
    let told = twin.holds.lock().unwrap().1.duration_since(fell);
    println!(
        "fallen back {told:?} after the cut, of which the checks have 2 x 100 ms and 100 ms; read back after {:?}",
        fell.elapsed()
    );
    assert!(
        told < Duration::from_millis(300) + Duration::from_secs(1),
        "{told:?}"
    );
    assert_eq!(twin.url(), "none");
    assert_eq!(
        (shown["says"].as_str(), shown["verdict"].as_str()),
        (Some("it uses none"), None)
    );
    assert_eq!(shown["steps"][0]["state"], "done", "{shown}");

    // The backup comes up, and is used; a daemon that is killed meanwhile goes on there.
    let backup = Server::at(second, well()).await;
    daemon.settled_at("backup").await;
    assert_eq!(twin.url(), "backup");
    daemon.stop().await;
    let kept = daemon.start();
    assert_eq!(kept.last().unwrap().1["place"], "backup", "{kept:?}");
    daemon.settled_at("backup").await;

    let back = Instant::now();
    let _primary = Server::at(first, well()).await;
    daemon.settled_at("primary").await;
    assert!(
        back.elapsed() > Duration::from_secs(1),
        "before it was well for long enough"
    );
    assert_eq!(twin.url(), "primary");
    let told: Vec<String> = twin
        .told
        .lock()
        .unwrap()
        .iter()
        .map(|u| u.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, ["none", "backup", "primary"], "nothing is told twice");
    drop(backup);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_stays_away_until_a_person_says_so_and_what_fails_is_tried_again() {
    let twin = Twin::start().await;
    let first = place();
    let primary = Server::at(first, well()).await;
    let text = [
        "[redirect.twin]\n".to_owned(),
        a_place(&twin, "primary", "\"one\"", "100ms"),
        a_place(&twin, "here", "", "0s"),
        a_check("one", first),
    ];
    let mut daemon = Daemon::new(&text.concat());
    daemon
        .until("the primary is well", |s| s["places"][0]["state"] == "up")
        .await;
    let refused = daemon.order(Order::Release).await.unwrap_err();
    assert!(refused.contains("nothing to hand back"), "{refused}");
    // A hold holds, over a restart too.
    let said = daemon.order(Order::Hold(true)).await.unwrap();
    assert_eq!(
        (said["state"].as_str(), said["durable"].as_bool()),
        (Some("held at primary"), Some(true))
    );
    daemon.stop().await;
    daemon.start();
    drop(primary);
    daemon.until("it is not well", |s| s["lost"] == true).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(twin.url(), "primary");
    // The twin is down when it is to be told, and the daemon is killed in the middle.
    *twin.refuses.lock().unwrap() = true;
    daemon.order(Order::Hold(false)).await.unwrap();
    let shown = daemon.until("it fails", |s| s["failed"].is_string()).await;
    let why = shown["failed"].as_str().unwrap();
    assert!(
        why.contains("step http:url") && why.contains("503"),
        "{why}"
    );
    daemon.stop().await;
    daemon.start();
    *twin.refuses.lock().unwrap() = false;
    let shown = daemon.settled_at("here").await;
    assert_eq!(shown["verdict"], "degraded: unfenced");
    assert_eq!(twin.url(), "here");
    let refused = daemon.order(Order::Release).await.unwrap_err();
    assert!(refused.contains("not seen well"), "{refused}");
    let _primary = Server::at(first, well()).await;
    daemon
        .until("the primary is back", |s| s["places"][0]["state"] == "up")
        .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(twin.url(), "here", "nobody has released it");
    daemon.order(Order::Release).await.unwrap();
    daemon.settled_at("primary").await;
    assert_eq!(twin.url(), "primary");
    // And away by a person, although all is well.
    daemon.order(Order::Takeover).await.unwrap();
    daemon.settled_at("here").await;
}

#[test]
fn what_cannot_be_is_refused_at_its_key() {
    let site = Site::default();
    let health = "[[redirect.r.health]]\nkind = \"tcp\"\nname = \"one\"\nat = \"10.0.0.1:1\"\n";
    let first = "[[redirect.r.place]]\nname = \"a\"\nchecks = [\"one\"]\n[[redirect.r.place.step]]\nkind = \"command\"\nname = \"x\"\nrun = [\"/bin/true\"]\n";
    let second = "[[redirect.r.place]]\nname = \"b\"\n";
    let fine = format!("[redirect.r]\n{first}{second}{health}");
    site.read(&fine)
        .unwrap_or_else(|e| panic!("{}", e.render(false)));
    for (text, words) in [
        (
            format!("[redirect.r]\n{first}{health}"),
            "fewer than two places",
        ),
        (
            format!("[redirect.r]\n{first}{second}"),
            "there is no health check `one`",
        ),
        (
            format!("[redirect.r]\n{second}{first}{health}"),
            "it would never fail",
        ),
        (
            fine.replace("redirect.r", "redirect.cctv"),
            "a peer is called `cctv` too",
        ),
        (
            fine.replace("name = \"b\"", "name = \"a\""),
            "two places are called `a`",
        ),
        (
            fine.replace("kind = \"command\"", "kind = \"comand\""),
            "there is no kind of step `comand`",
        ),
        (
            fine.replace("run = [", "needs = [\"claim\"]\nrun = ["),
            "unknown key `needs`",
        ),
        (format!("{fine}on = \"here\"\n"), "unknown key `on`"),
        (
            format!("[redirect.r]\nback = \"later\"\n{first}{second}{health}"),
            "later",
        ),
    ] {
        let said = match site.read(&text) {
            Ok(_) => panic!("accepted: {text}"),
            Err(e) => e.render(false),
        };
        assert!(said.contains(words), "{words}: {said}");
    }
}
