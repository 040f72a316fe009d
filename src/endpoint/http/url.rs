//! Where a request goes.

use std::fmt;

use hyper::Uri;

/// A URL of HTTP or HTTPS. It holds no user and no password: those are in files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Whether it is HTTPS.
    pub is_tls: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port; that of the scheme where none was given.
    pub port: u16,
    /// From the first slash on, with the query.
    pub path: String,
}

impl Url {
    /// # Errors
    /// Why it is none that can be asked, in words.
    pub fn parse(text: &str) -> Result<Url, String> {
        let bad = |why: &str| format!("`{text}` is no URL that can be asked: {why}");
        // Before anything prints it.
        let authority = text.split("://").nth(1).unwrap_or(text);
        let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(
                "a URL holds no user and no password here: they would be in the log; name a file"
                    .into(),
            );
        }
        if !text.starts_with("http://") && !text.starts_with("https://") {
            return Err(bad("it begins with http:// or https://"));
        }
        let uri: Uri = text
            .parse()
            .map_err(|e: hyper::http::uri::InvalidUri| bad(&e.to_string()))?;
        let is_tls = uri.scheme_str() == Some("https");
        let host = uri.host().filter(|h| !h.is_empty());
        let host = host.ok_or_else(|| bad("it names no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if text.contains('#') {
            return Err(bad("what follows `#` is never sent"));
        }
        Ok(Url {
            is_tls,
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            path: uri.path_and_query().map_or("/", |p| p.as_str()).to_owned(),
        })
    }

    /// As the header `Host` has it.
    pub fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match (self.is_tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// Where this one is sent on to by `Location`.
    pub(super) fn joined(&self, location: &str) -> Result<Url, String> {
        if location.contains("://") {
            return Url::parse(location);
        }
        let scheme = if self.is_tls { "https" } else { "http" };
        match location {
            l if l.starts_with("//") => Url::parse(&format!("{scheme}:{l}")),
            l if l.starts_with('/') => Url::parse(&format!("{scheme}://{}{l}", self.authority())),
            l => Err(format!("`{l}` is neither a URL nor a path")),
        }
    }

    /// Whether what is secret for one may be told to the other.
    pub(super) fn has_origin_of(&self, other: &Url) -> bool {
        (self.is_tls, &self.host, self.port) == (other.is_tls, &other.host, other.port)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_written() {
        for (text, host, port, written) in [
            ("http://twin", "twin", 80, "http://twin/"),
            (
                "https://10.0.0.1:8443/a?b=c",
                "10.0.0.1",
                8443,
                "https://10.0.0.1:8443/a?b=c",
            ),
            ("https://[fd00::1]/x", "fd00::1", 443, "https://[fd00::1]/x"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port), (host, port));
            assert_eq!(url.to_string(), written);
        }
    }

    #[test]
    fn what_is_no_url_is_told_in_words_without_a_password() {
        for (text, word) in [
            ("twin/api", "http://"),
            ("ftp://twin/", "http://"),
            ("http://", "no URL"),
            ("http://twin/a b", "no URL"),
            ("http://twin/a#b", "`#`"),
            ("http://me:geheim@twin/", "file"),
        ] {
            let said = Url::parse(text).unwrap_err();
            assert!(said.contains(word) && !said.contains("geheim"), "{said}");
        }
    }

    #[test]
    fn a_location_is_followed_by_its_words() {
        let url = Url::parse("https://twin:8443/a").unwrap();
        assert_eq!(url.joined("/b").unwrap().to_string(), "https://twin:8443/b");
        assert_eq!(
            url.joined("//other/b").unwrap().to_string(),
            "https://other/b"
        );
        assert!(url.joined("b").is_err());
        assert!(!url.has_origin_of(&Url::parse("http://twin:8443/a").unwrap()));
    }
}
