//! Where the VIP is on this machine, looked at with everything else that the kernel has: kept where we own it, a conflict
//! where we do not and somebody else has set it here.

use super::keeper::{Place, Want};
use super::run_loop::Loop;
use crate::net::address::AddressState;
use crate::net::kernel_view::KernelView;
use crate::rt;
use crate::takeover::action::Level;
use crate::takeover::event::Event;
use crate::takeover::state::{Grounds, Phase};
use crate::types::BootTime;

/// Key of the alarm that the VIP is here without being ours.
const HERE: &str = "conflict-here";

impl Loop {
    /// `begun`: when reading the view began.
    pub(super) fn look_for_vip(&mut self, peer: usize, view: &KernelView, begun: BootTime) {
        if self.keep_address(peer, view, begun) {
            self.event(peer, Event::AddressLost);
        }
        let p = &mut self.peers[peer];
        let vip = p.hands.peer.vip;
        let parked = p
            .hands
            .parked
            .is_some()
            .then(|| self.interfaces[p.hands.serving].index);
        let strange = view
            .places_of(vip.addr)
            .filter(|a| !a.ours && Some(a.ifindex.0) != parked);
        let strange: Vec<_> = strange.map(|a| (a.vip, view.name_of(a.ifindex))).collect();
        let owner = p.machine.ownership().is_some();
        p.hands.vip_is_here =
            !owner && parked.is_none() && view.places_of(vip.addr).next().is_some();
        if owner || strange.is_empty() {
            return self.settle(
                Some(peer),
                HERE,
                format!(
                    "{} is on no interface of ours any more, or is ours now",
                    vip.addr
                ),
            );
        }
        let all = strange.iter().map(|(a, name)| format!("{a} on {name}"));
        let mend = strange
            .iter()
            .map(|(a, name)| format!("`ip address del {a} dev {name}`"));
        let text = format!(
            "conflict: it is here: {}, set by somebody else while we are not its owner; this machine answers for the VIP, and the peer cannot be asked beyond ARP; take it off: {}",
            all.collect::<Vec<_>>().join(", "),
            mend.collect::<Vec<_>>().join(", "),
        );
        self.raise(Some(peer), HERE, Level::Critical, text);
    }

    /// Addresses with our mark that no peer has: what an earlier run left whose VIP was edited, or whose peer was renamed
    /// or removed. They are removed after the start, until none is seen; later ones are another program's.
    pub(super) fn remove_strays(&mut self, view: &KernelView) {
        if !self.strays {
            return;
        }
        let has = |a: &AddressState| {
            self.peers
                .iter()
                .any(|p| p.hands.peer.vip.addr == a.vip.addr)
        };
        let found: Vec<_> = view
            .addresses
            .iter()
            .filter(|a| a.ours && !has(a))
            .collect();
        self.strays = !found.is_empty();
        for stray in found {
            let (kernel, vip, index) = (self.shared.host.kernel.clone(), stray.vip, stray.ifindex);
            let name = view.name_of(index);
            rt::spawn(async move {
                match kernel.remove_address(index, vip).await {
                    Ok(true) => tracing::warn!(
                        "{vip} was on {name}, set by an earlier run for a VIP or peer that the configuration does not have any more: removed"
                    ),
                    Ok(false) => {}
                    Err(e) => tracing::error!(
                        "{vip} was left on {name} by an earlier run and cannot be removed: {e}"
                    ),
                }
            });
        }
    }

    /// The keeper compares what is wanted with the kernel; true if the address that we own has gone.
    fn keep_address(&self, peer: usize, view: &KernelView, begun: BootTime) -> bool {
        let p = &self.peers[peer];
        let Some(keeper) = &p.hands.keeper else {
            return false;
        };
        let serving = &self.interfaces[p.hands.serving];
        keeper.moved(Place::of(serving));
        if keeper.wanted() == Want::Untouched {
            let at_rest = matches!(p.machine.state().phase(), Phase::Standby | Phase::Halted);
            match p.machine.ownership().map(|o| o.grounds) {
                Some(Grounds::Fenced) => {
                    keeper.order(Want::Forever, Place::of(serving));
                }
                // Renewed by the core, which knows for how long.
                Some(Grounds::Yielded | Grounds::Vacant | Grounds::Unfenced) => {}
                None if at_rest => {
                    keeper.order(Want::Absent, Place::of(serving));
                }
                None => {}
            }
        }
        let wanted = matches!(keeper.wanted(), Want::For(_) | Want::Forever);
        let settled = keeper.settled_before(begun);
        keeper.look(peer, &self.shared.tx);
        let vip = p.hands.peer.vip;
        let here = |a: &AddressState| a.ifindex.0 == serving.index && a.vip.prefix == vip.prefix;
        let owner = p.machine.ownership().is_some();
        owner && wanted && settled && serving.carrier && !view.places_of(vip.addr).any(here)
    }
}
