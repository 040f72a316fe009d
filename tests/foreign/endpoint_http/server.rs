//! A server with something to tell and to read back, which misbehaves on demand.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::endpoint_support::place;

/// What it does; to what changes something only where it says so, and the first so many times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    None,
    /// It takes the connection and nothing more.
    Hangs,
    /// It reads, does nothing, and says nothing.
    Silent(u32),
    /// It closes before it has done anything.
    Drops(u32),
    /// It has done it; the answer is lost.
    LosesReply(u32),
    /// It has done it, and says so after so long.
    Late(Duration),
    /// A byte of the answer now and then, without an end.
    Drips,
    /// It ends in the middle of the answer's head.
    HalfHead(u32),
    /// It ends in the middle of the answer's body.
    HalfBody(u32),
    /// It speaks something else.
    NoHttp,
    /// It has not done it, and answers so.
    Status(u32, u16),
    /// It has done it, and answers so.
    DoneButStatus(u32, u16),
    /// An answer without an end.
    HugeBody,
    /// A head without an end.
    HugeHead,
    /// It says that it has done it.
    Lies,
    /// It does it a little later than it says.
    ShowsLate(Duration),
    /// What is read back is a page for people.
    Page,
    /// It sends us elsewhere.
    Redirect(u16),
    /// It wants a token, and says which one it got.
    Echoes,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.as_str())
    }

    pub fn changes(&self) -> bool {
        !self.line.starts_with("GET")
    }
}

#[derive(Clone)]
pub struct Server {
    pub at: SocketAddr,
    fault: Fault,
    state: Arc<Mutex<Value>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub async fn start(fault: Fault) -> Server {
        let at = place();
        let server = Server {
            at,
            fault,
            state: Arc::new(Mutex::new(
                json!({"live": {"url": "rtmp://10.0.0.11/live", "epoch": 6}}),
            )),
            asked: Arc::default(),
        };
        let listener = TcpListener::bind(at).await.unwrap();
        let here = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let here = here.clone();
                tokio::spawn(async move { here.serve(stream).await });
            }
        });
        server
    }

    /// What it holds.
    pub fn holds(&self) -> String {
        let state = self.state.lock().unwrap();
        state["live"]["url"].as_str().unwrap_or_default().to_owned()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Those that were to change something.
    pub fn told(&self) -> Vec<Asked> {
        let mut all = self.asked();
        all.retain(Asked::changes);
        all
    }

    fn does(&self, asked: &Asked) {
        if let Ok(new) = serde_json::from_str::<Value>(&asked.body) {
            self.state.lock().unwrap()["live"] = new;
        }
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        if self.fault == Fault::Hangs {
            return std::future::pending().await;
        }
        let asked = read(&mut stream).await?;
        self.asked.lock().unwrap().push(asked.clone());
        let body = match asked.changes() {
            true => {
                let nth = u32::try_from(self.told().len()).unwrap();
                self.told_of(&asked, nth, &mut stream).await?
            }
            false => match self.fault {
                Fault::Page => return answer(&mut stream, 200, "<html>welcome</html>").await,
                Fault::Redirect(_) if asked.line.contains("/elsewhere") => "{}".into(),
                _ => self.state.lock().unwrap().to_string(),
            },
        };
        answer(&mut stream, 200, &body).await
    }

    /// `None`: it was answered already, or never is.
    async fn told_of(&self, asked: &Asked, nth: u32, stream: &mut TcpStream) -> Option<String> {
        let fine = Some("{\"ok\": true}".to_owned());
        match self.fault {
            Fault::Silent(n) if nth <= n => return std::future::pending().await,
            Fault::Drops(n) if nth <= n => return None,
            Fault::LosesReply(n) if nth <= n => {
                self.does(asked);
                return None;
            }
            Fault::Late(by) => {
                self.does(asked);
                tokio::time::sleep(by).await;
                return fine;
            }
            Fault::Drips => loop {
                stream.write_all(b"H").await.ok()?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            },
            Fault::HalfHead(n) if nth <= n => {
                self.does(asked);
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Le")
                    .await
                    .ok()?;
                return None;
            }
            Fault::HalfBody(n) if nth <= n => {
                self.does(asked);
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"ok\"";
                stream.write_all(head).await.ok()?;
                return None;
            }
            Fault::NoHttp => {
                stream
                    .write_all(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n")
                    .await
                    .ok()?;
                return None;
            }
            Fault::Status(n, status) if nth <= n => {
                answer(stream, status, "not now").await;
                return None;
            }
            Fault::DoneButStatus(n, status) if nth <= n => {
                self.does(asked);
                answer(stream, status, "something broke").await;
                return None;
            }
            Fault::HugeBody => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
                loop {
                    stream.write_all(&[b'x'; 65_536]).await.ok()?;
                }
            }
            Fault::HugeHead => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n").await.ok()?;
                loop {
                    stream
                        .write_all(b"X-More: and more and more and more\r\n")
                        .await
                        .ok()?;
                }
            }
            Fault::Lies => return fine,
            Fault::ShowsLate(by) => {
                let (here, asked) = (self.clone(), asked.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(by).await;
                    here.does(&asked);
                });
                return fine;
            }
            Fault::Redirect(status) if !asked.line.contains("/elsewhere") => {
                let head = format!(
                    "HTTP/1.1 {status} Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await.ok()?;
                return None;
            }
            Fault::Echoes => {
                let got = asked.header("authorization").unwrap_or("nothing");
                answer(stream, 401, &format!("{got} is wrong\u{1b}[31m")).await;
                return None;
            }
            _ => {}
        }
        self.does(asked);
        fine
    }
}

async fn answer(stream: &mut TcpStream, status: u16, body: &str) -> Option<()> {
    let head = format!(
        "HTTP/1.1 {status} So\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body.as_bytes()).await.ok()
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|l| l.split_once(": "))
        .map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned()))
        .collect();
    let mut body = bytes[end + 4..].to_vec();
    let length = headers.iter().find(|(n, _)| n == "content-length");
    let length: usize = length.map_or(0, |(_, v)| v.parse().unwrap());
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Asked {
        line,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}
