//! A mail in plain words, as it is sent (RFC 5322, RFC 2045, RFC 2047).

use std::fmt::Write;

use data_encoding::BASE64;

/// Bytes of text in one encoded word, which has 75 characters at most (RFC 2047, 2).
const WORD: usize = 42;
/// Characters of a line of base 64 (RFC 2045, 6.8).
const LINE: usize = 76;
/// Most characters of a line (RFC 5322, 2.1.1).
const LONGEST_LINE: usize = 998;

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail<'a> {
    /// Who sends it.
    pub from: &'a str,
    /// Who gets it.
    pub to: &'a [String],
    /// In one line.
    pub subject: &'a str,
    /// RFC 5322, 3.3.
    pub date: &'a str,
    /// Of this mail, without brackets.
    pub id: &'a str,
    /// What it belongs to: mails with one thread stand together.
    pub thread: &'a str,
    /// In words.
    pub text: &'a str,
}

/// Whether it can stand as an address in a conversation and a header.
pub fn is_address(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !"<>()[],;:\\\"".contains(c);
    let parts = text.rsplit_once('@');
    let (Some((user, host)), true) = (parts, text.chars().all(plain)) else {
        return false;
    };
    !user.is_empty() && !host.is_empty() && !user.contains('@') && text.len() <= 254
}

impl Mail<'_> {
    /// Headers and body, with line ends of the network, not yet stuffed.
    pub fn render(&self) -> String {
        let mut out = String::new();
        let to = self.to.join(",\r\n ");
        let (body, encoding) = body(self.text);
        for (name, value) in [
            ("From", self.from.to_owned()),
            ("To", to),
            ("Subject", subject(self.subject)),
            ("Date", self.date.to_owned()),
            ("Message-ID", format!("<{}>", self.id)),
            ("References", format!("<{}>", self.thread)),
            // Nobody's absence is to answer it (RFC 3834).
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("MIME-Version", "1.0".to_owned()),
            ("Content-Type", "text/plain; charset=utf-8".to_owned()),
            ("Content-Transfer-Encoding", encoding.to_owned()),
        ] {
            // Writing to a string never fails.
            let _ = write!(out, "{name}: {value}\r\n");
        }
        out.push_str("\r\n");
        out.push_str(&body);
        out
    }
}

/// One line; in encoded words where it is not ASCII, or too long for one line.
fn subject(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = text.chars().map(plain).collect();
    if text.is_ascii() && text.len() < LINE {
        return text;
    }
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if word.len() + c.len_utf8() > WORD {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let encoded = words
        .iter()
        .map(|w| format!("=?utf-8?B?{}?=", BASE64.encode(w.as_bytes())));
    encoded.collect::<Vec<_>>().join("\r\n ")
}

fn body(text: &str) -> (String, &'static str) {
    if text.is_ascii() && text.lines().all(|l| l.len() <= LONGEST_LINE) {
        let lines = text.lines().map(|l| format!("{l}\r\n"));
        return (lines.collect(), "7bit");
    }
    let lines: String = text.lines().map(|l| format!("{l}\r\n")).collect();
    let encoded = BASE64.encode(lines.as_bytes());
    let mut out = String::new();
    for line in encoded.as_bytes().chunks(LINE) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push_str("\r\n");
    }
    (out, "base64")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_stays_one_header_whatever_stands_in_it() {
        assert_eq!(subject("plain"), "plain");
        assert_eq!(subject("a\r\nBcc: x@y"), "a  Bcc: x@y");
        let long = subject(&"\u{fc}".repeat(200));
        assert!(long.lines().count() > 5);
        for line in long.split("\r\n ") {
            assert!(line.len() <= 75 && line.starts_with("=?utf-8?B?"), "{line}");
        }
    }

    #[test]
    fn an_address_is_one() {
        for good in ["a@b", "night.shift+cctv@example.org"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c",
            "a b@c",
            "a@b>\r\nRCPT",
            "<a@b>",
            "\u{fc}@b",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
