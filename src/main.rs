//! The `standin` program: everything is in the library.

use standin::cli;

fn main() -> std::process::ExitCode {
    match cli::parse() {
        Ok(parsed) => cli::dispatch(parsed).into(),
        Err(code) => code.into(),
    }
}
