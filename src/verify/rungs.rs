//! The words of verification: the five rungs, where evidence came from, what is wrong and whose fault it is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a camera must climb to be back, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// The camera sent an ARP frame to the VIP at our MAC: it knows where the VIP is now. Per address.
    ArpReceipt,
    /// Any TCP segment from the camera to the service. Per address.
    AnyTcp,
    /// A SYN to the service. Per stream.
    Syn,
    /// C0 and C1 came and S0, S1 and S2 were sent. Per stream.
    Handshake,
    /// A whole RTMP message of type 8, 9 or 22 came, on a publish that the server neither refused nor closed. Per stream.
    Media,
}

impl Rung {
    /// All, lowest first.
    pub const ALL: [Rung; 5] = [
        Rung::ArpReceipt,
        Rung::AnyTcp,
        Rung::Syn,
        Rung::Handshake,
        Rung::Media,
    ];
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Rung::ArpReceipt => "ARP receipt",
            Rung::AnyTcp => "any TCP",
            Rung::Syn => "SYN",
            Rung::Handshake => "RTMP handshake",
            Rung::Media => "media",
        })
    }
}

/// Where the evidence for a rung came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Frames seen by us.
    Capture,
    /// The journal, after a restart.
    Journal,
    /// The kernel's counters of the connection's socket.
    SocketCounters,
}

/// What is known of one rung of one camera. In JSON: `{"reading":"seen","at_us":..,"source":"capture"}`,
/// `{"reading":"routed"}`, `{"reading":"unknown"}` or `{"reading":"not_seen"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reading", rename_all = "snake_case")]
pub enum Reading {
    /// Reached.
    Seen {
        /// Microseconds, of the clock that the frames came with.
        at_us: u64,
        /// Who says so.
        source: Source,
    },
    /// The camera is outside of the VIP's prefix: it never sends ARP to us, its gateway does.
    Routed,
    /// The capture cannot tell.
    Unknown,
    /// Not reached.
    NotSeen,
}

/// Why a capture cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknowable {
    /// Frames were cut by the capture's snaplen.
    SnaplenTooShort,
    /// The capture lacks frames that the receiver acknowledged.
    CaptureGap,
    /// The connection was there before the capture began, so that its handshake is not in it.
    OlderThanCapture,
    /// Evidence from elsewhere ends here, and the capture has nothing of the connection.
    NotCaptured,
    /// The capture holds frames that are not decoded, and the camera's may be among them.
    NotDecoded,
    /// What was sent is RTMP and cannot be followed.
    NotUnderstood,
    /// The capture ends within C0 and C1.
    EndsBeforeC1,
    /// The capture ends before a publish.
    EndsBeforePublish,
    /// The capture ends before the server's answer to the publish; or, live, it has not come yet.
    EndsBeforeAnswer,
    /// The capture ends within what might be media.
    EndsBeforeMedia,
}

/// What keeps a camera from being back. In JSON `{"fault":"syn_answered_by_reset"}`, with `detail` where there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", content = "detail", rename_all = "snake_case")]
pub enum Fault {
    /// Nothing came from the camera, not even ARP.
    NoReceipt,
    /// Nothing came from a camera behind a router.
    NothingRouted,
    /// It knows where the VIP is and does not dial.
    NoSyn,
    /// Our gate dropped its SYN, because the service was not ready.
    SynGated,
    /// SYN without SYN-ACK.
    SynWithoutSynAck,
    /// SYN answered by a reset.
    SynAnsweredByReset,
    /// Connected, but C0 and C1 did not come.
    NoC1,
    /// The first byte is not RTMP's; TLS or RTMPE, or not a camera.
    NotRtmp,
    /// C1 without S0: the server accepts and does not answer.
    C1WithoutS0,
    /// S0 came, S2 did not.
    S2Missing,
    /// The server refused the stream, in these words: its code, such as `NetStream.Publish.BadName`, and description.
    Refused(String),
    /// It publishes another stream than the inventory says.
    OtherStream(String),
    /// Our server closed the connection after the handshake and before media.
    ClosedByServer,
    /// Our server closed the connection after media.
    ClosedAfterMedia,
    /// The server did not answer the publish, and the camera waits.
    PublishUnanswered,
    /// The handshake is done and no audio or video came.
    NoMedia,
    /// Cannot be known from this capture.
    Unknown(Unknowable),
}

/// Whose fault it is, as far as the wire tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The way between camera and us: switch, VLAN, cable, ARP; or the camera has no power.
    Layer2,
    /// The camera or its settings.
    Camera,
    /// Our media server or this machine.
    Server,
    /// The capture is not good enough to say.
    Capture,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Blame::Layer2 => "network",
            Blame::Camera => "camera",
            Blame::Server => "our server",
            Blame::Capture => "unknown",
        })
    }
}

