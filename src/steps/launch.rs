//! Programs of the site, as steps run them: by whom, in which folder, with which environment, and what they said.

use std::time::Duration;

use super::{Facts, Kit};
use crate::config::Section;
use crate::service::command;
use crate::types::shell_line;

/// How programs of a step are run.
pub(crate) struct Launch {
    user: Option<String>,
    /// Where they run.
    pub directory: Option<String>,
    environment: Vec<String>,
}

/// A program that ended.
pub(crate) struct Run {
    /// It ended with success, or how it ended.
    pub ended: Result<(), String>,
    /// Its exit code, where it ended by itself.
    pub code: Option<i32>,
    /// All that it printed, as far as it is kept.
    pub output: String,
}

impl Launch {
    /// `user`, `directory` and `environment`.
    pub fn read(section: &mut Section<'_, '_>) -> Launch {
        let user = section.user_name("user");
        let directory = section.text("directory");
        if let Some(folder) = directory.as_ref().filter(|d| !d.starts_with('/')) {
            section.refuse(
                "directory",
                format!("`{folder}` is not a full path"),
                "such as \"/srv/cctv\"",
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
        Launch {
            user,
            directory,
            environment,
        }
    }

    /// The program with the user, folder and environment that it gets, as one list of arguments.
    fn line(&self, program: &[String], facts: &Facts) -> Result<Vec<String>, String> {
        let mut line: Vec<String> = Vec::new();
        if let Some(user) = &self.user {
            line.extend(command::as_user(user)?);
        }
        line.extend(self.in_environment(program, facts));
        Ok(line)
    }

    fn in_environment(&self, program: &[String], facts: &Facts) -> Vec<String> {
        let mut line = vec!["/usr/bin/env".to_owned()];
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
        line.extend(program.iter().cloned());
        line
    }

    /// The same as root types it.
    pub fn typed(&self, program: &[String], facts: &Facts) -> String {
        let mut line: Vec<String> = Vec::new();
        if let Some(user) = &self.user {
            line.extend(["runuser", "-u", user, "--"].map(str::to_owned));
        }
        line.extend(self.in_environment(program, facts));
        shell_line(&line)
    }

    /// Runs it to its end. A program that is not there ends with 127, for `env` says so.
    pub async fn run(
        &self,
        command: &[String],
        kit: &Kit,
        within: Duration,
    ) -> Result<Run, String> {
        let line = self.line(command, &kit.facts)?;
        let (program, arguments) = line.split_first().ok_or("there is no command")?;
        let ended = kit.programs.run(program, arguments, within).await;
        // `env` is how it is started; what is told is told of the program itself.
        let name = command.first().map_or("", String::as_str);
        let ended = ended.map_err(|e| e.to_string().replacen(program.as_str(), name, 1))?;
        Ok(Run {
            ended: match ended.status.success() {
                true => Ok(()),
                false => Err(ended.status.to_string()),
            },
            code: ended.status.code(),
            output: ended.output,
        })
    }

    /// The last lines of what it printed, or why it is not done.
    pub async fn said(
        &self,
        command: &[String],
        kit: &Kit,
        within: Duration,
    ) -> Result<String, String> {
        let run = self.run(command, kit, within).await?;
        let said = one_line(&run.output);
        let name = command.first().map_or("", String::as_str);
        match run.ended {
            Ok(()) => Ok(said),
            Err(how) => Err(format!("{name} failed ({how}){}", after_colon(&said))),
        }
    }

    /// By whom, for a message.
    pub fn by(&self) -> String {
        let user = self.user.as_ref().map(|u| format!(" by {u}"));
        user.unwrap_or_default()
    }
}

/// The last lines of what a program printed.
pub(crate) fn one_line(output: &str) -> String {
    let lines: Vec<&str> = output
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    lines[lines.len().saturating_sub(3)..].join(" | ")
}

pub(crate) fn after_colon(said: &str) -> String {
    match said {
        "" => String::new(),
        said => format!(": {said}"),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_typed_by_hand_is_what_is_run() {
        let launch = Launch {
            user: None,
            directory: Some("/usr/share".to_owned()),
            environment: vec!["A=b c".to_owned()],
        };
        let facts = Facts {
            peer: "cctv".to_owned(),
            vip: "192.0.2.1".to_owned(),
            node: "b".to_owned(),
            epoch: 7,
            step: "command:x".to_owned(),
            undo: false,
            time: String::new(),
        };
        let program = [
            "/bin/sh",
            "-c",
            "echo \"$PWD $A $STANDIN_PEER $STANDIN_VIP $STANDIN_EPOCH\"",
        ];
        let line = launch.typed(&program.map(str::to_owned), &facts);
        let said = Command::new("/bin/sh")
            .args(["-c", &line])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&said.stdout).trim(),
            "/usr/share b c cctv 192.0.2.1 7",
            "{line}"
        );
        let of = Launch {
            user: Some("cctv".to_owned()),
            ..launch
        };
        let line = of.typed(&program.map(str::to_owned), &facts);
        assert!(
            line.starts_with("runuser -u cctv -- /usr/bin/env --chdir=/usr/share "),
            "{line}"
        );
    }
}
