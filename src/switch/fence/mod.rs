//! The fence: shut the peer's ports, and prove it.
//!
//! Order: all ports are read and all guards checked before anything is written; then one SET; then reading back until
//! it is proven or the time is over. What could not be proven stays as it is: a partial fence is never undone here.

pub mod gone;
pub mod lift;
pub mod plan;
mod proof;
pub mod quarantine;
pub mod save;
mod state;
mod tagging;
pub mod together;

use std::time::Duration;

use tokio::sync::MutexGuard;
use tokio::sync::mpsc::UnboundedSender;

use crate::rt::{self, Instant, timeout_at};
pub use crate::switch::change::freshness::{Doubt, Freshness};
use crate::switch::change::guard;
use crate::switch::change::guard::{Facts, Guard};
use crate::switch::change::prove_down::{Known, Proven, prove};
use crate::switch::change::send_ports;
use crate::switch::change::send_ports::Sent;
pub use crate::switch::change::send_ports::SetOutcome;
pub use crate::switch::change::unproven::{PortSeen, Unproven};
use crate::switch::model::port::Learned;
use crate::switch::model::port::{PortIdentity, PortState};
use crate::switch::model::tag::FenceTag;
use crate::switch::read::error::SwitchError;
use crate::switch::read::over_snmp::Reading;
use crate::switch::read::switch::Switch;
use crate::types::{MacAddr, PeerMacs, VlanId};
pub use proof::{FenceError, FenceProgress, FenceProof, PortProof};
pub use state::{FenceState, FencedPort, read_fence};

/// How long the proof waits for the answer about the tags; later they are told by [`FenceProgress::Tagged`] only.
const TAG_GRACE: Duration = Duration::from_millis(10);

/// One port to shut.
#[derive(Clone, Debug)]
pub struct FencePort {
    /// ifName.
    pub port: String,
    /// As it was while all was healthy.
    pub expected_identity: Option<PortIdentity>,
    /// ifAlias as configured, without our tag.
    pub expected_alias: Option<String>,
}

/// A fence to set.
#[derive(Clone, Debug)]
pub struct FenceRequest {
    /// All ports of the peer on this switch, LAG members too.
    pub ports: Vec<FencePort>,
    /// The peer's MAC addresses; each is asked for in the forwarding table.
    pub peer_mac: PeerMacs,
    /// The VLAN of the VIP; `None` asks all VLANs that the switch lists.
    pub vlan: Option<VlanId>,
    /// This machine's MAC addresses: a port that has one of them is not the peer's.
    pub own_macs: Vec<MacAddr>,
    /// Aggregates (ifName) that were seen to consist of these ports alone, while all was healthy: the forwarding table
    /// names them, not their members.
    pub aggregates: Vec<String>,
    /// What marks the fence as ours.
    pub tag: FenceTag,
    /// The whole time that it may take. Where the port may be down already before the SET (the cable was cut), less
    /// than the switch's `oper_staleness` can never be enough.
    pub within: Duration,
    /// Told what happens, as it happens.
    pub progress: Option<UnboundedSender<FenceProgress>>,
}

impl FenceRequest {
    fn names(&self) -> Vec<&str> {
        self.ports.iter().map(|p| p.port.as_str()).collect()
    }
}

/// Shuts all ports of the request and proves it.
///
/// # Errors
/// [`FenceError::Unproven`] if anything was, or may have been, written; every other error says that nothing was.
pub async fn fence(switch: &Switch, request: FenceRequest) -> Result<FenceProof, FenceError> {
    let start = Instant::now();
    allowed(switch, &request)?;
    let writer = timeout_at(start + request.within, switch.writer()).await;
    let writer = writer.map_err(|_| too_late(switch, &request))?;
    let ready = read_and_check(switch, &request, (start, writer), false).await?;
    shut_and_prove(switch, &request, ready).await
}

/// What may be shut: everything was read and every guard passed. Nobody else writes to the switch as long as this lives.
pub(super) struct Ready<'a> {
    writer: MutexGuard<'a, ()>,
    start: Instant,
    before: Reading,
    aggregate: Option<String>,
    resolved_after: Duration,
}

/// The guards that need no reading.
pub(super) fn allowed(switch: &Switch, request: &FenceRequest) -> Result<(), FenceError> {
    guard::by_name(switch.target(), &request.names()).map_err(|why| guarded(switch, why))
}

/// Reads all ports and asks all guards; nothing is written. `seen`: the peer was learned, while it was healthy, on a port
/// of the same fence on another switch.
pub(super) async fn read_and_check<'a>(
    switch: &'a Switch,
    request: &FenceRequest,
    (start, writer): (Instant, MutexGuard<'a, ()>),
    seen: bool,
) -> Result<Ready<'a>, FenceError> {
    let names = request.names();
    let in_time = async {
        let peers = request.peer_mac.all();
        let own = request.own_macs.iter().copied();
        let macs: Vec<MacAddr> = peers.iter().copied().chain(own).collect();
        let before = switch.read(&names, &macs, request.vlan).await?;
        let learned = learned(switch, request, &before).await;
        // Before the SET: members that are down leave their aggregate.
        let mut aggregate = None;
        for i in 0..peers.len() {
            if aggregate.is_none() {
                aggregate = switch.aggregate_at(&names, &before, i).await;
            }
        }
        Ok::<_, SwitchError>((before, learned, aggregate))
    };
    let (before, learned, aggregate) = timeout_at(start + request.within, in_time)
        .await
        .map_err(|_| too_late(switch, request))??;
    // Once more by the names that the switch itself gives to these ports.
    let own_names: Vec<&str> = before.ports.iter().map(|p| p.if_name.as_str()).collect();
    guard::by_name(switch.target(), &own_names).map_err(|why| guarded(switch, why))?;
    check(switch, request, (&before, &learned), seen).map_err(|why| guarded(switch, why))?;
    Ok(Ready {
        writer,
        start,
        before,
        aggregate,
        resolved_after: start.elapsed(),
    })
}

