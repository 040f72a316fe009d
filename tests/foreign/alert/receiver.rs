//! A server of HTTP that keeps what it is told, and misbehaves on demand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How it answers.
#[derive(Clone, Copy)]
pub enum Answer {
    Status(u16),
    /// Bytes that are no HTTP.
    Garbage,
    /// Takes the connection and never answers.
    Hangs,
    /// Ends the connection when it has heard everything.
    Drops,
}

#[derive(Clone, Debug)]
pub struct Told {
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

pub struct Receiver {
    pub at: SocketAddr,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Receiver {
    pub async fn start(answer: Answer) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let told: Arc<Mutex<Vec<Told>>> = Arc::default();
        let heard = told.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer, heard.clone()));
            }
        });
        Receiver { at, told }
    }

    pub fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, told: Arc<Mutex<Vec<Told>>>) {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut some = [0; 4096];
        let Ok(n @ 1..) = stream.read(&mut some).await else {
            return;
        };
        bytes.extend_from_slice(&some[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            let head = text[..end].to_owned();
            let length = head.to_lowercase();
            let length = length.split("content-length: ").nth(1);
            let length = length.and_then(|l| l.lines().next()?.parse::<usize>().ok());
            break (head, end + 4 + length.unwrap_or(0));
        }
    };
    while bytes.len() < length {
        let mut some = [0; 4096];
        let Ok(n @ 1..) = stream.read(&mut some).await else {
            return;
        };
        bytes.extend_from_slice(&some[..n]);
    }
    let mut lines = head.lines();
    let line = lines.next().unwrap_or_default().to_owned();
    let headers = lines.filter_map(|l| l.split_once(": "));
    let headers = headers
        .map(|(n, v)| (n.to_lowercase(), v.to_owned()))
        .collect();
    let body = String::from_utf8_lossy(&bytes[head.len() + 4..]).into_owned();
    told.lock().unwrap().push(Told {
        line,
        headers,
        body,
    });
    let said = match answer {
        Answer::Status(status) => {
            format!("HTTP/1.1 {status} So\r\nContent-Length: 5\r\n\r\nsaid\n")
        }
        Answer::Garbage => "\u{1}\u{2}this is no HTTP\r\n\r\n".to_owned(),
        Answer::Hangs => return std::future::pending().await,
        Answer::Drops => return,
    };
    let _ = stream.write_all(said.as_bytes()).await;
}
