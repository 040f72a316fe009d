//! A long text on a terminal: through a pager, where there is one.

use std::io::{IsTerminal, Write};
use std::process::{Command, Stdio};

use tokio::signal::unix::{SignalKind, signal};

use super::common::runtime;
use crate::sys;

/// Columns of a page that is read on no terminal, or on one that does not say.
const WIDTH: u16 = 80;
/// Longer lines are hard to read.
const WIDEST: u16 = 110;
/// As git has it: a text of one screen needs no pager, and stays on the screen.
const LESS: &str = "FRX";

/// How wide a page is.
pub fn width() -> usize {
    sys::terminal_columns()
        .unwrap_or(WIDTH)
        .clamp(40, WIDEST)
        .into()
}

/// Prints `text`; on a terminal through `$PAGER`, else through less, else as it is.
pub fn show(text: &str) {
    if !std::io::stdout().is_terminal() || !paged(text) {
        super::print(text);
    }
}

/// `$PAGER`, with its arguments; or less. `None` where none is wanted, or the terminal is too simple for less.
fn pager() -> Option<Command> {
    if let Some(wanted) = std::env::var_os("PAGER") {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(&wanted);
        return (!wanted.is_empty()).then_some(shell);
    }
    let simple = std::env::var_os("TERM").is_none_or(|t| t == "dumb");
    let mut less = Command::new("less");
    less.arg("-R");
    (!simple).then_some(less)
}

/// False if no pager has shown it: there is none, or it says that it failed. One that is left early has.
fn paged(text: &str) -> bool {
    let Some(mut pager) = pager() else {
        return false;
    };
    if std::env::var_os("LESS").is_none() {
        pager.env("LESS", LESS);
    }
    let Ok(runtime) = runtime() else {
        return false;
    };
    // ^C is the pager's: were we gone, it would share the terminal with the shell.
    let _entered = runtime.enter();
    let _ours = signal(SignalKind::interrupt());
    let Ok(mut child) = pager.stdin(Stdio::piped()).spawn() else {
        return false;
    };
    if let Some(mut to) = child.stdin.take() {
        // It may be left before the end.
        let _ = to.write_all(text.as_bytes());
    }
    let ended = child.wait();
    ended.is_ok_and(|status| status.code().is_none_or(|code| code == 0))
}
