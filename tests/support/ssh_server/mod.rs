//! The SSH that the tests' switches speak, in the test's own process, on loopback: a port with a key, who is let in,
//! and what goes to and fro between a session and its client. What is behind the prompt is each switch's own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{
    self, Auth, ChannelOpenHandle, Config, Handle, Msg, Response, Session, run_stream,
};
use russh::{Channel, ChannelId, Disconnect, MethodKind, MethodSet, Preferred, Pty};
use secrecy::SecretString;
use standin::switch::ssh::SshTarget;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Where a switch is reached, and the key it shows there.
pub struct Host {
    pub address: SocketAddr,
    key: PrivateKey,
    folder: tempfile::TempDir,
}

impl Host {
    /// A host whose key is known, the listener that its sessions come from, and how they are spoken with.
    pub async fn start(
        methods: &[MethodKind],
        preferred: Preferred,
    ) -> (Host, TcpListener, Arc<Config>) {
        let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap();
        let config = Arc::new(Config {
            methods: MethodSet::from(methods),
            auth_rejection_time: Duration::from_millis(5),
            auth_rejection_time_initial: Some(Duration::ZERO),
            keys: vec![key.clone()],
            preferred,
            nodelay: true,
            ..Config::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = Host {
            address: listener.local_addr().unwrap(),
            key,
            folder: tempfile::tempdir().unwrap(),
        };
        host.know(&host.key);
        (host, listener, config)
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }

    /// Makes this the only key that is known of it.
    pub fn know(&self, key: &PrivateKey) {
        let text = key.public_key().to_openssh().unwrap();
        let port = self.address.port();
        std::fs::write(self.known_hosts(), format!("[127.0.0.1]:{port} {text}\n")).unwrap();
    }

    pub fn target(&self, password: &str, enable: &str) -> SshTarget {
        let mut target = SshTarget::new("core", self.address, "ops", self.known_hosts());
        target.password = Some(SecretString::from(password));
        target.enable = Some(SecretString::from(enable));
        target.timeout = Duration::from_secs(3);
        target
    }
}

/// What a session sends, in order.
pub enum Out {
    Text(String),
    Pause(Duration),
    Drop,
    /// Nothing more gets through.
    Mute,
}

/// Where a session prints.
#[derive(Clone)]
pub struct Screen(UnboundedSender<Out>);

impl Screen {
    pub fn put(&self, out: Out) {
        // The other end may be gone.
        let _ = self.0.send(out);
    }
}

/// What is behind a session.
pub trait Shell: Send + 'static {
    /// Whether it has keyboard-interactive authentication, in which it asks for the password by itself.
    fn asks(&self) -> bool;

    fn lets_in(&mut self, method: MethodKind, user: &str, password: &[u8]) -> bool;

    /// The client has asked for a shell, which prints here.
    fn open(&mut self, screen: Screen);

    fn key(&mut self, byte: u8);
}

/// Speaks with a client until it or the shell ends the session.
pub async fn serve(config: Arc<Config>, stream: TcpStream, shell: impl Shell) {
    if let Ok(session) = run_stream(config, stream, Peer(shell)).await {
        // How a session ends is what the client sees of it.
        let _ = session.await;
    }
}

async fn send(mut receiver: UnboundedReceiver<Out>, id: ChannelId, to: Handle) {
    while let Some(out) = receiver.recv().await {
        match out {
            Out::Text(text) => {
                if to.data(id, text.into_bytes()).await.is_err() {
                    return;
                }
            }
            Out::Pause(time) => tokio::time::sleep(time).await,
            Out::Mute => return,
            Out::Drop => {
                let _ = to
                    .disconnect(Disconnect::ConnectionLost, String::new(), String::new())
                    .await;
                return;
            }
        }
    }
}

struct Peer<S>(S);

impl<S: Shell> Peer<S> {
    fn auth(&mut self, method: MethodKind, user: &str, password: &[u8]) -> Auth {
        if self.0.lets_in(method, user, password) {
            Auth::Accept
        } else {
            Auth::reject()
        }
    }
}

impl<S: Shell> server::Handler for Peer<S> {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        Ok(self.auth(MethodKind::None, user, b""))
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(self.auth(MethodKind::Password, user, password.as_bytes()))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        if !self.0.asks() {
            return Ok(Auth::reject());
        }
        Ok(match response.and_then(|mut r| r.next()) {
            None => Auth::Partial {
                name: "".into(),
                instructions: "".into(),
                prompts: vec![("Password: ".into(), false)].into(),
            },
            Some(answer) => self.auth(MethodKind::KeyboardInteractive, user, &answer),
        })
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        columns: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        assert_eq!(columns, 511);
        session.channel_success(channel)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)?;
        let (sender, receiver) = unbounded_channel();
        tokio::spawn(send(receiver, channel, session.handle()));
        self.0.open(Screen(sender));
        Ok(())
    }

    async fn data(
        &mut self,
        _: ChannelId,
        data: &[u8],
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        for byte in data {
            self.0.key(*byte);
        }
        Ok(())
    }
}
