//! Names by PowerDNS's HTTP API, for servers that take no RFC 2136 update; read back by the API and by DNS.
//!
//! All names of a change go in one PATCH, which the server does in one transaction. The API knows no prerequisite:
//! between our reading and the PATCH somebody else's change would be lost. Where that matters, RFC 2136 is the way
//! (`dnsupdate=yes`).

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::json;

use super::dns::{
    self, Changed, DnsError, Kind, NameChange, RecordSet, Zone, absolute, first_found,
    has_same_values, is_same, kinds_of, list,
};
use super::http::{Client, Fault, HttpError, Limits, Rendered, Statuses, Url, send};
use crate::rt::{self, Instant};

/// A zone of a PowerDNS server. The client shows the key as `X-API-Key`.
#[derive(Clone, Debug)]
pub struct PowerDns {
    /// Where the API is, such as `http://10.0.0.2:8081`.
    pub api: Url,
    /// The server's name there; `localhost` unless something stands before it.
    pub server_id: String,
    /// The zone.
    pub zone: String,
    /// Makes the requests.
    pub client: Client,
    /// Servers that must answer with the change over DNS.
    pub readers: Vec<SocketAddr>,
    /// How long it may take.
    pub limits: Limits,
}

/// Why names were not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PowerDnsError {
    /// The API did not do it.
    Http(Box<HttpError>),
    /// Somebody else changed it.
    Conflict {
        /// Which name.
        name: String,
        /// What was to be replaced.
        expected: Vec<RecordSet>,
        /// What stands there now.
        now: Vec<RecordSet>,
    },
    /// The API has it, a server does not answer with it.
    Dns(Vec<DnsError>),
}

impl fmt::Display for PowerDnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PowerDnsError::Http(error) => write!(f, "PowerDNS: {error}"),
            PowerDnsError::Conflict {
                name,
                expected,
                now,
            } => write!(
                f,
                "PowerDNS: {name}: somebody else changed it: {} was expected, now it has {}; nothing was changed. Find \
                 out who, then decide what is right",
                list(expected),
                list(now)
            ),
            PowerDnsError::Dns(errors) => {
                f.write_str("PowerDNS has it, and not every server answers with it")?;
                errors.iter().try_for_each(|e| write!(f, "; {e}"))
            }
        }
    }
}

impl std::error::Error for PowerDnsError {}

#[derive(Deserialize)]
struct ZoneAnswer {
    rrsets: Vec<RrSet>,
}

#[derive(Deserialize)]
struct RrSet {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    ttl: u32,
    records: Vec<Content>,
}

#[derive(Deserialize)]
struct Content {
    content: String,
    #[serde(default)]
    disabled: bool,
}

/// Where the API has a zone.
///
/// # Errors
/// The zone has no name, in words.
pub fn zone_url(api: &Url, server_id: &str, zone: &str) -> Result<Url, String> {
    let zone = absolute(zone)?;
    let base = api.path.trim_end_matches('/');
    let path = format!("{base}/api/v1/servers/{server_id}/zones/{zone}");
    Ok(Url {
        path,
        ..api.clone()
    })
}

/// What a PATCH says that brings these changes; `stands` is what stands at each name.
pub fn body(changes: &[NameChange], stands: &[Vec<RecordSet>]) -> String {
    let mut sets = Vec::new();
    for (change, stands) in changes.iter().zip(stands) {
        let goes = |s: &&RecordSet| change.to.iter().all(|t| t.kind() != s.kind());
        sets.extend(
            stands
                .iter()
                .filter(goes)
                .map(|set| json!({"name": set.name(), "type": set.kind(), "changetype": "DELETE"})),
        );
    }
    for set in changes.iter().flat_map(|c| &c.to) {
        let records = set.values().iter();
        let records: Vec<_> = records
            .map(|v| json!({"content": v, "disabled": false}))
            .collect();
        sets.push(json!({
            "name": set.name(), "type": set.kind(), "ttl": set.ttl(), "changetype": "REPLACE", "records": records
        }));
    }
    json!({ "rrsets": sets }).to_string()
}

