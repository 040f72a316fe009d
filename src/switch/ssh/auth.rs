//! Logging in, by the methods of the profile in their order.

use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse, Prompt};
use russh::keys::agent::client::AgentClient;
use russh::keys::{PrivateKeyWithHashAlg, load_secret_key};
use russh::{MethodKind, MethodSet};
use secrecy::{ExposeSecret, SecretString};

use super::error::{CliError, unreachable};
use super::host_check::Guard;
use super::target::{RSA_HASH, SshTarget};
use crate::rt::timeout;
use crate::switch::profile::ssh::rules::{AuthMethod, CliRules};

/// Rounds of questions that are answered: password, and what a server may say before and after it.
const ROUNDS: usize = 4;

enum Outcome {
    In,
    /// Refused; the methods that the server would still take, none if the connection is gone.
    Refused(MethodSet),
    /// Not tried, and why.
    Skipped(String),
}

impl From<AuthResult> for Outcome {
    fn from(result: AuthResult) -> Outcome {
        match result {
            AuthResult::Success => Outcome::In,
            AuthResult::Failure {
                remaining_methods, ..
            } => Outcome::Refused(remaining_methods),
        }
    }
}

fn kind(method: AuthMethod) -> MethodKind {
    match method {
        AuthMethod::PublicKey => MethodKind::PublicKey,
        AuthMethod::KeyboardInteractive => MethodKind::KeyboardInteractive,
        AuthMethod::Password => MethodKind::Password,
        AuthMethod::None => MethodKind::None,
    }
}

/// The user name that is sent.
pub(super) fn user_name(target: &SshTarget, rules: &CliRules) -> String {
    let template = rules.user.as_deref().unwrap_or("{user}");
    template.replace("{user}", &target.user)
}

pub(super) async fn authenticate(
    handle: &mut Handle<Guard>,
    target: &SshTarget,
    rules: &CliRules,
) -> Result<(), CliError> {
    let user = user_name(target, rules);
    let mut said = Vec::new();
    let mut offered: Option<MethodSet> = None;
    // A password that was wrong once is not tried again by another method: switches lock accounts.
    let mut password_sent = false;
    for &method in &rules.auth {
        let name = method.name();
        if let Some(offered) = &offered
            && !offered.contains(&kind(method))
            && method != AuthMethod::None
        {
            said.push(format!("{name} is not offered"));
            continue;
        }
        let tried = async {
            match method {
                AuthMethod::None => Ok(handle.authenticate_none(&user).await?.into()),
                AuthMethod::PublicKey => public_key(handle, target, &user).await,
                AuthMethod::Password => match &target.password {
                    Some(_) if password_sent => {
                        Ok(Outcome::Skipped("it would be the same password".into()))
                    }
                    Some(password) => {
                        password_sent = true;
                        let secret = password.expose_secret();
                        Ok(handle.authenticate_password(&user, secret).await?.into())
                    }
                    None => Ok(Outcome::Skipped("no password is configured".into())),
                },
                AuthMethod::KeyboardInteractive => match &target.password {
                    Some(password) => questions(handle, &user, password, &mut password_sent).await,
                    None => Ok(Outcome::Skipped("no password is configured".into())),
                },
            }
        };
        let tried: Result<Outcome, russh::Error> =
            timeout(target.timeout, tried).await.map_err(|_| {
                let within = target.timeout;
                unreachable(target, format!("no answer to {name} within {within:?}"))
            })?;
        match tried {
            Ok(Outcome::In) => return Ok(()),
            Ok(Outcome::Refused(methods)) if methods.is_empty() => {
                said.push(format!("{name} was refused and the connection closed"));
                break;
            }
            Ok(Outcome::Refused(methods)) => {
                said.push(format!("{name} was refused"));
                offered = Some(methods);
            }
            Ok(Outcome::Skipped(why)) => said.push(format!("{name} was not tried: {why}")),
            Err(e) => {
                said.push(format!("{name} failed: {e}"));
                if handle.is_closed() {
                    break;
                }
            }
        }
    }
    let takes = offered
        .filter(|o| !o.is_empty())
        .map_or_else(String::new, |o| {
            let names: Vec<&str> = o.iter().map(|m| m.into()).collect();
            format!("; it takes {}", names.join(", "))
        });
    Err(CliError::Auth {
        switch: target.name.clone(),
        why: target.mask(&format!(
            "{}{takes}. Check user, password and key of this switch",
            said.join("; ")
        )),
        user,
    })
}

