//! The SNMP crate's client over a UDP socket of its own, or over datagrams that somebody hands in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_snmp::transport::{Candidate, RequestRegistration, ResponseIdentity};
use async_snmp::{
    Client, Error, FixedCardinalityResponse, Oid, Transport, UdpHandle, Value, VarBind, Version,
};
use bytes::Bytes;
use tokio::sync::mpsc::unbounded_channel;

use crate::host::Datagrams;
use crate::rt::{self, Instant};

/// A client of one agent. Cheap to clone.
#[derive(Clone)]
pub(in crate::switch) enum Asker {
    Udp(Client<UdpHandle>),
    Handed(Client<Handed>),
}

impl Asker {
    pub fn version(&self) -> Version {
        match self {
            Asker::Udp(client) => client.version(),
            Asker::Handed(client) => client.version(),
        }
    }

    pub async fn get_many(&self, oids: &[Oid]) -> async_snmp::Result<FixedCardinalityResponse> {
        match self {
            Asker::Udp(client) => client.get_many(oids).await,
            Asker::Handed(client) => client.get_many(oids).await,
        }
    }

    pub async fn set_many(
        &self,
        binds: &[(Oid, Value)],
    ) -> async_snmp::Result<FixedCardinalityResponse> {
        match self {
            Asker::Udp(client) => client.set_many(binds).await,
            Asker::Handed(client) => client.set_many(binds).await,
        }
    }

    pub async fn get_next(&self, from: &Oid) -> async_snmp::Result<FixedCardinalityResponse> {
        match self {
            Asker::Udp(client) => client.get_next(from).await,
            Asker::Handed(client) => client.get_next(from).await,
        }
    }

    pub async fn get_bulk(&self, from: &[Oid], rows: u32) -> async_snmp::Result<Vec<VarBind>> {
        match self {
            Asker::Udp(client) => client.get_bulk(from, 0, rows).await,
            Asker::Handed(client) => client.get_bulk(from, 0, rows).await,
        }
    }

    pub async fn rediscover_engine(&self) -> async_snmp::Result<()> {
        match self {
            Asker::Udp(client) => client.rediscover_engine().await,
            Asker::Handed(client) => client.rediscover_engine().await,
        }
    }
}

/// Datagrams as a transport of the crate. What is counted in time is [`rt`]'s; SNMPv3 needs tokio's, and is not for this.
#[derive(Clone)]
pub(in crate::switch) struct Handed {
    /// How they go and come.
    pub way: Arc<dyn Datagrams>,
    /// The agent.
    pub agent: SocketAddr,
    /// How long an answer to one message is waited for.
    pub within: Duration,
}

impl Handed {
    fn silent(&self) -> Box<Error> {
        let (target, elapsed) = (self.agent, self.within);
        Error::Timeout {
            target,
            elapsed,
            retries: 0,
        }
        .boxed()
    }
}

impl Transport for Handed {
    async fn send(&self, message: &[u8]) -> async_snmp::Result<()> {
        let (nobody, _) = unbounded_channel();
        self.way.ask(message.to_vec(), nobody);
        Ok(())
    }

    async fn request_with<T, F>(
        &self,
        message: &[u8],
        registration: RequestRegistration,
        mut validate: F,
    ) -> async_snmp::Result<T>
    where
        T: Send,
        F: FnMut(Bytes, SocketAddr) -> async_snmp::Result<Candidate<T>> + Send,
    {
        let until = Instant::now() + self.within;
        // The sender is kept: who never answers is waited for until the time is over.
        let (answers, mut came) = unbounded_channel();
        self.way.ask(message.to_vec(), answers.clone());
        loop {
            let Ok(Some(answer)) = rt::timeout_at(until, came.recv()).await else {
                return Err(self.silent());
            };
            let identity = registration.evaluate_response_identity(&answer, true);
            if matches!(identity, ResponseIdentity::Reject) {
                continue;
            }
            match validate(Bytes::from(answer), self.agent)? {
                Candidate::Accept(accepted) => return Ok(accepted),
                Candidate::Reject => {}
            }
        }
    }

    fn peer_addr(&self) -> SocketAddr {
        self.agent
    }

    fn local_addr(&self) -> SocketAddr {
        self.agent
    }

    /// Not the crate's: its numbers begin anywhere, and the size of a message depends on them.
    fn alloc_request_id(&self) -> i32 {
        (rt::random() as i32 & i32::MAX).max(1)
    }

    fn is_reliable(&self) -> bool {
        false
    }
}
