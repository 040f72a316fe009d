//! The address that a capture is about, where nobody names it.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::net::Ipv4Addr;

use super::{VerifyArgs, VerifyError, say};
use crate::types::Vip;
use crate::verify::pcap;
use crate::verify::wire::{self, Seen};

/// Assumed for a VIP that was inferred from a capture file: only rung 1 depends on it.
const INFERRED_PREFIX: u8 = 24;

/// The one to which most SYNs go.
pub(super) fn infer_vip(
    args: &VerifyArgs,
    file: &std::path::Path,
    progress: &mut dyn Write,
) -> Result<Vip, VerifyError> {
    let mut syns: HashMap<Ipv4Addr, u64> = HashMap::new();
    let mut opaque: BTreeMap<String, u64> = BTreeMap::new();
    let contents = pcap::read(file, |f| match wire::parse(f.bytes, f.original_len) {
        Seen::Tcp(s) if s.syn && s.ack.is_none() && s.dst.port() == args.port => {
            *syns.entry(*s.dst.ip()).or_default() += 1;
        }
        Seen::Opaque(o) => *opaque.entry(o.name()).or_default() += 1,
        Seen::Tcp(_) | Seen::Arp(_) | Seen::Short { .. } | Seen::Other => {}
    })?;
    let Some((addr, count)) = syns.iter().max_by_key(|(a, n)| (**n, **a)) else {
        for (what, packets) in contents.skipped_kinds {
            *opaque.entry(what).or_default() += packets;
        }
        let hidden: Vec<_> = opaque.iter().map(|(w, n)| format!("{n} of {w}")).collect();
        return Err(VerifyError::NoVip(format!(
            "{} has no SYN to TCP port {}{}",
            file.display(),
            args.port,
            if hidden.is_empty() {
                String::new()
            } else {
                format!(" in what is decoded; not decoded: {}", hidden.join(", "))
            }
        )));
    };
    say(
        progress,
        &format!("note: no --vip given; taking {addr}/{INFERRED_PREFIX}, to which {count} SYNs go"),
    );
    Ok(Vip {
        addr: *addr,
        prefix: INFERRED_PREFIX,
    })
}
