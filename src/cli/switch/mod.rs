//! `standin switch`: one file per subcommand.

mod apply;
mod backup;
mod identify;
mod kept;
mod list;
pub(super) mod plan;
mod ports;
mod preflight;
mod reach;
mod redact;
mod trust;
mod undo;

use std::path::Path;

use super::args::SwitchCommand;
use super::common::runtime;
use crate::exit::ExitCode;

pub(super) use kept::create;
pub(super) use plan::text as plan_text;
pub(super) use ports::text as port_text;
pub(super) use reach::{at_target, target_of, unreadable};

/// Does it.
pub fn run(config: &Path, command: &SwitchCommand, json: bool) -> ExitCode {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let done = runtime.block_on(async {
        match command {
            SwitchCommand::List => list::run(config, json).await,
            SwitchCommand::Identify(args) => identify::run(config, args, json).await,
            SwitchCommand::Ports(args) => ports::run(config, args, json).await,
            SwitchCommand::Find(args) => ports::find(config, args, json).await,
            SwitchCommand::Plan(args) => plan::run(config, &args.op, json).await,
            SwitchCommand::Apply(args) => apply::run(config, args, json).await,
            SwitchCommand::Undo(args) => undo::run(config, args, json).await,
            SwitchCommand::Backup(args) => backup::run(config, args, json).await,
            SwitchCommand::Diff(args) => backup::diff(config, args, json).await,
            SwitchCommand::Trust(args) => trust::run(config, &args.name, args.yes, json).await,
            SwitchCommand::Preflight(args) => preflight::run(config, args, json).await,
        }
    });
    match done {
        Ok(code) | Err(code) => code,
    }
}
