//! `standin profile`: one file per subcommand.

mod lint;
mod list;
mod record;
mod tried;

use super::args::ProfileCommand;
use super::common::runtime;
use crate::exit::ExitCode;

/// Does it.
pub fn run(command: &ProfileCommand, json: bool) -> ExitCode {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let done = runtime.block_on(async {
        match command {
            ProfileCommand::List => Ok(list::run(json)),
            ProfileCommand::Show(args) => list::show(&args.name, json),
            ProfileCommand::Lint(args) => Ok(lint::run(&args.files, json)),
            ProfileCommand::Try(args) => tried::run(args, json).await,
            ProfileCommand::Record(args) => record::run(args, json).await,
        }
    });
    match done {
        Ok(code) | Err(code) => code,
    }
}
