//! Port takeover on this machine: the interface that holds the VIP all the time, mute until it is ours to use.
//!
//! Claiming is to take the mute away, dropping is to put it back. The address itself stays where the operating system
//! put it, and with it the routes that hang on it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::hub::Tx;
use super::interfaces::Interface;
use super::journal::Ticket;
use super::mute_keeper::MuteKeeper;
use super::perform::{Hands, Shared, durable};
use crate::net::arp::ArpFrame;
use crate::takeover::action::Run;
use crate::takeover::step::Step;

use crate::host::Kernel;
use crate::net::address::{self, AddressLife};
use crate::switch::Switch;
use crate::switch::change::vlan_move::{NotMoved, Whose, move_port};
use crate::takeover::event::Outcome;
use crate::types::{IfIndex, MacAddr, Vip, VlanId};

/// Our own port, and whether this machine may speak for the VIP.
#[derive(Clone)]
pub struct Parked {
    /// The switch.
    pub switch: Switch,
    /// ifName of our port.
    pub port: String,
    /// VLAN of the cameras.
    pub production: VlanId,
    /// VLAN in which it waits.
    pub parking: VlanId,
    /// MAC address of the interface on it.
    pub mac: MacAddr,
    /// The mute.
    pub mute: Arc<MuteKeeper>,
}

impl Parked {
    /// From now on nothing is said with the VIP as sender; tried until it is so.
    pub(super) fn fall_silent(&self, peer: usize, shared: &Shared) {
        self.mute.want(true);
        let _slow = shared.slow.enter();
        self.mute.look_after(peer, &shared.tx);
    }
}

/// Makes sure that the address is on the parked interface, and takes the mute away.
pub(super) async fn claim(
    kernel: &dyn Kernel,
    (interface, index): (&str, u32),
    mute: &Arc<MuteKeeper>,
    (peer, tx): (usize, &Tx),
) -> Outcome {
    let vip = mute.vip();
    match kernel.link(interface).await {
        Ok(Some(l)) if !l.carrier => return Outcome::Failed(format!("{interface} has no carrier")),
        Ok(Some(l)) if l.ifindex.0 == index => {}
        Ok(_) => return Outcome::Failed(format!("{interface} is not the interface it was")),
        Err(e) => return Outcome::Failed(e.to_string()),
    }
    let there = match ensure(kernel, (interface, index), vip).await {
        Ok(there) => there,
        Err(e) => return Outcome::Failed(e),
    };
    match mute.obeyed(peer, tx).await {
        Ok(()) => Outcome::Done(format!(
            "{vip} {there} {interface}, and is not mute any more"
        )),
        Err(e) => Outcome::Failed(e),
    }
}

/// Puts the address there if it is missing; says in words how it was.
///
/// # Errors
/// In words.
pub async fn ensure(
    kernel: &dyn Kernel,
    (interface, index): (&str, u32),
    vip: Vip,
) -> Result<&'static str, String> {
    let read = async || {
        let all = kernel.addresses().await.map_err(|e| e.to_string())?;
        Ok::<bool, String>(address::on(&all, IfIndex(index), vip.addr).is_some())
    };
    if read().await? {
        return Ok("is there already on");
    }
    let life = AddressLife::Forever;
    let added = kernel.put_address(IfIndex(index), interface, vip, life);
    added.await.map_err(|e| e.to_string())?;
    match read().await? {
        true => Ok("was missing and is back on"),
        false => Err(format!("{vip} does not read back on {interface}")),
    }
}

/// Mutes the VIP, proves it, and closes what is left of its connections on this side.
pub(super) async fn drop_and_prove(
    kernel: &dyn Kernel,
    mute: &Arc<MuteKeeper>,
    (peer, tx): (usize, &Tx),
) -> Outcome {
    let vip = mute.vip();
    if let Err(e) = mute.obeyed(peer, tx).await {
        return Outcome::Failed(e);
    }
    match kernel.reset_connections(vip.addr).await {
        Ok(n) => Outcome::Done(format!(
            "{vip} stays on the parked interface, mute; {n} connections closed here"
        )),
        Err(e) => Outcome::Done(format!(
            "{vip} stays on the parked interface, mute; its old connections time out ({e})"
        )),
    }
}

