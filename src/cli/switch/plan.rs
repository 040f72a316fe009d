//! `standin switch plan`: what a change would send. Reads, and writes nothing.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use super::reach::{code_of, configured};
use crate::cli::args::OpArgs;
use crate::cli::common::{refuse, say, say_json};
use crate::daemon::around;
use crate::exit::ExitCode;
use crate::switch::change::{ChangePlan, plan_change};
use crate::switch::{ChangeError, ChangeRequest, Operation};
use crate::types::MacAddr;

pub async fn run(path: &Path, args: &OpArgs, json: bool) -> Result<ExitCode, ExitCode> {
    let request = request(args, own_macs().await).map_err(|e| refuse(ExitCode::Usage, &e, json))?;
    let (_, _, switch) = configured(path, &args.switch, json).await?;
    let plan = plan_change(&switch, &request)
        .await
        .map_err(|e| refuse(code(&e), &e.to_string(), json))?;
    if json {
        say_json(&json!({ "ok": plan.refused.is_empty(), "plan": plan }));
    } else {
        text(&plan).iter().for_each(|l| say(l));
        say("Nothing has been changed.");
    }
    Ok(if plan.refused.is_empty() {
        ExitCode::Ok
    } else {
        ExitCode::Refused
    })
}

/// This machine's MAC addresses.
pub async fn own_macs() -> Vec<MacAddr> {
    let interfaces = around::interfaces().await.into_iter().flatten();
    interfaces.filter_map(|i| i.mac).collect()
}

/// The change that the words ask for.
pub fn request(args: &OpArgs, own_macs: Vec<MacAddr>) -> Result<ChangeRequest, String> {
    let about_port = Operation::name_needs_port(&args.op);
    let known = Operation::NAMES.contains(&args.op.as_str());
    let (port, rest) = match args.words.split_first() {
        Some((port, rest)) if about_port && known => (Some(port.as_str()), rest),
        None if about_port && known => {
            return Err(format!(
                "`{}` is about a port: say which, by its ifName",
                args.op
            ));
        }
        _ => (None, args.words.as_slice()),
    };
    let operation = Operation::from_words(&args.op, rest)?;
    let mut request = ChangeRequest::new(operation, port, args.within);
    request.expected_alias = args.expect_alias.clone();
    request.expected_mac = args.expect_mac;
    request.overrides = args.overrides.iter().cloned().collect::<BTreeSet<_>>();
    request.own_macs = own_macs;
    Ok(request)
}

/// The code for a change that is not proven.
pub fn code(error: &ChangeError) -> ExitCode {
    match error {
        ChangeError::Guarded { .. } => ExitCode::Refused,
        ChangeError::Unreadable(e) => code_of(e),
        ChangeError::Profile(_) => ExitCode::Usage,
        ChangeError::TooLate { .. } => ExitCode::Unavailable,
        ChangeError::Undone { .. } => ExitCode::NotReached,
        ChangeError::Unclear { .. } => ExitCode::Unclear,
    }
}

/// A plan as a person reads it: what is there, what would be.
pub fn text(plan: &ChangePlan) -> Vec<String> {
    let port = plan
        .port
        .as_deref()
        .map_or(String::new(), |p| format!(" port {p}"));
    let mut out = vec![format!("{} on {}{port}:", plan.operation, plan.switch)];
    for line in &plan.lines {
        if line.oid.is_none() {
            out.push(format!("{:>3}. {}", line.pdu, line.what));
            continue;
        }
        let now = line.now.as_deref().unwrap_or("(nothing)");
        out.push(format!("{:>3}. {}", line.pdu, line.what));
        out.push(format!("     - {now}"));
        out.push(format!("     + {}", line.value));
        out.extend(line.command.iter().map(|c| format!("       by hand: {c}")));
    }
    if plan.lines.is_empty() {
        out.push("     nothing would be sent".to_owned());
    }
    out.push(format!("Proven by reading back: {}", plan.proof.join(", ")));
    out.extend(
        plan.refused
            .iter()
            .map(|g| format!("REFUSED by the guard {g}")),
    );
    out
}