/// Those of a name, of these types.
fn chosen(sets: &[RrSet], name: &str, kinds: &[Kind]) -> Result<Vec<RecordSet>, Fault> {
    let mut found = Vec::new();
    for set in sets.iter().filter(|s| s.name.eq_ignore_ascii_case(name)) {
        let Some(kind) = kinds.iter().find(|k| k.to_string() == set.kind) else {
            continue;
        };
        // They would be gone afterwards, and cannot be seen over DNS.
        if set.records.iter().any(|r| r.disabled) {
            return Err(Fault::Unfit(format!(
                "{name} {kind} has disabled records, which would be lost: remove them first"
            )));
        }
        let values: Vec<String> = set.records.iter().map(|r| r.content.clone()).collect();
        let set = RecordSet::new(name, *kind, set.ttl, &values);
        found.push(set.map_err(Fault::NoJson)?);
    }
    found.sort_by_key(RecordSet::kind);
    Ok(found)
}

impl PowerDns {
    fn url(&self, query: &str) -> Result<Url, String> {
        let mut url = zone_url(&self.api, &self.server_id, &self.zone)?;
        url.path += query;
        Ok(url)
    }

    /// The zone as its servers are asked over DNS.
    pub fn zone(&self) -> Zone {
        Zone {
            name: self.zone.clone(),
            key: None,
            servers: vec![],
            readers: self.readers.clone(),
            try_within: self.limits.try_within,
            pause: self.limits.pause,
        }
    }

    async fn sets(&self, query: &str, until: Instant) -> Result<Vec<RrSet>, Fault> {
        let request = Rendered {
            method: Method::GET,
            url: self.url(query).map_err(Fault::Unfit)?,
            headers: vec![],
            body: None,
        };
        let answer = send(&self.client, &request, &Statuses::default(), until).await?;
        let answer = serde_json::from_slice::<ZoneAnswer>(&answer.body);
        Ok(answer.map_err(|e| Fault::NoJson(e.to_string()))?.rrsets)
    }

    async fn read_once(
        &self,
        name: &str,
        kinds: &[Kind],
        until: Instant,
    ) -> Result<Vec<RecordSet>, Fault> {
        let sets = self.sets(&format!("?rrset_name={name}"), until).await?;
        chosen(&sets, name, kinds)
    }
    async fn read_all(
        &self,
        changes: &[NameChange],
        until: Instant,
    ) -> Result<Vec<Vec<RecordSet>>, Fault> {
        let mut all = Vec::new();
        for change in changes {
            all.push(
                self.read_once(&change.name, &kinds_of(change), until)
                    .await?,
            );
        }
        Ok(all)
    }

    async fn patch(&self, body: String, until: Instant) -> Result<(), Fault> {
        let request = Rendered {
            method: Method::PATCH,
            url: self.url("").map_err(Fault::Unfit)?,
            headers: vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
            body: Some(body),
        };
        send(&self.client, &request, &Statuses::default(), until).await?;
        Ok(())
    }
}

/// Whether a change would be taken: its zone is read, and what cannot stand there is deleted, which nobody's change
/// can get in the way of. Where the zone counts changes (`SOA-EDIT-API`), its serial may go up by it.
///
/// # Errors
/// Why it would not be.
pub async fn rehearse(
    server: &PowerDns,
    changes: &[NameChange],
    within: Duration,
) -> Result<(), PowerDnsError> {
    let until = Instant::now() + within;
    let tried = async {
        // One name by itself is told without its disabled records before PowerDNS 4.9, so the whole zone is asked for.
        match server.sets("", until).await {
            Err(Fault::TooLong(_)) => drop(server.read_all(changes, until).await?),
            sets => {
                let sets = sets?;
                let mut each = changes.iter();
                each.try_for_each(|c| chosen(&sets, &c.name, &kinds_of(c)).map(drop))?;
            }
        }
        let first = changes.first().map_or(server.zone.as_str(), |c| &c.name);
        let nothing = json!({"rrsets": [
            {"name": format!("_standin-check.{first}"), "type": "TXT", "changetype": "DELETE"}
        ]});
        server.patch(nothing.to_string(), until).await
    };
    tried
        .await
        .map_err(|fault| failed("try a change".to_owned(), fault))
}

fn failed(request: String, fault: Fault) -> PowerDnsError {
    PowerDnsError::Http(Box::new(HttpError {
        request,
        fault,
        tries: 1,
        is_unclear: false,
    }))
}

