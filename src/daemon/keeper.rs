//! One keeper per VIP: what is wanted of the address on our interface, and the kernel brought there.
//!
//! The last order counts, in whatever order the tasks come to run. What is wanted is compared with the kernel on each
//! event and each second: a removal or a restoration that failed is tried again, an address of ours on another interface
//! or with another prefix goes, the connected route that the address needs is there.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::hub::{Input, Tx};
use super::interfaces::Interface;
use crate::host::Kernel;
use crate::net::address::{AddressLife, AddressState};
use crate::net::route::Connected;
use crate::rt;
use crate::takeover::action::Level;
use crate::takeover::event::Outcome;
use crate::types::{BootTime, IfIndex, Vip};

/// What is wanted of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Nothing is ordered yet: what is there stays.
    Untouched,
    /// It is not on this machine, as far as it is ours.
    Absent,
    /// It is there for so long from the order on; afterwards the kernel takes it away, and nobody puts it back.
    For(Duration),
    /// It is there until somebody orders otherwise.
    Forever,
}

/// The interface on which the address belongs, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Its kernel index.
    pub index: u32,
    /// Our own address there.
    pub own: Option<Ipv4Addr>,
}

impl Place {
    /// Of an interface.
    pub fn of(interface: &Interface) -> Place {
        Place {
            name: interface.name.clone(),
            index: interface.index,
            own: interface.own,
        }
    }
}

struct Order {
    want: Want,
    number: u64,
    at: BootTime,
    place: Place,
    /// The last order that was carried out, and when.
    done: (u64, BootTime),
    /// A task is on its way that has not read the order yet.
    queued: bool,
}

/// The connected routes that all VIPs together need.
#[derive(Default)]
pub struct Routes {
    wanted: Mutex<BTreeMap<Ipv4Addr, Connected>>,
    turn: tokio::sync::Mutex<()>,
}

