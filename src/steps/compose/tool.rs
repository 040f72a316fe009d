//! The program that brings a project up, and what it says of services and containers.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use crate::endpoint::compose::{Container, containers, services};
use crate::rt::Instant;
use crate::steps::Kit;
use crate::steps::launch::{Launch, after_colon, one_line};

/// Where the program is, if it is not named: the first that says a version.
pub(super) const PROGRAMS: [&[&str]; 4] = [
    &["/usr/bin/docker", "compose"],
    &["/usr/local/bin/docker", "compose"],
    &["/usr/bin/docker-compose"],
    &["/usr/local/bin/docker-compose"],
];
/// What reads the containers that a docker-compose of version 1 names; it tells too little itself.
const DOCKER: [&str; 2] = ["/usr/bin/docker", "/usr/local/bin/docker"];
/// One container in the form of `docker compose ps --format json`.
const FORM: &str = r#"{"Service":"{{.Label "com.docker.compose.service"}}","State":"{{.State}}","Status":"{{.Status}}"}"#;

/// The program, as it was found.
#[derive(Clone)]
pub(super) struct Tool {
    pub program: Vec<String>,
    pub version: String,
    /// Version 1, docker-compose in Python: `ps` has no JSON.
    is_first: bool,
}

/// How often it is looked whether the containers are as wanted.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// What is done when it is taken back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Undo {
    Stop,
    Down,
    Leave,
}

/// A project of this machine.
pub(crate) struct Compose {
    pub(super) launch: Launch,
    pub(super) program: Option<Vec<String>>,
    /// Of `-f` and `-p`.
    pub(super) options: Vec<String>,
    pub(super) services: Vec<String>,
    pub(super) oneshot: Vec<String>,
    pub(super) undo: Undo,
    pub(super) found: OnceLock<Tool>,
}

impl Compose {
    /// The program and what it is told.
    pub(super) fn line(&self, program: &[String], told: &[&str], only: &[String]) -> Vec<String> {
        let told = told.iter().map(|t| (*t).to_owned());
        let all = program.iter().chain(&self.options).cloned();
        all.chain(told).chain(only.iter().cloned()).collect()
    }

    /// The program that is there, and its version.
    pub(super) async fn tool(&self, kit: &Kit, within: Duration) -> Result<Tool, String> {
        if let Some(tool) = self.found.get() {
            return Ok(tool.clone());
        }
        let begun = Instant::now();
        let all: Vec<Vec<String>> = match &self.program {
            Some(program) => vec![program.clone()],
            None => (PROGRAMS.iter().copied())
                .map(|p| p.iter().map(|w| (*w).to_owned()).collect())
                .collect(),
        };
        let mut why = Vec::new();
        for program in all {
            let left = within.saturating_sub(begun.elapsed());
            let ask = [&program[..], &["version".to_owned(), "--short".to_owned()]].concat();
            let said = match self.launch.said(&ask, kit, left).await {
                Ok(said) => said,
                Err(e) => {
                    why.push(e);
                    continue;
                }
            };
            // A line before it may be a warning.
            let version = said.rsplit(' ').next().unwrap_or_default();
            let version = version.trim_start_matches('v').to_owned();
            let tool = Tool {
                is_first: version.starts_with("1."),
                version,
                program,
            };
            return Ok(self.found.get_or_init(|| tool).clone());
        }
        Err(format!(
            "no program for compose can be run{}: {}",
            self.launch.by(),
            why.join("; ")
        ))
    }

    /// The services that are to run: those that are named, or all that the files have.
    pub(super) async fn wanted(
        &self,
        tool: &Tool,
        kit: &Kit,
        within: Duration,
    ) -> Result<Vec<String>, String> {
        let ask = self.line(&tool.program, &["config", "--services"], &[]);
        let run = self.launch.run(&ask, kit, within).await?;
        let said = one_line(&run.output);
        let all = match run.ended {
            Ok(()) => services(&run.output),
            Err(how) => {
                return Err(format!(
                    "the project cannot be read ({how}){}",
                    after_colon(&said)
                ));
            }
        };
        let named = self.services.iter().chain(&self.oneshot);
        let strange: Vec<&str> = (named.filter(|s| !all.contains(s)))
            .map(String::as_str)
            .collect();
        if !strange.is_empty() {
            return Err(format!(
                "the project has no service {}: it has {}",
                strange.join(", "),
                all.join(", ")
            ));
        }
        match (self.services.is_empty(), all.is_empty()) {
            (false, _) => Ok(self.services.clone()),
            (true, false) => Ok(all),
            (true, true) => Err("the project has no service".to_owned()),
        }
    }

