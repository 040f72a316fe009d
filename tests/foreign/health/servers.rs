//! A server of loopback that says a fixed thing in a fixed way, whatever it is asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it does with a connection.
#[derive(Clone, Debug)]
pub enum Does {
    /// It says this and closes when the client does.
    Says(Vec<u8>),
    /// It says this once it has been asked something.
    Answers(Vec<u8>),
    /// It takes the connection and nothing more.
    Hangs,
    /// A byte of this every tenth of a second.
    Drips(Vec<u8>),
    /// It is asked, says this and closes.
    Closes(Vec<u8>),
    /// It is asked, and resets the connection.
    Resets,
}

/// How many are connected now, and were at the most.
#[derive(Default)]
pub struct Seen {
    now: AtomicUsize,
    pub most: AtomicUsize,
    pub all: AtomicUsize,
}

pub struct Server {
    pub at: SocketAddr,
    pub seen: Arc<Seen>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub async fn start(does: Does) -> Server {
        Server::at("127.0.0.1:0".parse().unwrap(), does).await
    }

    pub async fn at(at: SocketAddr, does: Does) -> Server {
        let listener = TcpListener::bind(at).await.unwrap();
        let at = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let theirs = seen.clone();
        let task = tokio::spawn(async move {
            let mut all = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (does, seen) = (does.clone(), theirs.clone());
                all.spawn(async move {
                    let now = seen.now.fetch_add(1, Ordering::SeqCst) + 1;
                    seen.most.fetch_max(now, Ordering::SeqCst);
                    seen.all.fetch_add(1, Ordering::SeqCst);
                    serve(stream, does).await;
                    seen.now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Server { at, seen, task }
    }
}

async fn serve(mut stream: TcpStream, does: Does) -> Option<()> {
    let mut some = [0; 4096];
    match does {
        Does::Says(words) => {
            stream.write_all(&words).await.ok()?;
            while stream.read(&mut some).await.ok()? > 0 {}
        }
        Does::Answers(words) => {
            asked(&mut stream).await?;
            stream.write_all(&words).await.ok()?;
            while stream.read(&mut some).await.ok()? > 0 {}
        }
        // What is sent is not read; that the client is gone ends it.
        Does::Hangs => {
            while stream.peek(&mut some).await.ok()? > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Does::Drips(words) => {
            for byte in words {
                stream.write_all(&[byte]).await.ok()?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Does::Closes(words) => {
            asked(&mut stream).await?;
            stream.write_all(&words).await.ok()?;
        }
        Does::Resets => {
            asked(&mut stream).await?;
            let socket = socket_reset(stream);
            drop(socket);
        }
    }
    Some(())
}

/// Something of a request has come.
async fn asked(stream: &mut TcpStream) -> Option<()> {
    let got = stream.read(&mut [0; 4096]).await.ok()?;
    (got > 0).then_some(())
}

/// Closed without lingering it is reset.
fn socket_reset(stream: TcpStream) -> TcpStream {
    #[allow(deprecated, reason = "the time is zero: nothing blocks")]
    stream.set_linger(Some(Duration::ZERO)).unwrap();
    stream
}

/// A port of loopback at which nobody listens.
pub fn nobody() -> SocketAddr {
    crate::endpoint_support::place()
}
