//! `kind = "command"`: a program of the site, as a list of arguments, never a shell's line. Where `probe` is given, the
//! program is run only if that fails, and it has to succeed afterwards.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use nix::unistd::User;

use super::{Facts, Kind, Kit, Look, PlanLine, SiteStep};
use crate::config::Section;
use crate::rt::Instant;
use crate::takeover::event::Outcome;

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
    user: Option<String>,
    directory: Option<String>,
    environment: Vec<String>,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn SiteStep>> {
    let run = section.command("run");
    if run.is_none() && !section.has("run") {
        section.refuse("run", "`run` is missing", "program and arguments, such as run = [\"/usr/bin/docker\", \"compose\", \"up\", \"-d\"]");
    }
    let undo = section.command("undo");
    let probe = section.command("probe");
    let user = section.text("user");
    let directory = section.text("directory");
    if let Some(folder) = directory.as_ref().filter(|d| !d.starts_with('/')) {
        section.refuse(
            "directory",
            format!("`{folder}` is not a full path"),
            "such as \"/srv/cctv\"",
        );
    }
    if let Some(name) = user
        .as_ref()
        .filter(|u| u.is_empty() || u.starts_with('-') || u.contains([':', '/', ' ']))
    {
        section.refuse(
            "user",
            format!("`{name}` is no user's name"),
            "such as \"standin\"",
        );
    }
    let environment = section.texts("environment").unwrap_or_default();
    for entry in &environment {
        let named = entry.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        if !named {
            section.refuse(
                "environment",
                format!("`{entry}` is no NAME=VALUE"),
                "such as \"COMPOSE_PROJECT_NAME=cctv\"",
            );
        }
    }
    Some(Arc::new(Command {
        run: run?,
        undo,
        probe,
        user,
        directory,
        environment,
    }))
}

impl Command {
    /// The program with the user, folder and environment that it gets, as one list of arguments.
    fn line(&self, command: &[String], facts: &Facts) -> Result<Vec<String>, String> {
        let mut line: Vec<String> = Vec::new();
        if let Some(user) = &self.user {
            let known = User::from_name(user).map_err(|e| format!("user {user}: {e}"))?;
            let known = known.ok_or_else(|| format!("this machine has no user {user}"))?;
            line.extend(["/usr/bin/setpriv", "--init-groups"].map(str::to_owned));
            line.extend([
                format!("--reuid={}", known.uid),
                format!("--regid={}", known.gid),
                "--".to_owned(),
            ]);
        }
        line.push("/usr/bin/env".to_owned());
        line.extend(self.directory.iter().map(|d| format!("--chdir={d}")));
        line.extend([
            format!("STANDIN_PEER={}", facts.peer),
            format!("STANDIN_VIP={}", facts.vip),
            format!("STANDIN_NODE={}", facts.node),
            format!("STANDIN_EPOCH={}", facts.epoch),
            format!("STANDIN_STEP={}", facts.step),
            format!("STANDIN_UNDO={}", u8::from(facts.undo)),
        ]);
        line.extend(self.environment.iter().cloned());
        line.extend(command.iter().cloned());
        Ok(line)
    }

    /// What it printed, or why it is not done.
    async fn run(&self, command: &[String], kit: &Kit, within: Duration) -> Result<String, String> {
        let line = self.line(command, &kit.facts)?;
        let (program, arguments) = line.split_first().ok_or("there is no command")?;
        let name = command.first().map_or("", String::as_str);
        let ended = kit
            .programs
            .run(program, arguments, within)
            .await
            .map_err(|e| e.to_string())?;
        let said = one_line(&ended.output);
        match ended.status.success() {
            true => Ok(said),
            false => Err(format!(
                "{name} failed ({}){}",
                ended.status,
                after_colon(&said)
            )),
        }
    }

    /// Runs `command` unless it is as wanted; `wanted` is how the probe has to end.
    async fn bring_about(&self, command: &[String], kit: &Kit, wanted: bool) -> Outcome {
        let begun = Instant::now();
        let left = || kit.within.saturating_sub(begun.elapsed());
        let as_wanted =
            async |probe: &[String]| self.run(probe, kit, left()).await.is_ok() == wanted;
        if let Some(probe) = &self.probe
            && as_wanted(probe).await
        {
            return Outcome::Done("it is so already: nothing was run".to_owned());
        }
        let said = match self.run(command, kit, left()).await {
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
                        after_colon(&said)
                    ));
                }
                crate::rt::sleep(LOOK_AGAIN).await;
            }
        }
        Outcome::Done(format!(
            "{program} done in {} ms{}",
            begun.elapsed().as_millis(),
            after_colon(&said)
        ))
    }
}

/// The last lines of what a program printed.
fn one_line(output: &str) -> String {
    let lines: Vec<&str> = output
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    lines[lines.len().saturating_sub(3)..].join(" | ")
}

fn after_colon(said: &str) -> String {
    match said {
        "" => String::new(),
        said => format!(": {said}"),
    }
}

impl SiteStep for Command {
    fn plan(&self, _: &Facts) -> PlanLine {
        PlanLine {
            what: match &self.probe {
                Some(probe) => format!(
                    "run {}, unless {} says that it is so already",
                    self.run.join(" "),
                    probe.join(" ")
                ),
                None => format!("run {}", self.run.join(" ")),
            },
            command: Some(self.run.join(" ")),
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
                if self.run(&test, kit, kit.within).await.is_err() {
                    let whom = self
                        .user
                        .as_ref()
                        .map(|u| format!(" by {u}"))
                        .unwrap_or_default();
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
