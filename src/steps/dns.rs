//! `kind = "dns"`: names of a zone point here, by RFC 2136 updates, and are given back as they were.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use secrecy::ExposeSecret;

use super::names;
use super::{Kind, SiteStep};
use crate::config::{SecretForm, Section, secret_file};
use crate::endpoint::dns::{
    self, NameChange, RecordSet, TsigKey, Zone, ZoneReport, change, rehearse,
};
use crate::rt::Instant;

pub(super) const KIND: Kind = Kind { name: "dns", read };

struct Updates {
    servers: Vec<SocketAddr>,
    readers: Vec<SocketAddr>,
    key_file: Option<PathBuf>,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn SiteStep>> {
    let names = names::read(section);
    let servers = names::servers(section, "servers");
    if servers.is_empty() && !section.has("servers") {
        let help = "the zone's servers that take updates, such as [\"192.168.1.2\"]";
        section.refuse("servers", "`servers` is missing", help);
    }
    names.by(Updates {
        servers,
        readers: names::servers(section, "readers"),
        key_file: section.path("key-file"),
    })
}

impl names::Way for Updates {
    fn open(&self, zone: &str) -> Result<Box<dyn names::Servers>, String> {
        let key = match &self.key_file {
            None => None,
            Some(file) => {
                let text = secret_file(file, SecretForm::KeyFile)?;
                let key = TsigKey::parse(text.expose_secret());
                Some(key.map_err(|why| format!("{}: {why}", file.display()))?)
            }
        };
        Ok(Box::new(Zone {
            name: zone.to_owned(),
            key,
            servers: self.servers.clone(),
            readers: self.readers.clone(),
            try_within: names::TRY_WITHIN,
            pause: names::PAUSE,
        }))
    }

    fn shown(&self) -> String {
        let servers = names::listed(&self.servers);
        format!("{servers}, read back from each of them")
    }

    fn command(&self, _: &str, records: &[RecordSet]) -> String {
        let key = self
            .key_file
            .as_ref()
            .map(|f| format!(" -k {}", f.display()))
            .unwrap_or_default();
        let edits = records.iter().flat_map(|r| {
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
        format!(
            "nsupdate{key} <<'EOF'\n{server}{}\nsend\nEOF",
            edits.join("\n")
        )
    }
}

/// What became of it at all servers.
fn told(report: &ZoneReport) -> Result<String, String> {
    let errors: Vec<String> = report.errors().map(ToString::to_string).collect();
    if !errors.is_empty() {
        return Err(errors.join("; "));
    }
    let each = report.servers.iter().filter_map(|s| {
        let done = s.outcome.as_ref().ok()?;
        Some(format!("{}: {}", s.server, names::words(done)))
    });
    Ok(each.collect::<Vec<_>>().join("; "))
}

impl names::Servers for Zone {
    fn read<'a>(
        &'a self,
        name: &'a str,
        kinds: &'a [dns::Kind],
        within: Duration,
    ) -> names::Said<'a, Vec<RecordSet>> {
        async move {
            let begun = Instant::now();
            let mut why = String::new();
            for server in &self.servers {
                let left = within.saturating_sub(begun.elapsed());
                match dns::read(self, *server, name, kinds, left).await {
                    Ok(sets) => return Ok(sets),
                    Err(e) => why = e.to_string(),
                }
            }
            Err(why)
        }
        .boxed()
    }

    fn change<'a>(&'a self, changes: &'a [NameChange], within: Duration) -> names::Said<'a> {
        async move { told(&change(self, changes, within).await) }.boxed()
    }

    fn rehearse<'a>(&'a self, changes: &'a [NameChange], within: Duration) -> names::Said<'a> {
        async move {
            let begun = Instant::now();
            let said = told(&rehearse(self, changes, within).await)?;
            let left = within.saturating_sub(begun.elapsed());
            names::answer(self, &self.readers, changes, left).await?;
            Ok(said)
        }
        .boxed()
    }
}