/// By which of our legs a step speaks, where they are two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leg {
    /// The one in production, with our own address.
    Listening,
    /// The one that has the VIP.
    Serving,
}

/// The leg of a step.
pub(super) fn step_leg(step: Step) -> Leg {
    match step {
        Step::Watch | Step::Claim | Step::Rewire | Step::Announce | Step::Drop | Step::Park => {
            Leg::Serving
        }
        Step::Gate
        | Step::Service
        | Step::Yield
        | Step::Fence
        | Step::Silence
        | Step::Forward
        | Step::Open
        | Step::Verify
        | Step::Precheck
        | Step::Lift
        | Step::Return
        | Step::Handback
        | Step::Prove
        | Step::Site(_)
        | Step::Undo(_) => Leg::Listening,
    }
}

impl Hands {
    /// Lets the parked address speak.
    pub(super) fn claim_parked(
        &mut self,
        run: &Run,
        ticket: Option<Ticket>,
        interface: &Interface,
        shared: &Shared,
    ) {
        let Some(parked) = self.parked.clone() else {
            return;
        };
        let (kernel, index) = (shared.host.kernel.clone(), interface.index);
        let name = interface.name.clone();
        parked.mute.want(false);
        let (me, tx) = (self.me, shared.tx.clone());
        let (slow, step, attempt) = (&shared.slow, run.step, run.attempt);
        self.tasks.spawn(slow, step, attempt, async move {
            durable(ticket).await;
            claim(&*kernel, (&name, index), &parked.mute, (me, &tx)).await
        });
    }

    /// Mutes the parked address.
    pub(super) fn drop_parked(&mut self, run: &Run, shared: &Shared) {
        let Some(parked) = &self.parked else { return };
        parked.mute.want(true);
        let (mute, kernel) = (parked.mute.clone(), shared.host.kernel.clone());
        let (me, tx) = (self.me, shared.tx.clone());
        let (slow, step, attempt) = (&shared.slow, run.step, run.attempt);
        self.tasks.spawn(slow, step, attempt, async move {
            drop_and_prove(&*kernel, &mute, (me, &tx)).await
        });
    }

    /// Moves our own port: to the production VLAN for `Rewire`, back to the parking VLAN for `Park`.
    pub(super) fn move_own_port(
        &mut self,
        run: &Run,
        ticket: Option<Ticket>,
        (interface, listening): (&Interface, Option<Ipv4Addr>),
        shared: &Shared,
    ) {
        let (step, attempt, within) = (run.step, run.attempt, run.within);
        let Some(parked) = self.parked.clone() else {
            let why = "no port takeover is configured".to_owned();
            return self.answer(run, Outcome::Refused(why), shared);
        };
        // A frame to ourselves: the switch learns who is on the port, and nobody else is told. Its sender is the address of
        // our other leg: nothing with the VIP as sender leaves before the claim.
        if let Some(own) = listening {
            let mac = interface.mac;
            interface.send(&ArpFrame::request(mac, own, own, Some(mac)));
        }
        let ways = match step {
            Step::Rewire => (parked.parking, parked.production),
            _ => (parked.production, parked.parking),
        };
        let whose = Whose {
            expected: parked.mac.into(),
            ..Whose::default()
        };
        self.tasks.spawn(&shared.slow, step, attempt, async move {
            durable(ticket).await;
            match move_port(&parked.switch, &parked.port, ways, &whose, within, || {}).await {
                Ok(how) => Outcome::Done(how),
                Err(NotMoved::Refused(why)) => Outcome::Refused(why),
                Err(NotMoved::Failed(why)) => Outcome::Failed(why),
            }
        });
    }
}
