//! The mute of one peer's VIP. The last order counts, in whatever order the tasks come to run; what is wanted is looked
//! at each second, put in place again where somebody took it away, and tried until it succeeds, however slow `nft` is.
//! Another order ends what is under way for the one before.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::hub::{Input, Tx};
use crate::host::Programs;
use crate::net::mute;
use crate::net::nft::{NftError, Patience};
use crate::rt;
use crate::takeover::action::Level;
use crate::types::Vip;

/// Before the start has muted nothing else begins: it waits for an `nft` that is given up to this, seconds.
const AT_START: u64 = 16;

/// The mute of one peer's VIP.
pub struct MuteKeeper {
    peer: String,
    vip: Vip,
    programs: Arc<dyn Programs>,
    state: Mutex<State>,
    /// Another order was given.
    ordered: Notify,
    /// A look has ended.
    looked: Notify,
}

struct State {
    /// What is wanted: true for silence.
    silence: bool,
    /// It was proven at least once since it was ordered: if it is not so, somebody else did that.
    proven: bool,
    /// A look is on its way.
    queued: bool,
    patience: Patience,
    /// Why the last look did not succeed.
    fault: Option<String>,
}

impl MuteKeeper {
    /// Nothing is ordered yet; silence is what is wanted.
    pub fn new(peer: &str, vip: Vip, programs: Arc<dyn Programs>) -> MuteKeeper {
        let state = State {
            silence: true,
            proven: false,
            queued: false,
            patience: Patience::default(),
            fault: None,
        };
        MuteKeeper {
            programs,
            peer: peer.to_owned(),
            vip,
            state: Mutex::new(state),
            ordered: Notify::new(),
            looked: Notify::new(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address that is muted.
    pub fn vip(&self) -> Vip {
        self.vip
    }

    /// Says what is wanted from now on: true for silence. To be called before the task that waits for it is started.
    pub fn want(&self, silence: bool) {
        let mut state = self.state();
        if std::mem::replace(&mut state.silence, silence) != silence {
            (state.proven, state.fault) = (false, None);
            self.ordered.notify_waiters();
        }
    }

    /// True if silence is what is wanted.
    pub fn wanted(&self) -> bool {
        self.state().silence
    }

    /// At the start, before anything else is looked at: true if this machine `may_speak` and can; in every other case it
    /// is muted here and now.
    ///
    /// # Errors
    /// In words.
    pub async fn begin(&self, may_speak: bool) -> Result<bool, String> {
        loop {
            let mut patience = self.state().patience;
            let tried = patience.spend(async |within| {
                let programs = &*self.programs;
                if may_speak && !mute::is_mute(programs, &self.peer, within).await? {
                    return Ok(true);
                }
                mute::mute(programs, &self.peer, self.vip.addr, within).await?;
                Ok(false)
            });
            let tried = tried.await;
            let mut state = self.state();
            state.patience = patience;
            match tried {
                Ok(speaks) => {
                    (state.silence, state.proven) = (!speaks, true);
                    return Ok(speaks);
                }
                Err(e @ NftError::Timeout { .. }) if patience.within().as_secs() <= AT_START => {
                    tracing::warn!("{e}; it is given more time");
                }
                Err(e) => return Err(e.to_string()),
            }
        }
    }

    /// Waits until what was ordered is so, and proven; it goes on being tried when nobody waits any more.
    ///
    /// # Errors
    /// In words.
    pub async fn obeyed(self: &Arc<Self>, peer: usize, tx: &Tx) -> Result<(), String> {
        let ordered = self.wanted();
        let mut begun = false;
        loop {
            // Made before the look, so that none is missed.
            let looked = self.looked.notified();
            {
                let state = self.state();
                match &state.fault {
                    _ if state.silence != ordered => {
                        return Err("the opposite was ordered meanwhile".to_owned());
                    }
                    _ if state.proven => return Ok(()),
                    Some(fault) if begun => return Err(fault.clone()),
                    Some(_) | None => {}
                }
            }
            begun |= self.look_after(peer, tx);
            looked.await;
        }
    }

    /// Compares with the kernel and mends. True if the mute had been in place and was gone.
    async fn look(&self) -> Result<bool, String> {
        loop {
            let ordered = self.ordered.notified();
            let (silence, proven, mut patience) = {
                let state = self.state();
                (state.silence, state.proven, state.patience)
            };
            let mend = async |within| self.mend((silence, proven), within).await;
            let mended = tokio::select! {
                biased;
                () = ordered => continue,
                mended = patience.spend(mend) => mended.map_err(|e| e.to_string()),
            };
            let mut state = self.state();
            state.patience = patience;
            if state.silence == silence {
                state.fault = mended.as_ref().err().cloned();
                state.proven |= mended.is_ok();
            }
            return mended;
        }
    }

    async fn mend(
        &self,
        (silence, proven): (bool, bool),
        within: std::time::Duration,
    ) -> Result<bool, NftError> {
        let (programs, peer) = (&*self.programs, &self.peer);
        if proven && mute::is_mute(programs, peer, within).await? == silence {
            return Ok(false);
        }
        if silence {
            self.state().proven = false;
            mute::mute(programs, peer, self.vip.addr, within).await?;
            return Ok(proven);
        }
        mute::unmute(programs, peer, within).await?;
        Ok(false)
    }

    /// Looks in a task of the current runtime; what is wrong is an alarm until it is right. False if a look is on its way
    /// already.
    pub fn look_after(self: &Arc<Self>, peer: usize, tx: &Tx) -> bool {
        if std::mem::replace(&mut self.state().queued, true) {
            return false;
        }
        let (mute, tx) = (self.clone(), tx.clone());
        rt::spawn(async move {
            let looked = mute.look().await;
            mute.state().queued = false;
            mute.looked.notify_waiters();
            let (key, vip) = ("mute", mute.vip.addr);
            let said = match looked {
                Ok(true) => {
                    tracing::error!(peer = %mute.peer, "the mute of {vip} was gone (somebody flushed the rules of nftables) and is in place again: this machine may have spoken for the VIP meanwhile");
                    Input::Settle {
                        peer: Some(peer),
                        key,
                        text: format!("{vip} is mute again"),
                    }
                }
                Ok(false) => Input::Settle {
                    peer: Some(peer),
                    key,
                    text: format!("{vip} is mute, or may speak, as it is wanted"),
                },
                Err(e) => Input::Raise {
                    peer: Some(peer),
                    key,
                    level: Level::Critical,
                    text: format!(
                        "{e}: this machine may answer for {vip} beside its owner, or not answer though it is the owner; it is tried again each second, and a slow `nft` is given more time"
                    ),
                },
            };
            let _ = tx.send(said);
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::host::Reply;
    use crate::rt::sim::{Node, Order, Place, Sim, Thread};
    use crate::service::{Ended, ServiceError};

    /// An `nft` that takes so long, and knows tables; and what it was run for last.
    struct Slow(Duration, Mutex<BTreeSet<String>>, Mutex<String>);

    impl Programs for Slow {
        fn nft<'a>(
            &'a self,
            arguments: &'a [&'a str],
            input: &'a str,
            within: Duration,
            doing: &'a str,
        ) -> Reply<'a, String, NftError> {
            Box::pin(async move {
                doing.clone_into(&mut self.2.lock().unwrap());
                rt::sleep(self.0.min(within)).await;
                if self.0 >= within {
                    let doing = doing.to_owned();
                    return Err(NftError::Timeout { doing, within });
                }
                let mut tables = self.1.lock().unwrap();
                for line in input.lines() {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    match words[..] {
                        ["table", family, name, "{"] => {
                            tables.insert(format!("table {family} {name}"));
                        }
                        ["delete", "table", family, name] => {
                            tables.remove(&format!("table {family} {name}"));
                        }
                        _ => {}
                    }
                }
                Ok(match arguments {
                    ["list", ..] => tables.iter().cloned().collect::<Vec<_>>().join("\n"),
                    _ => String::new(),
                })
            })
        }

        fn run<'a>(
            &'a self,
            _: &'a str,
            _: &'a [String],
            _: Duration,
        ) -> Reply<'a, Ended, ServiceError> {
            unreachable!("only nft is run")
        }

        fn feed<'a>(
            &'a self,
            _: &'a str,
            _: &'a [String],
            _: &'a str,
            _: Duration,
        ) -> Reply<'a, Ended, ServiceError> {
            unreachable!("only nft is run")
        }
    }

    const AT: Place = Place {
        node: Node(1),
        thread: Thread::Slow,
    };

    /// A machine that is mute, with an `nft` that takes so many seconds, in a task of its own.
    fn with_nft<F: Future<Output = ()> + Send + 'static>(
        seconds: u64,
        act: impl FnOnce(Arc<MuteKeeper>, Tx, Arc<Slow>) -> F + Send + 'static,
    ) {
        let sim = Sim::new(Order::Fifo);
        let over = Arc::new(Mutex::new(false));
        let (nft, ends) = (Duration::from_secs(seconds), over.clone());
        sim.on(AT, || {
            rt::spawn(async move {
                let programs = Arc::new(Slow(nft, Mutex::default(), Mutex::default()));
                let vip = "10.0.0.1/24".parse().unwrap();
                let (tx, rx) = tokio::sync::mpsc::unbounded_channel();
                let mute = Arc::new(MuteKeeper::new("p", vip, programs.clone()));
                act(mute, tx, programs).await;
                drop(rx);
                *ends.lock().unwrap() = true;
            });
        });
        sim.run(sim.now() + 400_000_000, |_| {});
        assert!(sim.panics().is_empty(), "{:?}", sim.panics());
        assert!(*over.lock().unwrap(), "it never ends");
    }

    /// As the core does it: a claim waits two seconds at the most, and is tried again.
    async fn until_obeyed(mute: &Arc<MuteKeeper>, tx: &Tx) -> Duration {
        let begun = rt::Instant::now();
        while !matches!(
            rt::timeout(Duration::from_secs(2), mute.obeyed(0, tx)).await,
            Ok(Ok(()))
        ) {
            rt::sleep(Duration::from_secs(1)).await;
        }
        begun.elapsed()
    }

    #[test]
    fn an_nft_that_is_slow_for_good_gets_the_mute_off_and_on() {
        for (seconds, within) in [(0, 1), (3, 15), (20, 110)] {
            with_nft(seconds, move |mute, tx, nft| async move {
                let begun = mute.begin(false).await;
                assert_eq!(begun.is_ok(), seconds < AT_START, "{begun:?}");
                mute.want(false);
                let took = until_obeyed(&mute, &tx).await;
                assert!(took.as_secs() < within, "{seconds} s: off after {took:?}");
                assert!(nft.1.lock().unwrap().is_empty());
                mute.want(true);
                let took = until_obeyed(&mute, &tx).await;
                assert!(took.as_secs() < within, "{seconds} s: on after {took:?}");
                assert_eq!(nft.1.lock().unwrap().len(), 2);
            });
        }
    }

    #[test]
    fn another_order_does_not_wait_for_the_one_before() {
        with_nft(50, |mute, tx, nft| async move {
            mute.want(false);
            for _ in 0..4 {
                assert!(mute.obeyed(0, &tx).await.is_err());
            }
            assert_eq!(mute.state().patience.within().as_secs(), 32);
            let waits = (mute.clone(), tx.clone());
            let waits = rt::spawn(async move { waits.0.obeyed(0, &waits.1).await });
            rt::sleep(Duration::from_secs(1)).await;
            assert_eq!(*nft.2.lock().unwrap(), "take the mute of p away");
            mute.want(true);
            rt::sleep(Duration::from_millis(1)).await;
            assert_eq!(*nft.2.lock().unwrap(), "mute 10.0.0.1");
            mute.obeyed(0, &tx).await.unwrap();
            assert_eq!(nft.1.lock().unwrap().len(), 2);
            assert!(waits.await.unwrap().is_err());
        });
    }
}
