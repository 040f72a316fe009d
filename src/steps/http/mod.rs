//! `kind = "http"`: another server is told over HTTP, and asked whether it holds.

mod read;

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{Facts, Kind, Kit, Look, PlanLine, SiteStep};
use crate::access::Access;
use crate::endpoint::http::{Action, Done, Limits, Request, holds, perform, read_value};
use crate::takeover::event::Outcome;
use crate::types::quoted;

pub(super) const KIND: Kind = Kind {
    name: "http",
    read: read::read,
};

/// Longest time for one request; a step has time for three at least.
const TRY_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);

struct Http {
    told: Action,
    /// What takes it back.
    undo: Option<Action>,
    /// What takes it back names `before`: what stood there when we came.
    restores: bool,
    access: Access,
}

/// What is kept.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    /// What stood there before it was told, until it is taken back; nothing is `null`.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    before: Option<Value>,
    /// How often it was taken back: what is told again after that is another change, also in one epoch.
    #[serde(default)]
    round: u64,
}

/// `null` is a value.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

fn kept(kit: &Kit) -> Kept {
    kit.memory.recall().unwrap_or_default()
}

impl Http {
    fn limits(kit: &Kit) -> Limits {
        // So that our own words are heard before the step is stopped.
        let within = kit.within - kit.within / 20;
        Limits {
            within,
            try_within: TRY_WITHIN.min(within / 3),
            pause: PAUSE.min(within / 20),
        }
    }

    async fn bring_about(
        &self,
        action: &Action,
        facts: &Value,
        kit: &Kit,
        within: Duration,
    ) -> Outcome {
        let client = match self.access.client() {
            Ok(client) => client,
            Err(why) => return Outcome::Failed(why),
        };
        let limits = Limits {
            within,
            ..Http::limits(kit)
        };
        let key = idempotency_key(&kit.facts, kept(kit).round);
        match perform(&client, action, facts, &key, limits).await {
            Ok(done) => Outcome::Done(words(&action.request, &done)),
            Err(e) => Outcome::Failed(e.to_string()),
        }
    }

    /// It is kept before anything is told; so nothing was, unless the file is lost.
    async fn without_before(&self, kit: &Kit) -> Outcome {
        let Some(read_back) = &self.told.read_back else {
            return Outcome::Failed("what stood there before is not known".to_owned());
        };
        let facts = as_value(&kit.facts);
        let ours = async {
            let client = self.access.client()?;
            let within = Http::limits(kit).within;
            let found = read_value(&client, read_back, &facts, within).await;
            let found = found.map_err(|e| e.to_string())?;
            let ours = read_back.expected(&facts)?;
            Ok::<bool, String>(found.is_some_and(|value| holds(&value, &ours)))
        };
        match ours.await {
            Ok(false) => Outcome::Done("nothing of ours stands there".to_owned()),
            Ok(true) => Outcome::Failed(
                "what we told stands there, and what stood there before is not known: put it right by hand".to_owned(),
            ),
            Err(why) => Outcome::Failed(why),
        }
    }

    /// Keeps what stands there, once: a try that is made again may find what we wrote ourselves.
    async fn keep_before(&self, kit: &Kit, within: Duration) -> Result<(), String> {
        let Some(read_back) = self.told.read_back.as_ref().filter(|_| self.restores) else {
            return Ok(());
        };
        let kept = kept(kit);
        if kept.before.is_some() {
            return Ok(());
        }
        let client = self.access.client()?;
        let found = read_value(&client, read_back, &as_value(&kit.facts), within).await;
        let found = found.map_err(|e| {
            format!("what stood there before cannot be read, and nothing was told: {e}")
        })?;
        let before = Some(found.unwrap_or_default());
        kit.memory.keep(&Kept { before, ..kept }).map_err(|why| {
            format!("what stood there before cannot be kept, and nothing was told: {why}")
        })
    }
}

fn with_before(facts: &Value, before: Value) -> Value {
    let mut facts = facts.clone();
    if let Value::Object(all) = &mut facts {
        all.insert("before".to_owned(), before);
    }
    facts
}

fn as_value(facts: &Facts) -> Value {
    serde_json::to_value(facts).unwrap_or_default()
}

/// The same for all tries of one change, so that a server that knows it does it once; another one once it was taken back.
fn idempotency_key(facts: &Facts, round: u64) -> String {
    let way = if facts.undo { "undo" } else { "do" };
    format!(
        "standin-{}-{}-{}-{way}-{}",
        facts.peer,
        facts.epoch,
        facts.step,
        round + 1
    )
}

