//! Texts with `{{ facts }}` in them. What a value is written as follows from what the text is.

use std::fmt::{self, Write as _};
use std::io;

use minijinja::value::Serde;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value,
};

/// Most bytes of a body, ours or theirs.
pub const LONGEST: usize = 1 << 20;

/// What a text is, and with it how a value stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Plain,
    /// A text's characters as they stand between the quotes of a JSON string; a list or a table as JSON.
    Json,
    /// `<`, `&` and the like as entities.
    Xml,
    /// Whatever is no letter, digit or one of `-._~` as `%XX` (RFC 3986, 2.3). Forms and URLs.
    Percent,
}

impl Form {
    /// By a body's content type.
    pub fn of(content_type: &str) -> Form {
        let kind = content_type.split(';').next().unwrap_or_default();
        let kind = kind.trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/x-www-form-urlencoded" => Form::Percent,
            "application/json" | "text/json" => Form::Json,
            "application/xml" | "text/xml" | "text/html" => Form::Xml,
            other if other.ends_with("+json") => Form::Json,
            other if other.ends_with("+xml") => Form::Xml,
            _ => Form::Plain,
        }
    }

    fn mark(self) -> AutoEscape {
        match self {
            Form::Plain => AutoEscape::None,
            Form::Json => AutoEscape::Custom("json".into()),
            Form::Xml => AutoEscape::Html,
            Form::Percent => AutoEscape::Custom("percent".into()),
        }
    }
}

/// A text with names of facts in it; a fact that is not there is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    form: Form,
}

impl Template {
    /// The text is looked at: it must be one that can be rendered.
    ///
    /// # Errors
    /// Where it cannot be understood, and why.
    pub fn new(text: &str, form: Form) -> Result<Template, String> {
        let environment = environment(form);
        let parsed = environment.template_from_named_str("it", text);
        parsed.map_err(|e| words(&e))?;
        Ok(Template {
            text: text.to_owned(),
            form,
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it is.
    pub fn form(&self) -> Form {
        self.form
    }

    /// With the facts put in; a JSON text must be JSON then.
    ///
    /// # Errors
    /// A fact is not there, the result is too long or no JSON: in words.
    pub fn render(&self, facts: &serde_json::Value) -> Result<String, String> {
        let environment = environment(self.form);
        let template = environment.template_from_named_str("it", &self.text);
        let template = template.map_err(|e| words(&e))?;
        let mut out = Bounded(Vec::new());
        if let Err(error) = template.render_captured_to(Serde(facts), &mut out) {
            let mut said = words(&error);
            if error.kind() == ErrorKind::UndefinedError
                && let serde_json::Value::Object(there) = facts
            {
                let known: Vec<&str> = there.keys().map(String::as_str).collect();
                let mut missing: Vec<String> =
                    template.undeclared_variables(false).into_iter().collect();
                missing.retain(|m| !there.contains_key(m) && !BUILT_IN.contains(&m.as_str()));
                missing.sort();
                if !missing.is_empty() {
                    said = format!("there is no `{}`", missing.join("`, no `"));
                }
                let _ = write!(said, "; there are: {}", known.join(", "));
            }
            return Err(said);
        }
        let text = String::from_utf8(out.0).map_err(|e| e.to_string())?;
        if self.form == Form::Json
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text)
        {
            return Err(format!(
                "what comes of it is no JSON: {error}; a text stands in quotes: \"{{{{ vip }}}}\""
            ));
        }
        Ok(text)
    }
}

/// Functions that a template has without our doing.
const BUILT_IN: [&str; 5] = ["range", "dict", "namespace", "debug", "loop"];

fn words(error: &Error) -> String {
    let line = error.line().map(|l| format!("line {l}: "));
    let what = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    let what = match std::error::Error::source(error) {
        Some(source) => format!("{what}: {}", super::error::chain(source)),
        None => what,
    };
    format!("{}{what}", line.unwrap_or_default())
}

fn environment(form: Form) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(move |_| form.mark());
    environment.set_formatter(write_value);
    environment
}

fn write_value(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    match state.auto_escape() {
        AutoEscape::Custom(form) if form == "json" && !value.is_safe() => {
            let json = serde_json::to_string(value);
            let json = json.map_err(|e| Error::new(ErrorKind::BadSerialization, e.to_string()))?;
            let within = match value.as_str() {
                Some(_) => &json[1..json.len() - 1],
                None => &json,
            };
            out.write_str(within).map_err(Error::from)
        }
        AutoEscape::Custom(form) if form == "percent" && !value.is_safe() => {
            for byte in value.to_string().bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        out.write_char(char::from(byte))?;
                    }
                    _ => write!(out, "%{byte:02X}")?,
                }
            }
            Ok(())
        }
        AutoEscape::Custom(_) => write!(out, "{value}").map_err(Error::from),
        _ => minijinja::escape_formatter(out, state, value),
    }
}

