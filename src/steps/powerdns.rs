//! `kind = "powerdns"`: names of a zone point here, by PowerDNS's HTTP API, and are given back as they were.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;

use super::names;
use super::{Kind, SiteStep};
use crate::config::{SecretForm, Section, secret_file};
use crate::endpoint::dns::{self, NameChange, RecordSet};
use crate::endpoint::http::{Auth, Client, Limits, Settings, Trust, Url};
use crate::endpoint::powerdns::{PowerDns, body, change, read as ask, rehearse, zone_url};
use crate::rt::Instant;
use crate::types::quoted;

pub(super) const KIND: Kind = Kind {
    name: "powerdns",
    read,
};

const HEADER: &str = "X-API-Key";

struct Api {
    at: Url,
    server_id: String,
    key_file: PathBuf,
    authorities: Option<PathBuf>,
    servers: Vec<SocketAddr>,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn SiteStep>> {
    let names = names::read(section);
    let help = "such as api = \"http://192.168.1.2:8081\"";
    let at = section.required_text("api", help).map(|text| {
        let at = Url::parse(&text).and_then(|at| match at.path.contains(['?', '%']) {
            true => Err(format!("`{text}` is more than where the API is")),
            false => Ok(at),
        });
        at.map_err(|why| section.refuse("api", why, help)).ok()
    });
    let server_id = section
        .text("server-id")
        .unwrap_or_else(|| "localhost".to_owned());
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if server_id.is_empty() || !server_id.chars().all(is_word) {
        let what = format!("`{server_id}` is no name of a server in the API");
        section.refuse(
            "server-id",
            what,
            "\"localhost\", unless something stands before the server",
        );
    }
    let key_file = section.path("api-key-file");
    if key_file.is_none() {
        let help = "a file of mode 0600 with the server's `api-key`";
        section.refuse("api-key-file", "`api-key-file` is missing", help);
    }
    let way = Api {
        authorities: section.path("ca-file"),
        servers: names::servers(section, "servers"),
        at: at??,
        server_id,
        key_file: key_file?,
    };
    names.by(way)
}

impl names::Way for Api {
    fn open(&self, zone: &str) -> Result<Box<dyn names::Servers>, String> {
        let settings = Settings {
            auth: Auth::Header {
                name: HEADER.to_owned(),
                value: secret_file(&self.key_file, SecretForm::Line)?,
            },
            trust: (self.authorities.clone()).map_or_else(Trust::default, Trust::File),
            ..Settings::default()
        };
        Ok(Box::new(PowerDns {
            api: self.at.clone(),
            server_id: self.server_id.clone(),
            zone: zone.to_owned(),
            client: Client::new(&settings)?,
            readers: self.servers.clone(),
            limits: limits(names::TRY_WITHIN),
        }))
    }

    fn shown(&self) -> String {
        match self.servers.is_empty() {
            true => format!("{}, read back there", self.at),
            false => format!(
                "{}, read back there and from {}",
                self.at,
                names::listed(&self.servers)
            ),
        }
    }

    fn command(&self, zone: &str, records: &[RecordSet]) -> String {
        let changes = records.iter().map(|set| NameChange {
            name: set.name().to_owned(),
            to: vec![set.clone()],
            from: None,
        });
        let changes: Vec<NameChange> = changes.collect();
        let at = zone_url(&self.at, &self.server_id, zone);
        let at = at.map_or_else(|_| self.at.to_string(), |at| at.to_string());
        let file = |p: &PathBuf| quoted(&p.display().to_string());
        let authorities = self.authorities.as_ref().map(file);
        let authorities = authorities.map(|f| format!(" --cacert {f}"));
        format!(
            "curl --fail -X PATCH -H \"{HEADER}: $(cat {})\"{} -H 'Content-Type: application/json' --data-binary {} {}",
            file(&self.key_file),
            authorities.unwrap_or_default(),
            quoted(&body(&changes, &[])),
            quoted(&at)
        )
    }
}

fn limits(within: Duration) -> Limits {
    Limits {
        within,
        try_within: names::TRY_WITHIN.min(within / 3),
        pause: names::PAUSE.min(within / 20),
    }
}

fn with(server: &PowerDns, within: Duration) -> PowerDns {
    PowerDns {
        limits: limits(within),
        ..server.clone()
    }
}

impl names::Servers for PowerDns {
    fn read<'a>(
        &'a self,
        name: &'a str,
        kinds: &'a [dns::Kind],
        within: Duration,
    ) -> names::Said<'a, Vec<RecordSet>> {
        async move {
            let found = ask(self, name, kinds, within).await;
            found.map_err(|e| e.to_string())
        }
        .boxed()
    }

    fn change<'a>(&'a self, changes: &'a [NameChange], within: Duration) -> names::Said<'a> {
        async move {
            let done = change(&with(self, within), changes).await;
            let done = done.map_err(|e| e.to_string())?;
            Ok(format!("{}: {}", self.api, names::words(&done)))
        }
        .boxed()
    }

    fn rehearse<'a>(&'a self, changes: &'a [NameChange], within: Duration) -> names::Said<'a> {
        async move {
            let begun = Instant::now();
            let tried = rehearse(self, changes, within / 2).await;
            tried.map_err(|e| e.to_string())?;
            let left = within.saturating_sub(begun.elapsed());
            names::answer(&self.zone(), &self.readers, changes, left).await?;
            Ok(format!("{} takes changes", self.api))
        }
        .boxed()
    }
}
