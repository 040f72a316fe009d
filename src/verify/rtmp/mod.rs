//! One RTMP connection (Adobe, "Real-Time Messaging Protocol", 1.0) as it is seen from beside: how far the handshake
//! came (section 5.2), who publishes, whether media came.

pub mod amf;
pub mod chunk;
pub mod publishing;
pub mod reassembly;

use amf::Command;
use chunk::{Broken, Chunks, Message};
pub use publishing::Publishing;
pub use reassembly::{Piece, Reassembler};

/// C0 and C1: a version byte and 1536 bytes.
pub const C0C1: u64 = 1 + 1536;
/// S0, S1 and S2; likewise C0, C1 and C2. The chunk stream follows.
pub const HANDSHAKE: u64 = C0C1 + 1536;
/// The only version in use; 6 is RTMPE, which is encrypted.
const VERSION: u8 = 3;
/// A publish that the server leaves unanswered is taken for accepted when media came for so long (microseconds) and
/// the connection still stands. Every server that we know of answers; one that asks somebody else first (nginx-rtmp's
/// `on_publish`) may take seconds.
const UNANSWERED: u64 = 5_000_000;

/// What is known of a connection. Times are those of the frames, in microseconds.
#[derive(Debug, Default)]
pub struct Session {
    client: Side,
    server: Side,
    /// When C0 and C1 were complete.
    pub c1_at: Option<u64>,
    /// When S0, S1 and S2 were complete.
    pub s2_at: Option<u64>,
    /// When the first message of type 8, 9 or 22 from the client was complete.
    pub media_at: Option<u64>,
    app: Option<String>,
    /// Of `publish`.
    name: Option<String>,
    /// Of `releaseStream` or `FCPublish`, until `publish` says it.
    announced: Option<String>,
    /// What was asked and answered about publishing.
    pub publishing: Publishing,
}

#[derive(Debug, Default)]
struct Side {
    bytes: u64,
    chunks: Chunks,
    wrong_version: bool,
}

impl Side {
    /// Takes the next part; hands over the messages in it.
    fn push(&mut self, piece: Piece<'_>, sink: &mut impl FnMut(Message<'_>)) {
        let of_handshake = HANDSHAKE.saturating_sub(self.bytes);
        let rest = match piece {
            Piece::Data(bytes) => {
                if self.bytes == 0 && bytes.first().is_some_and(|b| *b != VERSION) {
                    self.wrong_version = true;
                }
                self.bytes += bytes.len() as u64;
                let skip = usize::try_from(of_handshake).unwrap_or(usize::MAX);
                Piece::Data(bytes.get(skip..).unwrap_or(&[]))
            }
            Piece::Lost(n) => {
                self.bytes = self.bytes.saturating_add(n);
                Piece::Lost(n.saturating_sub(of_handshake))
            }
        };
        if self.bytes > HANDSHAKE && !self.wrong_version {
            self.chunks.push(rest, sink);
        }
    }
}

impl Session {
    /// Takes the next part of what the camera sent.
    pub fn client(&mut self, at: u64, piece: Piece<'_>) {
        let (app, name, announced) = (&mut self.app, &mut self.name, &mut self.announced);
        let (publishing, media_at) = (&mut self.publishing, &mut self.media_at);
        self.client.push(piece, &mut |m| match m {
            Message::Media => {
                media_at.get_or_insert(at);
            }
            Message::Command(body) => {
                let Some(command) = amf::command(body) else {
                    return;
                };
                if publishing.client(at, &command) {
                    *media_at = None;
                }
                match command {
                    Command::Connect { app: a, .. } => *app = Some(a),
                    Command::Publish { stream, .. } => *name = Some(stream),
                    Command::Aside { stream, .. } => *announced = Some(stream),
                    Command::CreateStream { .. }
                    | Command::Result { .. }
                    | Command::Error { .. }
                    | Command::Status { .. }
                    | Command::Unread
                    | Command::Other { .. } => {}
                }
            }
            Message::CutCommand(_) => {}
        });
        if self.client.bytes >= C0C1 && !self.client.wrong_version {
            self.c1_at.get_or_insert(at);
        }
    }

