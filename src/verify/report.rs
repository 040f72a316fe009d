//! What a [`Tracker`] knows, as a [`Summary`].

use std::net::Ipv4Addr;

use super::conn::Conn;
use super::rungs::{Fault, Reading, Rung, Unknowable};
use super::state::State;
use super::tracker::Tracker;
use super::verdict::{self, CameraReport, Readings, Summary};

impl Tracker {
    /// All that is known now.
    pub fn summary(&self) -> Summary {
        let cameras: Vec<_> = (0..self.cameras.len()).map(|i| self.report(i)).collect();
        let back = cameras.iter().filter(|c| c.back).count();
        let returned = || cameras.iter().filter_map(|c| c.returned_at_us);
        let receipts = cameras.iter().filter_map(|c| match c.rungs.arp_receipt {
            Reading::Seen { at_us, .. } => Some(at_us),
            Reading::Routed | Reading::Unknown | Reading::NotSeen => None,
        });
        Summary {
            verdict: verdict::verdict(back, cameras.len()),
            expected: cameras.len(),
            back,
            missing: cameras
                .iter()
                .filter(|c| !c.back)
                .map(|c| c.name.clone())
                .collect(),
            first_syn_us: returned().min(),
            last_syn_us: returned().max(),
            last_receipt_us: receipts.max(),
            unknown: self.unknown.values().cloned().collect(),
            unknown_unlisted: self.unknown_unlisted,
            frames: self.frames,
            not_decoded: self.undecoded.list(),
            cameras,
        }
    }

    fn report(&self, index: usize) -> CameraReport {
        let state = &self.cameras[index];
        let back = state.back();
        let rung = Rung::ALL.into_iter().rev().find(|r| state.has(*r));
        let newest = self.telling_conn(index, state.camera.address);
        let fault = (!back).then(|| self.fault(state, rung, newest));
        let mut readings = Rung::ALL.map(|r| match state.rungs[r as usize] {
            Some((at_us, source)) => Reading::Seen { at_us, source },
            None if r == Rung::ArpReceipt && self.is_routed(state.camera.address) => {
                Reading::Routed
            }
            None => Reading::NotSeen,
        });
        for r in Rung::ALL {
            let unknown = match (&fault, newest) {
                (Some(Fault::Unknown(_)), _) => r > rung.unwrap_or(Rung::ArpReceipt),
                // A recorder's connection that has not named its stream yet may be this one's.
                (Some(_), Some(conn)) if conn.owner.is_none() && conn.other_stream.is_none() => {
                    match r {
                        Rung::ArpReceipt | Rung::AnyTcp => false,
                        Rung::Syn => conn.syn.is_some(),
                        Rung::Handshake => conn.session.handshake_at().is_some(),
                        Rung::Media => conn.session.media_at.is_some(),
                    }
                }
                _ => false,
            };
            if unknown && readings[r as usize] == Reading::NotSeen {
                readings[r as usize] = Reading::Unknown;
            }
        }
        let [arp_receipt, any_tcp, syn, handshake, media] = readings;
        let syn_at = state.rungs[Rung::Syn as usize];
        CameraReport {
            name: state.camera.name.clone(),
            address: state.camera.address,
            stream: state.camera.stream.clone(),
            back,
            rung,
            rungs: Readings {
                arp_receipt,
                any_tcp,
                syn,
                handshake,
                media,
            },
            stuck_on: if back {
                None
            } else {
                self.stuck_on(state, rung)
            },
            blame: fault.as_ref().map(Fault::blame),
            fault,
            source: rung
                .and_then(|r| state.rungs[r as usize])
                .map(|(_, source)| source),
            returned_at_us: syn_at.filter(|_| back).map(|(at, _)| at),
            reset_syns: state.reset_syns,
            other_mac: state.other_mac,
        }
    }

    fn is_routed(&self, address: Ipv4Addr) -> bool {
        !self.vip.on_link(address)
    }

    fn stuck_on(&self, state: &State, highest: Option<Rung>) -> Option<Rung> {
        let first = if self.is_routed(state.camera.address) {
            Rung::AnyTcp
        } else {
            Rung::ArpReceipt
        };
        Rung::ALL.into_iter().find(|r| match highest {
            Some(h) => *r > h,
            None => *r >= first,
        })
    }

    /// The newest connection that is, or may be, of this camera; of a camera that dials again after it was turned away
    /// the one that says why.
    fn telling_conn(&self, index: usize, address: Ipv4Addr) -> Option<&Conn> {
        let sole = self.by_address.get(&address).is_some_and(|v| v.len() == 1);
        let mut all: Vec<&Conn> = self
            .conns_of(address)
            .map(|(_, conn)| conn)
            .filter(|c| match c.owner {
                Some(owner) => owner == index,
                None => sole || c.other_stream.is_none(),
            })
            .collect();
        all.sort_by_key(|c| std::cmp::Reverse((c.syn.map(|s| s.at), c.last_at)));
        let newest = *all.first()?;
        let before = all.get(1).copied().filter(|c| {
            c.turned_away() && c.owner == Some(index) && c.session.handshake_at().is_some()
        });
        Some(match before {
            Some(before) if newest.under_way() => before,
            _ => newest,
        })
    }

    fn fault(&self, state: &State, highest: Option<Rung>, newest: Option<&Conn>) -> Fault {
        let gated = |at: u64| {
            self.gates
                .range(..=at)
                .any(|(_, to)| to.is_none_or(|to| at <= to))
        };
        let address = state.camera.address;
        if let Some(fault) = newest.and_then(|c| c.fault(self.now, gated)) {
            let certain = matches!(
                fault,
                Fault::Refused(_)
                    | Fault::ClosedByServer
                    | Fault::ClosedAfterMedia
                    | Fault::SynAnsweredByReset
                    | Fault::SynGated
            );
            return if self.undecoded.has_fragments_of(address) && !certain {
                Fault::Unknown(Unknowable::NotDecoded)
            } else {
                fault
            };
        }
        if self.cut_addresses.contains(&address) {
            return Fault::Unknown(Unknowable::SnaplenTooShort);
        }
        match highest {
            None | Some(Rung::ArpReceipt | Rung::AnyTcp) if self.undecoded.may_hide(address) => {
                Fault::Unknown(Unknowable::NotDecoded)
            }
            None if self.is_routed(address) => Fault::NothingRouted,
            None => Fault::NoReceipt,
            Some(Rung::ArpReceipt | Rung::AnyTcp) => Fault::NoSyn,
            Some(Rung::Syn | Rung::Handshake | Rung::Media) => {
                Fault::Unknown(Unknowable::NotCaptured)
            }
        }
    }
}
