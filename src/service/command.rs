//! Starts a service by running a program, such as `docker compose up -d`.
//!
//! The program must end: one that stays in the foreground is a systemd unit's job. What it leaves running stays.

use std::time::Duration;

use nix::unistd::User;

use super::{ServiceError, Started};
use crate::host::Programs;
use crate::rt::Instant;

/// What stands before a command so that `user` runs it, with his groups.
///
/// # Errors
/// This machine has no such user.
pub fn as_user(user: &str) -> Result<Vec<String>, String> {
    let known = User::from_name(user).map_err(|e| format!("user {user}: {e}"))?;
    let known = known.ok_or_else(|| format!("this machine has no user {user}"))?;
    Ok(vec![
        "/usr/bin/setpriv".to_owned(),
        "--init-groups".to_owned(),
        format!("--reuid={}", known.uid),
        format!("--regid={}", known.gid),
        "--".to_owned(),
    ])
}

/// Runs the command (full path, then arguments) and waits for its end, at most `within`.
///
/// It is run again if asked again: the command has to be one that may be.
///
/// # Errors
///
/// It cannot be run, ends with an error, or is not done in time (then it is killed with its process group).
pub async fn start(
    programs: &dyn Programs,
    command: &[String],
    within: Duration,
) -> Result<Started, ServiceError> {
    let (program, arguments) = command.split_first().ok_or(ServiceError::Empty)?;
    let begun = Instant::now();
    let ended = programs.run(program, arguments, within).await?;
    if !ended.status.success() {
        return Err(ServiceError::Failed {
            program: program.clone(),
            status: ended.status.to_string(),
            output: ended.output,
        });
    }
    Ok(Started {
        already: false,
        what: program.clone(),
        took: begun.elapsed(),
        output: ended.output,
    })
}
