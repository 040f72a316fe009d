//! One message to one server, and what it answered: over UDP, over TCP where that does not fit.

use std::io;
use std::net::SocketAddr;

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::TSigner;
use hickory_proto::rr::rdata::tsig::TsigError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::error::Fault;
use super::key::TsigKey;
use crate::rt::{self, Instant};

/// Longest message that is sent over UDP, in bytes: it passes every link in one piece (dnsflagday.net/2020).
const LONGEST_UDP: usize = 1232;
/// Longest message that TCP carries, in bytes.
const LONGEST: usize = 65_535;

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Udp,
    Tcp,
}

/// One message, ready to be sent.
struct Sent<'a> {
    bytes: Vec<u8>,
    id: u16,
    op: OpCode,
    asked: Option<hickory_proto::op::Query>,
    /// Who signed it, and with what.
    signed: Option<(TSigner, Vec<u8>, &'a str)>,
    now: u64,
}

/// Why what came is no answer to what was sent.
enum NoAnswer {
    /// Something else may still come.
    Other(String),
    /// It is one, and it is bad.
    Bad(Fault),
}

fn sign<'a>(mut message: Message, key: Option<&'a TsigKey>) -> Result<Sent<'a>, Fault> {
    let unfit = |e: String| Fault::Unfit(format!("the message cannot be made: {e}"));
    let now = rt::wall_us() / 1_000_000;
    let signed = match key {
        None => None,
        Some(key) => {
            let signer = key.signer().map_err(unfit)?;
            let signature = signer.sign_message(&message, now);
            let (signature, _) = signature.map_err(|e| unfit(e.to_string()))?;
            let mac = signature.data.mac.clone();
            message.set_signature(signature);
            Some((signer, mac, key.name()))
        }
    };
    Ok(Sent {
        bytes: message.to_vec().map_err(|e| unfit(e.to_string()))?,
        id: message.id,
        op: message.op_code,
        asked: message.queries.first().cloned(),
        signed,
        now,
    })
}

/// Sends a message and gives its answer, whatever its code; `deadline` is this message's own.
///
/// An answer that does not fit into UDP is asked for again over TCP; the update may have been done by then, which its
/// prerequisites make harmless and the reader of the answer finds by reading back.
pub(super) async fn exchange(
    server: SocketAddr,
    message: &Message,
    key: Option<&TsigKey>,
    carrier: Carrier,
    deadline: Instant,
) -> Result<Message, Fault> {
    let sent = sign(message.clone(), key)?;
    if carrier == Carrier::Udp && sent.bytes.len() <= LONGEST_UDP {
        let answer = over_udp(server, &sent, deadline).await?;
        if !answer.truncation {
            return Ok(answer);
        }
    }
    over_tcp(server, &sent, deadline).await
}

async fn over_udp(
    server: SocketAddr,
    sent: &Sent<'_>,
    deadline: Instant,
) -> Result<Message, Fault> {
    let begun = Instant::now();
    let mut instead = None;
    let here: SocketAddr = match server {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0u16; 8], 0).into(),
    };
    let work = async {
        let socket = UdpSocket::bind(here).await?;
        socket.connect(server).await?;
        socket.send(&sent.bytes).await?;
        let mut buffer = vec![0; LONGEST];
        loop {
            let length = socket.recv(&mut buffer).await?;
            match read(&buffer[..length], sent) {
                Ok(answer) => return Ok(Ok(answer)),
                Err(NoAnswer::Bad(fault)) => return Ok(Err(fault)),
                Err(NoAnswer::Other(why)) => instead = Some(why),
            }
        }
    };
    match rt::timeout_at(deadline, work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Err(io_fault(&error)),
        Err(_) => Err(timed_out(begun, instead)),
    }
}

