//! What the steps do off the fast path, as plain functions: service, gate, handshakes.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use super::gate_keeper::{GateKeeper, OpensAtLast};
use crate::config;
use crate::detect::rtmp::{self, From, RtmpFault};
use crate::host::{Kernel, Programs, Wire};
use crate::net::sockets::Connection;
use crate::rt::{Instant, Lane, OwnLane, sleep, timeout};
use crate::service;
use crate::takeover::event::Outcome;
use crate::types::IfIndex;

/// Gap between two handshakes with a service that is starting.
const ASK_AGAIN: Duration = Duration::from_millis(20);
/// One handshake with our own service may take this long.
const OWN_HANDSHAKE: Duration = Duration::from_millis(500);
/// After the time of a step is over the gate is opened here for so long; then each second elsewhere.
const OPEN_QUICKLY: Duration = Duration::from_millis(250);
/// Where the service serves, for so long.
const OPEN_PATIENTLY: Duration = Duration::from_secs(4);

/// C0+C1+C2 of a client, S0+S1+S2 of a server: bytes on a connection whose handshake is complete.
const HANDSHAKE_BYTES: u64 = 3073;

/// True if the handshake on a connection is complete and bytes have arrived on it since `before` was read.
pub fn fed(before: &[Connection], now: &Connection) -> bool {
    let shook = |bytes: Option<u64>| bytes.is_some_and(|n| n >= HANDSHAKE_BYTES);
    let then = before.iter().find(|c| c.peer == now.peer);
    let grew = then.is_some_and(|c| now.bytes_received > c.bytes_received);
    shook(now.bytes_acked) && shook(now.bytes_received) && grew
}

/// Where programs are started: to start one waits until it was read from the disk, which may hang, and then nothing else of
/// ours may wait with it. `otherwise` where no thread is to be had.
pub fn starter(otherwise: &Lane) -> Lane {
    static STARTER: OwnLane = OwnLane::new("starter");
    STARTER.or(otherwise)
}

/// Starts the service, where the configuration says how.
pub async fn start_service(programs: &dyn Programs, service: &config::Service) -> Outcome {
    let started = if !service.unit.is_empty() {
        service::systemd::start(programs, &service.unit, service.timeout).await
    } else if !service.command.is_empty() {
        service::command::start(programs, &service.command, service.timeout).await
    } else {
        return Outcome::Done("it runs already (no unit and no command is configured)".to_owned());
    };
    match started {
        Ok(started) => Outcome::Done(started.to_string()),
        Err(e) => Outcome::Failed(e.to_string()),
    }
}

/// Closes the gate, as it was ordered: SYNs to the service are dropped.
pub async fn close_gate(gate: &GateKeeper) -> Outcome {
    match gate.obey().await {
        Ok(_) => {
            Outcome::Done("SYNs are dropped until the service completes a handshake".to_owned())
        }
        Err(e) => Outcome::Failed(e),
    }
}

/// Waits until the service completes a handshake on the VIP, then opens the gate. The gate is opened in any case, also
/// when this is told to stop, be it before it began: a service that never answers must not leave a rule behind.
pub async fn open_gate(
    wire: Arc<dyn Wire>,
    opens: OpensAtLast,
    at: SocketAddrV4,
    within: Duration,
) -> Outcome {
    let begun = Instant::now();
    let gate = opens.0.clone();
    let answered = timeout(within, async {
        loop {
            let dialled = wire.dial(at, &From::Anywhere);
            match rtmp::handshake_by(dialled, at, OWN_HANDSHAKE).await {
                Ok(took) => return took,
                Err(e) => {
                    tracing::debug!(error = %e, "the service does not complete handshakes yet")
                }
            }
            sleep(ASK_AGAIN).await;
        }
    })
    .await;
    let waited = begun.elapsed().as_millis();
    drop(opens);
    if answered.is_err() {
        // The answer is due now: a slow `nft` is not waited for.
        let _ = timeout(OPEN_QUICKLY, gate.obey()).await;
        return Outcome::Failed(format!(
            "the service on {at} completed no handshake within {} s",
            within.as_secs()
        ));
    }
    match timeout(OPEN_PATIENTLY, gate.obey()).await {
        Ok(Ok(_)) => Outcome::Done(format!(
            "the service completed a handshake after {waited} ms; the gate is open"
        )),
        Err(_) => Outcome::Failed("the gate cannot be removed yet: `nft` is slow".to_owned()),
        Ok(Err(e)) => Outcome::Failed(format!("the gate cannot be removed yet: {e}")),
    }
}

