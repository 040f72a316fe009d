//! The conversation with a mail server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::endpoint::http::{Trust, chain, tls_error, tls_fault, tls_of};
use crate::rt::{self, Instant};

/// Most bytes of one reply.
const LONGEST_REPLY: usize = 64 * 1024;
/// The end of a conversation is waited for so long: the mail was taken already.
const QUIT_WITHIN: Duration = Duration::from_millis(500);

/// How the connection is kept private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    None,
    /// Turned on in the conversation, before anything of us is said.
    StartTls,
    /// From the first byte.
    Tls,
}

/// A mail server and how we come to it.
#[derive(Clone)]
pub struct Server {
    /// Its name: that of its certificate.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Connect there, whatever the name is in DNS.
    pub connect: Option<std::net::SocketAddr>,
    /// How the connection is kept private.
    pub security: Security,
    /// Whose certificates are believed.
    pub trust: Trust,
    /// User and password.
    pub login: Option<(String, SecretString)>,
    /// What we call ourselves.
    pub hello: String,
}

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In words, with what to do.
    pub why: String,
    /// It is about this mail: the server refuses what stands in it.
    pub of_this: bool,
}

impl From<String> for Fault {
    fn from(why: String) -> Fault {
        Fault {
            why,
            of_this: false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Server {
    /// TLS as it is used here.
    ///
    /// # Errors
    /// There is nobody whom we trust.
    pub fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        tls_of(&self.trust)
    }
}

/// Hands a mail over; what the server said at last, and which recipients it refused.
///
/// # Errors
/// No recipient gets it.
pub async fn hand_over(
    server: &Server,
    (from, to): (&str, &[String]),
    mail: &str,
    within: Duration,
) -> Result<String, Fault> {
    let begun = Instant::now();
    let name = format!("{}:{}", server.host, server.port);
    let mut at = "connecting";
    let handed = rt::timeout(within, converse(server, (from, to), mail, &mut at)).await;
    let handed = handed.unwrap_or_else(|_| {
        let ms = begun.elapsed().as_millis();
        Err(format!("no answer after {ms} ms ({at}); see the mail server's load and log").into())
    });
    handed.map_err(|fault| Fault {
        why: format!("{name}: {fault}"),
        ..fault
    })
}

async fn converse(
    server: &Server,
    envelope: (&str, &[String]),
    mail: &str,
    at: &mut &'static str,
) -> Result<String, Fault> {
    let address = match server.connect {
        Some(address) => address.to_string(),
        None => crate::endpoint::resolve::first(&server.host, server.port).await?,
    };
    let stream = TcpStream::connect(&address).await.map_err(|e| {
        format!("cannot connect to {address}: {e}; does the mail server run, and is there a route?")
    })?;
    match server.security {
        Security::Tls => {
            *at = "TLS";
            let mut talk = Talk::new(shake(server, stream).await?, at);
            talk.reply("220", "its greeting").await?;
            let can = talk.hello(&server.hello).await?;
            talk.mail(server, &can, envelope, mail).await
        }
        Security::None => {
            let mut talk = Talk::new(stream, at);
            talk.reply("220", "its greeting").await?;
            let can = talk.hello(&server.hello).await?;
            talk.mail(server, &can, envelope, mail).await
        }
        Security::StartTls => {
            let mut talk = Talk::new(stream, at);
            talk.reply("220", "its greeting").await?;
            let can = talk.hello(&server.hello).await?;
            if !can.iter().any(|c| c.eq_ignore_ascii_case("STARTTLS")) {
                return Err("it offers no STARTTLS; `security = \"tls\"` (port 465), or \"none\" where the way is private".to_owned().into());
            }
            talk.ask("STARTTLS", "220").await?;
            if !talk.heard.is_empty() {
                return Err(
                    "it went on talking before TLS began: somebody is in between"
                        .to_owned()
                        .into(),
                );
            }
            let stream = shake(server, talk.stream).await?;
            let mut talk = Talk::new(stream, at);
            let can = talk.hello(&server.hello).await?;
            talk.mail(server, &can, envelope, mail).await
        }
    }
}

async fn shake(
    server: &Server,
    stream: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Fault> {
    let name = ServerName::try_from(server.host.clone());
    let name = name.map_err(|e| format!("{}: {e}", server.host))?;
    let shaken = TlsConnector::from(server.tls()?).connect(name, stream);
    shaken.await.map_err(|e| match tls_error(&e) {
        Some(tls) => tls_fault(tls, &server.host).to_string().into(),
        None => format!("the connection broke in the TLS handshake: {}", chain(&e)).into(),
    })
}

struct Talk<'a, S> {
    stream: S,
    heard: Vec<u8>,
    at: &'a mut &'static str,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Talk<'a, S> {
    fn new(stream: S, at: &'a mut &'static str) -> Self {
        *at = "waiting for its greeting";
        Talk {
            stream,
            heard: Vec::new(),
            at,
        }
    }

    /// One line without its end.
    async fn line(&mut self) -> Result<String, Fault> {
        loop {
            if let Some(end) = self.heard.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
            }
            if self.heard.len() > LONGEST_REPLY {
                return Err("its reply does not end: is it a mail server?"
                    .to_owned()
                    .into());
            }
            let mut some = [0; 2048];
            let n = self.stream.read(&mut some).await;
            let n = n.map_err(|e| format!("the connection broke: {}", chain(&e)))?;
            if n == 0 {
                let begins = String::from_utf8_lossy(&self.heard).into_owned();
                return Err(match begins.trim() {
                    "" => "it ended the connection without a word".to_owned(),
                    begins => format!(
                        "it ended the connection in the middle of `{}`",
                        shown(begins)
                    ),
                }
                .into());
            }
            self.heard.extend_from_slice(&some[..n]);
        }
    }

    /// A whole reply whose code is `wanted`: the words of its lines (RFC 5321, 4.2).
    async fn reply(&mut self, wanted: &str, to: &str) -> Result<Vec<String>, Fault> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            let (code, rest) = line.split_at_checked(3).unwrap_or((&line, ""));
            if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_digit()) {
                return Err(format!("`{}` is no reply of a mail server", shown(&line)).into());
            }
            lines.push(rest.get(1..).unwrap_or_default().trim().to_owned());
            if rest.starts_with('-') && lines.len() < 100 {
                continue;
            }
            if code == wanted {
                return Ok(lines);
            }
            let said = shown(&lines.join(" "));
            let help = match code {
                "530" | "534" | "535" => "; are user and password right?",
                "421" | "450" | "451" | "452" => "; it says: later",
                _ => "",
            };
            return Err(format!("to {to} it says {code} {said}{help}").into());
        }
    }

    async fn say(&mut self, bytes: &str) -> Result<(), Fault> {
        let sent = async {
            self.stream.write_all(bytes.as_bytes()).await?;
            self.stream.flush().await
        };
        sent.await
            .map_err(|e| format!("the connection broke: {}", chain(&e)).into())
    }

    async fn ask(&mut self, line: &str, wanted: &str) -> Result<Vec<String>, Fault> {
        self.say(&format!("{line}\r\n")).await?;
        let verb = line.split(' ').next().unwrap_or_default().to_owned();
        self.reply(wanted, &verb).await
    }

    /// What the server can do.
    async fn hello(&mut self, name: &str) -> Result<Vec<String>, Fault> {
        *self.at = "greeting it";
        let lines = self.ask(&format!("EHLO {name}"), "250").await?;
        Ok(lines.into_iter().skip(1).collect())
    }

    async fn log_in(
        &mut self,
        can: &[String],
        user: &str,
        password: &SecretString,
    ) -> Result<(), Fault> {
        *self.at = "logging in";
        let offers = can.iter().find_map(|c| {
            let (verb, ways) = c.split_once(' ')?;
            verb.eq_ignore_ascii_case("AUTH")
                .then(|| ways.to_uppercase())
        });
        let offers = offers.ok_or_else(|| {
            "it takes no password on this connection; is `security` right, or leave `user` out"
                .to_owned()
        })?;
        let ways: Vec<&str> = offers.split(' ').collect();
        let secret = password.expose_secret();
        if ways.contains(&"PLAIN") {
            let both = BASE64.encode(format!("\0{user}\0{secret}").as_bytes());
            self.say(&format!("AUTH PLAIN {both}\r\n")).await?;
        } else if ways.contains(&"LOGIN") {
            self.ask("AUTH LOGIN", "334").await?;
            self.say(&format!("{}\r\n", BASE64.encode(user.as_bytes())))
                .await?;
            self.reply("334", "AUTH").await?;
            self.say(&format!("{}\r\n", BASE64.encode(secret.as_bytes())))
                .await?;
        } else {
            return Err(
                format!("it takes passwords only by {offers}; PLAIN or LOGIN is needed").into(),
            );
        }
        self.reply("235", "AUTH").await.map(|_| ())
    }

    async fn mail(
        &mut self,
        server: &Server,
        can: &[String],
        (from, to): (&str, &[String]),
        mail: &str,
    ) -> Result<String, Fault> {
        if let Some((user, password)) = &server.login {
            self.log_in(can, user, password).await?;
        }
        *self.at = "handing the mail over";
        self.ask(&format!("MAIL FROM:<{from}>"), "250").await?;
        let mut refused = Vec::new();
        for one in to {
            if let Err(fault) = self.ask(&format!("RCPT TO:<{one}>"), "250").await {
                refused.push(format!("{one}: {fault}"));
            }
        }
        if refused.len() == to.len() {
            return Err(refused.join("; ").into());
        }
        self.ask("DATA", "354").await?;
        self.say(&stuffed(mail)).await?;
        let taken = self.reply("250", "the mail").await;
        let taken = taken.map_err(|fault| Fault {
            // What is to be tried later begins with 4.
            of_this: fault.why.starts_with("to the mail it says 5"),
            ..fault
        })?;
        let _ = rt::timeout(QUIT_WITHIN, self.ask("QUIT", "221")).await;
        Ok(match refused.is_empty() {
            true => format!("it says: {}", shown(&taken.join(" "))),
            false => format!("taken, but not for {}", refused.join("; ")),
        })
    }
}

/// With its end; a line that begins with a full stop gets another (RFC 5321, 4.5.2).
fn stuffed(mail: &str) -> String {
    let mut out = String::new();
    for line in mail.split_inclusive("\r\n") {
        if line.starts_with('.') {
            out.push('.');
        }
        out.push_str(line);
    }
    if !out.ends_with("\r\n") {
        out.push_str("\r\n");
    }
    out.push_str(".\r\n");
    out
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_stop_at_the_beginning_of_a_line_ends_no_mail() {
        assert_eq!(stuffed("a\r\n.\r\n..b\r\n"), "a\r\n..\r\n...b\r\n.\r\n");
    }
}