impl Fault {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Fault::NoReceipt | Fault::NothingRouted => Blame::Layer2,
            Fault::NoSyn
            | Fault::NoC1
            | Fault::NotRtmp
            | Fault::OtherStream(_)
            | Fault::NoMedia => Blame::Camera,
            Fault::SynGated
            | Fault::SynWithoutSynAck
            | Fault::SynAnsweredByReset
            | Fault::C1WithoutS0
            | Fault::S2Missing
            | Fault::Refused(_)
            | Fault::ClosedByServer
            | Fault::ClosedAfterMedia
            | Fault::PublishUnanswered => Blame::Server,
            Fault::Unknown(_) => Blame::Capture,
        }
    }

    /// What to do about it, one sentence for someone who has not read the manual.
    pub fn advice(&self) -> &'static str {
        match self {
            Fault::NoReceipt => {
                "look at its power, its cable and its switch port; check that the port is in the cameras' VLAN"
            }
            Fault::NothingRouted => {
                "check the gateway: its ARP entry for the address may still point to the other machine"
            }
            Fault::NoSyn => {
                "the network is fine; restart the camera or its stream, and check the server address in its settings"
            }
            Fault::SynGated => {
                "the media server was not ready when it dialled; it dials again by itself"
            }
            Fault::SynWithoutSynAck => {
                "look at this machine's firewall and at the listen queue of the media server"
            }
            Fault::SynAnsweredByReset => "start the media server: nothing listens on the port",
            Fault::NoC1 => "it connects and says nothing; restart the camera",
            Fault::NotRtmp => {
                "it does not speak plain RTMP here; set rtmp:// (not rtmps:// or rtmpe://) in its settings"
            }
            Fault::C1WithoutS0 => "the media server accepts connections and hangs; restart it",
            Fault::S2Missing => {
                "the media server stops within the handshake; look at its log, restart it"
            }
            Fault::Refused(_) => {
                "the media server refuses the stream; look at its log and its applications"
            }
            Fault::OtherStream(_) => {
                "correct the stream in the camera's settings or in the camera list"
            }
            Fault::ClosedByServer => {
                "the media server closed the connection; look at its log, and whether it has the application in the camera's address"
            }
            Fault::ClosedAfterMedia => {
                "the media server took its pictures and then closed the connection; look at its log (a denied publish, a stream that is busy)"
            }
            Fault::PublishUnanswered => {
                "the media server does not answer the publish; look at its log and at what it asks (on_publish), restart it"
            }
            Fault::NoMedia => "it is connected and sends no picture; restart the camera",
            Fault::Unknown(Unknowable::SnaplenTooShort) => {
                "record again with whole frames (tcpdump -s 0)"
            }
            Fault::Unknown(Unknowable::CaptureGap) => {
                "frames are missing from the capture; record again with a larger buffer (tcpdump -B 16384)"
            }
            Fault::Unknown(Unknowable::OlderThanCapture) => {
                "it was connected before the capture began; record from before the takeover, or let it dial again"
            }
            Fault::Unknown(Unknowable::NotCaptured) => {
                "its connection is not in this capture; let it dial again, or look at the media server"
            }
            Fault::Unknown(Unknowable::NotDecoded) => {
                "the capture holds frames that are not decoded (named below); record without the tunnel or the encryption, such as on this machine's own interface"
            }
            Fault::Unknown(Unknowable::NotUnderstood) => {
                "it speaks RTMP in a way that is not followed here; ask the media server whether it has the stream"
            }
            Fault::Unknown(
                Unknowable::EndsBeforeC1
                | Unknowable::EndsBeforePublish
                | Unknowable::EndsBeforeAnswer
                | Unknowable::EndsBeforeMedia,
            ) => "watch or record for longer",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::NoReceipt => "nothing from it, not even ARP",
            Fault::NothingRouted => "nothing from it through the router",
            Fault::NoSyn => "reachable, but it does not dial",
            Fault::SynGated => "SYN dropped by our gate",
            Fault::SynWithoutSynAck => "SYN without SYN-ACK",
            Fault::SynAnsweredByReset => "SYN answered by a reset",
            Fault::NoC1 => "connected, but no C0/C1",
            Fault::NotRtmp => "connected, but not with RTMP",
            Fault::C1WithoutS0 => "C1 without S0",
            Fault::S2Missing => "S0 without S2",
            Fault::Refused(code) => return write!(f, "stream refused by the server: {code}"),
            Fault::OtherStream(path) => return write!(f, "publishes another stream: {path}"),
            Fault::ClosedByServer => "closed by the server before media",
            Fault::ClosedAfterMedia => "closed by the server after media",
            Fault::PublishUnanswered => "publish not answered by the server",
            Fault::NoMedia => "handshake done, no media",
            Fault::Unknown(Unknowable::SnaplenTooShort) => "unknown: the capture cut the frames",
            Fault::Unknown(Unknowable::CaptureGap) => "unknown: the capture lacks frames",
            Fault::Unknown(Unknowable::OlderThanCapture) => {
                "unknown: connected before the capture began"
            }
            Fault::Unknown(Unknowable::NotCaptured) => {
                "unknown: its connection is not in the capture"
            }
            Fault::Unknown(Unknowable::NotDecoded) => "unknown: frames that are not decoded",
            Fault::Unknown(Unknowable::NotUnderstood) => "unclear: RTMP that is not understood",
            Fault::Unknown(Unknowable::EndsBeforeC1) => {
                "unknown: the capture ends before its C0/C1"
            }
            Fault::Unknown(Unknowable::EndsBeforePublish) => {
                "unknown: the capture ends before its publish"
            }
            Fault::Unknown(Unknowable::EndsBeforeAnswer) => {
                "unknown: the capture ends before the server's answer to its publish"
            }
            Fault::Unknown(Unknowable::EndsBeforeMedia) => {
                "unknown: the capture ends before its media"
            }
        })
    }
}

/// A camera reached a rung for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Index in [`Inventory::cameras`](super::Inventory::cameras).
    pub camera_index: usize,
    /// The rung.
    pub rung: Rung,
    /// When, microseconds.
    pub at: u64,
}
