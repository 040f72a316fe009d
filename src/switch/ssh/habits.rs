//! What is known of a session: its prompts, whether it echoes, and how its questions are answered.

use secrecy::ExposeSecret;

use super::target::SshTarget;
use super::text::Prompts;
use crate::switch::profile::ssh::rules::{CliRules, Reply, SecretName};

/// What answers a question, with its end of line.
pub(super) fn reply(reply: &Reply, target: &SshTarget, rules: &CliRules) -> String {
    let secret = |s: &Option<secrecy::SecretString>| {
        let secret = s.as_ref().map_or("", |s| s.expose_secret());
        format!("{secret}{}", rules.eol)
    };
    match reply {
        Reply::Key(key) => key.clone(),
        Reply::Say(say) => format!("{}{}", say.replace("{user}", &target.user), rules.eol),
        Reply::Secret(SecretName::Password) => secret(&target.password),
        Reply::Secret(SecretName::Enable) => secret(&target.enable),
    }
}

/// The prompts of one session, and whether it echoes.
#[derive(Debug, Default)]
pub(super) struct Habits {
    pub(super) prompts: Prompts,
    pub(super) echoes: Option<bool>,
}
