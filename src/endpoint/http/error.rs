//! Why a request did not do what it was for: what, where, why, and what to do.

use std::error::Error;
use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError};

use super::statuses::Statuses;

/// A request that failed, or did not prove itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError {
    /// Method and URL.
    pub request: String,
    /// Why.
    pub fault: Fault,
    /// How often it was tried.
    pub tries: u32,
    /// It was sent, and whether it was done could not be read back.
    pub is_unclear: bool,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request cannot be made from its texts and facts.
    Unfit(String),
    /// The host's name leads nowhere.
    NoAddress(String),
    /// Nobody took the connection.
    Connect(String),
    /// We could not ask: no route, no address, no descriptor.
    Here(String),
    /// The connection is not safe. With what to do.
    Tls(String),
    /// A phase was not over in time.
    Timeout {
        /// Which.
        phase: Phase,
        /// After so many milliseconds.
        after_ms: u64,
    },
    /// The connection ended, or what came is no HTTP.
    Broken {
        /// When.
        phase: Phase,
        /// Every source of the error.
        why: String,
    },
    /// The answer is longer than we read.
    TooLong(usize),
    /// It sends elsewhere, and is not to be followed.
    Redirect {
        /// The status.
        status: u16,
        /// Where it sends us.
        to: String,
        /// Why not.
        why: &'static str,
    },
    /// The answer has another status.
    Status {
        /// The status.
        status: u16,
        /// What was expected.
        expected: Statuses,
        /// How it begins, without our secrets.
        begins: String,
        /// Seconds that the server asks for (`Retry-After`).
        retry_after_s: Option<u64>,
    },
    /// The answer that is to be read back is no JSON.
    NoJson(String),
    /// It was taken, and does not hold.
    NotHeld {
        /// What was asked.
        asked: String,
        /// Where.
        pointer: String,
        /// What had to be there.
        expected: String,
        /// What is; `None`: nothing is there.
        found: Option<String>,
    },
}

/// How far a request had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The name was looked up.
    Resolving,
    /// TCP.
    Connecting,
    /// TLS.
    Handshake,
    /// It was sent, or part of it; nothing came yet.
    Waiting,
    /// The answer had begun.
    Reading,
}

impl Fault {
    /// Whether time may cure it.
    pub fn may_pass(&self) -> bool {
        match self {
            Fault::Unfit(_) | Fault::Tls(_) | Fault::TooLong(_) | Fault::Redirect { .. } => false,
            Fault::NoAddress(_)
            | Fault::Connect(_)
            | Fault::Here(_)
            | Fault::Timeout { .. }
            | Fault::Broken { .. }
            | Fault::NoJson(_)
            | Fault::NotHeld { .. } => true,
            // RFC 9110, 15.5.9, 15.6; RFC 6585, 4; RFC 8470, 5.2; 409 is what a request in work gets under its key.
            Fault::Status { status, .. } => {
                matches!(*status, 408 | 409 | 425 | 429) || *status >= 500
            }
        }
    }

    /// Whether it may have been done all the same.
    pub fn may_be_done(&self) -> bool {
        match self {
            Fault::Timeout { phase, .. } | Fault::Broken { phase, .. } => {
                matches!(phase, Phase::Waiting | Phase::Reading)
            }
            Fault::TooLong(_) | Fault::NoJson(_) | Fault::NotHeld { .. } => true,
            Fault::Status { status, .. } => *status >= 500 || *status < 400,
            Fault::Redirect { .. }
            | Fault::Unfit(_)
            | Fault::NoAddress(_)
            | Fault::Connect(_)
            | Fault::Here(_)
            | Fault::Tls(_) => false,
        }
    }
}

/// Every source of an error, each once, from the outside in.
pub(in crate::endpoint) fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        next = source.source();
    }
    said
}

/// The TLS error in an error, wherever it is: an `io::Error` does not name what it wraps as its source.
pub(in crate::endpoint) fn tls_error<'e>(
    error: &'e (dyn Error + 'static),
) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(one) = next {
        if let Some(found) = one.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let wrapped = one.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|w| w.downcast_ref::<rustls::Error>()) {
            return Some(found);
        }
        next = one.source();
    }
    None
}

/// What a TLS error is, and what to do about it.
pub(in crate::endpoint) fn tls_fault(error: &rustls::Error, host: &str) -> Fault {
    let help = match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "nobody whom we trust signed its certificate: name the authority's certificate as `ca-file`".to_owned()
        }
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "its certificate has expired: renew it there, and see whether this machine's clock is right".to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "its certificate begins later: see whether this machine's clock is right".to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!("its certificate is for another name than {host}: is it the right server?"),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "it wants a client certificate: name `cert-file` and `key-file`".to_owned()
        }
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::DecryptError,
        ) => "it does not accept our client certificate: who signed it, and until when is it valid?".to_owned(),
        rustls::Error::InvalidMessage(_) => "what it speaks is no TLS: is it http:// on this port?".to_owned(),
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure) => {
            "it speaks no TLS 1.2 or 1.3 that we speak".to_owned()
        }
        _ => "see the server's log".to_owned(),
    };
    Fault::Tls(format!("{help} ({})", chain(error)))
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Resolving => "looking up its name",
            Phase::Connecting => "connecting",
            Phase::Handshake => "the TLS handshake",
            Phase::Waiting => "waiting for its answer",
            Phase::Reading => "reading its answer",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Unfit(why) => f.write_str(why),
            Fault::NoAddress(why) => write!(
                f,
                "the host's name cannot be looked up: {why}; give its address as `connect`, so that a takeover does not \
                 need DNS for it"
            ),
            Fault::Connect(why) => write!(
                f,
                "cannot connect: {why}; does the server run, and is there a route?"
            ),
            Fault::Here(why) => write!(
                f,
                "cannot ask from here: {why}; is there a route, and an address of ours?"
            ),
            Fault::Tls(why) => f.write_str(why),
            Fault::Timeout { phase, after_ms } => {
                write!(
                    f,
                    "{phase} took longer than {after_ms} ms; see the server's load and log"
                )
            }
            Fault::Broken { phase, why } => write!(f, "the connection broke while {phase}: {why}"),
            Fault::TooLong(most) => write!(
                f,
                "its answer is longer than {most} bytes: is it the right URL?"
            ),
            Fault::Redirect { status, to, why } => {
                write!(
                    f,
                    "it answered {status} and sends us to {to}, where we do not go: {why}"
                )
            }
            Fault::Status {
                status,
                expected,
                begins,
                ..
            } => {
                write!(f, "it answered {status}, {expected} was expected")?;
                match status {
                    401 | 403 => f.write_str("; are user, password or token right?")?,
                    404 => f.write_str("; is the URL right?")?,
                    _ => {}
                }
                match begins.as_str() {
                    "" => Ok(()),
                    begins => write!(f, "; it says: {begins}"),
                }
            }
            Fault::NoJson(why) => write!(f, "its answer is no JSON: {why}"),
            Fault::NotHeld {
                asked,
                pointer,
                expected,
                found,
            } => {
                write!(
                    f,
                    "it was taken, but {asked} does not show it: `{expected}` was expected at `{pointer}`, "
                )?;
                match found {
                    Some(found) => write!(f, "there is {found}"),
                    None => f.write_str("nothing is there"),
                }
            }
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.request, self.fault)?;
        if self.is_unclear {
            f.write_str("; it was sent, whether it was done is not known")?;
        }
        if self.tries > 1 {
            write!(f, " (tried {} times)", self.tries)?;
        }
        Ok(())
    }
}

impl Error for HttpError {}