/// One SET, and reading back until it is proven or the time is over.
pub(super) async fn shut_and_prove(
    switch: &Switch,
    request: &FenceRequest,
    ready: Ready<'_>,
) -> Result<FenceProof, FenceError> {
    let Ready {
        writer,
        start,
        before,
        aggregate,
        resolved_after,
    } = ready;
    let deadline = start + request.within;
    let names = request.names();
    tell(request, FenceProgress::Sending);
    // Half of what is left at most: without time to read back, not even a SET that worked can be proven.
    let until = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
    let sets = send_ports::send_together(switch, "port-off", &before.ports, until).await?;
    drop(writer);
    tell(
        request,
        FenceProgress::Sent {
            acknowledged: sets.iter().all(|s| s.outcome == SetOutcome::Acknowledged),
        },
    );
    let set_after = start.elapsed();

    let mut tags = None;
    let mut known = Known::of(
        switch,
        (start, deadline),
        &names,
        request.peer_mac.all(),
        &before,
    );
    known.vlan = request.vlan;
    known.aggregates.clone_from(&request.aggregates);
    known.aggregates.extend(aggregate);
    let result = prove(switch, &known, sets, &before.ports, || {
        tags.get_or_insert_with(|| {
            tagging::start(
                switch,
                &before.ports,
                &request.tag,
                request.progress.clone(),
            )
        });
    })
    .await;
    let proven_after = start.elapsed();
    match result {
        Ok(proven) => {
            let tagged = match tags {
                Some(task) => rt::timeout(TAG_GRACE, task).await.ok().and_then(Result::ok),
                None => None,
            };
            let ports = before.ports.iter().enumerate();
            Ok(FenceProof {
                switch: switch.target().name.clone(),
                ports: ports
                    .map(|(i, b)| port_proof(i, b, &proven, &request.tag, tagged.as_deref()))
                    .collect(),
                peer: proven.peer,
                resolved_after,
                set_after,
                proven_after,
                reads: proven.reads,
            })
        }
        Err(unproven) => Err(FenceError::Unproven(unproven)),
    }
}

/// The MACs behind each port: as observed while healthy, else by a walk. A walk takes longer than the two round trips
/// that a takeover is given, but then nobody has looked at the port before.
async fn learned(switch: &Switch, request: &FenceRequest, before: &Reading) -> Vec<Vec<MacAddr>> {
    let mut out = Vec::with_capacity(before.ports.len());
    for (asked, state) in request.ports.iter().zip(&before.ports) {
        out.push(match &asked.expected_identity {
            Some(identity) => identity.macs.clone(),
            // A switch that does not show its table must not stop a fence that was ordered.
            None => match switch.learned_on(state).await {
                Ok(Learned::These(macs)) => macs,
                Ok(Learned::Unreadable(why)) => {
                    let switch = &switch.target().name;
                    tracing::warn!(%switch, port = %state.if_name, "what is behind the port that is shut cannot be read: {why}");
                    Vec::new()
                }
                Err(_) => Vec::new(),
            },
        });
    }
    out
}

fn guarded(switch: &Switch, (port, guard): (String, Guard)) -> FenceError {
    FenceError::Guarded {
        switch: switch.target().name.clone(),
        port,
        guard,
    }
}

fn too_late(switch: &Switch, request: &FenceRequest) -> FenceError {
    FenceError::TooLate {
        switch: switch.target().name.clone(),
        within: request.within,
    }
}

fn check(
    switch: &Switch,
    request: &FenceRequest,
    (before, learned): (&Reading, &[Vec<MacAddr>]),
    seen: bool,
) -> Result<(), (String, Guard)> {
    let own_places = &before.places[request.peer_mac.all().len()..];
    let facts: Vec<Facts<'_>> = request
        .ports
        .iter()
        .zip(&before.ports)
        .zip(learned)
        .map(|((asked, state), macs)| {
            let place = switch.place_of(state);
            let on_it = |p: &Vec<(Option<u32>, u32)>| p.iter().any(|(_, at)| Some(*at) == place);
            let own = request
                .own_macs
                .iter()
                .zip(own_places)
                .find(|(_, p)| on_it(p));
            Facts {
                state,
                identity: asked.expected_identity.as_ref(),
                expected_alias: asked.expected_alias.as_deref(),
                macs,
                own_mac: own.map(|(mac, _)| *mac),
            }
        })
        .collect();
    let nobody = PeerMacs::default();
    let peer = if seen { &nobody } else { &request.peer_mac };
    guard::by_facts(&facts, peer)
}

fn port_proof(
    i: usize,
    before: &PortState,
    proven: &Proven,
    tag: &FenceTag,
    tagged: Option<&[bool]>,
) -> PortProof {
    let Sent { outcome, .. } = &proven.sets[i];
    let (after, fresh) = proven.ports[i];
    PortProof {
        port: before.if_name.clone(),
        if_index: before.if_index,
        before: (before.admin, before.oper),
        after,
        fresh,
        set: outcome.clone(),
        already_ours: before.tag.as_ref().is_some_and(|t| t.node == tag.node),
        previous_tag: before.tag.clone(),
        tagged: tagged.and_then(|t| t.get(i).copied()),
    }
}

fn tell(request: &FenceRequest, what: FenceProgress) {
    if let Some(progress) = &request.progress {
        // Nobody has to listen.
        let _ = progress.send(what);
    }
}