async fn questions(
    handle: &mut Handle<Guard>,
    user: &str,
    password: &SecretString,
    sent: &mut bool,
) -> Result<Outcome, russh::Error> {
    let mut response = handle
        .authenticate_keyboard_interactive_start(user, None)
        .await?;
    for _ in 0..ROUNDS {
        let prompts = match response {
            KeyboardInteractiveAuthResponse::Success => return Ok(Outcome::In),
            KeyboardInteractiveAuthResponse::Failure {
                remaining_methods, ..
            } => return Ok(Outcome::Refused(remaining_methods)),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
        };
        let mut answers = Vec::new();
        for prompt in &prompts {
            match answer(prompt, user, password, sent) {
                Ok(answer) => answers.push(answer),
                Err(why) => return Ok(Outcome::Skipped(why)),
            }
        }
        response = handle
            .authenticate_keyboard_interactive_respond(answers)
            .await?;
    }
    Ok(Outcome::Skipped(format!(
        "it asks more than {ROUNDS} rounds of questions"
    )))
}

fn answer(
    prompt: &Prompt,
    user: &str,
    password: &SecretString,
    sent: &mut bool,
) -> Result<String, String> {
    let asked = prompt.prompt.trim().to_lowercase();
    if prompt.echo && (asked.contains("user") || asked.contains("login")) {
        return Ok(user.to_owned());
    }
    if asked.contains("new ") {
        return Err("it demands a new password; set one there".into());
    }
    if *sent {
        return Err(format!(
            "after the password it asks `{}`, which is not known",
            prompt.prompt.trim()
        ));
    }
    *sent = true;
    Ok(password.expose_secret().to_owned())
}

async fn public_key(
    handle: &mut Handle<Guard>,
    target: &SshTarget,
    user: &str,
) -> Result<Outcome, russh::Error> {
    if target.key.is_none() && target.agent.is_none() {
        return Ok(Outcome::Skipped("no key is configured".into()));
    }
    let mut last = None;
    if let Some(file) = &target.key {
        let passphrase = target.passphrase.as_ref().map(|p| p.expose_secret());
        let key = match load_secret_key(file, passphrase) {
            Ok(key) => Arc::new(key),
            Err(e) => {
                let why = format!("{} cannot be read as a private key: {e}", file.display());
                return Ok(Outcome::Skipped(why));
            }
        };
        let hashes = if key.algorithm().is_rsa() {
            let best = handle.best_supported_rsa_hash().await?;
            // A server that names no hash may be one that takes SHA-1 only, and a few that name one lie.
            let mut hashes = vec![best.unwrap_or(Some(RSA_HASH))];
            if target.legacy.host_key && hashes != [None] {
                hashes.push(None);
            }
            hashes.retain(|h| h.is_some() || target.legacy.host_key);
            hashes
        } else {
            vec![None]
        };
        for hash in hashes {
            let key = PrivateKeyWithHashAlg::new(key.clone(), hash);
            match handle.authenticate_publickey(user, key).await?.into() {
                Outcome::In => return Ok(Outcome::In),
                other => last = Some(other),
            }
        }
    }
    if let Some(socket) = &target.agent {
        match agent(handle, socket, user).await? {
            Outcome::In => return Ok(Outcome::In),
            other => last = Some(other),
        }
    }
    let sha1 = "the switch takes only SHA-1 signatures of RSA keys: use an ed25519 key, or `legacy = [\"host-key\"]`";
    Ok(last.unwrap_or_else(|| Outcome::Skipped(sha1.into())))
}

async fn agent(
    handle: &mut Handle<Guard>,
    socket: &std::path::Path,
    user: &str,
) -> Result<Outcome, russh::Error> {
    let agent = AgentClient::connect_uds(socket).await;
    let mut agent = match agent {
        Ok(agent) => agent,
        Err(e) => {
            let why = format!("the agent at {} does not answer: {e}", socket.display());
            return Ok(Outcome::Skipped(why));
        }
    };
    let keys = match agent.request_identities().await {
        Ok(keys) => keys,
        Err(e) => return Ok(Outcome::Skipped(format!("the agent lists no keys: {e}"))),
    };
    let mut last = Outcome::Skipped("the agent holds no key".into());
    for key in keys {
        let key = key.public_key().into_owned();
        let hash = if key.algorithm().is_rsa() {
            handle
                .best_supported_rsa_hash()
                .await?
                .unwrap_or(Some(RSA_HASH))
        } else {
            None
        };
        match handle
            .authenticate_publickey_with(user, key, hash, &mut agent)
            .await
        {
            Ok(result) => match result.into() {
                Outcome::In => return Ok(Outcome::In),
                other => last = other,
            },
            Err(e) => last = Outcome::Skipped(format!("the agent does not sign: {e}")),
        }
    }
    Ok(last)
}
