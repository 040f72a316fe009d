//! One request and its answer, with a deadline for each phase.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT,
};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use super::client::Client;
use super::error::{Fault, Phase, chain, tls_error, tls_fault};
use super::request::Rendered;
use super::template::LONGEST;
use super::url::Url;
use crate::rt::{self, Instant};

/// Most bytes of an answer's head.
const LONGEST_HEAD: usize = 64 * 1024;
/// Characters of an answer that an error shows.
const SHOWN: usize = 200;

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Response {
    /// How it begins, in one line that a terminal can show.
    pub fn begins(&self, client: &Client) -> String {
        // More than is shown: what is struck out must be whole.
        let head = &self.body[..self.body.len().min(64 * SHOWN)];
        let text = client.without_secrets(&String::from_utf8_lossy(head));
        let words: Vec<&str> = text.split_whitespace().collect();
        let line = words.join(" ");
        let plain: String = line.chars().filter(|c| !c.is_control()).collect();
        match plain.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}...", &plain[..end]),
            None => plain,
        }
    }

    pub(super) fn retry_after_s(&self) -> Option<u64> {
        self.headers
            .get(RETRY_AFTER)?
            .to_str()
            .ok()?
            .trim()
            .parse()
            .ok()
    }
}

/// Sends a request, once, and follows redirects as far as it is allowed; `more` are headers beside its own.
///
/// # Errors
/// How far it came, and why not further. A status is no error here.
pub async fn exchange(
    client: &Client,
    request: &Rendered,
    more: &[(HeaderName, HeaderValue)],
    deadline: Instant,
) -> Result<Response, Fault> {
    let mut now = request.clone();
    let mut left = client.redirects;
    loop {
        let is_known = now.url.has_origin_of(&request.url);
        let answer = once(client, &now, is_known, more, deadline).await?;
        if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) || client.redirects == 0 {
            return Ok(answer);
        }
        let Some(location) = answer.headers.get(LOCATION) else {
            return Ok(answer);
        };
        let to = String::from_utf8_lossy(location.as_bytes()).into_owned();
        let status = answer.status;
        let refuse = |why| Fault::Redirect {
            status,
            to: client.without_secrets(&to),
            why,
        };
        let url = now.url.joined(&to).map_err(|_| refuse("that is no URL"))?;
        if now.url.is_tls && !url.is_tls {
            return Err(refuse("it leads out of HTTPS"));
        }
        if left == 0 {
            return Err(refuse("it is one more than is allowed"));
        }
        left -= 1;
        let is_plain = matches!(now.method, Method::GET | Method::HEAD);
        match status {
            303 => {
                now.method = Method::GET;
                now.body = None;
            }
            307 | 308 => {}
            _ if is_plain => {}
            // What a client makes of it is left open (RFC 9110, 15.4.2), and half of them would lose the body.
            _ => {
                return Err(refuse(
                    "it does not say with which method; use the URL that it leads to",
                ));
            }
        }
        now.url = url;
    }
}

fn timeout(phase: Phase, begun: Instant) -> Fault {
    let after_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Fault::Timeout { phase, after_ms }
}

async fn once(
    client: &Client,
    request: &Rendered,
    shows: bool,
    more: &[(HeaderName, HeaderValue)],
    deadline: Instant,
) -> Result<Response, Fault> {
    let begun = Instant::now();
    let url = &request.url;
    let stream = connect(client, url, begun, deadline).await?;
    let message = message(client, request, shows, more)?;
    if !url.is_tls {
        return converse(stream, message, url, begun, deadline).await;
    }
    let config = client.tls.clone().map_err(Fault::Tls)?;
    let name = ServerName::try_from(url.host.clone());
    let name = name.map_err(|e| Fault::Unfit(format!("{}: {e}", url.host)))?;
    let handshake = TlsConnector::from(config).connect(name, stream);
    let stream = match rt::timeout_at(deadline, handshake).await {
        Err(_) => return Err(timeout(Phase::Handshake, begun)),
        Ok(Err(error)) => return Err(broken(Phase::Handshake, &error, url)),
        Ok(Ok(stream)) => stream,
    };
    converse(stream, message, url, begun, deadline).await
}

