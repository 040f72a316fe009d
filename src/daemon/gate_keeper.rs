//! The gate of one peer: closed again each second while that is wanted, because the kernel opens it otherwise; opened, and
//! tried until its table is gone, whatever became of the step that had to do it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::hub::{Input, Tx};
use crate::host::Programs;
use crate::net::gate;
use crate::net::nft::{NftError, Patience};
use crate::rt;
use crate::takeover::action::Level;

/// The gate of one peer.
pub struct GateKeeper {
    peer: String,
    programs: Arc<dyn Programs>,
    state: Mutex<State>,
    /// `nft` proves what it did, so two at once would see each other's work.
    turn: tokio::sync::Mutex<()>,
    /// Another order was given: it ends what is under way for the one before.
    ordered: Notify,
}

#[derive(Default)]
struct State {
    /// Closed to this address and port; `None`: open.
    wanted: Option<(Ipv4Addr, u16)>,
    /// A table of ours may be there.
    there: bool,
    /// A task is on its way.
    queued: bool,
    /// With the opening: nobody needs to wait for it, the kernel opens it as well.
    patience: Patience,
}

impl GateKeeper {
    /// An open gate.
    pub fn new(peer: &str, programs: Arc<dyn Programs>) -> GateKeeper {
        GateKeeper {
            peer: peer.to_owned(),
            programs,
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            ordered: Notify::new(),
        }
    }

    /// An earlier run may have left one of ours, which could not be looked for: it is taken away.
    pub fn may_be_left(&self) {
        self.state().there = true;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it is wanted closed; [`GateKeeper::obey`] does it.
    pub fn order_closed(&self, vip: Ipv4Addr, port: u16) {
        self.order(Some((vip, port)));
    }

    fn order(&self, wanted: Option<(Ipv4Addr, u16)>) {
        if std::mem::replace(&mut self.state().wanted, wanted) != wanted {
            self.ordered.notify_waiters();
        }
    }

    /// From now on it is wanted open. Until it is, it is tried each second.
    pub fn order_open(&self) {
        self.order(None);
    }

    /// True if it is closed, or may still be.
    pub fn may_be_closed(&self) -> bool {
        let state = self.state();
        state.there || state.wanted.is_some()
    }

    /// Does what is wanted now; says what was not as it should be.
    ///
    /// # Errors
    /// In words; it is tried again by [`GateKeeper::look`].
    pub async fn obey(&self) -> Result<Option<String>, String> {
        let _turn = self.turn.lock().await;
        loop {
            let ordered = self.ordered.notified();
            let (wanted, there, mut patience) = {
                let mut state = self.state();
                state.queued = false;
                let there = std::mem::replace(&mut state.there, true);
                (state.wanted, there, state.patience)
            };
            let done = tokio::select! {
                biased;
                () = ordered => continue,
                done = self.mend((wanted, there), &mut patience) => done,
            };
            let mut state = self.state();
            state.patience = patience;
            // Another order may have closed it since.
            state.there &= wanted.is_some() || state.wanted.is_some() || done.is_err();
            return done.map_err(|e| e.to_string());
        }
    }

    async fn mend(
        &self,
        (wanted, there): (Option<(Ipv4Addr, u16)>, bool),
        patience: &mut Patience,
    ) -> Result<Option<String>, NftError> {
        let (programs, peer) = (&*self.programs, &self.peer);
        match (wanted, there) {
            (None, false) => {}
            (None, true) => {
                let open = async |within| gate::open(programs, peer, within).await;
                patience.spend(open).await?;
            }
            (Some((vip, port)), false) => gate::close(programs, peer, vip, port).await?,
            (Some((vip, port)), true) => {
                if gate::keep_closed(programs, peer, vip, port).await? {
                    return Ok(Some(format!(
                        "the gate to {vip}:{port} was gone (somebody flushed the rules of nftables) and is closed again: cameras may have been refused"
                    )));
                }
            }
        }
        Ok(None)
    }

    /// Does what is wanted now, in a task of the current runtime; what does not succeed is an alarm until it does.
    pub fn look(self: &Arc<Self>, peer: usize, tx: &Tx) {
        if !self.may_be_closed() || std::mem::replace(&mut self.state().queued, true) {
            return;
        }
        let (keeper, tx) = (self.clone(), tx.clone());
        rt::spawn(async move {
            let said = match keeper.obey().await {
                Ok(what) => {
                    if let Some(what) = what {
                        tracing::warn!(peer = %keeper.peer, "{what}");
                    }
                    Input::Settle {
                        peer: Some(peer),
                        key: "gate",
                        text: "the gate is as it is wanted".to_owned(),
                    }
                }
                Err(e) => Input::Raise {
                    peer: Some(peer),
                    key: "gate",
                    level: Level::Warning,
                    text: format!("{e}; it is tried again each second"),
                },
            };
            let _ = tx.send(said);
        });
    }
}

/// Opens the gate when it is dropped: a step that is told to stop must not leave it closed.
pub struct OpensAtLast(pub Arc<GateKeeper>);

impl Drop for OpensAtLast {
    fn drop(&mut self) {
        self.0.order_open();
    }
}