/// What stands at a name, of these types, by the API.
///
/// # Errors
/// The API does not tell.
pub async fn read(
    server: &PowerDns,
    name: &str,
    kinds: &[Kind],
    within: Duration,
) -> Result<Vec<RecordSet>, PowerDnsError> {
    let found = server.read_once(name, kinds, Instant::now() + within).await;
    found.map_err(|fault| failed(format!("read {name}"), fault))
}

/// Changes the names, and waits until API and servers show it.
///
/// # Errors
/// Why it is not done, and whether that is known.
pub async fn change(server: &PowerDns, changes: &[NameChange]) -> Result<Changed, PowerDnsError> {
    let begun = Instant::now();
    let limits = server.limits;
    let deadline = begun + limits.within;
    let names: Vec<&str> = changes.iter().map(|c| c.name.as_str()).collect();
    let mut sent = 0;
    let mut is_unclear = false;
    let mut last: Option<Result<(), Fault>> = None;
    let mut before: Option<Vec<Option<Vec<RecordSet>>>> = None;
    let error = |fault, tries, is_unclear| {
        PowerDnsError::Http(Box::new(HttpError {
            request: format!("change {} at {}", names.join(", "), server.api),
            fault,
            tries,
            is_unclear,
        }))
    };
    loop {
        let until = (Instant::now() + limits.try_within).min(deadline);
        let is_over = || Instant::now() + limits.pause >= deadline;
        let stands = match server.read_all(changes, until).await {
            Ok(stands) => stands,
            Err(fault) if fault.may_pass() && !is_over() => {
                rt::sleep(limits.pause).await;
                continue;
            }
            Err(fault) => {
                let told = match last {
                    Some(Err(told)) if !told.may_pass() => told,
                    _ => fault,
                };
                return Err(error(told, sent, is_unclear));
            }
        };
        is_unclear = false;
        let before = before.get_or_insert_with(|| first_found(changes, &stands));
        if (stands.iter().zip(changes)).all(|(s, c)| is_same(s, &c.to)) {
            let changed = Changed {
                before: before.clone(),
                already: last.is_none(),
                reply_lost: matches!(last, Some(Err(_))),
                sent,
                took: begun.elapsed(),
                note: None,
            };
            return shown_by_dns(server, changes, changed, begun, deadline).await;
        }
        for (i, change) in changes.iter().enumerate() {
            let expected = change
                .from
                .as_ref()
                .or(before[i].as_ref())
                .unwrap_or(&change.to);
            let is_new = has_same_values(&stands[i], &change.to);
            if !is_new && !has_same_values(&stands[i], expected) {
                return Err(PowerDnsError::Conflict {
                    name: change.name.clone(),
                    expected: expected.clone(),
                    now: stands[i].clone(),
                });
            }
        }
        match &last {
            Some(Err(fault)) if !fault.may_pass() || is_over() => {
                return Err(error(fault.clone(), sent, false));
            }
            Some(Ok(())) if is_over() => {
                let fault = Fault::NotHeld {
                    asked: "the API".into(),
                    pointer: names.join(", "),
                    expected: list(
                        &changes
                            .iter()
                            .flat_map(|c| c.to.clone())
                            .collect::<Vec<_>>(),
                    ),
                    found: Some(list(&stands.concat())),
                };
                return Err(error(fault, sent, false));
            }
            Some(_) => rt::sleep(limits.pause).await,
            None => {}
        }
        if !matches!(last, Some(Ok(()))) {
            sent += 1;
            let until = (Instant::now() + limits.try_within).min(deadline);
            let told = server.patch(body(changes, &stands), until).await;
            is_unclear = told.as_ref().is_err_and(Fault::may_be_done) || told.is_ok();
            last = Some(told);
        }
    }
}

async fn shown_by_dns(
    server: &PowerDns,
    changes: &[NameChange],
    mut changed: Changed,
    begun: Instant,
    deadline: Instant,
) -> Result<Changed, PowerDnsError> {
    let report = dns::change(&server.zone(), changes, deadline - Instant::now()).await;
    let errors: Vec<DnsError> = report.errors().cloned().collect();
    if !errors.is_empty() {
        return Err(PowerDnsError::Dns(errors));
    }
    changed.took = begun.elapsed();
    Ok(changed)
}
