//! Setting a fence: level by level, until one is proven.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::placing::Urgent;
use super::{Fencing, Level, Part};
use crate::daemon::auto::{usable, with_found};
use crate::rt;
use crate::switch::change::vlan_move::NotMoved;
use crate::switch::fence::quarantine;
use crate::switch::fence::save::save;
use crate::switch::fence::together::fence_together;
use crate::switch::{
    FenceError, FencePort, FenceProgress, FenceProof, FenceRequest, FenceTag, PortIdentity, Switch,
    fence,
};
use crate::takeover::event::Outcome;
use crate::types::{Epoch, PeerMacs, PortRef};

/// Why a level is not proven.
struct NotSet {
    why: String,
    /// Guards refused, and nothing was written.
    guarded: bool,
    /// Anything was, or may have been, written.
    written: bool,
}

impl Fencing {
    /// Sets the fence: the first level that can be proven wins, of those that may be used (empty: all). `on_set` is called
    /// when a SET was answered.
    pub async fn set(
        &self,
        epoch: Epoch,
        peer_mac: &PeerMacs,
        known: &BTreeMap<PortRef, PortIdentity>,
        (allowed, in_spite_of): (&[String], &[String]),
        on_set: impl Fn() + Clone + Send + 'static,
    ) -> Outcome {
        let _urgent = Urgent::begin(&self.urgent);
        let mut whys = Vec::new();
        let mut refused = !self.levels.is_empty();
        // Of a fence in place that is another than the file's, the core has no names: it is ours already.
        let ours = !self.levels.iter().any(|l| allowed.contains(&l.name));
        let may = |l: &Level| ours || allowed.contains(&l.name);
        for (i, level) in self.levels.iter().enumerate().filter(|(_, l)| may(l)) {
            match self
                .set_level(
                    (i, level),
                    epoch,
                    peer_mac,
                    (known, in_spite_of),
                    on_set.clone(),
                )
                .await
            {
                Ok(how) => return Outcome::Done(how),
                Err((why, guarded)) => {
                    refused &= guarded;
                    whys.push(why);
                }
            }
        }
        let why = if whys.is_empty() {
            "no fence is configured".to_owned()
        } else {
            whys.join("; ")
        };
        if refused {
            Outcome::Refused(why)
        } else {
            Outcome::Failed(why)
        }
    }

    /// What is asked of one switch of a level; both kinds of fence ask the same.
    fn request(
        &self,
        level: &Level,
        part: &Part<'_>,
        (epoch, peer_mac): (Epoch, &PeerMacs),
        (known, in_spite_of): (&BTreeMap<PortRef, PortIdentity>, &[String]),
    ) -> FenceRequest {
        let ports = part.ports.iter().map(|port| FencePort {
            port: (*port).to_owned(),
            expected_identity: known.get(&part.at(port)).cloned(),
            expected_alias: level.fence.alias.clone(),
        });
        FenceRequest {
            ports: ports.collect(),
            peer_mac: peer_mac.clone(),
            vlan: None,
            own_macs: self.own_macs.clone(),
            aggregates: self.counted_as_fenced(level, part.on, in_spite_of),
            tag: FenceTag {
                node: self.node.clone(),
                epoch,
            },
            within: level.fence.timeout,
            progress: None,
        }
    }

    async fn set_level(
        &self,
        (i, level): (usize, &Level),
        epoch: Epoch,
        peer_mac: &PeerMacs,
        (known, in_spite_of): (&BTreeMap<PortRef, PortIdentity>, &[String]),
        on_set: impl Fn() + Clone + Send + 'static,
    ) -> Result<String, (String, bool)> {
        let known = &with_found(level, known);
        usable(level, peer_mac).await.map_err(|why| (why, false))?;
        let who = (epoch, peer_mac);
        if let (Some(vlans), Some(part)) = (level.fence.quarantine, level.parts().next()) {
            let request = self.request(level, &part, who, (known, in_spite_of));
            let on_set = || {
                self.marks.set(i);
                on_set();
            };
            let done = quarantine::set(part.switch, &request, vlans, on_set).await;
            if done.is_ok() && level.fence.persist {
                save(part.switch);
            }
            return done.map_err(|e| (e.to_string(), matches!(e, NotMoved::Refused(_))));
        }
        let mut told = Vec::new();
        let mut requests = Vec::new();
        // Silence counts from the last SET: until then the peer may be heard through another switch.
        let unsent = Arc::new(AtomicUsize::new(level.parts().count()));
        for part in level.parts() {
            let (tx, rx) = unbounded_channel();
            told.push(rt::spawn(follow(rx, unsent.clone(), on_set.clone())));
            let mut request = self.request(level, &part, who, (known, in_spite_of));
            request.progress = Some(tx);
            requests.push((part.switch, request));
        }
        // Before the SET: whoever is stopped in the middle has left it, perhaps, in place.
        let was_set = self.marks.is_set(i);
        self.marks.set(i);
        match shut(requests).await {
            Ok(proofs) => {
                for part in level.parts().filter(|_| level.fence.persist) {
                    save(part.switch);
                }
                let ports = proofs.iter().flat_map(|proof| {
                    let ports = proof.ports.iter();
                    ports.map(|p| format!("{}:{} admin down, oper down", proof.switch, p.port))
                });
                let after = proofs.iter().map(|p| p.proven_after).max();
                Ok(format!(
                    "{}, {:?} after the order",
                    ports.collect::<Vec<_>>().join(", "),
                    after.unwrap_or_default()
                ))
            }
            Err(e) => {
                told.iter().for_each(|t| t.abort());
                if !was_set && !e.written {
                    self.marks.lifted(i);
                }
                Err((e.why, e.guarded))
            }
        }
    }
}

/// Shuts all of it, on each of its switches.
async fn shut(mut requests: Vec<(&Switch, FenceRequest)>) -> Result<Vec<FenceProof>, NotSet> {
    if requests.len() == 1
        && let Some((switch, request)) = requests.pop()
    {
        return match fence(switch, request).await {
            Ok(proof) => Ok(vec![proof]),
            Err(e) => Err(NotSet {
                why: e.to_string(),
                guarded: matches!(e, FenceError::Guarded { .. }),
                written: matches!(e, FenceError::Unproven(_)),
            }),
        };
    }
    fence_together(&requests).await.map_err(|e| NotSet {
        why: e.to_string(),
        guarded: e.guarded,
        written: e.written,
    })
}

async fn follow(
    mut progress: UnboundedReceiver<FenceProgress>,
    unsent: Arc<AtomicUsize>,
    on_set: impl Fn(),
) {
    while let Some(progress) = progress.recv().await {
        match progress {
            FenceProgress::Sent { .. } => {
                if unsent.fetch_sub(1, Ordering::SeqCst) == 1 {
                    on_set();
                }
            }
            FenceProgress::Tagged {
                port,
                tagged: false,
                why,
            } => {
                tracing::warn!(%port, why = why.as_deref().unwrap_or(""), "the fence is not tagged as ours");
            }
            FenceProgress::Sending | FenceProgress::Tagged { .. } => {}
        }
    }
}
