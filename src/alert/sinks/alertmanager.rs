//! `kind = "alertmanager"`: Prometheus Alertmanager, API v2 (`POST /api/v2/alerts`). What stands is told again each minute,
//! as Prometheus does, and ends by itself if standin does not; what is over is told with its end.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use futures_util::future::{BoxFuture, FutureExt};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::webhook;
use crate::access::{Access, access};
use crate::alert::{Bulletin, Kind, Kit, Refusal, Sink, Status};
use crate::config::Section;
use crate::endpoint::http::Url;
use crate::rt;

pub(super) const KIND: Kind = Kind {
    name: "alertmanager",
    read,
};

/// What stands is told again after this.
const AGAIN: Duration = Duration::from_secs(60);
/// What is not told again any more is over then: a standin that died tells nothing.
const LASTS: Duration = Duration::from_secs(300);

struct Alertmanager {
    /// With the path of the API.
    url: Url,
    access: Access,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn Sink>> {
    let url = webhook::url(section);
    let access = access(section);
    let mut url = url?;
    if url.path.contains('?') {
        let help = "the URL before /api/v2/alerts, such as \"http://192.168.1.9:9093\"";
        section.refuse("url", "this URL has a query", help);
        return None;
    }
    let base = url.path.trim_end_matches('/');
    let base = base.trim_end_matches("/api/v2/alerts");
    url.path = format!("{base}/api/v2/alerts");
    Some(Arc::new(Alertmanager {
        url,
        access: access?,
    }))
}

/// One alert of the API (`postableAlert`).
fn postable(b: &Bulletin, node: &str, now_us: u64) -> Value {
    // What the key says of a kind, without which one: rules are written for that.
    let name = b.key.split([':', ' ']).next().unwrap_or(&b.key);
    let mut labels = json!({
        "alertname": name,
        "key": b.key,
        "severity": crate::alert::level_word(b.level),
        "node": node,
        "job": "standin",
    });
    if !b.peer.is_empty() {
        labels["peer"] = json!(b.peer);
    }
    if b.once {
        // Labels are what one alert is told from another by.
        let text = HEXLOWER.encode(&Sha256::digest(b.text.as_bytes())[..4]);
        labels["event"] = json!(text);
    }
    let ends = match b.status() {
        Status::Resolved => b.until_us.unwrap_or(now_us),
        Status::Firing | Status::Once | Status::Test => now_us + LASTS.as_micros() as u64,
    };
    json!({
        "labels": labels,
        "annotations": {
            "summary": b.text,
            "do": b.next,
            "count": b.count.to_string(),
        },
        "startsAt": b.since(),
        "endsAt": rt::wall_text_of(ends),
    })
}

impl Sink for Alertmanager {
    fn target(&self) -> String {
        self.url.to_string()
    }

    fn check<'a>(&'a self, _: &'a Kit) -> BoxFuture<'a, Result<String, String>> {
        webhook::look(&self.access, &self.url).boxed()
    }

    fn send<'a>(
        &'a self,
        kit: &'a Kit,
        bulletin: &'a Bulletin,
    ) -> BoxFuture<'a, Result<String, Refusal>> {
        async move {
            let body = json!([postable(bulletin, &kit.node, rt::wall_us())]).to_string();
            let headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
            webhook::post(&self.access, &self.url, headers, body, kit).await
        }
        .boxed()
    }

    fn again(&self) -> Option<Duration> {
        Some(AGAIN)
    }
}
