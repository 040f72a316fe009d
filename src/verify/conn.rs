//! One TCP connection of a camera to the service, from its SYN.

use super::rtmp::{Piece, Reassembler, Session};
use super::rungs::{Fault, Unknowable};
use super::wire::Segment;

/// Acknowledgements and data this far from the SYN's number are of this connection.
const NEAR: u32 = 64 << 20;
/// A connection on which something came this recently (microseconds) was under way when the capture ended.
const UNDER_WAY: u64 = 1_000_000;

/// A connection.
#[derive(Debug, Default)]
pub struct Conn {
    /// The last SYN; `None` if the connection is older than the capture.
    pub syn: Option<Syn>,
    /// When the SYN was answered by a SYN-ACK.
    pub answered: Option<u64>,
    /// How far RTMP came.
    pub session: Session,
    /// Index of the camera it belongs to, once that is known.
    pub owner: Option<usize>,
    /// The path it publishes, if no camera of the inventory has it.
    pub other_stream: Option<String>,
    /// When the last segment was seen, microseconds.
    pub last_at: u64,
    /// It made its camera be back; of what it sends nothing more is read.
    pub finished: bool,
    /// Who ended it first, `true` for us.
    pub ended_by_us: Option<bool>,
    reset_by_us: bool,
    server_spoke: bool,
    cut: bool,
    /// The capture ended before a hole in what the camera sent was filled.
    ended_in_hole: bool,
    client: Option<Reassembler>,
    server: Option<Reassembler>,
}

/// A SYN.
#[derive(Clone, Copy, Debug)]
pub struct Syn {
    /// Its sequence number.
    pub isn: u32,
    /// When the last transmission of it was seen, microseconds.
    pub at: u64,
}

impl Conn {
    /// A connection that begins with a SYN, which may carry data (TCP Fast Open, RFC 7413).
    pub fn dialled(at: u64, segment: &Segment<'_>, limit: usize) -> Self {
        let mut client = Reassembler::new(segment.seq.wrapping_add(1));
        let mut session = Session::default();
        client.push(
            segment.seq.wrapping_add(1),
            segment.payload,
            segment.missing,
            limit,
            &mut |p| session.client(at, p),
        );
        Conn {
            syn: Some(Syn {
                isn: segment.seq,
                at,
            }),
            client: Some(client),
            session,
            last_at: at,
            cut: segment.missing > 0,
            ..Conn::default()
        }
    }

    /// What the camera sends is not read any more; what our server says still is.
    pub fn finish(&mut self) {
        self.finished = true;
        self.client = None;
        self.session.forget_client();
    }

    /// The capture is over: what waits for a hole to be filled is read without it.
    pub fn end(&mut self, at: u64) {
        let session = &mut self.session;
        if let Some(client) = &mut self.client {
            self.ended_in_hole = client.end(&mut |p| session.client(at, p));
        }
        if let Some(server) = &mut self.server {
            server.end(&mut |p| session.server(at, p));
        }
    }

    /// Memory that out-of-order segments take, bytes.
    pub fn held_bytes(&self) -> usize {
        [&self.client, &self.server]
            .into_iter()
            .flatten()
            .map(Reassembler::held_bytes)
            .sum()
    }

    /// A segment from the camera that is no SYN.
    pub fn from_camera(&mut self, at: u64, segment: &Segment<'_>, limit: usize) {
        self.last_at = at;
        if let (Some(syn), Some(ack)) = (self.syn, segment.ack)
            && !segment.rst
            && (1..NEAR).contains(&segment.seq.wrapping_sub(syn.isn))
        {
            // It acknowledges our SYN-ACK, which the capture may lack.
            self.answered.get_or_insert(at);
            self.server.get_or_insert_with(|| Reassembler::new(ack));
        }
        if segment.fin || segment.rst {
            self.ended_by_us.get_or_insert(false);
        }
        self.cut |= segment.missing > 0 && !self.finished;
        let session = &mut self.session;
        if self.answered.is_some()
            && let Some(client) = &mut self.client
        {
            let mut sink = |p: Piece<'_>| session.client(at, p);
            client.push(
                segment.seq,
                segment.payload,
                segment.missing,
                limit,
                &mut sink,
            );
        }
        if let (Some(server), Some(ack)) = (&mut self.server, segment.ack) {
            server.acknowledged(at, ack, &mut |p| session.server(at, p));
        }
    }

