//! `kind = "dns"`: names of a zone point here, by RFC 2136 updates, and are given back as they were.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::{Facts, Kind, Kit, PlanLine, SiteStep};
use crate::config::{SecretForm, Section, secret_file};
use crate::endpoint::dns::{
    self, NameChange, RecordSet, TsigKey, Zone, ZoneReport, absolute, change, rehearse,
};
use crate::rt::Instant;
use crate::takeover::event::Outcome;

pub(super) const KIND: Kind = Kind { name: "dns", read };

/// Longest time for one message.
const TRY_WITHIN: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);
/// Where the address of a server names no port.
const PORT: u16 = 53;
/// A client may keep what it was told for so long: more is said.
const LONG_TTL: u32 = 60;

struct Dns {
    zone: String,
    servers: Vec<SocketAddr>,
    readers: Vec<SocketAddr>,
    key_file: Option<PathBuf>,
    records: Vec<RecordSet>,
    restores: bool,
}

/// What is kept until it is given back: what stood at each name, in the order of the records.
#[derive(Serialize, Deserialize)]
struct Before(Vec<Vec<RecordSet>>);

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn SiteStep>> {
    let zone = section.required_text("zone", "such as zone = \"example.com\"");
    let named = zone.as_deref().map(absolute);
    let named = named.and_then(|n| {
        n.map_err(|why| section.refuse("zone", why, "such as \"example.com\""))
            .ok()
    });
    let servers = servers(section, "servers");
    if servers.is_empty() && !section.has("servers") {
        let help = "the zone's servers that take updates, such as [\"192.168.1.2\"]";
        section.refuse("servers", "`servers` is missing", help);
    }
    let readers = self::servers(section, "readers");
    let key_file = section.path("key-file");
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
    if section.is_refused() {
        return None;
    }
    Some(Arc::new(Dns {
        zone: named?,
        servers,
        readers,
        key_file,
        records,
        restores,
    }))
}

const FORM: &str = "NAME TYPE TTL VALUE, such as \"live.example.com A 5 192.168.1.102\"";

