//! One server, asked until a deadline: messages that are lost are sent again, over UDP and over TCP.

use std::net::SocketAddr;

use hickory_proto::op::{Message, ResponseCode};

use super::Zone;
use super::error::{DnsError, Fault};
use super::exchange::{Carrier, exchange};
use super::key::TsigKey;
use super::message::question;
use super::record::{Kind, RecordSet, name_of};
use crate::rt::{self, Instant};

/// One server, asked until a deadline.
pub(super) struct Session<'a> {
    pub zone: &'a Zone,
    server: SocketAddr,
    key: Option<&'a TsigKey>,
    pub begun: Instant,
    deadline: Instant,
    pub sent: u32,
    lost_in_a_row: u32,
    is_better_over_tcp: bool,
    /// The last thing that was told instead of an answer; silence tells nothing.
    told: Option<String>,
    /// An update was sent, and neither an answer nor what stands says what became of it.
    pub is_unclear: bool,
}

impl<'a> Session<'a> {
    /// A reader need not know the key.
    pub fn new(zone: &'a Zone, server: SocketAddr, takes_changes: bool, deadline: Instant) -> Self {
        Session {
            zone,
            server,
            key: zone.key.as_ref().filter(|_| takes_changes),
            begun: Instant::now(),
            deadline,
            sent: 0,
            lost_in_a_row: 0,
            is_better_over_tcp: false,
            told: None,
            is_unclear: false,
        }
    }

    pub fn error(&self, what: String, fault: Fault) -> DnsError {
        DnsError {
            server: self.server,
            what,
            fault,
            sent: self.sent,
            is_unclear: self.is_unclear,
        }
    }

    pub fn is_over(&self) -> bool {
        Instant::now() + self.zone.pause >= self.deadline
    }

    /// One message. What is lost twice over UDP is tried over TCP, and stays there while that works: something between
    /// may drop the one or the other.
    pub async fn send(&mut self, message: &Message) -> Result<Message, Fault> {
        let carrier = match self.lost_in_a_row % 3 {
            0 if self.is_better_over_tcp => Carrier::Tcp,
            2 => Carrier::Tcp,
            _ => Carrier::Udp,
        };
        self.sent += 1;
        let whole = Instant::now() + self.zone.try_within;
        let got = exchange(
            self.server,
            message,
            self.key,
            carrier,
            whole.min(self.deadline),
        )
        .await;
        // A try that the end has cut short says less than one that had its time.
        let got = match (got, &self.told) {
            (Err(Fault::Timeout { waited_ms, .. }), Some(told)) if self.deadline < whole => {
                let instead = Some(format!("before that: {told}"));
                return Err(Fault::Timeout { waited_ms, instead });
            }
            (got, _) => got,
        };
        match &got {
            Err(Fault::Timeout { .. } | Fault::Io(_) | Fault::Garbled(_)) => {
                self.lost_in_a_row += 1;
            }
            Ok(_) | Err(_) => self.lost_in_a_row = 0,
        }
        self.is_better_over_tcp = got.is_ok() && carrier == Carrier::Tcp;
        match &got {
            Ok(_) => self.told = None,
            // Silence tells nothing.
            Err(Fault::Timeout { instead: None, .. }) => {}
            Err(fault) => self.told = Some(fault.to_string()),
        }
        let answer = got?;
        let judged = match answer.response_code {
            ResponseCode::Refused => Err(Fault::Refused(self.key.map(|k| k.name().to_owned()))),
            ResponseCode::NotAuth => Err(Fault::NotAuth),
            ResponseCode::NotZone => Err(Fault::NotZone),
            ResponseCode::ServFail => Err(Fault::ServFail),
            ResponseCode::NoError
            | ResponseCode::NXDomain
            | ResponseCode::YXDomain
            | ResponseCode::YXRRSet
            | ResponseCode::NXRRSet => Ok(answer),
            other => Err(Fault::Code(format!("{other} ({})", u16::from(other)))),
        };
        if let Err(fault) = &judged {
            self.told = Some(fault.to_string());
        }
        judged
    }

    /// Asks for one type, again and again until there is an answer or the time is over.
    async fn ask(&mut self, name: &str, kind: Kind) -> Result<Vec<RecordSet>, Fault> {
        let asked = name_of(name).map_err(Fault::Unfit)?;
        loop {
            let id = rt::random() as u16;
            let fault = match self.send(&question(id, &asked, kind)).await {
                Ok(answer) => {
                    if !answer.authoritative {
                        return Err(Fault::NotAuthoritative);
                    }
                    let at = |kind: Kind| {
                        let here = answer.answers.iter().filter(|r| r.name == asked);
                        let here = here.filter(|r| r.record_type() == kind.record_type());
                        let here: Vec<_> = here.map(|r| (r.ttl, &r.data)).collect();
                        RecordSet::answered(name, kind, &here)
                    };
                    let alias = (kind != Kind::Cname).then(|| at(Kind::Cname)).flatten();
                    return Ok(at(kind).into_iter().chain(alias).collect());
                }
                Err(fault) => fault,
            };
            if !fault.may_pass() || self.is_over() {
                return Err(self.in_all(fault));
            }
            rt::sleep(self.zone.pause).await;
        }
    }

    /// A deadline in its own words: how long was waited since the beginning, and what was heard last.
    pub fn in_all(&self, fault: Fault) -> Fault {
        match fault {
            Fault::Timeout { instead, .. } => Fault::Timeout {
                waited_ms: u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                instead: instead.or_else(|| Some(format!("before that: {}", self.told.as_ref()?))),
            },
            other => other,
        }
    }

    pub async fn read_name(&mut self, name: &str, kinds: &[Kind]) -> Result<Vec<RecordSet>, Fault> {
        let mut found: Vec<RecordSet> = Vec::new();
        for kind in kinds {
            // Where an alias stands, every question tells of it.
            if found.iter().any(|s| s.kind() == Kind::Cname) {
                break;
            }
            found.extend(self.ask(name, *kind).await?);
        }
        found.sort_by_key(RecordSet::kind);
        found.dedup();
        Ok(found)
    }
}