/// The way to the peer's service on the VIP.
#[derive(Clone)]
pub struct Way {
    /// VIP and port.
    pub at: SocketAddrV4,
    /// By which of our interfaces or addresses; or why it cannot be asked from here at all.
    pub from: Result<From, String>,
    /// Our interface on the VIP's network: what does not leave by it is not asked.
    pub by: (String, IfIndex),
    /// In a port takeover the listening leg: it hears our other leg announce the VIP, and would go on asking ourselves.
    pub listening: Option<(Arc<dyn Kernel>, IfIndex)>,
    /// What it is asked with.
    pub wire: Arc<dyn Wire>,
}

/// What a question brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The peer's service completed the handshake.
    Serves,
    /// It was asked and did not; in words.
    Fails(String),
    /// It was not asked, for a reason on our own side: nothing is known of the peer.
    Prevented(String),
}

impl Way {
    /// One handshake. After a failure the peer's MAC address is asked for anew.
    pub async fn ask(&self, within: Duration) -> Asked {
        let (at, (name, index)) = (self.at, &self.by);
        let from = match &self.from {
            Ok(from) => from,
            Err(why) => return Asked::Prevented(why.clone()),
        };
        // Where it cannot be opened, an error of the socket below says so too.
        let sent = self.wire.sent_syns(*index, at);
        let answer = rtmp::handshake_by(self.wire.dial(at, from), at, within).await;
        if answer.is_err() {
            self.resolve_anew().await;
        }
        match (answer, sent.map(|s| s.any())) {
            (Ok(_), Some(false)) => Asked::Prevented(format!(
                "the handshake with {at} was with this machine itself, or by another way than {name}: is {} set here too, or a route?",
                at.ip()
            )),
            (Ok(_), Some(true) | None) => Asked::Serves,
            (Err(e @ RtmpFault::Local { .. }), _) => Asked::Prevented(e.to_string()),
            (Err(e), Some(false)) => Asked::Prevented(format!(
                "our SYN to {at} did not leave by {name} (our address, our route, our firewall, or nobody answers ARP): {e}"
            )),
            (Err(e), Some(true) | None) => Asked::Fails(e.to_string()),
        }
    }

    async fn resolve_anew(&self) {
        if let Some((kernel, index)) = &self.listening
            && let Err(e) = kernel.forget_neighbour(*index, *self.at.ip()).await
        {
            tracing::warn!("{e}");
        }
    }
}

/// Sees the repaired peer healthy on a management address, before anything is given away.
pub async fn precheck(wire: Arc<dyn Wire>, at: Option<SocketAddrV4>, within: Duration) -> Outcome {
    let Some(at) = at else {
        return Outcome::Done(
            "not checked: the peer has no address off the data path (peer.NAME.management)"
                .to_owned(),
        );
    };
    match rtmp::handshake_by(wire.dial(at, &From::Anywhere), at, within).await {
        Ok(_) => Outcome::Done(format!("the peer's service completes handshakes on {at}")),
        Err(e) => Outcome::Failed(format!("the peer is not healthy: {e}")),
    }
}

/// Waits until the peer's service completes a handshake on the VIP.
pub async fn peer_serves(way: &Way, within: Duration) -> Outcome {
    let begun = Instant::now();
    way.resolve_anew().await;
    loop {
        let why = match way.ask(OWN_HANDSHAKE).await {
            Asked::Serves => {
                return Outcome::Done(
                    "the peer's service completed a handshake on the VIP".to_owned(),
                );
            }
            Asked::Fails(why) | Asked::Prevented(why) => why,
        };
        if begun.elapsed() + ASK_AGAIN >= within {
            return Outcome::Failed(format!(
                "the peer's service does not answer on the VIP: {why}"
            ));
        }
        sleep(ASK_AGAIN).await;
    }
}

/// Adds to a proven release where the switch has learned the peer.
pub async fn with_port(
    outcome: Outcome,
    fencing: &super::fencing::Fencing,
    peer: &crate::types::PeerMacs,
) -> Outcome {
    match (outcome, peer.now()) {
        (Outcome::Done(how), Some(mac)) => {
            // The one by which it has come back.
            let seen = match fencing.learned(mac).await {
                Some(true) => "the switch has learned the peer on its port",
                Some(false) => "the switch has not learned the peer on its port",
                None => "the switch did not say where the peer is",
            };
            Outcome::Done(format!("{how}; {seen}"))
        }
        (outcome, _) => outcome,
    }
}
