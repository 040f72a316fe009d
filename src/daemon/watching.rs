//! Starts verification, and finds the cameras that came back while nobody was watching.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::hub::Input;
use super::interfaces::Interface;
use super::keeper::Want;
use super::perform::{Hands, Shared};
use super::watch::{Watch, Watched};
use super::{steps, watch};
use crate::rt;
use crate::takeover::event::Outcome;
use crate::types::IfIndex;
use crate::verify::Source;

/// A camera that pushes brings bytes within this.
const STILL_FED: Duration = Duration::from_millis(400);

impl Hands {
    pub(super) fn begin_watch(&mut self, interface: &Interface, shared: &Shared) -> Outcome {
        let watched = Watched {
            peer: self.me,
            interface: IfIndex(interface.index),
            own_mac: interface.mac,
            vip: self.vip(),
            port: self.peer.service.port,
            inventory: self.inventory.clone(),
        };
        // A takeover that begins again (a fence that was opened) finds cameras that have been served all the while.
        self.adopt |= self.watch.is_some() && self.serves_the_vip();
        match Watch::begin(watched.clone(), &*shared.host.wire, shared.tx.clone()) {
            Ok(watch) => {
                // Begun anew while the address stayed: connections that were there before show no SYN.
                if std::mem::take(&mut self.adopt) || self.watch.is_some() {
                    self.look_for_connections(watch.waiting(), shared);
                }
                self.watch = Some(watch);
                Outcome::Done("capturing".to_owned())
            }
            Err(e) => {
                // Tried again each second (`follow_kernel`): cameras that come back meanwhile are known to the kernel.
                self.watch = Some(Watch::blind(&watched));
                Outcome::Failed(e)
            }
        }
    }

    /// True if we have the VIP, by what was ordered last.
    fn serves_the_vip(&self) -> bool {
        match (&self.keeper, &self.parked) {
            (Some(keeper), _) => matches!(keeper.wanted(), Want::For(_) | Want::Forever),
            (None, Some(parked)) => !parked.mute.wanted(),
            (None, None) => false,
        }
    }

    /// After a restart: cameras that came back while nobody was watching are known to the kernel.
    ///
    /// Asked again and again, so that only connections on which bytes still arrive count, until all are back.
    fn look_for_connections(&self, waiting: impl Fn() -> bool + Send + 'static, shared: &Shared) {
        let (vip, port, me) = (self.vip().addr, self.peer.service.port, self.me);
        let (tx, kernel) = (shared.tx.clone(), shared.host.kernel.clone());
        shared.slow.spawn(async move {
            let mut before = Vec::new();
            while waiting() {
                let now = kernel.connections(vip, port).await.unwrap_or_default();
                let fed = now
                    .iter()
                    .filter(|c| steps::fed(&before, c))
                    .map(|c| *c.peer.ip());
                if tx.send(Input::Fed(me, fed.collect())).is_err() {
                    return;
                }
                before = now;
                rt::sleep(STILL_FED).await;
            }
        });
    }

    /// Cameras whose connections the kernel shows as established and fed.
    pub fn adopt_fed(&self, fed: &[Ipv4Addr]) {
        let Some(watch) = &self.watch else { return };
        for camera in watch::adoptable(&self.inventory, fed) {
            watch.adopt(camera, Source::SocketCounters);
        }
    }
}
