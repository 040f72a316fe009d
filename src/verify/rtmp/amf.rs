//! The few values of AMF0 (Adobe, "Action Message Format -- AMF 0", 2006) that RTMP commands carry, and the commands
//! that say who a connection is.

/// Nesting of objects that is followed; no real command has more than two.
const DEPTH: usize = 8;

/// What a command said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `connect`: the application, the path's first part(s).
    Connect {
        /// `app` as the client sent it.
        app: String,
    },
    /// `publish`, `releaseStream` or `FCPublish`: the stream's name, possibly with a query.
    Names {
        /// As the client sent it; may be empty.
        stream: String,
    },
    /// The server refused: `_error`, or `onStatus` with level `error`.
    Refused {
        /// `code` of the information object, such as `NetStream.Publish.BadName`.
        code: String,
    },
}

/// Reads the body of a command message (type 20; of type 17 without its first byte). `None` for all others and for
/// what cannot be read.
pub fn command(body: &[u8]) -> Option<Command> {
    let mut r = Reader(body);
    let Value::Text(name) = r.value(0)? else {
        return None;
    };
    let _transaction = r.value(0)?;
    let first = r.value(0);
    match name.as_str() {
        "connect" => Some(Command::Connect {
            app: first?.member("app")?,
        }),
        "publish" | "releaseStream" | "FCPublish" => match r.value(0) {
            Some(Value::Text(stream)) => Some(Command::Names { stream }),
            // ffmpeg sends an empty string for rtmp://host/stream1, others nothing at all.
            _ => Some(Command::Names {
                stream: String::new(),
            }),
        },
        "_error" => Some(Command::Refused {
            code: r
                .value(0)
                .and_then(|v| v.member("code"))
                .unwrap_or_else(|| "_error".into()),
        }),
        "onStatus" => {
            let info = r.value(0)?;
            (info.member("level")? == "error").then(|| Command::Refused {
                code: info.member("code").unwrap_or_else(|| "onStatus".into()),
            })
        }
        _ => None,
    }
}

enum Value {
    Text(String),
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
            Value::Text(_) | Value::Other => None,
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
            0x00 => self.take(8).map(|_| Value::Other),
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
            Some(Command::Connect { app: "live".into() })
        );
    }

    #[test]
    fn publish_release_and_fcpublish_name_the_stream() {
        for name in ["publish", "releaseStream", "FCPublish"] {
            let body = [
                text(name),
                NUMBER.to_vec(),
                vec![5],
                text("s1?k=v"),
                text("live"),
            ]
            .concat();
            assert_eq!(
                command(&body),
                Some(Command::Names {
                    stream: "s1?k=v".into()
                })
            );
        }
    }

    #[test]
    fn a_refusal_is_an_error_and_a_start_is_none() {
        let status = |level: &str| {
            let info = object(&[
                ("level", text(level)),
                ("code", text("NetStream.Publish.BadName")),
            ]);
            [text("onStatus"), NUMBER.to_vec(), vec![5], info].concat()
        };
        assert_eq!(
            command(&status("error")),
            Some(Command::Refused {
                code: "NetStream.Publish.BadName".into()
            })
        );
        assert_eq!(command(&status("status")), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            command(&bytes);
            command(&[text("connect"), NUMBER.to_vec(), bytes].concat());
        }
    }
}
