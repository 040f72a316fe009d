//! Blocks of a capture file to Ethernet frames with a time.

use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapHeader};

use super::{Contents, Frame};
use crate::verify::tracker::Direction;

const ETHERNET_HEADER: usize = 14;
/// Interfaces of one pcapng section.
const MOST_INTERFACES: usize = 1024;

#[derive(Clone, Copy)]
struct Interface {
    link: Linktype,
    /// Ticks per second.
    resolution: u64,
    offset_s: i64,
}

/// What is remembered between blocks.
#[derive(Default)]
pub(super) struct Reading {
    interfaces: Vec<Interface>,
    /// The first link type that was not understood.
    pub(super) refused: Option<i32>,
    scratch: Vec<u8>,
}

struct Packet<'a> {
    ticks: u64,
    data: &'a [u8],
    original_len: usize,
    direction: Direction,
}

impl Reading {
    /// Hands the block's frame over, if it is one.
    pub(super) fn block(
        &mut self,
        block: PcapBlockOwned<'_>,
        contents: &mut Contents,
        each: &mut impl FnMut(Frame<'_>),
    ) {
        match block {
            PcapBlockOwned::LegacyHeader(h) => self.interfaces = vec![legacy(&h)],
            PcapBlockOwned::Legacy(p) => {
                let Some(interface) = self.interfaces.first().copied() else {
                    return;
                };
                let packet = Packet {
                    ticks: u64::from(p.ts_sec)
                        .saturating_mul(interface.resolution)
                        .saturating_add(u64::from(p.ts_usec)),
                    data: p.data,
                    original_len: p.origlen as usize,
                    direction: Direction::Unknown,
                };
                self.packet(interface, &packet, contents, each);
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(i))
                if self.interfaces.len() < MOST_INTERFACES =>
            {
                self.interfaces.push(Interface {
                    link: i.linktype,
                    resolution: i.ts_resolution().filter(|r| *r > 0).unwrap_or(1_000_000),
                    offset_s: i.ts_offset(),
                });
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(p)) => {
                let Some(interface) = self.interfaces.get(p.if_id as usize).copied() else {
                    contents.skip("packets of an interface that the file does not describe");
                    return;
                };
                // Option 2, epb_flags: the two lowest bits are the direction.
                let flags = p
                    .options
                    .iter()
                    .find(|o| o.code.0 == 2)
                    .and_then(|o| o.value.first_chunk::<4>());
                let flags = flags.map(|f| {
                    if p.block_type == 6 {
                        u32::from_le_bytes(*f)
                    } else {
                        u32::from_be_bytes(*f)
                    }
                });
                let packet = Packet {
                    ticks: u64::from(p.ts_high) << 32 | u64::from(p.ts_low),
                    data: p.data.get(..p.caplen as usize).unwrap_or(p.data),
                    original_len: p.origlen as usize,
                    direction: match flags.unwrap_or(0) & 3 {
                        1 => Direction::In,
                        2 => Direction::Out,
                        _ => Direction::Unknown,
                    },
                };
                self.packet(interface, &packet, contents, each);
            }
            PcapBlockOwned::NG(Block::SimplePacket(_)) => {
                // It has no time, and a return without a time is no proof.
                contents.skip("packets without a time");
            }
            PcapBlockOwned::NG(_) => {}
        }
    }

    fn packet(
        &mut self,
        interface: Interface,
        packet: &Packet<'_>,
        contents: &mut Contents,
        each: &mut impl FnMut(Frame<'_>),
    ) {
        let micros = u128::from(packet.ticks) * 1_000_000 / u128::from(interface.resolution);
        let micros = i128::try_from(micros)
            .unwrap_or(i128::MAX)
            .saturating_add(i128::from(interface.offset_s) * 1_000_000);
        let at_us = u64::try_from(micros.max(0)).unwrap_or(u64::MAX);
        let original_len = packet.original_len.max(packet.data.len());
        let frame = match interface.link {
            Linktype::ETHERNET => Some((packet.data, original_len, packet.direction)),
            link => self.as_ethernet(link, packet).map(|(header, direction)| {
                (
                    &self.scratch[..],
                    original_len - header + ETHERNET_HEADER,
                    direction,
                )
            }),
        };
        let Some((bytes, original_len, direction)) = frame else {
            self.refused.get_or_insert(interface.link.0);
            contents.skip(&format!("packets of link type {}", interface.link.0));
            return;
        };
        contents.frames += 1;
        contents.first_us = Some(contents.first_us.map_or(at_us, |t| t.min(at_us)));
        contents.last_us = contents.last_us.max(Some(at_us));
        each(Frame {
            at_us,
            bytes,
            original_len,
            direction,
        });
    }

    /// Puts the packet behind an Ethernet header into `scratch`; returns the length of the header it had. Of cooked
    /// captures the receiver's MAC is not known, only whether the frame was for all.
    fn as_ethernet(&mut self, link: Linktype, packet: &Packet<'_>) -> Option<(usize, Direction)> {
        let d = packet.data;
        let (header, kind, source, ether_type) = match link {
            Linktype::LINUX_SLL => {
                let h = d.first_chunk::<16>()?;
                (
                    16,
                    u16::from_be_bytes([h[0], h[1]]),
                    h[6..12].to_vec(),
                    [h[14], h[15]],
                )
            }
            Linktype(276) => {
                let h = d.first_chunk::<20>()?;
                (20, u16::from(h[10]), h[12..18].to_vec(), [h[0], h[1]])
            }
            Linktype::RAW | Linktype::IPV4 => (0, 0, vec![0; 6], [0x08, 0x00]),
            _ => return None,
        };
        let (destination, direction) = match kind {
            0 if header > 0 => ([0; 6], Direction::In),
            1 => ([0xff; 6], Direction::In),
            2 => ([1, 0, 0x5e, 0, 0, 0], Direction::In),
            4 => ([0; 6], Direction::Out),
            _ => ([0; 6], packet.direction),
        };
        self.scratch.clear();
        self.scratch.extend(destination);
        self.scratch.extend(source);
        self.scratch.extend(ether_type);
        self.scratch.extend(&d[header..]);
        Some((header, direction))
    }
}

fn legacy(header: &PcapHeader) -> Interface {
    Interface {
        // The upper half holds lengths of frame check sequences.
        link: Linktype(header.network.0 & 0xffff),
        resolution: if header.is_nanosecond_precision() {
            1_000_000_000
        } else {
            1_000_000
        },
        offset_s: 0,
    }
}
