//! What every step that changes names has in the configuration.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{LONG_TTL, Names, Way};
use crate::config::Section;
use crate::endpoint::dns::{self, RecordSet, absolute};
use crate::steps::SiteStep;

/// Where the address of a server names no port.
const PORT: u16 = 53;

/// What was read of it.
pub(in crate::steps) struct Read {
    zone: Option<String>,
    records: Vec<RecordSet>,
    restores: bool,
}

impl Read {
    /// The step, changed in this way.
    pub(in crate::steps) fn by(self, way: impl Way + 'static) -> Option<Arc<dyn SiteStep>> {
        Some(Arc::new(Names {
            zone: self.zone?,
            records: self.records,
            restores: self.restores,
            way: Box::new(way),
        }))
    }
}

/// `zone`, `records` and `restore`.
pub(in crate::steps) fn read(section: &mut Section<'_, '_>) -> Read {
    let zone = section.required_text("zone", "such as zone = \"example.com\"");
    let named = zone.as_deref().map(absolute);
    let named = named.and_then(|n| {
        n.map_err(|why| section.refuse("zone", why, "such as \"example.com\""))
            .ok()
    });
    let restores = section.flag("restore", true);
    let mut records: Vec<RecordSet> = Vec::new();
    for text in section.texts("records").unwrap_or_default() {
        match record(&text, named.as_deref()) {
            Ok(set) if records.iter().any(|r| r.name() == set.name()) => {
                let what = format!("{} stands there twice", set.name());
                section.refuse(
                    "records",
                    what,
                    "one entry for each name, with all its values",
                );
            }
            Ok(set) => records.push(set),
            Err(why) => section.refuse("records", why, FORM),
        }
    }
    if records.is_empty() && !section.is_refused() {
        section.refuse("records", "there is none", FORM);
    }
    if let Some(slow) = records.iter().find(|r| r.ttl() > LONG_TTL) {
        let what = format!(
            "{} may be kept by clients for {} s after it was given back",
            slow.name(),
            slow.ttl()
        );
        section.warn(
            "records",
            what,
            "5 to 60 s; the TTL of what stands there now counts at a takeover",
        );
    }
    Read {
        zone,
        records,
        restores,
    }
}

const FORM: &str = "NAME TYPE TTL VALUE, such as \"live.example.com A 5 192.168.1.102\"";

/// Servers by their addresses; a port where it is not 53.
pub(in crate::steps) fn servers(
    section: &mut Section<'_, '_>,
    key: &'static str,
) -> Vec<SocketAddr> {
    let mut all = Vec::new();
    for text in section.texts(key).unwrap_or_default() {
        let alone = || text.parse().ok().map(|ip| SocketAddr::new(ip, PORT));
        match text.parse().ok().or_else(alone) {
            Some(at) => all.push(at),
            None => section.refuse(
                key,
                format!("`{text}` is no address of a server"),
                "an IP address, with its port if that is not 53: \"192.168.1.2:5300\"",
            ),
        }
    }
    all
}

/// `live.example.com A 5 10.0.0.5`; of addresses several.
fn record(text: &str, zone: Option<&str>) -> Result<RecordSet, String> {
    let mut words = text.split_whitespace();
    let (name, kind, ttl) = (words.next(), words.next(), words.next());
    let (Some(name), Some(kind), Some(ttl)) = (name, kind, ttl) else {
        return Err(format!("`{text}` is no record"));
    };
    let kind: dns::Kind = kind.parse()?;
    let ttl = ttl
        .parse()
        .map_err(|_| format!("`{ttl}` is no TTL: a number of seconds"))?;
    let values: Vec<String> = match kind {
        dns::Kind::A | dns::Kind::Aaaa => words.map(str::to_owned).collect(),
        dns::Kind::Cname | dns::Kind::Mx | dns::Kind::Ptr | dns::Kind::Srv | dns::Kind::Txt => {
            vec![words.collect::<Vec<_>>().join(" ")]
        }
    };
    let set = RecordSet::new(name, kind, ttl, &values)?;
    let inside = |zone: &str| set.name() == zone || set.name().ends_with(&format!(".{zone}"));
    match zone {
        Some(zone) if !inside(zone) => Err(format!("{} is not in the zone {zone}", set.name())),
        Some(_) | None => Ok(set),
    }
}
