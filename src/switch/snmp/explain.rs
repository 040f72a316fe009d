//! What the SNMP crate reports, in this program's words.

use async_snmp::v3::ReportStatus;
use async_snmp::{Error, ErrorStatus};

use super::UdpSnmp;
use super::error::{Attempt, SnmpError};
use super::target::Credentials;
use super::wire::ours;

impl UdpSnmp {
    /// What may be the reason that there is no answer, and the keys to turn.
    fn why_silent(&self, request: &str) -> String {
        let t = &self.target;
        let slow = format!(
            "it may need longer (`timeout` in [switch.{}.snmp] is {:?}, tried {} times)",
            t.name,
            t.timeout,
            t.retries + 1
        );
        let bulk = match t.credentials {
            Credentials::V2c { .. } => ", or speak SNMPv1 only (version = \"1\")",
            Credentials::V1 { .. } | Credentials::V3 { .. } | Credentials::Off => "",
        };
        if self.has_answered() {
            let walk = if request.starts_with("walk") && !bulk.is_empty() {
                ", or not know GETBULK (version = \"1\" does without)"
            } else {
                ""
            };
            return format!("it has answered other requests: {slow}{walk}, or it has gone since");
        }
        let secret = match t.credentials {
            Credentials::V1 { .. } | Credentials::V2c { .. } => {
                "wrong community, or switch unreachable, or SNMP not enabled for our address"
            }
            Credentials::V3 { .. } | Credentials::Off => {
                "switch unreachable, or SNMP not enabled for our address, or wrong privacy password"
            }
        };
        format!("{secret}; or {slow}{bulk}")
    }

    pub(in crate::switch) fn attempt(&self, request: &str) -> Box<Attempt> {
        Box::new(Attempt {
            switch: self.target.name.clone(),
            address: self.target.address,
            request: request.to_owned(),
        })
    }

    /// Says in this program's words what the crate reported; its own text is used only where no case fits.
    pub(in crate::switch) fn error(&self, request: &str, error: &Error) -> SnmpError {
        let at = self.attempt(request);
        match error.exchange_source() {
            Error::Timeout { elapsed, .. } => SnmpError::Unreachable {
                at,
                waited: *elapsed,
                hint: self.why_silent(request),
            },
            Error::Network { source, .. } => SnmpError::NotSent {
                at,
                came_back: source.to_string(),
            },
            Error::Report { status, .. } => match &**status {
                ReportStatus::WrongDigest { .. } => {
                    self.wrong(at, "wrong authentication password or algorithm")
                }
                ReportStatus::UnknownUserName { .. } => {
                    self.wrong(at, "it does not know this user")
                }
                ReportStatus::UnsupportedSecurityLevel { .. } => self.wrong(
                    at,
                    "the user does not have this security level (authentication, encryption)",
                ),
                ReportStatus::DecryptionError { .. } => {
                    self.wrong(at, "wrong privacy password or algorithm")
                }
                other => SnmpError::BadAnswer {
                    at,
                    came_back: other.to_string(),
                },
            },
            Error::Auth { .. } => self.wrong(at, "its answer is not authentic"),
            Error::Snmp { status, oid, .. } => self.status(at, *status, oid.as_deref()),
            Error::Config(e) => SnmpError::NotSent {
                at,
                came_back: e.to_string(),
            },
            other => SnmpError::BadAnswer {
                at,
                came_back: other.kind().to_string(),
            },
        }
    }

    fn wrong(&self, at: Box<Attempt>, came_back: &str) -> SnmpError {
        SnmpError::WrongCredentials {
            at,
            came_back: came_back.to_owned(),
        }
    }

    fn status(
        &self,
        at: Box<Attempt>,
        status: ErrorStatus,
        oid: Option<&async_snmp::Oid>,
    ) -> SnmpError {
        use ErrorStatus as S;
        let object = oid.map_or("an object it does not name".into(), |o| ours(o).named());
        let set = at.request.starts_with("SET");
        let word = status.to_string();
        match status {
            S::TooBig => SnmpError::TooBig { at },
            // SNMPv1 has no other word for "you may not write this".
            S::NoSuchName if set => SnmpError::Denied {
                at,
                object,
                status: word,
            },
            S::ReadOnly | S::NoAccess | S::NotWritable | S::AuthorizationError | S::NoCreation => {
                SnmpError::Denied {
                    at,
                    object,
                    status: word,
                }
            }
            S::BadValue | S::WrongType | S::WrongLength | S::WrongEncoding | S::WrongValue => {
                SnmpError::BadValue {
                    at,
                    object,
                    status: word,
                }
            }
            _ => SnmpError::Refused {
                at,
                object,
                status: word,
            },
        }
    }
}