    /// Takes the next part of what our server sent.
    pub fn server(&mut self, at: u64, piece: Piece<'_>) {
        let publishing = &mut self.publishing;
        // Answers to requests that the capture lacks cannot be matched.
        let client_known = self.client.bytes > HANDSHAKE && self.client.chunks.broken().is_none();
        self.server.push(piece, &mut |m| match m {
            Message::Command(body) => match amf::command(body) {
                Some(Command::Error { .. }) if !client_known => publishing.unread = true,
                Some(command) => publishing.server(at, command),
                None => {}
            },
            Message::CutCommand(body) => match amf::command(body) {
                // What is left of it tells all that matters.
                Some(command) => publishing.server(at, command),
                None => publishing.unread = true,
            },
            Message::Media => {}
        });
        if self.server.bytes >= HANDSHAKE && !self.server.wrong_version {
            self.s2_at.get_or_insert(at);
        }
    }

    /// True if the stream is served as of `now` (microseconds): the handshake is done, the publish was accepted or
    /// left unanswered for long while the server's whole side is known, nothing was refused, and media came.
    pub fn served(&self, now: u64) -> bool {
        let Some(media) = self.media_at else {
            return false;
        };
        if self.handshake_at().is_none() || self.refused().is_some() {
            return false;
        }
        match (self.publishing.accepted_at, self.publishing.asked_at) {
            (Some(_), _) => true,
            (None, Some(asked)) => {
                !self.answer_unknown() && now.saturating_sub(asked.max(media)) >= UNANSWERED
            }
            (None, None) => false,
        }
    }

    /// Why our server does not take the stream, in its own words.
    pub fn refused(&self) -> Option<&str> {
        let beside = || match self.media_at {
            None => self.publishing.beside(),
            Some(_) => None,
        };
        self.publishing.refusal().or_else(beside)
    }

    /// The server's answer to a publish may be in what the capture lacks, cut, or did not understand.
    pub fn answer_unknown(&self) -> bool {
        self.publishing.unread || self.server.chunks.broken().is_some()
    }

    /// It may be in what the capture lacks.
    pub fn answer_gap(&self) -> bool {
        self.server.chunks.broken() == Some(Broken::Gap)
    }

    /// Nothing more is wanted of what the camera sends.
    pub fn forget_client(&mut self) {
        self.client.chunks = Chunks::default();
    }

    /// A message of the camera has begun and not ended.
    pub fn within_message(&self) -> bool {
        self.client.chunks.within_message()
    }

    /// When the handshake was seen from both sides: C0 and C1 from the camera, S0, S1 and S2 from us.
    pub fn handshake_at(&self) -> Option<u64> {
        Some(self.c1_at?.max(self.s2_at?))
    }

    /// Bytes that the camera sent.
    pub fn client_bytes(&self) -> u64 {
        self.client.bytes
    }

    /// Bytes that our server sent.
    pub fn server_bytes(&self) -> u64 {
        self.server.bytes
    }

    /// The camera does not speak (plain) RTMP.
    pub fn not_rtmp(&self) -> bool {
        self.client.wrong_version
            || (self.client.chunks.broken() == Some(Broken::NotRtmp) && self.s2_at.is_none())
    }

    /// It speaks RTMP, for the server answered it, and what it says cannot be followed.
    pub fn unclear(&self) -> bool {
        match self.client.chunks.broken() {
            Some(Broken::Unclear) => true,
            Some(Broken::NotRtmp) => self.s2_at.is_some(),
            Some(Broken::Gap) | None => false,
        }
    }

    /// The capture lacks bytes without which media cannot be recognised.
    pub fn gap(&self) -> bool {
        self.client.chunks.broken() == Some(Broken::Gap)
    }

    /// What the connection publishes, once it has said so.
    pub fn published(&self) -> Option<Published<'_>> {
        Some(Published {
            app: self.app.as_deref(),
            name: self.name.as_deref().or(self.announced.as_deref())?,
        })
    }

    /// It was `publish` that named the stream.
    pub fn publish_named(&self) -> bool {
        self.name.is_some()
    }
}

/// What a connection publishes: the application of `connect` and the name of `publish`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published<'a> {
    /// `None` if `connect` was not in the capture.
    pub app: Option<&'a str>,
    /// May be empty: of `rtmp://host/stream1` ffmpeg makes the application `stream1` and an empty name.
    pub name: &'a str,
}