    async fn ps(
        &self,
        tool: &Tool,
        only: &[String],
        kit: &Kit,
        within: Duration,
    ) -> Result<Vec<Container>, String> {
        let failed = |how: &str, output: &str| {
            let said = after_colon(&one_line(output));
            format!("its containers cannot be seen ({how}){said}")
        };
        if !tool.is_first {
            let ask = self.line(&tool.program, &["ps", "-a", "--format", "json"], only);
            let run = self.launch.run(&ask, kit, within).await?;
            run.ended.map_err(|how| failed(&how, &run.output))?;
            return containers(&run.output);
        }
        let ask = self.line(&tool.program, &["ps", "-q"], only);
        let run = self.launch.run(&ask, kit, within).await?;
        run.ended.map_err(|how| failed(&how, &run.output))?;
        let is_id = |l: &&str| l.len() == 64 && l.chars().all(|c| c.is_ascii_hexdigit());
        let ids = run.output.lines().map(str::trim).filter(is_id);
        let filters: Vec<String> = ids.map(|id| format!("--filter=id={id}")).collect();
        if filters.is_empty() {
            return Ok(Vec::new());
        }
        let docker = DOCKER.iter().find(|d| Path::new(d).exists());
        let docker = docker
            .ok_or("docker-compose 1 says too little of them, and there is no docker program")?;
        let ask = [*docker, "ps", "-a", "--format", FORM];
        let ask: Vec<String> = (ask.into_iter().map(str::to_owned))
            .chain(filters)
            .collect();
        let run = self.launch.run(&ask, kit, within).await?;
        run.ended.map_err(|how| failed(&how, &run.output))?;
        containers(&run.output)
    }

    /// Images that are not here. Version 1 does not name them.
    pub(super) async fn missing_images(
        &self,
        tool: &Tool,
        kit: &Kit,
        within: Duration,
    ) -> Vec<String> {
        let begun = Instant::now();
        let left = || within.saturating_sub(begun.elapsed());
        let docker = DOCKER.iter().find(|d| Path::new(d).exists());
        let Some(docker) = docker.filter(|_| !tool.is_first) else {
            return Vec::new();
        };
        let ask = self.line(&tool.program, &["config", "--images"], &self.services);
        let Ok(run) = self.launch.run(&ask, kit, left()).await else {
            return Vec::new();
        };
        let mut all: Vec<&str> = run.output.lines().map(str::trim).collect();
        all.retain(|image| run.ended.is_ok() && !image.is_empty() && !image.contains(' '));
        all.sort_unstable();
        all.dedup();
        let mut missing = Vec::new();
        for image in all {
            let look = [docker, "image", "inspect", "--format", "{{.Id}}", image];
            let look: Vec<String> = look.into_iter().map(str::to_owned).collect();
            let looked = self.launch.run(&look, kit, left()).await;
            if looked.is_ok_and(|run| run.ended.is_err()) {
                missing.push(image.to_owned());
            }
        }
        missing
    }

    /// The containers of these services. Of many, more is said than is kept: then of one after the other.
    pub(super) async fn seen(
        &self,
        tool: &Tool,
        wanted: &[String],
        kit: &Kit,
        within: Duration,
    ) -> Result<Vec<Container>, String> {
        let begun = Instant::now();
        let left = || within.saturating_sub(begun.elapsed());
        match self.ps(tool, wanted, kit, left()).await {
            Err(_) if wanted.len() > 1 && left() > LOOK_AGAIN => {}
            seen => return seen,
        }
        let mut all = Vec::new();
        for one in wanted {
            all.extend(
                self.ps(tool, std::slice::from_ref(one), kit, left())
                    .await?,
            );
        }
        Ok(all)
    }
}