fn words(request: &Request, done: &Done) -> String {
    let title = request.title();
    let took = done.took.as_millis();
    let tries = match done.tries {
        0 | 1 => String::new(),
        n => format!(", told {n} times"),
    };
    match (done.already, done.is_proven, done.reply_lost) {
        (true, _, _) => "it holds already: nothing was told".to_owned(),
        (false, true, false) => format!("{title}: read back after {took} ms{tries}"),
        (false, true, true) => {
            format!("{title}: no answer said so, but it is read back after {took} ms{tries}")
        }
        (false, false, _) => format!("{title}: taken in {took} ms{tries}, not read back"),
    }
}

impl SiteStep for Http {
    fn plan(&self, facts: &Facts) -> PlanLine {
        let facts = as_value(facts);
        let told = self.told.request.render(&facts);
        let title = match &told {
            Ok(r) => format!("{} {}", r.method, r.url),
            Err(_) => self.told.request.title(),
        };
        let shown = match &self.told.read_back {
            None => "which is not read back".to_owned(),
            Some(r) => format!(
                "and read back: {} has `{}` at {}",
                r.request().title(),
                r.expected(&facts).unwrap_or_default(),
                r.pointer()
            ),
        };
        let command = told.ok().map(|r| {
            let headers = r.headers.iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                format!(" -H {}", quoted(&format!("{name}: {value}")))
            });
            let headers: String = headers.collect();
            let body = r.body.map(|b| format!(" --data-binary {}", quoted(&b)));
            format!(
                "curl --fail -X {}{headers}{}{} {}",
                r.method,
                self.access.curl(),
                body.unwrap_or_default(),
                quoted(&r.url.to_string())
            )
        });
        let undo = self.undo.as_ref().map(|undo| {
            let title = undo.request.title();
            match (&undo.read_back, self.restores) {
                (None, _) => format!("{title}, which is not read back"),
                (Some(_), false) => format!("{title}, and read it back"),
                (Some(_), true) => {
                    format!("{title} with what stood there before, and read it back")
                }
            }
        });
        PlanLine {
            what: format!("{title}, {shown}"),
            command,
            undo,
        }
    }

    fn undoes(&self) -> bool {
        self.undo.is_some()
    }

    fn check<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Result<Look, String>> {
        async move {
            let client = self.access.client()?;
            let facts = as_value(&kit.facts);
            self.told.request.render(&facts)?;
            let Some(read_back) = &self.told.read_back else {
                let title = self.told.request.title();
                return Ok(format!(
                    "{title} can be made; whether it is taken is not known: there is no `read-url`"
                )
                .into());
            };
            let within = Http::limits(kit).within;
            let found = read_value(&client, read_back, &facts, within).await;
            let found = found.map_err(|e| e.to_string())?;
            let now = match found {
                None => "nothing yet".to_owned(),
                Some(value) => client.without_secrets(&value.to_string()),
            };
            let asked = read_back.request().title();
            Ok(format!("{asked} has {now} at {}", read_back.pointer()).into())
        }
        .boxed()
    }

    fn apply<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Outcome> {
        async move {
            let begun = crate::rt::Instant::now();
            let Limits {
                within, try_within, ..
            } = Http::limits(kit);
            if let Err(why) = self.keep_before(kit, try_within).await {
                return Outcome::Failed(why);
            }
            let left = within.saturating_sub(begun.elapsed());
            self.bring_about(&self.told, &as_value(&kit.facts), kit, left)
                .await
        }
        .boxed()
    }

    fn undo<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Outcome> {
        async move {
            let Some(undo) = &self.undo else {
                return Outcome::Done("there is nothing to take back".to_owned());
            };
            let mut facts = as_value(&kit.facts);
            if self.restores {
                match kept(kit).before {
                    Some(before) => facts = with_before(&facts, before),
                    None => return self.without_before(kit).await,
                }
            }
            let outcome = self
                .bring_about(undo, &facts, kit, Http::limits(kit).within)
                .await;
            if let Outcome::Done(_) = outcome {
                let next = Kept {
                    before: None,
                    round: kept(kit).round + 1,
                };
                if let Err(why) = kit.memory.keep(&next) {
                    kit.memory.forget();
                    tracing::warn!(
                        "step {}: {why}; told again in this epoch it has the same Idempotency-Key",
                        kit.facts.step
                    );
                }
            }
            outcome
        }
        .boxed()
    }
}
