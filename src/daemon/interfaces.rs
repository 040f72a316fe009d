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
    /// All ARP that we send here comes out of this.
    pub budget: Budget,
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
            budget,
        }
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
