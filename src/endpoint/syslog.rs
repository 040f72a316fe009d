//! One syslog message (RFC 5424), over UDP (RFC 5426) or TCP with octet counting (RFC 6587, 3.4.1).

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::rt::{self, Instant};

/// Whoever is not there may say so by ICMP; that is waited for so long.
const REFUSED_WITHIN: Duration = Duration::from_millis(50);
/// A receiver that took everything ends the connection; one that does not is not waited for longer.
const ENDED_WITHIN: Duration = Duration::from_millis(500);
/// Longest MSGID (RFC 5424, 6).
const LONGEST_ID: usize = 32;

/// How it is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// One datagram each: nobody says whether it was taken.
    Udp,
    /// A connection each.
    Tcp,
}

/// A message before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Facility, 0 to 23 (RFC 5424, table 1).
    pub facility: u8,
    /// Severity, 0 (emergency) to 7 (debug).
    pub severity: u8,
    /// RFC 3339.
    pub time: &'a str,
    /// Who sends.
    pub host: &'a str,
    /// What kind of message it is.
    pub id: &'a str,
    /// Structured data: its element's name, names and values.
    pub data: (&'a str, &'a [(&'a str, String)]),
    /// In words.
    pub text: &'a str,
}

impl Message<'_> {
    /// As it is sent, without its frame. Line ends become spaces.
    pub fn render(&self) -> String {
        let priority = u32::from(self.facility) * 8 + u32::from(self.severity.min(7));
        let (element, values) = self.data;
        let values: String = values
            .iter()
            .map(|(name, value)| format!(" {name}=\"{}\"", escaped(value)))
            .collect();
        // The BOM says that the text is UTF-8 (RFC 5424, 6.4).
        format!(
            "<{priority}>1 {} {} standin - {} [{element}{values}] \u{feff}{}",
            self.time,
            plain(self.host, 255),
            plain(self.id, LONGEST_ID),
            one_line(self.text)
        )
    }
}

/// PRINTUSASCII, and `-` for nothing.
fn plain(text: &str, longest: usize) -> String {
    let fits = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    let text: String = text.chars().take(longest).map(fits).collect();
    match text.is_empty() {
        true => "-".to_owned(),
        false => text,
    }
}

fn one_line(text: &str) -> String {
    let space = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(space).collect()
}

/// PARAM-VALUE (RFC 5424, 6.3.3).
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in one_line(text).chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Sends one message.
///
/// # Errors
/// It was not taken, as far as that can be known.
pub async fn send(
    carrier: Carrier,
    (host, port): (&str, u16),
    message: &str,
    within: Duration,
) -> Result<(), String> {
    let begun = Instant::now();
    let sent = rt::timeout(within, async {
        match carrier {
            Carrier::Udp => by_udp(host, port, message).await,
            Carrier::Tcp => by_tcp(host, port, message).await,
        }
    });
    let late = |_| Err(format!("no end after {} ms", begun.elapsed().as_millis()));
    let sent = sent.await.unwrap_or_else(late);
    sent.map_err(|why| {
        format!("{host}:{port}: {why}; does the syslog server run, and is there a route?")
    })
}

async fn by_udp(host: &str, port: u16, message: &str) -> Result<(), String> {
    let to = super::resolve::first(host, port).await?;
    let any = if to.starts_with('[') {
        "[::]:0"
    } else {
        "0.0.0.0:0"
    };
    let words = |e: std::io::Error| e.to_string();
    let socket = UdpSocket::bind(any).await.map_err(words)?;
    socket.connect(&to).await.map_err(words)?;
    socket.send(message.as_bytes()).await.map_err(words)?;
    match rt::timeout(REFUSED_WITHIN, socket.recv(&mut [0; 16])).await {
        Ok(Err(e)) => Err(e.to_string()),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

async fn by_tcp(host: &str, port: u16, message: &str) -> Result<(), String> {
    let words = |e: std::io::Error| e.to_string();
    let mut stream = TcpStream::connect((host, port)).await.map_err(words)?;
    let frame = format!("{} {message}", message.len());
    stream.write_all(frame.as_bytes()).await.map_err(words)?;
    stream.shutdown().await.map_err(words)?;
    let mut rest = [0; 64];
    let ended = async {
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    };
    match rt::timeout(ENDED_WITHIN, ended).await {
        Ok(Err(e)) => Err(words(e)),
        Ok(Ok(())) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_written_as_the_rfc_has_it() {
        let data = [("key", "a \"b\" \\ ]\n".to_owned())];
        let message = Message {
            facility: 4,
            severity: 2,
            time: "2026-11-28T03:00:00Z",
            host: "spare 1",
            id: "",
            data: ("standin@32473", &data),
            text: "the\nKamera \u{fc}ber",
        };
        assert_eq!(
            message.render(),
            "<34>1 2026-11-28T03:00:00Z spare_1 standin - - [standin@32473 key=\"a \\\"b\\\" \\\\ \\] \"] \u{feff}the Kamera \u{fc}ber"
        );
    }
}
