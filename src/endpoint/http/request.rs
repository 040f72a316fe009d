//! What is asked for: texts that are templates, and what the answer must be.

use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;

use super::statuses::Statuses;
use super::template::{Form, Template};
use super::url::Url;

/// A request before its facts are known.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    url: Template,
    headers: Vec<(HeaderName, Template)>,
    body: Option<Template>,
    expect: Statuses,
}

/// Headers that are ours to write.
const OURS: [&str; 6] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "authorization",
    "idempotency-key",
];

impl Request {
    /// A request from texts as they stand in the configuration. The body's escaping follows from `content-type`; a body
    /// without one is JSON.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(
        method: &str,
        url: &str,
        headers: &[(String, String)],
        body: Option<&str>,
        expect: Statuses,
    ) -> Result<Request, String> {
        let usual = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
        let is_usual = usual.contains(&method);
        let method = Method::from_bytes(method.as_bytes())
            .ok()
            .filter(|_| is_usual);
        let method = method.ok_or_else(|| format!("the method is one of {}", usual.join(", ")))?;
        let is_plain = matches!(method, Method::GET | Method::HEAD);
        if is_plain && body.is_some() {
            return Err(format!("a {method} has no body"));
        }
        let mut all = Vec::new();
        for (name, value) in headers {
            let known = HeaderName::from_bytes(name.as_bytes());
            let known = known.map_err(|_| format!("`{name}` is no name of a header"))?;
            if OURS.contains(&known.as_str()) {
                return Err(format!("the header `{name}` is written by standin"));
            }
            let value =
                Template::new(value, Form::Plain).map_err(|e| format!("header `{name}`: {e}"))?;
            all.push((known, value));
        }
        let kind = (all.iter()).find(|(n, _)| *n == hyper::header::CONTENT_TYPE);
        let form = kind.map_or(Form::Json, |(_, value)| Form::of(value.text()));
        if body.is_some() && kind.is_none() {
            let json = Template::new("application/json", Form::Plain)?;
            all.push((hyper::header::CONTENT_TYPE, json));
        }
        let body = body.map(|b| Template::new(b, form).map_err(|e| format!("the body: {e}")));
        let url = Template::new(url, Form::Percent).map_err(|e| format!("the URL: {e}"))?;
        Ok(Request {
            method,
            url,
            headers: all,
            body: body.transpose()?,
            expect,
        })
    }

    /// What the answer must be.
    pub fn expect(&self) -> &Statuses {
        &self.expect
    }

    /// Method and URL as they are written, for a person.
    pub fn title(&self) -> String {
        format!("{} {}", self.method, self.url)
    }

    /// With the facts put in.
    ///
    /// # Errors
    /// What of it cannot be rendered, and why.
    pub fn render(&self, facts: &Value) -> Result<Rendered, String> {
        let url = self
            .url
            .render(facts)
            .map_err(|e| format!("the URL: {e}"))?;
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            let of = |e: String| format!("header `{name}`: {e}");
            let text = value.render(facts).map_err(of)?;
            let text = HeaderValue::from_str(&text).map_err(|e| of(e.to_string()))?;
            headers.push((name.clone(), text));
        }
        let body = self.body.as_ref().map(|b| b.render(facts));
        Ok(Rendered {
            method: self.method.clone(),
            url: Url::parse(&url)?,
            headers,
            body: body.transpose().map_err(|e| format!("the body: {e}"))?,
        })
    }
}

/// A request as it is sent, but for what is secret.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// Headers of the configuration.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Option<String>,
}

/// The request that says whether it holds, and where in its answer.
#[derive(Clone, Debug)]
pub struct ReadBack {
    request: Request,
    pointer: String,
    expected: Template,
}

