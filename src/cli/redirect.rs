//! What `check`, `status` and the orders say of redirects.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::common::{ask, fail, say, say_json};
use super::health;
use super::placement::Said;
use crate::config::{Config, PointsBack, Redirect};
use crate::daemon::redirects::{facts, step_kit, steps_of};
use crate::exit::ExitCode;
use crate::host::Disk;
use crate::host::real::{RealDisk, RealPrograms};

/// Whether a step could be done is known within this.
const LOOK: Duration = Duration::from_secs(10);
/// The daemon is asked this often while an order is under way.
const AGAIN: Duration = Duration::from_millis(100);
/// An order that has not ended after this goes on without us.
const PATIENCE: Duration = Duration::from_secs(120);

/// Each redirect: what it is worth, whether its steps could be done, and how its services are.
pub(super) async fn check(config: &Config) -> Vec<(String, Said)> {
    let mut all = Vec::new();
    for redirect in config.redirects.values() {
        let what = format!("redirect {}", redirect.name);
        if redirect.back == PointsBack::Release {
            let first = &redirect.places[0].name;
            let text = format!(
                "nothing keeps the machine of {first} away: when it comes back, whoever kept the old value finds it; \
                 once it points elsewhere it is degraded: unfenced"
            );
            all.push((what, Said::Warning(text)));
        }
        all.extend(health::of_redirect(config, redirect).await);
        all.extend(steps(config, redirect).await);
    }
    all
}

async fn steps(config: &Config, redirect: &Redirect) -> Vec<(String, Said)> {
    let mut all = Vec::new();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let disk = (disk, config.node.state_dir.clone());
    for place in &redirect.places {
        let steps = match steps_of(place, &config.origin) {
            Ok(steps) => steps,
            Err(why) => {
                all.push((
                    format!("place {} of {}", place.name, redirect.name),
                    Said::Failed(why),
                ));
                continue;
            }
        };
        for (name, within, step) in steps {
            let what = format!("step {name} of {} of {}", place.name, redirect.name);
            let facts = facts(&config.node.name, &redirect.name, 0, name);
            let whose = (redirect.name.as_str(), place.name.as_str(), name);
            let kit = step_kit(
                facts,
                within.min(LOOK),
                Arc::new(RealPrograms),
                &disk,
                whose,
            );
            let look = tokio::time::timeout(LOOK, step.check(&kit)).await;
            match look {
                Ok(Ok(look)) => {
                    let warnings = look.warnings.into_iter();
                    all.extend(warnings.map(|w| (what.clone(), Said::Warning(w))));
                    all.push((what, Said::Ok(look.said)));
                }
                Ok(Err(why)) => all.push((what, Said::Failed(why))),
                Err(_) => all.push((
                    what,
                    Said::Failed(format!("no answer within {} s", LOOK.as_secs())),
                )),
            }
        }
    }
    all
}

/// What `status` says of each redirect.
pub(super) fn lines(status: &Value) -> Vec<String> {
    let text = |v: &Value| v.as_str().unwrap_or("?").to_owned();
    let mut all = Vec::new();
    for r in status["redirects"].as_array().into_iter().flatten() {
        let s = r["for_ms"].as_u64().unwrap_or(0) / 1000;
        all.push(String::new());
        all.push(format!(
            "{}: {} (for {s} s)",
            text(&r["name"]),
            text(&r["state"]).to_uppercase()
        ));
        if let Some(says) = r["says"].as_str().filter(|s| !s.is_empty()) {
            all.push(format!("  in force  {says}"));
        }
        if let Some(verdict) = r["verdict"].as_str() {
            all.push(format!("  verdict   {verdict}"));
        }
        if let Some(why) = r["failed"].as_str() {
            all.push(format!("  FAILED    {why}; it is tried again"));
        }
        let places = r["places"].as_array().into_iter().flatten();
        let places: Vec<String> = places
            .map(|p| format!("{} {}", text(&p["name"]), text(&p["state"])))
            .collect();
        all.push(format!("  places    {}", places.join(", ")));
        all.extend(
            health::lines(r)
                .into_iter()
                .map(|l| format!("  services  {l}")),
        );
        let name = text(&r["name"]);
        let away = r["places"][0]["name"] != r["place"];
        let next = match (r["hold"] == true, away) {
            (true, _) => format!("`standin hold {name} off` lets it act again"),
            (false, true) if r["verdict"].is_string() || r["ordered"] == true => {
                format!("repair the machine, then `standin release {name}`")
            }
            (false, true) => {
                "repair the machine: it is pointed at again when it was well for long enough"
                    .to_owned()
            }
            (false, false) if r["lost"] == true => "look at its services".to_owned(),
            (false, false) => "nothing to do".to_owned(),
        };
        all.push(format!("  next      {next}"));
    }
    all
}

/// Waits for the end of an order to a redirect; `None`: there is none of this name.
pub(super) fn followed(socket: &Path, name: &str, as_json: bool) -> Option<ExitCode> {
    let begun = Instant::now();
    loop {
        let status = match ask(socket, "status", None, json!({}), as_json) {
            Ok(status) => status,
            Err(code) => return Some(code),
        };
        let mut all = status["redirects"].as_array().into_iter().flatten();
        let redirect = all.find(|r| r["name"].as_str() == Some(name))?;
        let settled = redirect["settled"] == true;
        if settled || redirect["failed"].is_string() {
            let code = match settled {
                true => ExitCode::Ok,
                false => ExitCode::NotReached,
            };
            if as_json {
                say_json(
                    &json!({ "ok": settled, "state": redirect["state"], "place": redirect["place"], "steps": redirect["steps"], "failed": redirect["failed"] }),
                );
            } else {
                let place = redirect["place"].as_str().unwrap_or("?");
                say(&match redirect["failed"].as_str() {
                    None => format!("{name} points at {place}"),
                    Some(why) => {
                        format!("{name} cannot be pointed at {place}: {why}; it is tried again")
                    }
                });
            }
            return Some(code);
        }
        if begun.elapsed() > PATIENCE {
            let text = format!(
                "still {} after {} s; it goes on, `standin status` shows how",
                redirect["state"],
                PATIENCE.as_secs()
            );
            return Some(fail(ExitCode::TryAgain, &text));
        }
        std::thread::sleep(AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_what_is_in_force_and_what_to_do() {
        let at = |place: &str, verdict: Value| {
            let first = json!({ "name": "primary", "state": "down" });
            let redirect = json!({ "name": "twin", "state": place, "place": place, "says": "Mode 2", "for_ms": 2000, "verdict": verdict,
                "places": [first, { "name": "none", "state": "up" }], "health": [] });
            lines(&json!({ "redirects": [redirect] })).join("\n")
        };
        let said = at("none", json!("degraded: unfenced"));
        for words in [
            "twin: NONE (for 2 s)",
            "in force  Mode 2",
            "degraded: unfenced",
            "primary down, none up",
            "standin release twin",
        ] {
            assert!(said.contains(words), "{said}");
        }
        assert!(at("none", Value::Null).contains("pointed at again"));
        assert!(at("primary", Value::Null).contains("nothing to do"));
    }
}
