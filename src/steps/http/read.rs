//! What a step `http` has in the configuration: every text is tried with facts before it is needed.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Http, with_before};
use crate::access::{access, expected_statuses, headers};
use crate::config::Section;
use crate::endpoint::http::{Action, ReadBack, Request, Statuses};
use crate::steps::{Facts, SiteStep};

/// What a text is tried beside where a URL is needed that is good.
const ANY_URL: &str = "http://192.0.2.1/";

pub(super) fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn SiteStep>> {
    let access = access(section);
    let expect = expected_statuses(section);
    let headers = headers(section);
    let kind = section.text("content-type");
    let own_kind = (headers.iter()).any(|(n, _)| n.eq_ignore_ascii_case("content-type"));
    if own_kind && kind.is_some() {
        let help = "leave one of them out";
        section.refuse("content-type", "`headers` has a Content-Type too", help);
    }
    let texts = Texts {
        headers,
        kind: (!own_kind).then(|| kind.unwrap_or_else(|| "application/json".to_owned())),
        expect,
    };
    let facts = sample();
    let method = section.text("method").unwrap_or_else(|| "POST".to_owned());
    let url = section.required_text("url", "such as url = \"http://192.168.1.50:8080/target\"");
    let body = section.text("body");
    let undo_method = section.text("undo-method");
    let undo_url = section.text("undo-url");
    let undo_body = section.text("undo-body");
    let read_url = section.text("read-url");
    let pointer = section.text("read-pointer");
    let value = section.text("read-value");
    let undo_value = section.text("undo-read-value");

    let undoes = undo_method.is_some() || undo_url.is_some() || undo_body.is_some();
    let url = url?;
    let told = texts.request(
        section,
        ["method", "url", "body"],
        (&method, &url, body.as_deref()),
        std::slice::from_ref(&facts),
    );
    let shown = match (&read_url, &pointer, &value) {
        (None, None, None) => Some(None),
        (Some(at), Some(pointer), Some(value)) => texts.read_back(
            section,
            at,
            pointer,
            ("read-value", value),
            std::slice::from_ref(&facts),
        ),
        (None, _, _) => missing(section, "read-url", "where it is read back"),
        (_, None, _) => missing(
            section,
            "read-pointer",
            "where in the answer, as \"/live/url\"",
        ),
        (_, _, None) => missing(section, "read-value", "what must be there then"),
    };
    let with_before = samples_with_before(&facts);
    let mut restores = false;
    let undo = undoes.then(|| {
        let method = undo_method.as_deref().unwrap_or(&method);
        let at = undo_url.as_deref().unwrap_or(&url);
        let request = texts.request(
            section,
            ["undo-method", "undo-url", "undo-body"],
            (method, at, undo_body.as_deref()),
            &with_before,
        )?;
        let read_back = match (&undo_value, &read_url, &pointer) {
            (None, _, _) => None,
            (Some(value), Some(read_url), Some(pointer)) => {
                let wanted = ("undo-read-value", value.as_str());
                texts.read_back(section, read_url, pointer, wanted, &with_before)?
            }
            (Some(_), _, _) => {
                return missing(section, "read-url", "where it is read back");
            }
        };
        restores = request.render(&facts).is_err()
            || (read_back.as_ref()).is_some_and(|r| r.expected(&facts).is_err());
        Some(Action { request, read_back })
    });
    if undo_value.is_some() && !undoes {
        let help = "name what takes it back: `undo-body`, `undo-url` or `undo-method`";
        section.refuse("undo-read-value", "nothing is taken back", help);
    }
    if restores && read_url.is_none() {
        let key = match undo_body {
            Some(_) => "undo-body",
            None => "undo-url",
        };
        let help = "give `read-url`, `read-pointer` and `read-value`";
        section.refuse(
            key,
            "`before` is what is read back before, and nothing is",
            help,
        );
    }
    if undoes && undo_value.is_none() && !section.is_refused() {
        let key = match (&undo_body, &undo_url) {
            (Some(_), _) => "undo-body",
            (None, Some(_)) => "undo-url",
            (None, None) => "undo-method",
        };
        let help = "give `undo-read-value`: what has to stand at `read-pointer` then";
        section.warn(
            key,
            "what takes it back is not read back: whether it helped is not known",
            help,
        );
    }
    if section.is_refused() {
        return None;
    }
    let undo = match undo {
        Some(undo) => Some(undo?),
        None => None,
    };
    Some(Arc::new(Http {
        told: Action {
            request: told?,
            read_back: shown?,
        },
        undo,
        restores,
        access: access?,
    }))
}