async fn over_tcp(
    server: SocketAddr,
    sent: &Sent<'_>,
    deadline: Instant,
) -> Result<Message, Fault> {
    let begun = Instant::now();
    let mut at = "the connection over TCP was not made";
    let work = async {
        let mut stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        at = "connected over TCP, then nothing came";
        let length = u16::try_from(sent.bytes.len()).map_err(io::Error::other)?;
        let framed = [&length.to_be_bytes()[..], &sent.bytes].concat();
        stream.write_all(&framed).await?;
        let length = stream.read_u16().await?;
        at = "over TCP, half an answer came";
        let mut buffer = vec![0; usize::from(length)];
        stream.read_exact(&mut buffer).await?;
        Ok(buffer)
    };
    match rt::timeout_at(deadline, work).await {
        Ok(Ok(buffer)) => match read(&buffer, sent) {
            Ok(answer) if answer.truncation => {
                Err(Fault::Garbled("it is cut off, and came over TCP".into()))
            }
            Ok(answer) => Ok(answer),
            Err(NoAnswer::Bad(fault)) => Err(fault),
            Err(NoAnswer::Other(why)) => Err(Fault::Garbled(why)),
        },
        Ok(Err(error)) => Err(io_fault(&error)),
        Err(_) => Err(timed_out(begun, Some(at.to_owned()))),
    }
}

fn io_fault(error: &io::Error) -> Fault {
    Fault::Io(match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            "it closed the connection before its answer was whole".into()
        }
        _ => error.to_string(),
    })
}

fn timed_out(begun: Instant, instead: Option<String>) -> Fault {
    let waited_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Fault::Timeout { waited_ms, instead }
}

/// Whether these bytes are the answer (RFC 5452, 9.1; RFC 8945, 5.3).
fn read(bytes: &[u8], sent: &Sent<'_>) -> Result<Message, NoAnswer> {
    let other = |why: &str| NoAnswer::Other(why.to_owned());
    let Ok(answer) = Message::from_vec(bytes) else {
        return Err(other("what came is no DNS message"));
    };
    if answer.id != sent.id
        || answer.message_type != MessageType::Response
        || answer.op_code != sent.op
    {
        return Err(other("what came answers another question"));
    }
    if let (Some(asked), Some(got)) = (&sent.asked, answer.queries.first())
        && (asked.name() != got.name() || asked.query_type() != got.query_type())
    {
        return Err(other("what came answers another question"));
    }
    // It may come unsigned, and says only that TCP is to be asked.
    if answer.truncation {
        return Ok(answer);
    }
    let Some((signer, mac, key)) = &sent.signed else {
        return Ok(answer);
    };
    let error = answer.signature.as_ref().and_then(|s| s.data.error);
    let (bad_key, bad_sig) = (TsigError::BadKey, TsigError::BadSig);
    // These two cannot be signed (RFC 8945, 5.2): they are believed, since all that follows is that nothing was done.
    match error {
        Some(e) if e == bad_key => return Err(NoAnswer::Bad(Fault::BadKey((*key).to_owned()))),
        Some(e) if e == bad_sig => return Err(NoAnswer::Bad(Fault::BadSig((*key).to_owned()))),
        Some(_) | None => {}
    }
    if answer.signature.is_none() {
        return match answer.response_code {
            ResponseCode::NoError => Err(NoAnswer::Bad(Fault::Unsigned)),
            _ => Ok(answer),
        };
    }
    match signer.verify_message_byte(bytes, Some(mac), true) {
        Err(_) => Err(other("what came is signed by somebody else")),
        Ok(_) if error == Some(TsigError::BadTime) => {
            let there = answer.signature.as_ref().map(|s| s.data.other.as_slice());
            let ahead = there.and_then(seconds).map(|there| there - sent.now as i64);
            Err(NoAnswer::Bad(Fault::BadTime(ahead)))
        }
        Ok((_, _, span)) if !span.contains(&sent.now) => Err(other("what came is signed long ago")),
        Ok(_) => Ok(answer),
    }
}

/// The server's clock in a BADTIME answer: 48 bits of seconds since 1970 (RFC 8945, 5.2.3).
fn seconds(other: &[u8]) -> Option<i64> {
    let six: [u8; 6] = other.try_into().ok()?;
    Some(six.iter().fold(0, |all, byte| all << 8 | i64::from(*byte)))
}
