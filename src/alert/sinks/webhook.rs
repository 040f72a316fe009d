//! `kind = "webhook"`: each alert is a POST of JSON, signed if a key is given.

use std::path::PathBuf;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use futures_util::future::{BoxFuture, FutureExt};
use hmac::{Hmac, KeyInit, Mac};
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use sha2::Sha256;

use crate::access::{Access, access};
use crate::alert::{Bulletin, Kind, Kit, Refusal, Sink};
use crate::config::{SecretForm, Section, secret_file};
use crate::endpoint::http::{Fault, Rendered, Statuses, Url, send};
use crate::rt::{self, Instant};

pub(super) const KIND: Kind = Kind {
    name: "webhook",
    read,
};

/// Seconds since 1970-01-01 UTC, as they are signed.
const TIMESTAMP: HeaderName = HeaderName::from_static("x-standin-timestamp");
/// `sha256=` and the HMAC-SHA-256 (RFC 2104) of timestamp, full stop and body, in hexadecimal digits.
const SIGNATURE: HeaderName = HeaderName::from_static("x-standin-signature");

struct Webhook {
    url: Url,
    access: Access,
    key: Option<PathBuf>,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn Sink>> {
    let url = url(section);
    let access = access(section);
    let key = section.path("hmac-file");
    Some(Arc::new(Webhook {
        url: url?,
        access: access?,
        key,
    }))
}

/// The key `url`.
pub(super) fn url(section: &mut Section<'_, '_>) -> Option<Url> {
    let text = section.required_text("url", "such as \"https://alerts.example.org/standin\"")?;
    let url = Url::parse(&text);
    url.map_err(|why| section.refuse("url", why, "a URL is http:// or https://"))
        .ok()
}

impl Webhook {
    fn signed(&self, body: &str) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        let json = HeaderValue::from_static("application/json");
        let stamp = (rt::wall_us() / 1_000_000).to_string();
        let mut headers = vec![(CONTENT_TYPE, json)];
        if let Some(file) = &self.key {
            let key = secret_file(file, SecretForm::Line)?;
            let value = HeaderValue::from_str(&signature(key.expose_secret(), &stamp, body));
            headers.push((SIGNATURE, value.map_err(|e| e.to_string())?));
        }
        let stamp = HeaderValue::from_str(&stamp).map_err(|e| e.to_string())?;
        headers.push((TIMESTAMP, stamp));
        Ok(headers)
    }
}

fn signature(key: &str, stamp: &str, body: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    for part in [stamp, ".", body] {
        mac.update(part.as_bytes());
    }
    format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
}

/// Sends it, and says what came back. A status that is about what was sent is no reason to keep the others back.
pub(super) async fn post(
    access: &Access,
    url: &Url,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: String,
    kit: &Kit,
) -> Result<String, Refusal> {
    let client = access.client()?;
    let request = Rendered {
        method: Method::POST,
        url: url.clone(),
        headers,
        body: Some(body),
    };
    let deadline = Instant::now() + kit.within;
    match send(&client, &request, &Statuses::default(), deadline).await {
        Ok(answer) => Ok(format!("it answered {}", answer.status)),
        Err(fault) => Err(Refusal {
            of_this: matches!(
                fault,
                Fault::Status {
                    status: 400 | 413 | 422,
                    ..
                }
            ),
            why: format!("POST {url}: {fault}"),
        }),
    }
}

/// What can be known of a server without telling it anything: its name, and that our files are right.
pub(super) async fn look(access: &Access, url: &Url) -> Result<String, String> {
    access.client()?.is_usable(url)?;
    let at = match access.connect() {
        Some(at) => at.to_string(),
        None => crate::endpoint::resolve::first(&url.host, url.port).await?,
    };
    Ok(format!(
        "{url} is at {at}; nothing was sent (standin alert test)"
    ))
}

impl Sink for Webhook {
    fn target(&self) -> String {
        self.url.to_string()
    }

    fn check<'a>(&'a self, _: &'a Kit) -> BoxFuture<'a, Result<String, String>> {
        async move {
            self.signed("")?;
            look(&self.access, &self.url).await
        }
        .boxed()
    }

    fn send<'a>(
        &'a self,
        kit: &'a Kit,
        bulletin: &'a Bulletin,
    ) -> BoxFuture<'a, Result<String, Refusal>> {
        async move {
            let body = bulletin.json(&kit.node).to_string();
            let headers = self.signed(&body)?;
            post(&self.access, &self.url, headers, body, kit).await
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `printf '1700000000.{}' | openssl dgst -sha256 -hmac geheim`.
    #[test]
    fn the_signature_is_what_openssl_says() {
        assert_eq!(
            signature("geheim", "1700000000", "{}"),
            "sha256=75e8aa01e776401a6bfda6664664c1271ca25506052e3b8c43308bdf92f3c8d5"
        );
    }
}
