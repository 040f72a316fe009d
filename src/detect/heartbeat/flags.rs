//! The flags of a heartbeat, a bit each.

/// What is true at the sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Bit 0: the address is on its interface.
    pub holds_vip: bool,
    /// Bit 1: its data interface has carrier.
    pub carrier: bool,
    /// Bit 2: its service completes a handshake.
    pub service_healthy: bool,
    /// Bit 3: it asks the receiver to give the address up.
    pub wants_yield: bool,
    /// Bit 4: it has given the address up, and proven that it is gone.
    pub yielded: bool,
    /// Bit 5: it has released the address to the receiver, who is to claim it.
    pub released: bool,
}

impl Flags {
    pub(super) fn to_bits(self) -> u8 {
        let all = [
            self.holds_vip,
            self.carrier,
            self.service_healthy,
            self.wants_yield,
            self.yielded,
            self.released,
        ];
        all.iter()
            .enumerate()
            .fold(0, |bits, (i, set)| bits | (u8::from(*set) << i))
    }

    pub(super) fn from_bits(bits: u8) -> Option<Flags> {
        let bit = |i: u8| bits & (1 << i) != 0;
        (bits < 1 << 6).then(|| Flags {
            holds_vip: bit(0),
            carrier: bit(1),
            service_healthy: bit(2),
            wants_yield: bit(3),
            yielded: bit(4),
            released: bit(5),
        })
    }
}
