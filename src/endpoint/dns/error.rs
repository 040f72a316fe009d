//! Why a name was not changed: what, where, why, and what to do.

use std::fmt;
use std::net::SocketAddr;

use super::record::RecordSet;

/// A change or a question that a server did not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsError {
    /// The server.
    pub server: SocketAddr,
    /// What was wanted, such as `change live.example.test.`.
    pub what: String,
    /// Why it was not to be had.
    pub fault: Fault,
    /// Messages that were sent for it.
    pub sent: u32,
    /// An update was sent, and whether it was done could not be read: look before it is tried by hand.
    pub is_unclear: bool,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Something else stands there than was expected: somebody else changed it.
    Conflict {
        /// What was to be replaced; nothing, where nothing was there.
        expected: Vec<RecordSet>,
        /// What stands there now.
        now: Vec<RecordSet>,
    },
    /// The server says that the expected value is not there, and answers with it all the same.
    NotReally {
        /// What it answers.
        shown: Vec<RecordSet>,
    },
    /// The change was accepted, and the server does not answer with it.
    NotShown {
        /// What it answers.
        shown: Vec<RecordSet>,
    },
    /// Another server of the zone has it, this one not yet.
    NotCopied {
        /// What it answers.
        shown: Vec<RecordSet>,
    },
    /// REFUSED. With the key's name, where one was used.
    Refused(Option<String>),
    /// NOTAUTH without a TSIG error: it is not the server of the zone.
    NotAuth,
    /// The server does not know the key or its algorithm (BADKEY).
    BadKey(String),
    /// The server has another secret under the key's name (BADSIG).
    BadSig(String),
    /// The clocks differ by more than is allowed (BADTIME): the server's less ours, in seconds, where it tells.
    BadTime(Option<i64>),
    /// The answer's name is not within the zone (NOTZONE).
    NotZone,
    /// SERVFAIL.
    ServFail,
    /// Any other code.
    Code(String),
    /// It answers, but not as the zone's server.
    NotAuthoritative,
    /// No answer came in time; with what came instead, if anything did.
    Timeout {
        /// How long was waited in all, in milliseconds.
        waited_ms: u64,
        /// Why the last thing that came was no answer.
        instead: Option<String>,
    },
    /// The network said no.
    Io(String),
    /// The answer is none that can be read.
    Garbled(String),
    /// It is not authenticated although the question was.
    Unsigned,
    /// It cannot be asked at all.
    Unfit(String),
}

impl Fault {
    /// Whether time may cure it.
    pub fn may_pass(&self) -> bool {
        match self {
            Fault::ServFail
            | Fault::Timeout { .. }
            | Fault::Io(_)
            | Fault::Garbled(_)
            | Fault::Unsigned
            | Fault::NotReally { .. }
            | Fault::NotShown { .. }
            | Fault::NotCopied { .. } => true,
            Fault::Conflict { .. }
            | Fault::Refused(_)
            | Fault::NotAuth
            | Fault::BadKey(_)
            | Fault::BadSig(_)
            | Fault::BadTime(_)
            | Fault::NotZone
            | Fault::Code(_)
            | Fault::NotAuthoritative
            | Fault::Unfit(_) => false,
        }
    }
}

/// Records as a list; `nothing` where there are none.
pub(in crate::endpoint) fn list(sets: &[RecordSet]) -> String {
    if sets.is_empty() {
        return "nothing".to_owned();
    }
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    sets.join("; ")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Conflict { expected, now } => write!(
                f,
                "somebody else changed it: {} was expected, now it has {}; nothing was changed. \
                 Find out who, then decide what is right",
                list(expected),
                list(now)
            ),
            Fault::NotReally { shown } => write!(
                f,
                "the server says that this is not in its zone, and answers with it all the same: {}. Either a wildcard \
                 record answers for the name (create the name itself once), or this server is a copy that is late",
                list(shown)
            ),
            Fault::NotShown { shown } => write!(
                f,
                "it was accepted, but the server still answers with {}; see its log",
                list(shown)
            ),
            Fault::NotCopied { shown } => write!(
                f,
                "the change has not come to it: it still answers with {}; see whether the zone is copied to it \
                 (NOTIFY, transfers)",
                list(shown)
            ),
            Fault::Refused(None) => f.write_str(
                "it refuses (REFUSED): no key was used; name one that the zone's update policy lets change this name",
            ),
            Fault::Refused(Some(key)) => write!(
                f,
                "it refuses (REFUSED): the key {key} may not do this to this name; see the zone's update-policy \
                 (BIND) or TSIG-ALLOW-DNSUPDATE (PowerDNS), and that the zone may be changed there"
            ),
            Fault::NotAuth => {
                f.write_str("it is not the server of this zone (NOTAUTH): check zone and server")
            }
            Fault::BadKey(key) => write!(
                f,
                "it does not know the key {key} (BADKEY): name and algorithm must be the same on both sides"
            ),
            Fault::BadSig(key) => write!(
                f,
                "the secret of the key {key} is another one there (BADSIG): copy the key file anew"
            ),
            Fault::BadTime(None) => {
                f.write_str("the clocks differ too much (BADTIME): set this machine's and the server's")
            }
            Fault::BadTime(Some(ahead)) => write!(
                f,
                "the clocks differ too much (BADTIME): the server's is {} s {} ours; set both by NTP",
                ahead.unsigned_abs(),
                if *ahead < 0 { "behind" } else { "ahead of" }
            ),
            Fault::NotZone => {
                f.write_str("a name is not within the zone (NOTZONE): check zone and names")
            }
            Fault::ServFail => f.write_str("it failed (SERVFAIL): see the server's log and its disk"),
            Fault::Code(code) => write!(f, "it answered {code}"),
            Fault::NotAuthoritative => f.write_str(
                "it answers without authority for the zone: name the zone's own servers, not a resolver, and see \
                 whether the zone is loaded",
            ),
            Fault::Timeout { waited_ms, instead } => {
                write!(f, "no answer within {waited_ms} ms")?;
                match instead {
                    Some(instead) => write!(f, " ({instead})"),
                    None => f.write_str(": is it up, is port 53 open over UDP and TCP?"),
                }
            }
            Fault::Io(why) => write!(f, "{why}: is a server there, and is there a route?"),
            Fault::Garbled(why) => write!(f, "its answer cannot be read: {why}"),
            Fault::Unsigned => f.write_str(
                "its answer is not authenticated although ours was: it is not trusted; is it the right server?",
            ),
            Fault::Unfit(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "DNS server {}: {}: {}",
            self.server, self.what, self.fault
        )?;
        if self.is_unclear {
            f.write_str("; the change was sent, whether it was done is not known")?;
        }
        if self.sent > 1 {
            write!(f, " (after {} messages)", self.sent)?;
        }
        Ok(())
    }
}

impl std::error::Error for DnsError {}