async fn connect(
    client: &Client,
    url: &Url,
    begun: Instant,
    deadline: Instant,
) -> Result<TcpStream, Fault> {
    let addresses: Vec<SocketAddr> = match (client.connect, url.host.parse::<IpAddr>()) {
        (Some(at), _) => vec![at],
        (None, Ok(ip)) => vec![(ip, url.port).into()],
        (None, Err(_)) => {
            let found = rt::timeout_at(deadline, lookup_host((url.host.as_str(), url.port))).await;
            let found = found.map_err(|_| timeout(Phase::Resolving, begun))?;
            found
                .map_err(|e| Fault::NoAddress(e.to_string()))?
                .collect()
        }
    };
    let mut last = Fault::NoAddress("it has no address".into());
    for (i, at) in addresses.iter().enumerate() {
        // The rest of the time is shared by those that are left.
        let left = deadline - Instant::now();
        let share = left / u32::try_from(addresses.len() - i).unwrap_or(1);
        match rt::timeout(share.max(Duration::from_millis(1)), TcpStream::connect(at)).await {
            Ok(Ok(stream)) => {
                // The head and the body go at once.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) if is_ours(&error) => last = Fault::Here(format!("{at}: {error}")),
            Ok(Err(error)) => last = Fault::Connect(format!("{at}: {error}")),
            Err(_) => last = timeout(Phase::Connecting, begun),
        }
    }
    Err(last)
}

/// What keeps us from asking is no fault of the server: no route, no address, no descriptor, a firewall of ours.
fn is_ours(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ENETUNREACH
                | libc::ENETDOWN
                | libc::EADDRNOTAVAIL
                | libc::EACCES
                | libc::EPERM
                | libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
        )
    )
}

fn message(
    client: &Client,
    request: &Rendered,
    shows: bool,
    more: &[(HeaderName, HeaderValue)],
) -> Result<hyper::Request<Full<Bytes>>, Fault> {
    let unfit = |e: hyper::http::Error| Fault::Unfit(e.to_string());
    let body = Bytes::from(request.body.clone().unwrap_or_default());
    let mut message = hyper::Request::builder()
        .method(request.method.clone())
        .uri(request.url.path.as_str())
        .body(Full::new(body))
        .map_err(unfit)?;
    let headers = message.headers_mut();
    let host = HeaderValue::from_str(&request.url.authority());
    headers.insert(HOST, host.map_err(|e| Fault::Unfit(e.to_string()))?);
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("standin/", env!("CARGO_PKG_VERSION"))),
    );
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in request.headers.iter().chain(more) {
        headers.append(name.clone(), value.clone());
    }
    if let Some((name, value)) = client.authorization.as_ref().filter(|_| shows) {
        headers.insert(name.clone(), value.clone());
    }
    Ok(message)
}

fn broken(phase: Phase, error: &(dyn std::error::Error + 'static), url: &Url) -> Fault {
    if let Some(tls) = tls_error(error) {
        return tls_fault(tls, &url.host);
    }
    Fault::Broken {
        phase,
        why: chain(error),
    }
}

async fn converse<S>(
    stream: S,
    message: hyper::Request<Full<Bytes>>,
    url: &Url,
    begun: Instant,
    deadline: Instant,
) -> Result<Response, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = http1::Builder::new()
        .max_buf_size(LONGEST_HEAD)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake
        .await
        .map_err(|e| broken(Phase::Waiting, &e, url))?;
    let talk = async {
        let answer = rt::timeout_at(deadline, sender.send_request(message)).await;
        let answer = answer.map_err(|_| timeout(Phase::Waiting, begun))?;
        let answer = answer.map_err(|e| broken(Phase::Waiting, &e, url))?;
        let (head, mut body) = answer.into_parts();
        let mut bytes = Vec::new();
        loop {
            let frame = rt::timeout_at(deadline, body.frame()).await;
            let frame = frame.map_err(|_| timeout(Phase::Reading, begun))?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|e| broken(Phase::Reading, &e, url))?;
            if let Some(data) = frame.data_ref() {
                if bytes.len() + data.len() > LONGEST {
                    return Err(Fault::TooLong(LONGEST));
                }
                bytes.extend_from_slice(data);
            }
        }
        Ok(Response {
            status: StatusCode::as_u16(&head.status),
            headers: head.headers,
            body: bytes,
        })
    };
    // The connection's own end comes as an error of the request; nothing is left running behind.
    match select(pin!(talk), pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((ended, talk)) => match (talk.await, ended) {
            (Err(Fault::Broken { phase, .. }), Err(error)) => Err(broken(phase, &error, url)),
            (answer, _) => answer,
        },
    }
}
