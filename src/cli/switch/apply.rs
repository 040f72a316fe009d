//! `standin switch apply`: a change, proven, with what was there kept for `undo`.

use std::io::{IsTerminal, Write};
use std::path::Path;

use serde_json::json;

use super::kept;
use super::plan::{code, own_macs, request, text};
use super::reach::configured;
use crate::cli::args::ApplyArgs;
use crate::cli::common::{fail, refuse, say, say_json};
use crate::exit::ExitCode;
use crate::switch::change::plan_change;
use crate::switch::{ChangeError, change};

pub async fn run(path: &Path, args: &ApplyArgs, json: bool) -> Result<ExitCode, ExitCode> {
    let request =
        request(&args.op, own_macs().await).map_err(|e| refuse(ExitCode::Usage, &e, json))?;
    let (config, _, switch) = configured(path, &args.op.switch, json).await?;
    let folder = kept::changes(&config.node.state_dir);
    // A change that could not be taken back by `undo` is not begun.
    kept::folder(&folder).map_err(|e| refuse(ExitCode::NoPermission, &e, json))?;
    let asked = std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !args.yes;
    if asked {
        let plan = plan_change(&switch, &request)
            .await
            .map_err(|e| refuse(code(&e), &e.to_string(), json))?;
        let mut err = std::io::stderr().lock();
        for line in text(&plan) {
            let _ = writeln!(err, "{line}");
        }
        drop(err);
        if plan.refused.is_empty() && !yes("Do it?") {
            return Err(refuse(
                ExitCode::NotReached,
                "nothing was written: not confirmed",
                json,
            ));
        }
    }
    match change(&switch, request).await {
        Ok(proof) => {
            let id = match &proof.undo {
                Some(record) => match kept::keep(&folder, record) {
                    Ok(id) => Some(id),
                    Err(e) => {
                        let told = format!(
                            "the change is proven, but what was there could not be kept ({e}); to take it back by hand: {}",
                            json!(record)
                        );
                        return Err(fail(ExitCode::NoPermission, &told));
                    }
                },
                None => None,
            };
            if json {
                say_json(&json!({ "ok": true, "id": id, "proof": proof }));
            } else {
                let port = proof
                    .port
                    .as_deref()
                    .map_or(String::new(), |p| format!(" port {p}"));
                let how = if proof.already {
                    "was so already, nothing was written"
                } else {
                    "is proven"
                };
                say(&format!(
                    "{} on {}{port} {how} ({} ms)",
                    proof.operation,
                    proof.switch,
                    proof.took.as_millis()
                ));
                proof
                    .proven
                    .iter()
                    .for_each(|p| say(&format!("  reads back: {p}")));
                proof
                    .notes
                    .iter()
                    .for_each(|n| say(&format!("  note: {n}")));
                if let Some(id) = &id {
                    say(&format!("  to take it back: standin switch undo {id}"));
                }
            }
            Ok(ExitCode::Ok)
        }
        Err(e) => {
            let guard = match &e {
                ChangeError::Guarded { guard, .. } => {
                    Some((guard.name(), guard.may_be_overridden()))
                }
                _ => None,
            };
            if json {
                say_json(&json!({
                    "ok": false, "error": e.to_string(), "outcome": outcome(&e),
                    "guard": guard.map(|(name, _)| name), "may_be_overridden": guard.map(|(_, may)| may),
                }));
            }
            Err(fail(code(&e), &e.to_string()))
        }
    }
}

/// The word for how a change ended that is not proven.
fn outcome(error: &ChangeError) -> &'static str {
    match error {
        ChangeError::Guarded { .. } => "refused",
        ChangeError::Unreadable(_) | ChangeError::Profile(_) | ChangeError::TooLate { .. } => {
            "not-begun"
        }
        ChangeError::Undone { .. } => "undone",
        ChangeError::Unclear { .. } => "unclear",
    }
}

/// Asks a person on the terminal.
pub fn yes(question: &str) -> bool {
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{question} [y/N] ");
    let _ = err.flush();
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line).is_ok();
    read && matches!(line.trim(), "y" | "Y" | "yes")
}