impl ReadBack {
    /// `pointer` is a JSON pointer (RFC 6901) into the answer; the value there must be what `expected` renders to.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(request: Request, pointer: &str, expected: &str) -> Result<ReadBack, String> {
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(format!(
                "`{pointer}` is no JSON pointer: it begins with `/`, as in `/live/url`"
            ));
        }
        let expected = Template::new(expected, Form::Plain);
        Ok(ReadBack {
            request,
            pointer: pointer.to_owned(),
            expected: expected.map_err(|e| format!("the expected value: {e}"))?,
        })
    }

    /// What asks.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Where in the answer.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The value that must be there.
    ///
    /// # Errors
    /// It cannot be rendered.
    pub fn expected(&self, facts: &Value) -> Result<String, String> {
        let expected = self.expected.render(facts);
        expected.map_err(|e| format!("the expected value: {e}"))
    }
}

/// Whether a JSON value is what a text says: a string is the text itself, anything else is compared as JSON.
pub fn holds(value: &Value, expected: &str) -> bool {
    match value {
        Value::String(text) => text == expected,
        other => serde_json::from_str::<Value>(expected).is_ok_and(|e| e == *other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn status_codes_are_lists_and_ranges() {
        let some: Statuses = "200-204, 404".parse().unwrap();
        assert_eq!(some.to_string(), "200-204, 404");
        for (code, is_one) in [
            (200, true),
            (204, true),
            (205, false),
            (404, true),
            (500, false),
        ] {
            assert_eq!(some.contains(code), is_one, "{code}");
        }
        for bad in ["", "ok", "99", "600", "204-200", "200-"] {
            assert!(
                bad.parse::<Statuses>().unwrap_err().contains("200-204"),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_is_wrong_with_a_request_is_told() {
        let tried = |method: &str, url: &str, header: Option<(&str, &str)>, body: Option<&str>| {
            let headers: Vec<(String, String)> = header
                .into_iter()
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .collect();
            Request::new(method, url, &headers, body, Statuses::default())?
                .render(&json!({"vip": "10.0.0.5\n"}))
        };
        for (method, url, header, body, word) in [
            ("TRACE", "http://x/", None, None, "POST"),
            ("post", "http://x/", None, None, "POST"),
            ("GET", "http://x/", None, Some("{}"), "no body"),
            (
                "PUT",
                "http://x/{{ y }}",
                None,
                None,
                "the URL: there is no `y`",
            ),
            (
                "PUT",
                "http://x/",
                Some(("Host", "y")),
                None,
                "written by standin",
            ),
            (
                "PUT",
                "http://x/",
                Some(("a b", "y")),
                None,
                "no name of a header",
            ),
            (
                "PUT",
                "http://x/",
                Some(("X-Vip", "{{ vip }}")),
                None,
                "header `x-vip`",
            ),
            (
                "PUT",
                "http://x/",
                None,
                Some("{\"a\": {{ vip }}}"),
                "the body: what comes of it is no JSON",
            ),
        ] {
            let said = tried(method, url, header, body).unwrap_err();
            assert!(said.contains(word), "{word}: {said}");
        }
        let plain = tried(
            "PUT",
            "http://x/",
            Some(("Content-Type", "text/plain")),
            Some("{{ vip }}"),
        );
        assert_eq!(plain.unwrap().body.as_deref(), Some("10.0.0.5\n"));
        let json = tried("PUT", "http://x/{{ vip }}", None, Some("[\"{{ vip }}\"]")).unwrap();
        assert_eq!(json.body.as_deref(), Some("[\"10.0.0.5\\n\"]"));
        assert_eq!(json.url.to_string(), "http://x/10.0.0.5%0A");
    }

    #[test]
    fn a_value_holds_by_its_text_or_as_json() {
        for (value, text, holding) in [
            (json!("10.0.0.5"), "10.0.0.5", true),
            (json!("5"), "5", true),
            (json!(5), "5", true),
            (json!(5), "6", false),
            (json!(true), "true", true),
            (json!(null), "null", true),
            (json!(["a"]), "[ \"a\" ]", true),
            (json!("a"), "\"a\"", false),
            (json!({"a": 1}), "a", false),
        ] {
            assert_eq!(holds(&value, text), holding, "{value} {text}");
        }
    }
}