/// No text of ours is longer.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::Error::other(format!(
                "it becomes longer than {LONGEST} bytes"
            )));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(form: Form, text: &str) -> Result<String, String> {
        let facts = json!({
            "peer": "slave \"A\"", "vip": "10.0.0.5", "epoch": 7, "list": [1, "b"], "url": "rtmp://x/a b&c<d"
        });
        Template::new(text, form)?.render(&facts)
    }

    #[test]
    fn a_value_stands_as_its_surroundings_need_it() {
        for (form, text, expected) in [
            (Form::Plain, "{{ url }}", "rtmp://x/a b&c<d"),
            (
                Form::Xml,
                "<u>{{ url }}</u>",
                "<u>rtmp:&#x2f;&#x2f;x&#x2f;a b&amp;c&lt;d</u>",
            ),
            (
                Form::Percent,
                "u={{ url }}",
                "u=rtmp%3A%2F%2Fx%2Fa%20b%26c%3Cd",
            ),
            (
                Form::Json,
                r#"{"p": "{{ peer }}", "e": {{ epoch }}, "l": {{ list }}, "t": {{ peer|tojson }}}"#,
                r#"{"p": "slave \"A\"", "e": 7, "l": [1,"b"], "t": "slave \"A\""}"#,
            ),
            (
                Form::Json,
                "{%- if epoch > 3 %}[\"{{ vip }}\"]{% endif -%}",
                r#"["10.0.0.5"]"#,
            ),
        ] {
            assert_eq!(render(form, text).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_wrong_with_a_template_is_told_with_its_line() {
        for (form, text, words) in [
            (Form::Plain, "a\n{{ vip", ["line 2", "syntax"]),
            (Form::Plain, "{{ vip|nothing }}", ["nothing", "filter"]),
            (
                Form::Plain,
                "a {{ vipp }}",
                ["`vipp`", "there are: epoch, list, peer, url, vip"],
            ),
            (Form::Json, "{\"a\": {{ vipp }} }", ["`vipp`", "epoch"]),
            (Form::Percent, "{{ vipp }}", ["`vipp`", "epoch"]),
            (Form::Json, "{\"a\": {{ vip }} }", ["no JSON", "in quotes"]),
            (
                Form::Plain,
                "{% for i in range(99999) %}0123456789012{% endfor %}",
                ["longer", "bytes"],
            ),
        ] {
            let said = render(form, text).unwrap_err();
            for word in words {
                assert!(said.contains(word), "{word}: {said}");
            }
        }
    }

    #[test]
    fn the_content_type_decides() {
        for (kind, form) in [
            ("application/json; charset=utf-8", Form::Json),
            ("Application/merge-patch+JSON", Form::Json),
            ("text/xml", Form::Xml),
            ("image/svg+xml", Form::Xml),
            ("application/x-www-form-urlencoded", Form::Percent),
            ("text/plain", Form::Plain),
            ("", Form::Plain),
        ] {
            assert_eq!(Form::of(kind), form, "{kind}");
        }
    }
}