/// Servers by their addresses; a port where it is not 53.
fn servers(section: &mut Section<'_, '_>, key: &'static str) -> Vec<SocketAddr> {
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

impl Dns {
    fn zone(&self) -> Result<Zone, String> {
        let key = match &self.key_file {
            None => None,
            Some(file) => {
                let text = secret_file(file, SecretForm::KeyFile)?;
                let key = TsigKey::parse(text.expose_secret());
                Some(key.map_err(|why| format!("{}: {why}", file.display()))?)
            }
        };
        Ok(Zone {
            name: self.zone.clone(),
            key,
            servers: self.servers.clone(),
            readers: self.readers.clone(),
            try_within: TRY_WITHIN,
            pause: PAUSE,
        })
    }

    fn wanted(&self) -> Vec<NameChange> {
        let records = self.records.iter();
        records
            .map(|set| NameChange {
                name: set.name().to_owned(),
                to: vec![set.clone()],
                from: None,
            })
            .collect()
    }

    /// What stands at each name now, by the first server that tells.
    async fn read_now(&self, zone: &Zone, within: Duration) -> Result<Vec<Vec<RecordSet>>, String> {
        let begun = Instant::now();
        let mut all = Vec::new();
        for set in &self.records {
            // An alias stands alone (RFC 1034 section 3.6.2): addresses are what it takes the place of.
            let kinds = match set.kind() {
                dns::Kind::Cname => vec![dns::Kind::A, dns::Kind::Aaaa, dns::Kind::Cname],
                kind => vec![kind, dns::Kind::Cname],
            };
            let mut why = String::new();
            let mut found = None;
            for server in &zone.servers {
                let left = within.saturating_sub(begun.elapsed());
                match dns::read(zone, *server, set.name(), &kinds, left).await {
                    Ok(sets) => {
                        found = Some(sets);
                        break;
                    }
                    Err(e) => why = e.to_string(),
                }
            }
            all.push(found.ok_or(why)?);
        }
        Ok(all)
    }

    /// Keeps what stands there, once: a try that is made again may find what we wrote ourselves.
    async fn keep_before(&self, zone: &Zone, kit: &Kit) -> Result<(), String> {
        if !self.restores || kit.memory.recall::<Before>().is_some() {
            return Ok(());
        }
        let before = self.read_now(zone, kit.within / 3).await.map_err(|e| {
            format!("what stands there cannot be read, and nothing was changed: {e}")
        })?;
        kit.memory.keep(&Before(before)).map_err(|why| {
            format!("what stood there cannot be kept, and nothing was changed: {why}")
        })
    }

    async fn give_back(&self, kit: &Kit) -> Result<String, String> {
        let zone = self.zone()?;
        let Some(Before(before)) = kit.memory.recall() else {
            // It is kept before anything is changed; so nothing was, unless the file is lost.
            let now = self.read_now(&zone, kit.within / 2).await?;
            let ours = now
                .iter()
                .zip(&self.records)
                .filter(|(now, set)| now.contains(set));
            let ours: Vec<&str> = ours.map(|(_, set)| set.name()).collect();
            return match ours.is_empty() {
                true => Ok("nothing of ours stands there".to_owned()),
                false => Err(format!(
                    "what we wrote stands at {}, and what stood there before is not known: put it right by hand",
                    ours.join(", ")
                )),
            };
        };
        if before.len() != self.records.len() {
            return Err("what was kept is about other names: put them right by hand".to_owned());
        }
        let back: Vec<NameChange> = (self.records.iter().zip(before))
            .map(|(set, before)| NameChange {
                name: set.name().to_owned(),
                to: before,
                from: Some(vec![set.clone()]),
            })
            .collect();
        let said = told(&change(&zone, &back, own_time(kit)).await)?;
        kit.memory.forget();
        Ok(format!("given back: {said}"))
    }
}

/// So that our own words are heard before the step is stopped.
fn own_time(kit: &Kit) -> Duration {
    kit.within - kit.within / 20
}

/// What became of it at all servers; one that did not do it is a failure.
fn told(report: &ZoneReport) -> Result<String, String> {
    let errors: Vec<String> = report.errors().map(ToString::to_string).collect();
    if !errors.is_empty() {
        return Err(errors.join("; "));
    }
    let each = report.servers.iter().filter_map(|s| {
        let done = s.outcome.as_ref().ok()?;
        let how = match (done.already, done.reply_lost) {
            (true, _) => "it stands there already".to_owned(),
            (false, true) => format!(
                "no answer said so, but it is read back after {} ms",
                done.took.as_millis()
            ),
            (false, false) => format!("read back after {} ms", done.took.as_millis()),
        };
        let note = done
            .note
            .as_ref()
            .map(|n| format!(" ({n})"))
            .unwrap_or_default();
        Some(format!("{}: {how}{note}", s.server))
    });
    Ok(each.collect::<Vec<_>>().join("; "))
}

impl SiteStep for Dns {
    fn plan(&self, _: &Facts) -> PlanLine {
        let list = |all: &[SocketAddr]| {
            all.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let records: Vec<String> = self.records.iter().map(ToString::to_string).collect();
        let key = self
            .key_file
            .as_ref()
            .map(|f| format!(" -k {}", f.display()))
            .unwrap_or_default();
        let edits = self.records.iter().flat_map(|r| {
            let gone = [format!("update delete {} {}", r.name(), r.kind())];
            let new = r
                .values()
                .iter()
                .map(|v| format!("update add {} {} {} {v}", r.name(), r.ttl(), r.kind()));
            gone.into_iter().chain(new).collect::<Vec<_>>()
        });
        let edits: Vec<String> = edits.collect();
        let server = self
            .servers
            .first()
            .map(|s| format!("server {} {}\n", s.ip(), s.port()))
            .unwrap_or_default();
        PlanLine {
            what: format!(
                "{} at {}, read back from each of them",
                records.join("; "),
                list(&self.servers)
            ),
            command: Some(format!(
                "nsupdate{key} <<'EOF'\n{server}{}\nsend\nEOF",
                edits.join("\n")
            )),
            undo: self
                .restores
                .then(|| "what stood there before is put back, and read back".to_owned()),
        }
    }

    fn undoes(&self) -> bool {
        self.restores
    }

    fn check<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Result<String, String>> {
        async move {
            let zone = self.zone()?;
            told(&rehearse(&zone, &self.wanted(), own_time(kit)).await)?;
            let now = self.read_now(&zone, kit.within / 2).await?;
            let shown = now
                .iter()
                .zip(&self.records)
                .map(|(now, set)| match now.is_empty() {
                    true => format!("nothing stands at {}", set.name()),
                    false => now
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(", "),
                });
            let shown: Vec<String> = shown.collect();
            Ok(format!("may be changed; now {}", shown.join("; ")))
        }
        .boxed()
    }

    fn apply<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Outcome> {
        async move {
            let begun = Instant::now();
            let work = async {
                let zone = self.zone()?;
                self.keep_before(&zone, kit).await?;
                let left = own_time(kit).saturating_sub(begun.elapsed());
                told(&change(&zone, &self.wanted(), left).await)
            };
            match work.await {
                Ok(how) => Outcome::Done(how),
                Err(why) => Outcome::Failed(why),
            }
        }
        .boxed()
    }

    fn undo<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Outcome> {
        async move {
            match self.give_back(kit).await {
                Ok(how) => Outcome::Done(how),
                Err(why) => Outcome::Failed(why),
            }
        }
        .boxed()
    }
}