impl Published<'_> {
    /// `app/name`, without queries and superfluous slashes.
    pub fn path(&self) -> String {
        let parts = [self.app.unwrap_or(""), self.name].map(|p| path_and_query(p).0);
        parts
            .iter()
            .flat_map(|p| components(p))
            .collect::<Vec<_>>()
            .join("/")
    }

    fn queries(&self) -> [&str; 2] {
        [
            path_and_query(self.app.unwrap_or("")).1,
            path_and_query(self.name).1,
        ]
    }
}

/// A stream of the inventory in one form: without `rtmp://host:port`, without slashes at its ends.
pub fn canonical_stream(stream: &str) -> String {
    let stream = match stream.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => stream,
    };
    let (path, query) = path_and_query(stream);
    let path = components(path).collect::<Vec<_>>().join("/");
    if query.is_empty() {
        path
    } else {
        format!("{path}?{query}")
    }
}

/// How well a stream of the inventory fits what a connection publishes: the number of path components that agree,
/// `None` if it does not fit.
///
/// The inventory's path must be the end of the published path `app/name`, by whole components: `stream1` and
/// `live/stream1` both fit `rtmp://host/live/stream1`. A query of the publisher (`?key=..`) does not matter, unless
/// the inventory has one too (recorders that tell their channels apart by it): then both must be the same. If the
/// capture lacks `connect`, the application is not compared.
pub fn stream_matches(inventory: &str, published: Published<'_>) -> Option<usize> {
    let wanted = canonical_stream(inventory);
    let (path, query) = path_and_query(&wanted);
    if !query.is_empty() && !published.queries().contains(&query) {
        return None;
    }
    let have = published.path();
    let ends_with = |long: &str, short: &str| {
        let long: Vec<_> = components(long).collect();
        let short: Vec<_> = components(short).collect();
        !short.is_empty() && long.ends_with(&short)
    };
    if ends_with(&have, path) || (published.app.is_none() && ends_with(path, &have)) {
        Some(components(path).count())
    } else {
        None
    }
}

fn path_and_query(s: &str) -> (&str, &str) {
    s.split_once('?').unwrap_or((s, ""))
}

fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|c| !c.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_of_the_inventory_is_the_end_of_the_published_path() {
        let published = |app, name| Published { app, name };
        for (wanted, app, name, fits) in [
            ("stream1", Some("live"), "stream1", true),
            ("live/stream1", Some("live"), "stream1?key=x", true),
            ("/live/stream1/", Some("live"), "stream1", true),
            (
                "rtmp://192.168.1.101:1935/live/stream1",
                Some("live"),
                "stream1",
                true,
            ),
            ("stream1", Some("stream1"), "", true),
            ("stream1", Some("stream1?key=x"), "", true),
            ("stream1", Some("live"), "stream11", false),
            ("other/stream1", Some("live"), "stream1", false),
            ("live/stream1", None, "stream1", true),
            ("live/stream1", None, "stream2", false),
            ("cam?channel=1", Some("live"), "cam?channel=1", true),
            ("cam?channel=1", Some("live"), "cam?channel=2", false),
            ("stream1", Some(""), "", false),
        ] {
            let got = stream_matches(wanted, published(app, name)).is_some();
            assert_eq!(got, fits, "{wanted} against {app:?} {name}");
        }
    }

    #[test]
    fn the_handshake_counts_only_when_both_sides_have_sent_theirs() {
        let mut s = Session::default();
        s.client(1, Piece::Data(&[3; 1537]));
        assert_eq!((s.c1_at, s.handshake_at()), (Some(1), None));
        s.server(2, Piece::Data(&[3; 3072]));
        assert_eq!(s.handshake_at(), None);
        s.server(3, Piece::Data(&[0]));
        assert_eq!(s.handshake_at(), Some(3));
    }

    #[test]
    fn tls_on_the_rtmp_port_is_not_rtmp() {
        let mut s = Session::default();
        s.client(1, Piece::Data(&[0x16; 4000]));
        assert!(s.not_rtmp());
        assert_eq!(s.c1_at, None);
    }
}
