//! One `OPTIONS` of RTSP 1.0 (RFC 2326, 10.1) as a client: what a streaming server answers at once, without a session and,
//! mostly, without a password.

use std::net::SocketAddrV4;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::rtmp::{Conversation, DialFault};
use crate::rt::{Instant, timeout_at};

/// Most bytes of an answer's head.
const LONGEST: usize = 8 * 1024;
const CSEQ: u32 = 1;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status code.
    pub status: u16,
    /// The reason phrase behind it.
    pub reason: String,
    /// The methods of its `Public` header.
    pub public: String,
    /// From the SYN to the end of its head.
    pub took: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RtspFault {
    /// There is no connection.
    #[error("{0}")]
    Dial(#[source] DialFault),
    /// No answer to our SYN.
    #[error("{addr} does not take the connection within {} ms", after.as_millis())]
    ConnectTimeout {
        /// Who was asked.
        addr: SocketAddrV4,
        /// The time it had.
        after: Duration,
    },
    /// The kernel took the connection, the server does not answer, or not to the end.
    #[error("{addr} takes the connection, and sends {got} bytes of an answer within {} ms: its server hangs", after.as_millis())]
    Hung {
        /// Who was asked.
        addr: SocketAddrV4,
        /// Bytes that came.
        got: usize,
        /// The time it had.
        after: Duration,
    },
    /// The connection ended before the answer did.
    #[error("{addr} closes the connection after {got} bytes of an answer")]
    ClosedEarly {
        /// Who was asked.
        addr: SocketAddrV4,
        /// Bytes that came.
        got: usize,
    },
    /// Something else listens there, or answers something else.
    #[error("{addr} answers with {said:?}: {why}")]
    NoRtsp {
        /// Who was asked.
        addr: SocketAddrV4,
        /// How the answer begins.
        said: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Sends `OPTIONS` for `path` over the connection that `dialled` brings, and reads the answer's head.
///
/// # Errors
/// [`RtspFault`], within `limit`. A status is no error.
pub async fn options<S: Conversation>(
    dialled: impl Future<Output = Result<S, DialFault>>,
    addr: SocketAddrV4,
    path: &str,
    limit: Duration,
) -> Result<Answer, RtspFault> {
    let begun = Instant::now();
    let deadline = begun + limit;
    let mut stream = match timeout_at(deadline, dialled).await {
        Err(_) => return Err(RtspFault::ConnectTimeout { addr, after: limit }),
        Ok(dialled) => dialled.map_err(RtspFault::Dial)?,
    };
    let ask = format!(
        "OPTIONS rtsp://{addr}{path} RTSP/1.0\r\nCSeq: {CSEQ}\r\nUser-Agent: standin/{}\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    let mut head = Vec::new();
    let talk = async {
        if stream.write_all(ask.as_bytes()).await.is_err() {
            return false;
        }
        let mut some = [0; 1024];
        while !is_whole(&head) && head.len() < LONGEST {
            match stream.read(&mut some).await {
                Ok(n @ 1..) => head.extend_from_slice(&some[..n]),
                Ok(_) | Err(_) => return false,
            }
            // What is no RTSP is not waited for.
            if !b"RTSP/".starts_with(&head[..head.len().min(5)]) {
                return true;
            }
        }
        true
    };
    let ended = timeout_at(deadline, talk).await;
    let got = head.len();
    match ended {
        Err(_) => Err(RtspFault::Hung {
            addr,
            got,
            after: limit,
        }),
        Ok(false) => Err(RtspFault::ClosedEarly { addr, got }),
        Ok(true) => parse(&head)
            .map(|answer| Answer {
                took: begun.elapsed(),
                ..answer
            })
            .map_err(|why| {
                let line = head
                    .split(|b| *b == b'\r' || *b == b'\n')
                    .next()
                    .unwrap_or_default();
                let said = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
                RtspFault::NoRtsp { addr, said, why }
            }),
    }
}

fn is_whole(head: &[u8]) -> bool {
    head.windows(4).any(|w| w == b"\r\n\r\n")
}

fn parse(head: &[u8]) -> Result<Answer, &'static str> {
    let text = String::from_utf8_lossy(head);
    if !text.starts_with("RTSP/") {
        return Err("that is no RTSP; something else listens on this port");
    }
    if !is_whole(head) {
        return Err("its head has no end");
    }
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().splitn(3, ' ');
    let (_, status) = (words.next(), words.next().unwrap_or_default());
    let status = status
        .parse::<u16>()
        .ok()
        .filter(|s| (100..1000).contains(s));
    let status = status.ok_or("its first line has no status")?;
    let reason = words.next().unwrap_or_default().to_owned();
    let headers = lines
        .take_while(|l| !l.is_empty())
        .filter_map(|l| l.split_once(':'));
    let headers: Vec<(String, &str)> = headers
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
        .collect();
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
    // RFC 2326, 12.17: the answer has the number of the request.
    if header("cseq").and_then(|n| n.parse::<u32>().ok()) != Some(CSEQ) {
        return Err("it is not the answer to our request (CSeq)");
    }
    let public = header("public").unwrap_or_default().to_owned();
    Ok(Answer {
        status,
        reason,
        public,
        took: Duration::ZERO,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let head = b"RTSP/1.0 200 OK\r\ncseq: 1\r\nPublic: OPTIONS, DESCRIBE\r\n\r\n";
        let answer = parse(head).unwrap();
        assert_eq!((answer.status, answer.reason.as_str()), (200, "OK"));
        assert_eq!(answer.public, "OPTIONS, DESCRIBE");
        for (bad, why) in [
            (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "no RTSP"),
            (b"RTSP/1.0 200 OK\r\nCSeq: 7\r\n\r\n", "CSeq"),
            (b"RTSP/1.0 200 OK\r\n\r\n", "CSeq"),
            (b"RTSP/1.0 fine\r\nCSeq: 1\r\n\r\n", "no status"),
            (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n", "no end"),
            (b"", "no RTSP"),
        ] {
            let said = parse(bad).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
