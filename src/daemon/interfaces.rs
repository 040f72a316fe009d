//! The interfaces of the VIPs: one ARP socket and one budget each, whatever the number of peers behind it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::hub::{Input, Tx};
use crate::host::{ArpEnd, Wire};
use crate::net::arp::ArpFrame;
use crate::net::arp_socket::ArpError;
use crate::net::budget::Budget;
use crate::rt::{self, Join};
use crate::types::{BootTime, MacAddr, Vip};

/// An interface that carries VIPs. Everything about it may change while we run: `follow_kernel` brings it up to date.
pub struct Interface {
    /// Its name in the configuration.
    pub configured: String,
    /// Its name now.
    pub name: String,
    /// Its kernel index; another one when it was deleted and made anew.
    pub index: u32,
    /// Its MAC address.
    pub mac: MacAddr,
    /// Our own address on it: the sender of probes, witness requests and handshakes. Without one nothing can be asked.
    pub own: Option<Ipv4Addr>,
    /// The network of the VIP, in which our own address is.
    pub network: Vip,
    /// Carrier, as last told.
    pub carrier: bool,
    socket: Arc<dyn ArpEnd>,
    per_second: u32,
    reader: Option<Reader>,
    /// All ARP that we send here comes out of this.
    pub budget: Budget,
}

/// Why a question did not leave. Neither is the peer's silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// The budget had no room.
    Refused,
    /// Our own side could not send it, and why.
    Failed(String),
}

impl Interface {
    /// Wraps an open socket.
    pub fn new(
        name: &str,
        (index, mac, own, carrier): (u32, MacAddr, Option<Ipv4Addr>, bool),
        network: Vip,
        socket: Arc<dyn ArpEnd>,
        per_second: u32,
    ) -> Self {
        let budget = Budget::per_second(per_second);
        Interface {
            configured: name.to_owned(),
            name: name.to_owned(),
            index,
            mac,
            own,
            network,
            carrier,
            socket,
            per_second,
            reader: None,
            budget,
        }
    }

    /// Another peer asks on this interface too: the smaller budget counts, and sweeps leave room for questions.
    pub fn share(&mut self, per_second: u32) {
        self.per_second = self.per_second.min(per_second);
        self.budget = Budget::shared(self.per_second);
    }

    /// Asks the peer, from our own address.
    ///
    /// # Errors
    /// Why the question did not leave.
    pub fn ask(
        &mut self,
        now: BootTime,
        question: impl FnOnce(MacAddr, Ipv4Addr) -> ArpFrame,
    ) -> Result<(), Unsent> {
        self.send_question(|budget| budget.take(now), question)
    }

    /// Asks what nothing waits for, from our own address, with the room that a sweep has.
    ///
    /// # Errors
    /// Why the question did not leave.
    pub fn ask_aside(
        &mut self,
        now: BootTime,
        question: impl FnOnce(MacAddr, Ipv4Addr) -> ArpFrame,
    ) -> Result<(), Unsent> {
        self.send_question(|budget| budget.take_for_sweep(now), question)
    }

    /// Asks a witness, from our own address.
    ///
    /// # Errors
    /// Why the question did not leave.
    pub fn ask_witness(
        &mut self,
        now: BootTime,
        question: impl FnOnce(MacAddr, Ipv4Addr) -> ArpFrame,
    ) -> Result<(), Unsent> {
        self.send_question(|budget| budget.take_for_witness(now), question)
    }

    /// With what `take` finds in the budget: what cannot be asked at all takes nothing of it.
    fn send_question(
        &mut self,
        take: impl FnOnce(&mut Budget) -> Result<(), BootTime>,
        question: impl FnOnce(MacAddr, Ipv4Addr) -> ArpFrame,
    ) -> Result<(), Unsent> {
        if !self.carrier {
            return Err(Unsent::Failed("the interface has no carrier".to_owned()));
        }
        let own = self.own.ok_or_else(|| {
            Unsent::Failed(
                "this machine has no address of its own in the VIP's network there".to_owned(),
            )
        })?;
        let frame = question(self.mac, own);
        take(&mut self.budget).map_err(|_| Unsent::Refused)?;
        let sent = self.socket.send(&frame);
        sent.map_err(|e| Unsent::Failed(e.to_string()))
    }

    /// The next frame that has arrived, without waiting.
    pub fn try_recv(&self) -> Option<ArpFrame> {
        self.socket.try_recv()
    }

    /// Sends a probe or a question if the budget has room; a frame that finds none is not sent.
    pub fn send_within_budget(&mut self, now: BootTime, frame: &ArpFrame) -> bool {
        self.budget.take(now).is_ok() && self.send(frame)
    }

    /// Sends a frame for which the budget was asked already.
    pub fn send(&self, frame: &ArpFrame) -> bool {
        match self.socket.send(frame) {
            Ok(()) => true,
            Err(e) => {
                tracing::debug!(interface = %self.name, error = %e, "ARP frame not sent");
                false
            }
        }
    }

    /// Opens the socket anew on the interface of this name and index, which the kernel has made anew, and reads it.
    ///
    /// # Errors
    /// [`ArpError`]; the old socket, which is deaf, stays.
    pub fn reopen(
        &mut self,
        me: usize,
        (wire, tx): (&dyn Wire, &Tx),
        name: &str,
        index: u32,
    ) -> Result<(), ArpError> {
        self.socket = wire.arp(name)?;
        self.name = name.to_owned();
        self.index = index;
        self.listen(me, tx.clone());
        Ok(())
    }

    /// Reads frames into the loop until the loop is gone or the socket is opened anew.
    pub fn listen(&mut self, me: usize, tx: Tx) {
        let socket = self.socket.clone();
        let task = rt::spawn(async move {
            loop {
                match socket.recv().await {
                    Ok(frame) => {
                        if tx.send(Input::Frame(me, frame)).is_err() {
                            return;
                        }
                    }
                    Err(e) => {
                        tracing::debug!(error = %e, "ARP receive");
                        rt::sleep(std::time::Duration::from_millis(20)).await;
                    }
                }
            }
        });
        self.reader = Some(Reader(task));
    }
}

/// A task that reads a socket, ended when this is dropped: a socket that was opened anew has one reader, not two.
pub struct Reader(pub Join<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}
