//! What compose says of a project's containers: `docker compose ps --format json`, in its two forms, and how well a
//! service is by that.

use serde::Deserialize;

/// A container of a service, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The service.
    pub service: String,
    /// What it does.
    pub state: State,
    /// What its health check says.
    pub health: Health,
    /// How it ended, the last time.
    pub exit_code: Option<i32>,
    /// It runs for less than two seconds: what ends at once may still do so.
    pub is_young: bool,
}

/// What a container does: the states of Docker's Engine API.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names in Docker")]
pub enum State {
    Created,
    Running,
    Paused,
    Restarting,
    Removing,
    Exited,
    Dead,
    /// One that we do not know.
    Other(String),
}

/// What a health check says of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// There is no health check.
    None,
    /// It has not passed yet.
    Starting,
    /// It passes.
    Healthy,
    /// It fails.
    Unhealthy,
}

/// How well a service is, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Is {
    /// It does what it is there for.
    Fine(String),
    /// That may come by itself.
    Coming(String),
    /// It will not, by itself.
    Over(String),
}

impl Is {
    /// The words.
    pub fn words(&self) -> &str {
        match self {
            Is::Fine(words) | Is::Coming(words) | Is::Over(words) => words,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    service: String,
    state: String,
    #[serde(default)]
    health: String,
    exit_code: Option<i32>,
    /// As `docker ps` says it: `Up 3 seconds (healthy)`, `Exited (1) 2 minutes ago`.
    #[serde(default)]
    status: String,
}

impl From<Written> for Container {
    fn from(w: Written) -> Container {
        let within = |before: &str| w.status.split_once(before)?.1.split_once(')').map(|s| s.0);
        let health = match w.health.as_str() {
            "" => within("(").unwrap_or_default(),
            told => told,
        };
        let code = || within("(")?.parse().ok();
        Container {
            state: match w.state.to_ascii_lowercase().as_str() {
                "created" => State::Created,
                "running" => State::Running,
                "paused" => State::Paused,
                "restarting" => State::Restarting,
                "removing" => State::Removing,
                "exited" => State::Exited,
                "dead" => State::Dead,
                other => State::Other(other.to_owned()),
            },
            health: match health {
                "healthy" => Health::Healthy,
                "unhealthy" => Health::Unhealthy,
                "starting" | "health: starting" => Health::Starting,
                _ => Health::None,
            },
            // Of one that is started again, compose tells 0 and `status` how it ended.
            exit_code: code().or(w.exit_code),
            is_young: ["Up Less than a second", "Up 1 second"]
                .iter()
                .any(|young| w.status.starts_with(young)),
            service: w.service,
        }
    }
}

/// The containers in what `ps --format json` printed: one list, or one object a line (since 2.21). Lines that are neither
/// are warnings.
///
/// # Errors
/// It cannot be read, as where it is cut off.
pub fn containers(output: &str) -> Result<Vec<Container>, String> {
    let mut all: Vec<Container> = Vec::new();
    let lines = output.lines().map(str::trim);
    for line in lines.filter(|l| l.starts_with(['{', '['])) {
        let read = match line.starts_with('[') {
            true => serde_json::from_str::<Vec<Written>>(line),
            false => serde_json::from_str::<Written>(line).map(|one| vec![one]),
        };
        let read = read.map_err(|e| format!("what is said of containers cannot be read: {e}"))?;
        all.extend(read.into_iter().map(Container::from));
    }
    Ok(all)
}

/// The names in what `config --services` printed: a warning has more than one word.
pub fn services(output: &str) -> Vec<String> {
    let is_name = |l: &&str| {
        let is_fit = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        l.starts_with(|c: char| c.is_ascii_alphanumeric()) && l.chars().all(is_fit)
    };
    let lines = output.lines().map(str::trim).filter(is_name);
    lines.map(str::to_owned).collect()
}

/// How well one service is. What is there once has to end well, everything else has to run, and be healthy if it says.
pub fn judge(service: &str, containers: &[Container], is_oneshot: bool) -> Is {
    let own = containers.iter().filter(|c| c.service == service);
    let each: Vec<Is> = own.map(|c| judge_one(c, is_oneshot)).collect();
    let worst = (each.iter().find(|i| matches!(i, Is::Over(_))))
        .or_else(|| each.iter().find(|i| matches!(i, Is::Coming(_))))
        .or_else(|| each.first());
    let named = |words: &str| format!("{service} {words}");
    match worst {
        None => Is::Over(named("has no container")),
        Some(Is::Fine(words)) if each.len() > 1 => {
            Is::Fine(format!("{} ({} containers)", named(words), each.len()))
        }
        Some(Is::Fine(words)) => Is::Fine(named(words)),
        Some(Is::Coming(words)) => Is::Coming(named(words)),
        Some(Is::Over(words)) => Is::Over(named(words)),
    }
}

fn judge_one(c: &Container, is_oneshot: bool) -> Is {
    let say = |words: &str| words.to_owned();
    match (&c.state, c.health, c.exit_code) {
        (State::Exited, _, Some(0)) if is_oneshot => Is::Fine(say("is done")),
        (State::Exited, _, Some(0)) => Is::Over(say(
            "ended (0), and is not named in `oneshot`: it should run",
        )),
        (State::Exited, _, code) => {
            let code = code.map_or_else(|| "?".to_owned(), |code| code.to_string());
            Is::Over(format!("ended ({code})"))
        }
        (State::Running, _, _) if is_oneshot => Is::Coming(say("runs, and is not done yet")),
        (State::Running, Health::Healthy, _) => Is::Fine(say("is healthy")),
        (State::Running, Health::Starting, _) => {
            Is::Coming(say("runs, and its health check has not passed yet"))
        }
        (State::Running, Health::Unhealthy, _) => Is::Coming(say("runs, and is unhealthy")),
        (State::Running, Health::None, _) if c.is_young => Is::Coming(say("has just started")),
        (State::Running, Health::None, _) => Is::Fine(say("runs")),
        (State::Created, _, _) => Is::Coming(say("is made, and not started")),
        (State::Restarting, _, code) => {
            let code = code.map_or_else(String::new, |code| format!(" ({code})"));
            Is::Coming(format!("ends{code} and is started again"))
        }
        (State::Paused, _, _) => Is::Over(say("is paused")),
        (State::Removing, _, _) => Is::Coming(say("is being removed")),
        (State::Dead, _, _) => Is::Over(say("is dead")),
        (State::Other(other), _, _) => Is::Coming(format!("is {other}, which is not known here")),
    }
}

/// Whether anything of a service still runs, or may again by itself.
pub fn runs(service: &str, containers: &[Container]) -> bool {
    containers.iter().any(|c| {
        let goes_on = match c.state {
            State::Running | State::Paused | State::Restarting | State::Other(_) => true,
            State::Created | State::Removing | State::Exited | State::Dead => false,
        };
        c.service == service && goes_on
    })
}
