//! `kind = "compose"`: the containers of a compose project run here, and are healthy where they have a health check.

mod read;
mod tool;

use futures_util::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};

use tool::{LOOK_AGAIN, PROGRAMS, Undo};

use super::launch::after_colon;
use super::{Facts, Kind, Kit, Look, PlanLine, SiteStep};
use crate::endpoint::compose::{Container, Is, judge, runs};
use crate::rt::{self, Instant};
use crate::takeover::event::Outcome;
use crate::types::shell_line;

pub(super) const KIND: Kind = Kind {
    name: "compose",
    read: read::read,
};

pub(crate) use read::project;
pub(crate) use tool::Compose;

/// What is kept until it is taken back.
#[derive(Serialize, Deserialize)]
struct Before {
    /// Services that ran before us, and are left running.
    ran: Vec<String>,
}

impl Compose {
    fn judged(&self, wanted: &[String], seen: &[Container]) -> Vec<Is> {
        let each = wanted.iter();
        each.map(|s| judge(s, seen, self.oneshot.contains(s)))
            .collect()
    }

    /// Its folder.
    pub(crate) fn directory(&self) -> &str {
        self.launch.directory.as_deref().unwrap_or_default()
    }

    /// How well each of its services is now.
    pub(crate) async fn look(&self, kit: &Kit) -> Result<Vec<Is>, String> {
        let begun = Instant::now();
        let left = || kit.within.saturating_sub(begun.elapsed());
        let tool = self.tool(kit, left()).await?;
        let wanted = self.wanted(&tool, kit, left()).await?;
        let seen = self.seen(&tool, &wanted, kit, left()).await?;
        Ok(self.judged(&wanted, &seen))
    }

    async fn bring_up(&self, kit: &Kit) -> Result<String, String> {
        let begun = Instant::now();
        // So that our own words are heard before the step is stopped.
        let within = kit.within - kit.within / 20;
        let left = || within.saturating_sub(begun.elapsed());
        let tool = self.tool(kit, left()).await?;
        let wanted = self.wanted(&tool, kit, left()).await?;
        let now = self.seen(&tool, &wanted, kit, left()).await?;
        let is = self.judged(&wanted, &now);
        if is.iter().all(|i| matches!(i, Is::Fine(_))) {
            self.keep_before(kit, &wanted, &now)?;
            return Ok(format!("it is so already: {}", words(&is)));
        }
        self.keep_before(kit, &wanted, &now)?;
        let up = self.line(&tool.program, &["up", "-d"], &self.services);
        // Some time is left for looking what became of it.
        let told = self.launch.said(&up, kit, left() - left() / 10).await;
        loop {
            let seen = self.seen(&tool, &wanted, kit, left()).await;
            let is = seen.map(|seen| self.judged(&wanted, &seen));
            let said = match (&told, &is) {
                (_, Ok(is)) if is.iter().all(|i| matches!(i, Is::Fine(_))) => {
                    let how = match &told {
                        Ok(said) => after_colon(said),
                        Err(why) => format!("; {why}, but they are as wanted"),
                    };
                    let took = begun.elapsed().as_millis();
                    return Ok(format!("{} after {took} ms{how}", words(is)));
                }
                (Err(why), Ok(is)) => return Err(format!("{why}; {}", not_fine(is))),
                (Err(why), Err(_)) => return Err(why.clone()),
                (Ok(_), Ok(is)) => not_fine(is),
                (Ok(_), Err(why)) => why.clone(),
            };
            let is_over = is.is_ok_and(|is| is.iter().any(|i| matches!(i, Is::Over(_))));
            if is_over || left() <= LOOK_AGAIN * 2 {
                return Err(format!("up, and yet {said}"));
            }
            rt::sleep(LOOK_AGAIN).await;
        }
    }

    /// Before anything is started, and once: a try that is made again finds what we started ourselves.
    fn keep_before(&self, kit: &Kit, wanted: &[String], now: &[Container]) -> Result<(), String> {
        if self.undo == Undo::Leave || kit.memory.recall::<Before>().is_some() {
            return Ok(());
        }
        let ran = wanted.iter().filter(|s| runs(s, now)).cloned().collect();
        kit.memory.keep(&Before { ran }).map_err(|why| {
            format!("what ran before cannot be kept, and nothing was started: {why}")
        })
    }

