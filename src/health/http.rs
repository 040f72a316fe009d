//! `kind = "http"`: a server answers a request with the status, and the body, that are expected; TLS included.

use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use regex::Regex;

use super::{HealthCheck, Kind, Kit, Looked};
use crate::access::{Access, access, expected_statuses, headers};
use crate::config::Section;
use crate::endpoint::http::{Fault, HttpError, Rendered, Request, Statuses, send};
use crate::rt::Instant;

pub(super) const KIND: Kind = Kind { name: "http", read };

struct Http {
    request: Rendered,
    expect: Statuses,
    body: Option<Regex>,
    access: Access,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn HealthCheck>> {
    let access = access(section);
    let expect = expected_statuses(section);
    let headers = headers(section);
    let method = section.text("method").unwrap_or_else(|| "GET".to_owned());
    if !["GET", "HEAD"].contains(&method.as_str()) {
        let what = format!("a look changes nothing, and {method} may");
        section.refuse("method", what, "\"GET\" or \"HEAD\"");
        return None;
    }
    let url = section.required_text("url", "such as url = \"http://192.168.1.102:8080/health\"");
    let body = section.text("body-matches").filter(|b| !b.is_empty());
    let body = body.map(|text| {
        let read = Regex::new(&text);
        let read =
            read.map_err(|e| section.refuse("body-matches", e.to_string(), "a regular expression"));
        read.ok()
    });
    if body.is_some() && method == "HEAD" {
        section.refuse("body-matches", "a HEAD brings no body", "method = \"GET\"");
    }
    let url = url?;
    let rendered = |headers: &[(String, String)]| {
        let request = Request::new(&method, &url, headers, None, Statuses::default())?;
        request.render(&serde_json::json!({}))
    };
    let request = match (rendered(&[]), rendered(&headers)) {
        (Err(why), _) => {
            section.refuse(
                "url",
                why,
                "http:// or https://, and there are no facts in it",
            );
            return None;
        }
        (Ok(_), Err(why)) => {
            section.refuse("headers", why, "such as \"X-Site: hall-3\"");
            return None;
        }
        (Ok(_), Ok(request)) => request,
    };
    Some(Arc::new(Http {
        request,
        expect,
        body: match body {
            Some(read) => Some(read?),
            None => None,
        },
        access: access?,
    }))
}

impl HealthCheck for Http {
    fn what(&self) -> String {
        format!("{} {}", self.request.method, self.request.url)
    }

    fn asks(&self) -> Option<IpAddr> {
        match self.access.connect() {
            Some(at) => Some(at.ip()),
            None => self.request.url.host.parse().ok(),
        }
    }

    fn look<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Looked> {
        async move {
            let begun = Instant::now();
            let client = self.access.client();
            let client = client.and_then(|c| c.is_usable(&self.request.url).map(|()| c));
            let client = match client {
                Ok(client) => client,
                Err(why) => return Looked::NotAsked(why),
            };
            let answer = send(&client, &self.request, &self.expect, begun + kit.within).await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(fault) => {
                    // Our own names and routes say nothing of the server.
                    let ours = matches!(
                        fault,
                        Fault::Unfit(_) | Fault::NoAddress(_) | Fault::Here(_)
                    );
                    let words = HttpError {
                        request: self.what(),
                        fault,
                        tries: 1,
                        is_unclear: false,
                    };
                    let words = words.to_string();
                    return match ours {
                        true => Looked::NotAsked(words),
                        false => Looked::Bad(words),
                    };
                }
            };
            let (status, took) = (answer.status, begun.elapsed().as_millis());
            match &self.body {
                Some(body) if !body.is_match(&String::from_utf8_lossy(&answer.body)) => {
                    Looked::Bad(format!(
                        "{}: it answered {status}, and nothing in its body matches `{body}`; it says: {}",
                        self.what(),
                        answer.begins(&client)
                    ))
                }
                Some(_) => Looked::Good(format!("answers {status}, with the body as expected, in {took} ms")),
                None => Looked::Good(format!("answers {status} in {took} ms")),
            }
        }
        .boxed()
    }
}