/// The keeper of one VIP.
pub struct Keeper {
    kernel: Arc<dyn Kernel>,
    vip: Vip,
    order: Mutex<Order>,
    turn: tokio::sync::Mutex<()>,
    routes: Arc<Routes>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Keeper {
    /// A keeper to whom nothing is ordered yet.
    pub fn new(kernel: Arc<dyn Kernel>, vip: Vip, place: Place, routes: Arc<Routes>) -> Keeper {
        let order = Order {
            want: Want::Untouched,
            number: 0,
            at: rt::boot(),
            place,
            done: (0, BootTime::default()),
            queued: false,
        };
        Keeper {
            kernel,
            vip,
            order: Mutex::new(order),
            turn: tokio::sync::Mutex::default(),
            routes,
        }
    }

    /// Where it keeps it.
    pub fn kernel(&self) -> &dyn Kernel {
        &*self.kernel
    }

    /// What is wanted from now on; the number of the order. To be called before the task that carries it out is started.
    pub fn order(&self, want: Want, place: Place) -> u64 {
        let mut order = locked(&self.order);
        order.number += 1;
        order.want = want;
        order.at = rt::boot();
        order.place = place;
        let connected = Connected {
            index: order.place.index,
            network: self.vip,
            own: order.place.own,
        };
        let mut routes = locked(&self.routes.wanted);
        match want {
            Want::Untouched => {}
            Want::Absent => {
                routes.remove(&self.vip.addr);
            }
            Want::For(_) | Want::Forever => {
                routes.insert(self.vip.addr, connected);
            }
        }
        order.number
    }

    /// The address.
    pub fn vip(&self) -> Vip {
        self.vip
    }

    /// What is wanted now.
    pub fn wanted(&self) -> Want {
        locked(&self.order).want
    }

    /// The interface is another one now, or has another own address.
    pub fn moved(&self, place: Place) {
        let mut order = locked(&self.order);
        if order.place == place {
            return;
        }
        if let Some(route) = locked(&self.routes.wanted).get_mut(&self.vip.addr) {
            (route.index, route.own) = (place.index, place.own);
        }
        order.place = place;
    }

    /// True if the last order was carried out before `then`: what was read of the kernel from then on shows it.
    pub fn settled_before(&self, then: BootTime) -> bool {
        let order = locked(&self.order);
        order.done.0 == order.number && order.done.1 < then
    }

    /// Compares with the kernel and mends, in a task; what does not succeed is an alarm until it does.
    pub fn look(self: &Arc<Self>, peer: usize, tx: &Tx) {
        if std::mem::replace(&mut locked(&self.order).queued, true) {
            return;
        }
        let (keeper, tx) = (self.clone(), tx.clone());
        rt::spawn(async move {
            let said = match keeper.converge().await {
                Ok(done) => {
                    for what in done {
                        tracing::warn!(vip = %keeper.vip, "{what}");
                    }
                    Input::Settle {
                        peer: Some(peer),
                        key: "address",
                        text: format!("{} is as it is wanted", keeper.vip),
                    }
                }
                Err(why) => Input::Raise {
                    peer: Some(peer),
                    key: "address",
                    level: Level::Critical,
                    text: format!("{}: {why}; it is tried again each second", keeper.vip),
                },
            };
            let _ = tx.send(said);
        });
    }

    /// Carries out the order of this number, unless another came since.
    pub async fn obey(&self, number: u64) -> Outcome {
        let newer = || Outcome::Failed("another order came meanwhile".to_owned());
        if locked(&self.order).number != number {
            return newer();
        }
        match self.converge().await {
            Err(why) => Outcome::Failed(why),
            Ok(_) if locked(&self.order).done.0 != number => newer(),
            Ok(_) => Outcome::Done(String::new()),
        }
    }

    /// Where the address still is on this machine, set by whomever, in words.
    pub async fn left(&self) -> Result<Option<String>, String> {
        let here = self.here().await?;
        let place = |a: &AddressState| format!("{} on interface number {}", a.vip, a.ifindex);
        Ok(here.first().map(place))
    }

    /// Brings the kernel to what is wanted now. What had to be mended, in words, beside what was newly ordered.
    async fn converge(&self) -> Result<Vec<String>, String> {
        let _turn = self.turn.lock().await;
        let (want, number, left, place, first) = {
            let mut order = locked(&self.order);
            order.queued = false;
            let left = match order.want {
                Want::For(life) => life.saturating_sub(rt::boot().since(order.at)),
                Want::Untouched | Want::Absent | Want::Forever => Duration::MAX,
            };
            let first = order.done.0 != order.number;
            (order.want, order.number, left, order.place.clone(), first)
        };
        let mut mended = Vec::new();
        match want {
            Want::Untouched => return Ok(mended),
            Want::Absent => self.take_off(&mut mended).await?,
            Want::For(_) if left.is_zero() => return Ok(mended),
            Want::For(_) => {
                self.put_on(&place, AddressLife::For(left), first, &mut mended)
                    .await?
            }
            Want::Forever => {
                self.put_on(&place, AddressLife::Forever, first, &mut mended)
                    .await?
            }
        }
        mended.extend(self.keep_routes().await?);
        locked(&self.order).done = (number, rt::boot());
        Ok(if first { Vec::new() } else { mended })
    }

    async fn keep_routes(&self) -> Result<Vec<String>, String> {
        let _turn = self.routes.turn.lock().await;
        let wanted: Vec<Connected> = locked(&self.routes.wanted).values().copied().collect();
        let kept = self.kernel.keep_connected(&wanted).await;
        kept.map_err(|e| e.to_string())
    }

    async fn here(&self) -> Result<Vec<AddressState>, String> {
        let all = self.kernel.addresses().await;
        let mut all = all.map_err(|e| e.to_string())?;
        all.retain(|a| a.vip.addr == self.vip.addr);
        Ok(all)
    }

    async fn remove(
        &self,
        index: IfIndex,
        vip: Vip,
        mended: &mut Vec<String>,
    ) -> Result<(), String> {
        let gone = self.kernel.remove_address(index, vip).await;
        if gone.map_err(|e| e.to_string())? {
            mended.push(format!(
                "{vip} was on interface number {index} and is removed"
            ));
        }
        Ok(())
    }

    async fn take_off(&self, mended: &mut Vec<String>) -> Result<(), String> {
        for other in self.here().await?.iter().filter(|a| a.ours) {
            self.remove(other.ifindex, other.vip, mended).await?;
        }
        match self.here().await?.iter().find(|a| a.ours) {
            None => Ok(()),
            Some(a) => Err(format!(
                "{} is still there, on interface number {}",
                a.vip, a.ifindex
            )),
        }
    }

    async fn put_on(
        &self,
        place: &Place,
        life: AddressLife,
        first: bool,
        mended: &mut Vec<String>,
    ) -> Result<(), String> {
        let (name, index) = (place.name.as_str(), IfIndex(place.index));
        match self.kernel.link(name).await {
            Ok(Some(l)) if l.ifindex != index => {
                return Err(format!("{name} was made anew a moment ago"));
            }
            Ok(Some(l)) if !l.carrier => return Err(format!("{name} has no carrier")),
            Ok(Some(_)) => {}
            Ok(None) => return Err(format!("there is no interface {name}")),
            Err(e) => return Err(e.to_string()),
        }
        let ours = |a: &AddressState| a.ours && a.ifindex == index && a.vip == self.vip;
        let here = self.here().await?;
        let now = here.iter().find(|a| ours(a));
        let forever = life == AddressLife::Forever;
        let right = now.is_some_and(|a| (a.life == AddressLife::Forever) == forever);
        if first || !right {
            if here.is_empty() {
                forget_old_connections(&*self.kernel, self.vip).await;
            }
            let added = self.kernel.put_address(index, name, self.vip, life).await;
            added.map_err(|e| e.to_string())?;
            if now.is_none() {
                mended.push(format!("{} was missing on {name} and is back", self.vip));
            }
        }
        for other in here.iter().filter(|a| a.ours && !ours(a)) {
            self.remove(other.ifindex, other.vip, mended).await?;
        }
        let here = self.here().await?;
        match here
            .iter()
            .find(|a| a.ifindex == index && a.vip == self.vip)
        {
            Some(a) if a.ours => Ok(()),
            Some(_) => Err(format!(
                "it is on {name}, but not marked as ours: somebody else set it"
            )),
            None => Err(format!("it does not read back on {name}")),
        }
    }
}

/// Connections from an earlier time with the VIP, which survive a machine that hung and was fenced: a camera that dials
/// from the same port again would get no reset from them, and wait for minutes. To be called while the address is not
/// here: where it is in place already, its connections are alive.
async fn forget_old_connections(kernel: &dyn Kernel, vip: Vip) {
    match kernel.reset_connections(vip.addr).await {
        Ok(0) => {}
        Ok(n) => tracing::info!(%vip, "{n} connections of an earlier time closed"),
        Err(e) => tracing::warn!(%vip, error = %e, "connections of an earlier time stay"),
    }
}