    async fn take_down(&self, kit: &Kit) -> Result<String, String> {
        let begun = Instant::now();
        let within = kit.within - kit.within / 20;
        let left = || within.saturating_sub(begun.elapsed());
        // It is kept before anything is started; so nothing was, unless the file is lost.
        let Some(Before { ran }) = kit.memory.recall() else {
            return Ok("nothing of it was started by us: it is left as it is".to_owned());
        };
        let tool = self.tool(kit, left()).await?;
        let wanted = self.wanted(&tool, kit, left()).await?;
        let (stay, go): (Vec<String>, Vec<String>) =
            wanted.into_iter().partition(|s| ran.contains(s));
        let stays = match stay.is_empty() {
            true => String::new(),
            false => format!("; {} ran before, and is left running", stay.join(", ")),
        };
        if go.is_empty() {
            return Ok(format!("nothing is stopped{stays}"));
        }
        let is_down = |seen: &[Container]| match self.undo {
            // What is left running keeps the project up.
            Undo::Down if stay.is_empty() => seen.is_empty(),
            Undo::Down | Undo::Stop | Undo::Leave => !go.iter().any(|s| runs(s, seen)),
        };
        if is_down(&self.seen(&tool, &go, kit, left()).await?) {
            return Ok(format!("nothing of it runs{stays}"));
        }
        let line = match (self.undo, stay.is_empty()) {
            (Undo::Down, true) => self.line(&tool.program, &["down"], &[]),
            (Undo::Down | Undo::Stop | Undo::Leave, _) => self.line(&tool.program, &["stop"], &go),
        };
        let told = self.launch.said(&line, kit, left() - left() / 10).await;
        let seen = self.seen(&tool, &go, kit, left()).await;
        match (told, seen) {
            (_, Ok(seen)) if is_down(&seen) => {
                let took = begun.elapsed().as_millis();
                let how = match self.undo {
                    Undo::Down if stay.is_empty() => "down",
                    Undo::Down | Undo::Stop | Undo::Leave => "stopped",
                };
                Ok(format!("{} {how} after {took} ms{stays}", go.join(", ")))
            }
            (Err(why), _) | (Ok(_), Err(why)) => Err(why),
            (Ok(_), Ok(seen)) => {
                let still: Vec<&str> = (go.iter().filter(|s| runs(s, &seen)))
                    .map(String::as_str)
                    .collect();
                Err(format!("stopped, and yet {} runs", still.join(", ")))
            }
        }
    }
}

fn words(is: &[Is]) -> String {
    let all: Vec<&str> = is.iter().map(Is::words).collect();
    all.join(", ")
}

fn not_fine(is: &[Is]) -> String {
    let all = is.iter().filter(|i| !matches!(i, Is::Fine(_)));
    let all: Vec<&str> = all.map(Is::words).collect();
    all.join(", ")
}

impl SiteStep for Compose {
    fn plan(&self, _: &Facts) -> PlanLine {
        let usual = PROGRAMS[0].iter().map(|w| (*w).to_owned()).collect();
        let program = self.program.clone().unwrap_or(usual);
        let at = self.launch.directory.clone().unwrap_or_default();
        let by_hand = |told: &[&str], only: &[String]| {
            format!(
                "cd {} && {}",
                shell_line(&[&at]),
                shell_line(&self.line(&program, told, only))
            )
        };
        let whom = match self.services.is_empty() {
            true => "every service".to_owned(),
            false => self.services.join(", "),
        };
        let once = match self.oneshot.is_empty() {
            true => String::new(),
            false => format!(" ({} has to end well)", self.oneshot.join(", ")),
        };
        let left = "; what ran before is left running";
        PlanLine {
            what: format!(
                "bring the compose project in {at} up, and wait until {whom} runs{once}, and is healthy where it has a \
                 health check"
            ),
            command: Some(by_hand(&["up", "-d"], &self.services)),
            undo: match self.undo {
                Undo::Leave => None,
                Undo::Stop => Some(format!("{}{left}", by_hand(&["stop"], &self.services))),
                Undo::Down => Some(format!("{}{left}", by_hand(&["down"], &[]))),
            },
        }
    }

    fn undoes(&self) -> bool {
        self.undo != Undo::Leave
    }

    fn check<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Result<Look, String>> {
        async move {
            let tool = self.tool(kit, kit.within / 4).await?;
            let wanted = self.wanted(&tool, kit, kit.within / 4).await?;
            let seen = self.seen(&tool, &wanted, kit, kit.within / 4).await?;
            let missing = self.missing_images(&tool, kit, kit.within / 4).await;
            let warnings = missing.iter().map(|image| {
                format!("the image {image} is not here: it would be fetched or built at a takeover")
            });
            Ok(Look {
                said: format!(
                    "{} (version {}) can bring it up; now {}",
                    tool.program.join(" "),
                    tool.version,
                    words(&self.judged(&wanted, &seen))
                ),
                warnings: warnings.collect(),
            })
        }
        .boxed()
    }

    fn apply<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Outcome> {
        async move {
            match self.bring_up(kit).await {
                Ok(how) => Outcome::Done(how),
                Err(why) => Outcome::Failed(why),
            }
        }
        .boxed()
    }

    fn undo<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Outcome> {
        async move {
            match self.take_down(kit).await {
                Ok(how) => {
                    kit.memory.forget();
                    Outcome::Done(how)
                }
                Err(why) => Outcome::Failed(why),
            }
        }
        .boxed()
    }
}
