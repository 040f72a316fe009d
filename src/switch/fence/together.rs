//! A fence over several switches, as of a bond over two: shut, and proven, as a whole.
//!
//! Nothing is written on any switch before all of them were read and every guard passed: a switch that is silent costs the
//! fence, and leaves no half of it. Then all are shut and proven at the same time. What was shut and could not be proven
//! with the rest stays shut, as of one switch.

use futures_util::future::join_all;

use super::{FenceError, FenceProof, FenceRequest};
use super::{allowed, read_and_check, shut_and_prove};
use crate::rt::{Instant, timeout_at};
use crate::switch::model::port::{Admin, Oper, PortState};
use crate::switch::read::switch::Switch;

/// Why there is no proven fence over these switches.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct NotTogether {
    /// Anything was, or may have been, written.
    pub written: bool,
    /// Guards refused, and nothing else is wrong.
    pub guarded: bool,
    /// What was seen of each switch, in words.
    pub said: String,
}

impl NotTogether {
    /// Of what became of each switch; `Ok` has what is proven there.
    fn of(all: Vec<Result<String, FenceError>>) -> NotTogether {
        let errors = || all.iter().filter_map(|r| r.as_ref().err());
        NotTogether {
            written: all.iter().any(Result::is_ok)
                || errors().any(|e| matches!(e, FenceError::Unproven(_))),
            guarded: errors().all(|e| matches!(e, FenceError::Guarded { .. })),
            said: all
                .iter()
                .map(|r| match r {
                    Ok(proven) => format!("{proven}, which is not the whole fence"),
                    Err(e) => e.to_string(),
                })
                .collect::<Vec<_>>()
                .join("; "),
        }
    }
}

/// Shuts the ports of all requests and proves it, each on its switch. All have the same time.
///
/// # Errors
/// One of them could not be proven: then nothing is, whatever the others show.
pub async fn fence_together(
    parts: &[(&Switch, FenceRequest)],
) -> Result<Vec<FenceProof>, NotTogether> {
    let start = Instant::now();
    let refused = parts.iter().filter_map(|(s, r)| allowed(s, r).err());
    let refused: Vec<_> = refused.map(Err).collect();
    if !refused.is_empty() {
        return Err(NotTogether::of(refused));
    }
    // In one order whoever asks: two fences over the same switches must not wait for each other.
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|i| &parts[*i].0.target().name);
    let mut writers = Vec::with_capacity(parts.len());
    for i in order {
        let (switch, request) = &parts[i];
        let Ok(writer) = timeout_at(start + request.within, switch.writer()).await else {
            let late = FenceError::TooLate {
                switch: switch.target().name.clone(),
                within: request.within,
            };
            return Err(NotTogether::of(vec![Err(late)]));
        };
        writers.push((i, writer));
    }
    writers.sort_by_key(|(i, _)| *i);
    // Of a bond, only one leg may have the peer's address.
    let seen = parts.iter().any(|(_, request)| {
        let known = request
            .ports
            .iter()
            .filter_map(|p| p.expected_identity.as_ref());
        let mut macs = known.flat_map(|i| &i.macs);
        macs.any(|m| request.peer_mac.has(*m))
    });
    let ready = join_all(writers.into_iter().map(|(i, writer)| {
        let (switch, request) = &parts[i];
        read_and_check(switch, request, (start, writer), seen)
    }))
    .await;
    if ready.iter().any(Result::is_err) {
        let why = ready.into_iter().filter_map(Result::err);
        return Err(NotTogether::of(why.map(Err).collect()));
    }
    let ready = ready.into_iter().flatten().zip(parts);
    let results =
        join_all(ready.map(|(ready, (switch, request))| shut_and_prove(switch, request, ready)))
            .await;
    let failed = results.iter().any(Result::is_err);
    let words = |proof: &FenceProof| {
        let ports = proof.ports.iter().map(|p| p.port.as_str());
        let ports = ports.collect::<Vec<_>>().join(", ");
        format!("switch {}: {ports} down, and proven", proof.switch)
    };
    if failed {
        let all = results.into_iter().map(|r| r.map(|proof| words(&proof)));
        return Err(NotTogether::of(all.collect()));
    }
    let proofs: Vec<FenceProof> = results.into_iter().flatten().collect();
    still_down(parts, start).await?;
    Ok(proofs)
}

/// Proofs of several switches are of several moments: once more all of them, after the last.
async fn still_down(parts: &[(&Switch, FenceRequest)], start: Instant) -> Result<(), NotTogether> {
    let looks = parts.iter().map(async |(switch, request)| {
        let ports: Vec<&str> = request.ports.iter().map(|p| p.port.as_str()).collect();
        let name = &switch.target().name;
        let read = timeout_at(start + request.within, switch.ports(&ports)).await;
        let why = match read {
            Err(_) => "is not read in time once more".to_owned(),
            Ok(Err(e)) => format!("cannot be read once more: {e}"),
            Ok(Ok(states)) => {
                let up = |p: &&PortState| p.admin != Admin::Down || p.oper == Oper::Up;
                let p = states.iter().find(up)?;
                format!("{} reads admin {:?}, oper {:?}", p.if_name, p.admin, p.oper)
            }
        };
        Some(format!("switch {name}: {why}, after it was proven down"))
    });
    let why: Vec<String> = join_all(looks).await.into_iter().flatten().collect();
    if why.is_empty() {
        return Ok(());
    }
    Err(NotTogether {
        written: true,
        guarded: false,
        said: why.join("; "),
    })
}
