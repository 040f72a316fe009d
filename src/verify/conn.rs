//! One TCP connection of a camera to the service, from its SYN.

use super::rtmp::{Piece, Reassembler, Session};
use super::rungs::{Fault, Unknowable};
use super::wire::Segment;

/// Acknowledgements and data this far from the SYN's number are of this connection.
const NEAR: u32 = 64 << 20;

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
    /// Its media was seen; nothing more is read from it.
    pub finished: bool,
    reset_by_us: bool,
    /// Who ended it first, `true` for us.
    ended_by_us: Option<bool>,
    server_spoke: bool,
    cut: bool,
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
    /// A connection that begins with a SYN.
    pub fn dialled(at: u64, isn: u32) -> Self {
        Conn {
            syn: Some(Syn { isn, at }),
            client: Some(Reassembler::new(isn.wrapping_add(1))),
            last_at: at,
            ..Conn::default()
        }
    }

    /// Forgets all but whose it is.
    pub fn finish(&mut self) {
        self.finished = true;
        self.client = None;
        self.server = None;
        self.session = Session::default();
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
        if self.finished {
            return;
        }
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
        self.cut |= segment.missing > 0;
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
        if self.finished {
            return;
        }
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

    /// What is wrong with it as it stands; `None` for an older connection that was reset, which says nothing more
    /// than that the camera was there. `gated` says whether our gate was closed at a time.
    pub fn fault(&self, gated: impl Fn(u64) -> bool) -> Option<Fault> {
        let Some(syn) = self.syn else {
            return (self.server_spoke && !self.reset_by_us)
                .then_some(Fault::Unknown(Unknowable::OlderThanCapture));
        };
        let s = &self.session;
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
            Fault::NoC1
        } else if s.s2_at.is_none() {
            match s.server_bytes() {
                0 => Fault::C1WithoutS0,
                _ => Fault::S2Missing,
            }
        } else if let Some(code) = &s.refused {
            Fault::Refused(code.clone())
        } else if let Some(path) = &self.other_stream {
            Fault::OtherStream(path.clone())
        } else if s.gap() || s.media_at.is_some() {
            // Media without a name: the command that said it is cut.
            Fault::Unknown(if self.cut {
                Unknowable::SnaplenTooShort
            } else {
                Unknowable::CaptureGap
            })
        } else if self.ended_by_us == Some(true) {
            Fault::ClosedByServer
        } else {
            Fault::NoMedia
        })
    }
}
