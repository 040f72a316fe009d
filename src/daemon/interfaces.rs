//! The interfaces of the VIPs: one ARP socket and one budget each, whatever the number of peers behind it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::hub::{Input, Tx};
use crate::net::arp::ArpFrame;
use crate::net::arp_socket::ArpSocket;
use crate::net::budget::Budget;
use crate::types::{BootTime, MacAddr};

/// An interface that carries VIPs.
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its kernel index.
    pub index: u32,
    /// Its MAC address.
    pub mac: MacAddr,
    /// Our own address on it: the sender of witness requests and handshakes.
    pub own: Ipv4Addr,
    /// Carrier, as last told.
    pub carrier: bool,
    socket: Arc<ArpSocket>,
    per_second: u32,
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
        (index, mac, own, carrier): (u32, MacAddr, Ipv4Addr, bool),
        socket: ArpSocket,
        per_second: u32,
    ) -> Self {
        let budget = Budget::per_second(per_second);
        let socket = Arc::new(socket);
        Interface {
            name: name.to_owned(),
            index,
            mac,
            own,
            carrier,
            socket,
            per_second,
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
        let frame = self.question(question)?;
        self.budget.take(now).map_err(|_| Unsent::Refused)?;
        self.socket
            .send(&frame)
            .map_err(|e| Unsent::Failed(e.to_string()))
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
        let frame = self.question(question)?;
        self.budget
            .take_for_witness(now)
            .map_err(|_| Unsent::Refused)?;
        self.socket
            .send(&frame)
            .map_err(|e| Unsent::Failed(e.to_string()))
    }

    fn question(
        &self,
        question: impl FnOnce(MacAddr, Ipv4Addr) -> ArpFrame,
    ) -> Result<ArpFrame, Unsent> {
        if !self.carrier {
            return Err(Unsent::Failed("the interface has no carrier".to_owned()));
        }
        if self.own.is_unspecified() {
            return Err(Unsent::Failed(
                "this machine has no address of its own in the VIP's network there".to_owned(),
            ));
        }
        Ok(question(self.mac, self.own))
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

    /// Reads frames into the loop until the loop is gone.
    pub fn listen(&self, me: usize, tx: Tx) {
        let socket = self.socket.clone();
        tokio::spawn(async move {
            loop {
                match socket.recv().await {
                    Ok(frame) => {
                        if tx.send(Input::Frame(me, frame)).is_err() {
                            return;
                        }
                    }
                    Err(e) => {
                        tracing::debug!(error = %e, "ARP receive");
                        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    }
                }
            }
        });
    }
}
