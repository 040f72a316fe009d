//! The manual, in the program: what a person reads on the machine with `standin help TOPIC`.
//!
//! Pages are Markdown, and stay so on GitHub; [`page`] lays them out for a terminal. Each is kept true by
//! `tests/text/manual/`. A page's name is none of a command: `standin help COMMAND` prints that command's usage.

pub mod actions;
pub mod page;

use crate::config::SAMPLE;

/// One page.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// What it is asked for by, and the name of its file.
    pub name: &'static str,
    /// What it answers, in one line.
    pub about: &'static str,
    /// The page: Markdown, but for the sample, which is TOML.
    pub text: &'static str,
}

impl Topic {
    /// The page as it is read: Markdown in lines of at most `width` columns, the sample as it stands.
    pub fn laid_out(&self, width: usize) -> String {
        match self.text == SAMPLE {
            true => self.text.to_owned(),
            false => page::laid_out(self.text, width),
        }
    }
}

/// Every page, the one that is needed at night first.
pub const TOPICS: [Topic; 12] = [
    Topic {
        name: "operate",
        about: "something happened: what do I do? States, alarms, hand back",
        text: include_str!("operate.md"),
    },
    Topic {
        name: "switches",
        about: "before you trust it with a switch; what is written to it",
        text: include_str!("switches.md"),
    },
    Topic {
        name: "configure",
        about: "the configuration; bonds, traps, port takeover",
        text: include_str!("configure.md"),
    },
    Topic {
        name: "steps",
        about: "what else a takeover brings about: units, commands",
        text: include_str!("steps.md"),
    },
    Topic {
        name: "health",
        about: "are the services well, here and on the peer?",
        text: include_str!("health.md"),
    },
    Topic {
        name: "redirects",
        about: "a machine without an address to move: names and URLs",
        text: include_str!("redirects.md"),
    },
    Topic {
        name: "alerts",
        about: "who is told when nobody looks: webhook, mail, syslog...",
        text: include_str!("alerts.md"),
    },
    Topic {
        name: "sample",
        about: "the sample configuration: every key, default, unit and bound",
        text: SAMPLE,
    },
    Topic {
        name: "profiles",
        about: "how a switch that is not supported yet is described",
        text: include_str!("../../switch-profiles/README.md"),
    },
    Topic {
        name: "json",
        about: "the fields of --json, command by command",
        text: include_str!("json.md"),
    },
    Topic {
        name: "exit-codes",
        about: "what a script is told by the exit code",
        text: include_str!("exit-codes.md"),
    },
    Topic {
        name: "limits",
        about: "what it does not do, and what no real switch has seen yet",
        text: include_str!("limits.md"),
    },
];

/// The page of this name.
pub fn find(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|t| t.name == name)
}

/// The names and what they answer, as `--help` shows them.
pub fn list() -> String {
    let longest = TOPICS.iter().map(|t| t.name.len()).max().unwrap_or(0);
    let lines = TOPICS
        .iter()
        .map(|t| format!("  {:<longest$}  {}\n", t.name, t.about));
    format!(
        "Topics (standin help TOPIC):\n{}",
        lines.collect::<String>()
    )
}
