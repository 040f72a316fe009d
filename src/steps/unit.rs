//! `kind = "unit"`: a systemd unit that is started, and stopped again when the address goes back, unless it ran before.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};

use super::{Facts, Kind, Kit, Look, PlanLine, SiteStep};
use crate::config::Section;
use crate::service::systemd;
use crate::takeover::event::Outcome;

pub(super) const KIND: Kind = Kind { name: "unit", read };

struct Unit {
    unit: String,
    stop: bool,
}

/// What is kept until it is taken back.
#[derive(Serialize, Deserialize)]
struct Before {
    /// It ran before we started it: then it is not ours to stop.
    ran: bool,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn SiteStep>> {
    let unit = section.required_text("unit", "such as unit = \"nginx.service\"");
    if let Some(unit) = &unit {
        section.unit_name("unit", unit);
    }
    let stop = section.flag("stop", true);
    Some(Arc::new(Unit { unit: unit?, stop }))
}

impl SiteStep for Unit {
    fn plan(&self, _: &Facts) -> PlanLine {
        PlanLine {
            what: format!("start {} and wait until it runs", self.unit),
            command: Some(format!("systemctl start {}", self.unit)),
            undo: self
                .stop
                .then(|| format!("stop {}, unless it ran before", self.unit)),
        }
    }

    fn undoes(&self) -> bool {
        self.stop
    }

    fn check<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Result<Look, String>> {
        async move {
            let read = systemd::read_unit(&*kit.programs, &self.unit, kit.within).await;
            let read = read.map_err(|e| e.to_string())?;
            Ok(format!("{} is {}", self.unit, read.shown).into())
        }
        .boxed()
    }

    fn apply<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Outcome> {
        async move {
            // Before it is started, and once: a try that is made again finds it running, by the first one perhaps.
            if self.stop && kit.memory.recall::<Before>().is_none() {
                let read = systemd::read_unit(&*kit.programs, &self.unit, kit.within).await;
                let kept = read.map(|now| kit.memory.keep(&Before { ran: now.runs }));
                if let Ok(Err(why)) = kept {
                    tracing::warn!(
                        "step {}: {why}; at the release it is taken for ours",
                        kit.facts.step
                    );
                }
            }
            match systemd::start(&*kit.programs, &self.unit, kit.within).await {
                Ok(started) => Outcome::Done(started.to_string()),
                Err(e) => Outcome::Failed(e.to_string()),
            }
        }
        .boxed()
    }

    fn undo<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Outcome> {
        async move {
            let ran = kit
                .memory
                .recall::<Before>()
                .is_some_and(|before| before.ran);
            let outcome = match ran {
                true => Outcome::Done(format!("{} ran before, and is left running", self.unit)),
                false => match systemd::stop(&*kit.programs, &self.unit, kit.within).await {
                    Ok(true) => Outcome::Done(format!("{} is stopped", self.unit)),
                    Ok(false) => Outcome::Done(format!("{} did not run", self.unit)),
                    Err(e) => Outcome::Failed(e.to_string()),
                },
            };
            if let Outcome::Done(_) = outcome {
                kit.memory.forget();
            }
            outcome
        }
        .boxed()
    }
}