fn missing<T>(section: &mut Section<'_, '_>, key: &str, help: &str) -> Option<T> {
    section.refuse(key, format!("`{key}` is missing"), help);
    None
}

/// Facts as a takeover has them, to try the texts with.
fn sample() -> Value {
    let facts = Facts {
        peer: "peer".to_owned(),
        vip: "192.0.2.1".to_owned(),
        node: "node".to_owned(),
        epoch: 1,
        step: "http:sample".to_owned(),
        undo: false,
        time: "2026-01-01T00:00:00Z".to_owned(),
    };
    serde_json::to_value(facts).unwrap_or_default()
}

/// What stood there may be anything; a text is good if it is with one of these.
fn samples_with_before(facts: &Value) -> Vec<Value> {
    [json!("text"), json!(1), json!({})]
        .map(|before| with_before(facts, before))
        .to_vec()
}

/// What all requests of a step have in common.
struct Texts {
    headers: Vec<(String, String)>,
    kind: Option<String>,
    expect: Statuses,
}

impl Texts {
    fn headers(&self, has_body: bool) -> Vec<(String, String)> {
        let kind = self.kind.iter().filter(|_| has_body);
        let kind = kind.map(|kind| ("Content-Type".to_owned(), kind.clone()));
        self.headers.iter().cloned().chain(kind).collect()
    }

    /// Each text is tried by itself, so that a fault is said at its key.
    fn request(
        &self,
        section: &mut Section<'_, '_>,
        [method_key, url_key, body_key]: [&'static str; 3],
        (method, url, body): (&str, &str, Option<&str>),
        samples: &[Value],
    ) -> Option<Request> {
        let any = Statuses::default;
        let known = Request::new(method, ANY_URL, &[], None, any());
        refused(section, method_key, known, "method = \"POST\"")?;
        let help = "a URL is http:// or https://; facts stand in {{ }}";
        let at = Request::new("GET", url, &[], None, any());
        refused(
            section,
            url_key,
            at.and_then(|r| try_with(r, samples)),
            help,
        )?;
        let headers = self.headers(body.is_some());
        let headers_only = Request::new("POST", ANY_URL, &headers, None, any());
        let headers_only = headers_only.and_then(|r| try_with(r, samples));
        refused(
            section,
            "headers",
            headers_only,
            "such as \"X-Site: hall-3\"",
        )?;
        let whole = Request::new(method, url, &headers, body, self.expect.clone());
        let whole = whole.and_then(|r| try_with(r, samples));
        refused(
            section,
            body_key,
            whole,
            "facts stand in {{ }}: standin help steps",
        )
    }

    /// The request is one of its own; `wanted` is the key and the text of what must be there.
    fn read_back(
        &self,
        section: &mut Section<'_, '_>,
        url: &str,
        pointer: &str,
        (key, wanted): (&'static str, &str),
        samples: &[Value],
    ) -> Option<Option<ReadBack>> {
        let headers = self.headers(false);
        let ask = Request::new("GET", url, &headers, None, Statuses::default());
        let ask = ask.and_then(|r| try_with(r, samples));
        let help = "a URL is http:// or https://; facts stand in {{ }}";
        let ask = refused(section, "read-url", ask, help)?;
        let pointed = ReadBack::new(ask.clone(), pointer, "");
        refused(section, "read-pointer", pointed, "RFC 6901")?;
        let shown = ReadBack::new(ask, pointer, wanted).and_then(|shown| {
            any_of(samples, |facts| shown.expected(facts).map(|_| ()))?;
            Ok(shown)
        });
        refused(
            section,
            key,
            shown,
            "facts stand in {{ }}: standin help steps",
        )
        .map(Some)
    }
}

pub(super) fn refused<T>(
    section: &mut Section<'_, '_>,
    key: &str,
    read: Result<T, String>,
    help: &str,
) -> Option<T> {
    read.map_err(|why| section.refuse(key, why, help)).ok()
}

fn try_with(request: Request, samples: &[Value]) -> Result<Request, String> {
    any_of(samples, |facts| request.render(facts).map(|_| ()))?;
    Ok(request)
}

/// Good with one of them, or the first that is wrong.
fn any_of(samples: &[Value], good: impl Fn(&Value) -> Result<(), String>) -> Result<(), String> {
    let mut tried = samples.iter().map(good);
    let first = tried.next().unwrap_or(Ok(()));
    match first.is_err() && tried.any(|t| t.is_ok()) {
        true => Ok(()),
        false => first,
    }
}
