//! A switch in the test's own process, on loopback, that misbehaves as it is told.

pub mod bridge;
mod handler;
pub mod proxies;
mod state;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_snmp::agent::Agent;
use async_snmp::v3::{AuthoritativeEngine, PersistedAuthoritativeEngine};
use async_snmp::{AuthProtocol, Oid, PrivProtocol, Value, oid};
use secrecy::SecretString;
use standin::switch::{AuthAlgorithm, Credentials, PrivAlgorithm, Profile, Switch, SwitchTarget};
use standin::types::MacAddr;

use bridge::Bridge;
use handler::Handler;
pub use proxies::{Packet, proxy};
pub use state::{Moment, Port, State};

pub const COMMUNITY: &str = "SENTINEL-community";
pub const AUTH: &str = "SENTINEL-auth-password";
pub const PRIVACY: &str = "SENTINEL-priv-password";
const ENGINE: &[u8] = b"\x80\x00\x00\x00\x05standin";

/// The running switch.
pub struct Fake {
    pub state: Arc<Mutex<State>>,
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

impl Fake {
    /// Four ports: ge1 and ge2 the peer's (MAC 1 on ge1), ge3 another's (MAC 3), ge48 the uplink. Bridge port = ifIndex - 100.
    pub async fn start() -> Fake {
        let port = |index, name, alias: &str| Port {
            index,
            name,
            alias: alias.into(),
            admin: 1,
            oper: 1,
            base: index - 100,
            changed: 100,
        };
        let state = State::new(
            vec![
                port(101, "ge1", "slave-a"),
                port(102, "ge2", "slave-a second"),
                port(103, "ge3", "camera"),
                port(148, "ge48", "uplink"),
            ],
            vec![(1, mac(1), 1), (1, mac(3), 3)],
        );
        Fake::serve(Arc::new(Mutex::new(state)), false).await
    }

    /// The same switch with LLDP neighbours.
    pub async fn with_neighbours(more: Vec<(Oid, Value)>) -> Fake {
        let first = Fake::start().await;
        first.with(|s| s.more = more);
        Fake::serve(first.state.clone(), false).await
    }

    /// The same switch with VLANs.
    pub async fn with_vlans() -> Fake {
        let fake = Fake::start().await;
        fake.with(|s| s.bridge = Some(Bridge::new()));
        fake
    }

    /// The same switch's agent after a restart: its SNMPv3 engine counts one boot more, and its clock is at zero.
    pub async fn restarted(&self) -> Fake {
        Fake::serve(self.state.clone(), true).await
    }

    async fn serve(state: Arc<Mutex<State>>, restarted: bool) -> Fake {
        let keep = |_: &PersistedAuthoritativeEngine| Ok::<(), Infallible>(());
        let engine = if restarted {
            let before = PersistedAuthoritativeEngine::new(ENGINE.to_vec(), 1).unwrap();
            AuthoritativeEngine::restart(before, keep).unwrap()
        } else {
            AuthoritativeEngine::install(ENGINE.to_vec(), keep).unwrap()
        };
        let (mib2, lldp) = (oid!(1, 3, 6, 1, 2, 1), oid!(1, 0, 8802));
        let agent = Agent::builder()
            .bind("127.0.0.1:0")
            .community(COMMUNITY)
            .authoritative_engine(engine)
            .usm_user("ops", |u| {
                u.auth_priv(AuthProtocol::Sha256, AUTH, PrivProtocol::Aes128, PRIVACY)
            })
            .unwrap()
            .handler(mib2.clone(), Arc::new(Handler(state.clone(), mib2)))
            .allow_all_access();
        // Every handler is asked at each step of a walk: only who has neighbours pays for it.
        let has_more = !state.lock().unwrap().more.is_empty();
        let agent = match has_more {
            true => agent.handler(lldp.clone(), Arc::new(Handler(state.clone(), lldp))),
            false => agent,
        };
        let agent = agent.build().await.unwrap();
        let address = agent.local_addr();
        let task = tokio::spawn(async move { agent.run().await.unwrap() });
        Fake {
            state,
            address,
            task,
        }
    }

    pub fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap())
    }

    pub fn switch(&self, credentials: Credentials) -> Switch {
        Switch::new(target(self.address, credentials))
    }

    /// The way to it through a [`proxy`].
    pub async fn through(
        &self,
        rule: impl FnMut(Packet) -> Vec<Duration> + Send + 'static,
    ) -> SocketAddr {
        proxy(self.address, Box::new(rule)).await
    }
}

pub fn target(address: SocketAddr, credentials: Credentials) -> SwitchTarget {
    SwitchTarget {
        name: "core1".into(),
        address,
        local: None,
        profile: Arc::new(Profile::find("generic-qbridge", None).unwrap()),
        credentials,
        timeout: Duration::from_millis(200),
        retries: 2,
        ssh: None,
        prefer: Vec::new(),
        oper_staleness: Some(Duration::ZERO),
        uplinks: vec!["ge48".into()],
        own_ports: Vec::new(),
    }
}

pub fn v2c(community: &str) -> Credentials {
    Credentials::V2c {
        community: SecretString::from(community),
    }
}

pub fn v3(auth: &str, privacy: &str) -> Credentials {
    Credentials::V3 {
        user: "ops".into(),
        auth: Some((AuthAlgorithm::Sha256, SecretString::from(auth))),
        privacy: Some((PrivAlgorithm::Aes128, SecretString::from(privacy))),
        context: String::new(),
    }
}
