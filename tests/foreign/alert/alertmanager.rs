//! `kind = "alertmanager"`: Debian's prometheus-alertmanager.

use std::time::{Duration, Instant};

use serde_json::Value;
use standin::alert::Bulletin;
use standin::endpoint::http::{Client, Rendered, Settings, Statuses, Url};

use crate::alert::receiver::{Answer, Receiver};
use crate::alert::{Site, fence_stale, program, send};
use crate::endpoint_support::{place, programs};

async fn alerts(at: std::net::SocketAddr) -> Vec<Value> {
    let client = Client::new(&Settings::default()).unwrap();
    let request = Rendered {
        method: "GET".parse().unwrap(),
        url: Url::parse(&format!("http://{at}/api/v2/alerts?active=true")).unwrap(),
        headers: Vec::new(),
        body: None,
    };
    let by = standin::rt::Instant::now() + Duration::from_secs(5);
    let answer = standin::endpoint::http::send(&client, &request, &Statuses::default(), by).await;
    serde_json::from_slice(&answer.unwrap().body).unwrap()
}

fn now_us() -> u64 {
    standin::rt::wall_us()
}

#[tokio::test]
async fn it_stands_there_is_told_to_others_and_is_over() {
    let Some([program]) = programs(["prometheus-alertmanager"], "prometheus-alertmanager") else {
        return;
    };
    let site = Site::new();
    let behind = Receiver::start(Answer::Status(200)).await;
    let conf = format!(
        "route: {{receiver: hook, group_wait: 0s, group_interval: 1s, group_by: ['...']}}\nreceivers: [{{name: hook, webhook_configs: [{{url: 'http://{}/', send_resolved: true}}]}}]\n",
        behind.at
    );
    let conf = site.file("am.yml", &conf, 0o600);
    let at = place();
    let arguments = [
        format!("--config.file={}", conf.display()),
        format!("--storage.path={}", site.path("data").display()),
        format!("--web.listen-address={at}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let _server = program::start(&program, &arguments, site.0.path());
    program::listens(at, site.0.path()).await;

    let sink = site.sink(&format!("kind = \"alertmanager\"\nurl = \"http://{at}/\""));
    assert_eq!(
        sink.again(),
        Some(Duration::from_secs(60)),
        "before it is over there by itself"
    );
    let stands = Bulletin {
        since_us: now_us() - 5_000_000,
        ..fence_stale()
    };
    send(&sink, &stands, 5000).await.unwrap();
    // Told again: the same alert.
    send(&sink, &stands, 5000).await.unwrap();
    let step = Bulletin {
        key: "step:command:twin".to_owned(),
        ..stands.clone()
    };
    send(&sink, &step, 5000).await.unwrap();
    for text in ["a camera redials", "another camera redials"] {
        let event = Bulletin {
            key: "event".to_owned(),
            text: text.to_owned(),
            once: true,
            ..stands.clone()
        };
        send(&sink, &event, 5000).await.unwrap();
    }
    let all = alerts(at).await;
    assert_eq!(all.len(), 4, "{all:?}");
    let one = all
        .iter()
        .find(|a| a["labels"]["key"] == "fence-stale")
        .unwrap();
    for (label, value) in [
        ("alertname", "fence-stale"),
        ("peer", "cctv"),
        ("node", "spare"),
        ("severity", "critical"),
        ("job", "standin"),
    ] {
        assert_eq!(one["labels"][label], value, "{label}");
    }
    assert_eq!(one["annotations"]["do"], "Mend the way to the switch.");
    assert_eq!(one["annotations"]["summary"], stands.text);
    let by_step = all
        .iter()
        .find(|a| a["labels"]["key"] == "step:command:twin")
        .unwrap();
    assert_eq!(by_step["labels"]["alertname"], "step");
    // A standin that died tells nothing: it ends by itself, and not before it would be told again.
    let ends: jiff::Timestamp = one["endsAt"].as_str().unwrap().parse().unwrap();
    let lasts = ends.as_second() - (now_us() / 1_000_000) as i64;
    assert!((240..=300).contains(&lasts), "{lasts}");

    let over = Bulletin {
        until_us: Some(now_us()),
        ..stands
    };
    // As it is told to others, who hear of it once each.
    let begun = Instant::now();
    let heard = |status: &str| {
        let told = behind.told();
        told.iter().any(|t| {
            let body: Value = serde_json::from_str(&t.body).unwrap();
            let alerts = body["alerts"].as_array().unwrap().clone();
            alerts
                .iter()
                .any(|a| a["labels"]["key"] == "fence-stale" && a["status"] == status)
        })
    };
    while !heard("firing") {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    send(&sink, &over, 5000).await.unwrap();
    while !heard("resolved") {
        assert!(begun.elapsed() < Duration::from_secs(40));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let all = alerts(at).await;
    assert!(
        all.iter().all(|a| a["labels"]["key"] != "fence-stale"),
        "{all:?}"
    );
}
