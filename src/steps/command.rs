//! `kind = "command"`: a program of the site, as a list of arguments, never a shell's line. Where `probe` is given, the
//! program is run only if that fails, and it has to succeed afterwards.

use std::sync::Arc;
use std::time::Duration;

use super::launch;
use super::{Facts, Kind, Kit, Look, PlanLine, SiteStep};
use crate::config::Section;
use crate::rt::Instant;
use crate::takeover::event::Outcome;
use futures_util::future::{BoxFuture, FutureExt};

pub(super) const KIND: Kind = Kind {
    name: "command",
    read,
};

/// How often it is looked whether what was started is as wanted.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

struct Command {
    run: Vec<String>,
    undo: Option<Vec<String>>,
    /// Succeeds where it is as wanted.
    probe: Option<Vec<String>>,
    launch: launch::Launch,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn SiteStep>> {
    let run = section.command("run");
    if run.is_none() && !section.has("run") {
        section.refuse("run", "`run` is missing", "program and arguments, such as run = [\"/usr/bin/docker\", \"compose\", \"up\", \"-d\"]");
    }
    let undo = section.command("undo");
    let probe = section.command("probe");
    let launch = launch::Launch::read(section);
    Some(Arc::new(Command {
        run: run?,
        undo,
        probe,
        launch,
    }))
}

impl Command {
    /// Runs `command` unless it is as wanted; `wanted` is how the probe has to end.
    async fn bring_about(&self, command: &[String], kit: &Kit, wanted: bool) -> Outcome {
        let begun = Instant::now();
        let left = || kit.within.saturating_sub(begun.elapsed());
        let as_wanted =
            async |probe: &[String]| self.launch.said(probe, kit, left()).await.is_ok() == wanted;
        if let Some(probe) = &self.probe
            && as_wanted(probe).await
        {
            return Outcome::Done("it is so already: nothing was run".to_owned());
        }
        let said = match self.launch.said(command, kit, left()).await {
            Ok(said) => said,
            Err(why) => {
                // What has an effect and ends badly all the same is seen by the probe.
                match &self.probe {
                    Some(probe) if as_wanted(probe).await => {
                        format!("{why}; but the probe says that it is so")
                    }
                    Some(_) | None => return Outcome::Failed(why),
                }
            }
        };
        let program = command.first().map_or("", String::as_str);
        if let Some(probe) = &self.probe {
            while !as_wanted(probe).await {
                if left() <= LOOK_AGAIN {
                    return Outcome::Failed(format!(
                        "{program} was run, and the probe does not say that it helped{}",
                        launch::after_colon(&said)
                    ));
                }
                crate::rt::sleep(LOOK_AGAIN).await;
            }
        }
        Outcome::Done(format!(
            "{program} done in {} ms{}",
            begun.elapsed().as_millis(),
            launch::after_colon(&said)
        ))
    }
}

impl SiteStep for Command {
    fn plan(&self, facts: &Facts) -> PlanLine {
        PlanLine {
            what: match &self.probe {
                Some(probe) => format!(
                    "run {}, unless {} says that it is so already",
                    self.run.join(" "),
                    probe.join(" ")
                ),
                None => format!("run {}", self.run.join(" ")),
            },
            command: Some(self.launch.typed(&self.run, facts)),
            undo: self.undo.as_ref().map(|u| format!("run {}", u.join(" "))),
        }
    }

    fn undoes(&self) -> bool {
        self.undo.is_some()
    }

    fn check<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Result<Look, String>> {
        async move {
            let programs = [Some(&self.run), self.undo.as_ref(), self.probe.as_ref()];
            for program in programs.into_iter().flatten().filter_map(|c| c.first()) {
                let test = ["/usr/bin/test".to_owned(), "-x".to_owned(), program.clone()];
                if self.launch.said(&test, kit, kit.within).await.is_err() {
                    let whom = self.launch.by();
                    return Err(format!(
                        "{program} cannot be run{whom}: it is not there, or may not be executed"
                    ));
                }
            }
            Ok(format!("{} can be run", self.run.join(" ")).into())
        }
        .boxed()
    }

    fn apply<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Outcome> {
        self.bring_about(&self.run, kit, true).boxed()
    }

    fn undo<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Outcome> {
        async move {
            match &self.undo {
                Some(undo) => self.bring_about(undo, kit, false).await,
                None => Outcome::Done("there is nothing to take back".to_owned()),
            }
        }
        .boxed()
    }
}
