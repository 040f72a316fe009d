//! The few values of AMF0 (Adobe, "Action Message Format -- AMF 0", 2006) that RTMP commands carry, and the commands
//! that say who a connection is.

/// Nesting of objects that is followed; no real command has more than two.
const DEPTH: usize = 8;
/// What is kept of what a server says, characters.
const LONGEST_WORDS: usize = 200;

/// What a command said. `transaction` is the number that its answer carries (section 7.2 of RTMP), as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `connect`: the application, the path's first part(s).
    Connect {
        /// `app` as the client sent it.
        app: String,
        /// Number of the request.
        transaction: u64,
    },
    /// `publish`: the stream's name, possibly with a query.
    Publish {
        /// As the client sent it; may be empty.
        stream: String,
        /// Number of the request.
        transaction: u64,
    },
    /// `releaseStream` or `FCPublish`, which come beside a publish and name its stream too.
    Aside {
        /// As the client sent it; may be empty.
        stream: String,
        /// Number of the request.
        transaction: u64,
    },
    /// `createStream`.
    CreateStream {
        /// Number of the request.
        transaction: u64,
    },
    /// `_result`: a request was granted.
    Result {
        /// Number of the request.
        transaction: u64,
    },
    /// `_error`: a request was refused.
    Error {
        /// Number of the request.
        transaction: u64,
        /// `code` of the information object, and its description; printable.
        words: String,
    },
    /// `onStatus`: what became of a stream.
    Status {
        /// `status`, `warning` or `error`.
        level: Option<String>,
        /// Such as `NetStream.Publish.Start`.
        code: Option<String>,
        /// `code` and the description; printable.
        words: String,
    },
    /// `onStatus` or `_error`, and what it says cannot be read.
    Unread,
    /// Any other.
    Other {
        /// Number of the request.
        transaction: u64,
    },
}

/// Reads the body of a command message (type 20; of type 17 without its first byte), or as much of it as there is.
/// `None` if not even its name can be read.
pub fn command(body: &[u8]) -> Option<Command> {
    let mut r = Reader(body);
    let Value::Text(name) = r.value(0)? else {
        return None;
    };
    let answer = matches!(name.as_str(), "_error" | "onStatus");
    let transaction = match r.value(0) {
        Some(Value::Number(bits)) => bits,
        Some(_) => 0,
        None if answer => return Some(Command::Unread),
        None => return None,
    };
    // The command object: null but for `connect`.
    let first = r.value(0);
    match name.as_str() {
        "connect" => Some(Command::Connect {
            app: first?.member("app")?,
            transaction,
        }),
        "publish" | "releaseStream" | "FCPublish" => {
            // ffmpeg sends an empty string for rtmp://host/stream1, others nothing at all.
            let stream = match r.value(0) {
                Some(Value::Text(stream)) => stream,
                _ => String::new(),
            };
            Some(if name == "publish" {
                Command::Publish {
                    stream,
                    transaction,
                }
            } else {
                Command::Aside {
                    stream,
                    transaction,
                }
            })
        }
        "createStream" => Some(Command::CreateStream { transaction }),
        "_result" => Some(Command::Result { transaction }),
        "_error" => Some(Command::Error {
            transaction,
            words: words(r.value(0).as_ref(), "_error"),
        }),
        "onStatus" => Some(match r.value(0) {
            Some(info @ Value::Object(_)) => Command::Status {
                level: info.member("level"),
                code: info.member("code"),
                words: words(Some(&info), "onStatus"),
            },
            _ => Command::Unread,
        }),
        _ => Some(Command::Other { transaction }),
    }
}