    /// A segment from us.
    pub fn from_us(&mut self, at: u64, segment: &Segment<'_>, limit: usize) {
        self.last_at = at;
        let of_this = |ack: u32, isn: u32| (1..NEAR).contains(&ack.wrapping_sub(isn));
        if segment.rst || segment.fin {
            self.ended_by_us.get_or_insert(true);
        }
        if segment.rst {
            self.reset_by_us = true;
            return;
        }
        self.server_spoke = true;
        match (self.syn, segment.ack) {
            // A bare ACK of something else is a challenge (RFC 5961), not an answer.
            (Some(syn), Some(ack)) if of_this(ack, syn.isn) => {
                self.answered.get_or_insert(at);
                if segment.syn {
                    let first = segment.seq.wrapping_add(1);
                    self.server.get_or_insert_with(|| Reassembler::new(first));
                }
            }
            _ => return,
        }
        self.cut |= segment.missing > 0;
        let session = &mut self.session;
        if let Some(server) = &mut self.server {
            let mut sink = |p: Piece<'_>| session.server(at, p);
            server.push(
                segment.seq,
                segment.payload,
                segment.missing,
                limit,
                &mut sink,
            );
        }
        if let (Some(client), Some(ack)) = (&mut self.client, segment.ack) {
            client.acknowledged(at, ack, &mut |p| session.client(at, p));
        }
    }

    /// True if it is over and our server ended it: it closed, or it refused the stream.
    pub fn turned_away(&self) -> bool {
        self.session.refused().is_some() || self.ended_by_us == Some(true)
    }

    /// True if nobody has ended it and the server has not refused it.
    pub fn under_way(&self) -> bool {
        self.ended_by_us.is_none() && self.session.refused().is_none()
    }

    /// What is wrong with it as it stands at `now`; `None` for an older connection that was reset, which says nothing
    /// more than that the camera was there. `gated` says whether our gate was closed at a time.
    pub fn fault(&self, now: u64, gated: impl Fn(u64) -> bool) -> Option<Fault> {
        let Some(syn) = self.syn else {
            return (self.server_spoke && !self.reset_by_us)
                .then_some(Fault::Unknown(Unknowable::OlderThanCapture));
        };
        let s = &self.session;
        let since = |t: u64| now.saturating_sub(t);
        let unfinished = self.ended_by_us.is_none() && since(self.last_at) < UNDER_WAY;
        Some(if self.answered.is_none() {
            if self.reset_by_us {
                Fault::SynAnsweredByReset
            } else if gated(syn.at) {
                Fault::SynGated
            } else {
                Fault::SynWithoutSynAck
            }
        } else if s.not_rtmp() {
            Fault::NotRtmp
        } else if s.c1_at.is_none() {
            if s.client_bytes() > 0 && unfinished {
                Fault::Unknown(Unknowable::EndsBeforeC1)
            } else {
                Fault::NoC1
            }
        } else if s.s2_at.is_none() {
            match s.server_bytes() {
                0 => Fault::C1WithoutS0,
                _ => Fault::S2Missing,
            }
        } else if let Some(words) = s.refused() {
            Fault::Refused(words.to_owned())
        } else if let Some(path) = &self.other_stream {
            Fault::OtherStream(path.clone())
        } else if self.ended_by_us == Some(true) {
            if s.media_at.is_some() {
                Fault::ClosedAfterMedia
            } else {
                Fault::ClosedByServer
            }
        } else if s.unclear() {
            Fault::Unknown(Unknowable::NotUnderstood)
        } else if s.gap() && self.ended_in_hole {
            Fault::Unknown(Unknowable::EndsBeforeMedia)
        } else if s.gap() {
            self.incomplete()
        } else {
            return Some(self.unserved(since, unfinished));
        })
    }

    fn incomplete(&self) -> Fault {
        Fault::Unknown(if self.cut {
            Unknowable::SnaplenTooShort
        } else {
            Unknowable::CaptureGap
        })
    }

    /// The handshake is done and all that the camera sent is known: how far its publish came.
    fn unserved(&self, since: impl Fn(u64) -> u64, unfinished: bool) -> Fault {
        let s = &self.session;
        let p = &s.publishing;
        match (p.asked_at, p.accepted_at, s.media_at) {
            (_, Some(_), None) if unfinished && s.within_message() => {
                Fault::Unknown(Unknowable::EndsBeforeMedia)
            }
            (None, Some(_), None) if unfinished => Fault::Unknown(Unknowable::EndsBeforePublish),
            (_, Some(_), None) => Fault::NoMedia,
            (_, None, _) if self.cut || s.answer_unknown() => match self.cut || s.answer_gap() {
                true => self.incomplete(),
                false => Fault::Unknown(Unknowable::NotUnderstood),
            },
            (Some(_), None, Some(_)) => Fault::Unknown(Unknowable::EndsBeforeAnswer),
            (Some(asked), None, None) if since(asked) < UNDER_WAY && unfinished => {
                Fault::Unknown(Unknowable::EndsBeforeAnswer)
            }
            // The camera hung up; a server that answers has had no time to.
            (Some(asked), None, None) if since(asked) < UNDER_WAY => Fault::NoMedia,
            (Some(_), None, None) => Fault::PublishUnanswered,
            (None, None, None) if unfinished => Fault::Unknown(Unknowable::EndsBeforePublish),
            (None, None, None) => Fault::NoMedia,
            // Media on a stream that was never published, or whose name is cut: served it is not known to be.
            (_, _, Some(_)) => Fault::Unknown(Unknowable::NotUnderstood),
        }
    }
}
