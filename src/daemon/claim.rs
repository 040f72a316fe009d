//! The VIP on our interface: put there and read back, taken off and proven gone, by its keeper.

use std::sync::Arc;
use std::time::Duration;

use super::interfaces::Interface;
use super::keeper::{Keeper, Place, Want};
use super::perform::{Hands, Shared};
use crate::takeover::event::Outcome;

/// Puts the VIP on the interface and reads it back, as the order of this number says.
pub async fn claim(keeper: &Keeper, number: u64) -> Outcome {
    match keeper.obey(number).await {
        Outcome::Done(_) => Outcome::Done(format!(
            "{} reads back on our interface, marked as ours",
            keeper.vip()
        )),
        other => other,
    }
}

/// Takes the VIP off, proves it gone, and resets what is left of its connections on this side.
///
/// The cameras' side is not reset: what they send next reaches the peer, whose kernel resets it, so that they redial
/// when the peer can answer and not before.
pub async fn drop_and_prove(keeper: &Keeper, number: u64) -> Outcome {
    match keeper.obey(number).await {
        Outcome::Done(_) => {}
        other => return other,
    }
    let vip = keeper.vip();
    match keeper.left().await {
        Ok(None) => {}
        Ok(Some(place)) => {
            return Outcome::Failed(format!(
                "{place} is still there: somebody else set it; take it off first"
            ));
        }
        Err(e) => return Outcome::Failed(e),
    }
    match keeper.kernel().reset_connections(vip.addr).await {
        Ok(n) => Outcome::Done(format!("{vip} is gone; {n} connections closed here")),
        Err(e) => Outcome::Done(format!("{vip} is gone; its old connections time out ({e})")),
    }
}

fn wanted(lifetime: Option<Duration>) -> Want {
    lifetime.map_or(Want::Forever, Want::For)
}

impl Hands {
    /// From now on the VIP is wanted, for so long or for ever. The keeper and the number of the order.
    pub(super) fn order_address(
        &self,
        lifetime: Option<Duration>,
        interface: &Interface,
    ) -> Option<(Arc<Keeper>, u64)> {
        let keeper = self.keeper.clone()?;
        let number = keeper.order(wanted(lifetime), Place::of(interface));
        Some((keeper, number))
    }

    /// From now on the VIP is not wanted here.
    pub(super) fn order_removal(&self, interface: &Interface) -> Option<(Arc<Keeper>, u64)> {
        let keeper = self.keeper.clone()?;
        let number = keeper.order(Want::Absent, Place::of(interface));
        Some((keeper, number))
    }

    /// Takes the VIP off, without an answer: what does not succeed is tried again each second, and is an alarm.
    pub(super) fn drop_address(&self, interface: &Interface, shared: &Shared) {
        if let Some((keeper, _)) = self.order_removal(interface) {
            keeper.look(self.me, &shared.tx);
        }
    }
}