/// What a server says of a refusal is printed on terminals: one line, bounded, without control characters.
fn words(info: Option<&Value>, otherwise: &str) -> String {
    let code = match info {
        Some(Value::Text(text)) => Some(text.clone()),
        Some(info) => info.member("code"),
        None => None,
    };
    let description = info
        .and_then(|i| i.member("description"))
        .filter(|d| !d.trim().is_empty());
    let said = match (code, description) {
        (Some(code), Some(d)) if d != code => format!("{code} ({d})"),
        (Some(said), _) | (None, Some(said)) => said,
        (None, None) => otherwise.to_owned(),
    };
    said.chars()
        .take(LONGEST_WORDS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

enum Value {
    Text(String),
    /// As bits.
    Number(u64),
    /// Members that are strings; the others do not matter here.
    Object(Vec<(String, String)>),
    Other,
}

impl Value {
    fn member(&self, name: &str) -> Option<String> {
        match self {
            Value::Object(members) => members
                .iter()
                .find(|(k, _)| k == name)
                .map(|(_, v)| v.clone()),
            Value::Text(_) | Value::Number(_) | Value::Other => None,
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    fn length16(&mut self) -> Option<usize> {
        let b = self.take(2)?;
        Some(usize::from(u16::from_be_bytes([b[0], b[1]])))
    }

    fn length32(&mut self) -> Option<usize> {
        let b = self.take(4)?;
        usize::try_from(u32::from_be_bytes([b[0], b[1], b[2], b[3]])).ok()
    }

    fn text(&mut self, len: usize) -> Option<String> {
        Some(String::from_utf8_lossy(self.take(len)?).into_owned())
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH {
            return None;
        }
        let marker = self.take(1)?[0];
        match marker {
            0x00 => {
                let bits = self.take(8)?.first_chunk::<8>()?;
                Some(Value::Number(u64::from_be_bytes(*bits)))
            }
            0x01 => self.take(1).map(|_| Value::Other),
            0x02 => {
                let len = self.length16()?;
                self.text(len).map(Value::Text)
            }
            0x03 => self.members(depth),
            0x05 | 0x06 => Some(Value::Other),
            0x07 => self.take(2).map(|_| Value::Other),
            0x08 => {
                self.take(4)?;
                self.members(depth)
            }
            0x0a => {
                for _ in 0..self.length32()? {
                    self.value(depth + 1)?;
                }
                Some(Value::Other)
            }
            0x0b => self.take(10).map(|_| Value::Other),
            0x0c => {
                let len = self.length32()?;
                self.text(len).map(Value::Text)
            }
            0x10 => {
                let len = self.length16()?;
                self.take(len)?;
                self.members(depth)
            }
            _ => None,
        }
    }

    fn members(&mut self, depth: usize) -> Option<Value> {
        let mut members = Vec::new();
        loop {
            let len = self.length16()?;
            if len == 0 && self.0.first() == Some(&0x09) {
                self.take(1)?;
                return Some(Value::Object(members));
            }
            let key = self.text(len)?;
            if let Value::Text(text) = self.value(depth + 1)? {
                members.push((key, text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(s: &str) -> Vec<u8> {
        let mut v = vec![2];
        v.extend((s.len() as u16).to_be_bytes());
        v.extend(s.as_bytes());
        v
    }

    fn object(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut v = vec![3];
        for (k, value) in members {
            v.extend(&text(k)[1..]);
            v.extend(value);
        }
        v.extend([0, 0, 9]);
        v
    }

    const NUMBER: [u8; 9] = [0; 9];

    #[test]
    fn the_application_of_connect_is_found_among_its_other_members() {
        let body = [
            text("connect"),
            NUMBER.to_vec(),
            object(&[
                ("flashVer", text("FMLE/3.0")),
                ("capabilities", NUMBER.to_vec()),
                ("nested", object(&[("app", text("wrong"))])),
                ("app", text("live")),
            ]),
        ]
        .concat();
        assert_eq!(
            command(&body),
            Some(Command::Connect {
                app: "live".into(),
                transaction: 0
            })
        );
    }

    #[test]
    fn publish_is_told_from_release_and_fcpublish_which_name_the_stream_too() {
        for name in ["publish", "releaseStream", "FCPublish"] {
            let body = [
                text(name),
                NUMBER.to_vec(),
                vec![5],
                text("s1?k=v"),
                text("live"),
            ]
            .concat();
            let (stream, transaction) = ("s1?k=v".into(), 0);
            let want = if name == "publish" {
                Command::Publish {
                    stream,
                    transaction,
                }
            } else {
                Command::Aside {
                    stream,
                    transaction,
                }
            };
            assert_eq!(command(&body), Some(want));
        }
    }

    #[test]
    fn the_servers_words_are_kept_and_made_printable() {
        let status = |members: &[(&str, Vec<u8>)]| {
            let body = [text("onStatus"), NUMBER.to_vec(), vec![5], object(members)].concat();
            match command(&body) {
                Some(Command::Status { words, .. }) => words,
                other => panic!("{other:?}"),
            }
        };
        let code = ("code", text("NetStream.Publish.BadName"));
        assert_eq!(
            status(std::slice::from_ref(&code)),
            "NetStream.Publish.BadName"
        );
        let said = status(&[code, ("description", text("Already\x1b[2J\npublishing"))]);
        assert_eq!(said, "NetStream.Publish.BadName (Already [2J publishing)");
        assert_eq!(status(&[("level", text("error"))]), "onStatus");
    }

    #[test]
    fn an_answer_that_is_cut_is_unread_and_not_a_start() {
        let body = [
            text("onStatus"),
            NUMBER.to_vec(),
            vec![5],
            object(&[("level", text("error"))]),
        ]
        .concat();
        for cut in 11..body.len() {
            assert_eq!(command(&body[..cut]), Some(Command::Unread), "{cut}");
        }
        assert_eq!(command(&body[..5]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            command(&bytes);
            command(&[text("connect"), NUMBER.to_vec(), bytes].concat());
        }
    }
}
