//! The command line: one file for each subcommand, the arguments of all of them in [`args`].

mod alert;
mod answered;
pub mod args;
mod auto;
mod check;
mod common;
mod health;
mod help;
mod left_behind;
mod orders;
mod outranked;
mod pager;
mod placement;
mod plan;
mod profile;
mod redirect;
mod replay;
mod report;
mod run;
mod runbook;
mod site;
mod status;
mod switch;
mod unfence;
pub mod verify;
mod wire;

use std::io::Write;

use clap::Parser;

use crate::exit::ExitCode;
use args::{AlertCommand, FenceCommand, OnOff, PeerCommand};
pub use args::{Cli, Command};
pub use run::log_to;

/// Reads the command line.
///
/// # Errors
///
/// `--help` and `--version` were asked for and printed ([`ExitCode::Ok`]), or the command line is wrong, which was
/// said ([`ExitCode::Usage`]).
pub fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse_from(help::first(std::env::args_os().collect())).map_err(|e| {
        // Whoever reads us may have gone already (`standin --help | head -1`): no reason to panic.
        let _ = e.print();
        if e.use_stderr() {
            ExitCode::Usage
        } else {
            ExitCode::Ok
        }
    })
}

/// Does what the command line asks for.
pub fn dispatch(cli: Cli) -> ExitCode {
    let (config, json) = (cli.config.as_path(), cli.json);
    match cli.command {
        Command::Run(_) => run::run(config),
        Command::Check(args) => check::run(config, args.offline, json),
        Command::Plan(args) => plan::run(config, &args.name, json),
        Command::Runbook(args) => runbook::run(config, args.name.as_deref(), args.html, json),
        Command::Status(args) => status::run(config, args.name.as_deref(), json),
        Command::Takeover(args) => {
            orders::order(config, ("takeover", None), &args.name, args.no_wait, json)
        }
        Command::Release(args) => {
            let order = ("release", args.new_mac);
            orders::order(config, order, &args.wait.name, args.wait.no_wait, json)
        }
        Command::Hold(args) => {
            let what = (args.switch == OnOff::On, args.this_node);
            orders::hold(config, &args.name, what, json)
        }
        Command::Unfence(args) => unfence::run(config, &args.port, args.force, json),
        Command::Report(args) => report::run(config, args.id.as_deref(), args.list, json),
        Command::Verify(mut args) => {
            args.json |= json;
            match verify::run(&args) {
                Ok(outcome) => outcome.exit_code(),
                Err(e) => {
                    complain(&e.to_string());
                    e.exit_code()
                }
            }
        }
        Command::Replay(args) => replay::run(&args.journal, json),
        Command::Switch(command) => switch::run(config, &command, json),
        Command::Profile(command) => profile::run(&command, json),
        Command::Help(args) => help::run(&args.about, json),
        Command::Fence(FenceCommand::Confirm(args)) => {
            orders::confirm_fence(config, &args.name, args.level.as_deref(), json)
        }
        Command::Alert(AlertCommand::Test(args)) => alert::test(config, args.sink.as_deref(), json),
        Command::Peer(PeerCommand::Reset(args)) => orders::peer_reset(config, &args.name, json),
    }
}

/// Prints to standard output; a reader that has gone is not an error.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints a line for a person to standard error; a reader that has gone is not an error.
pub fn complain(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "standin: {}", text.trim_end());
}
