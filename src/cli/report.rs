//! `standin report [ID]`: what happened, one page.

use std::path::Path;

use super::common::{fail, paths_of, say, say_json};
use crate::exit::ExitCode;
use crate::report::{Report, render};

/// Prints a report: the one named, or the newest. Works without the daemon.
pub fn run(config: &Path, id: Option<&str>, list: bool, as_json: bool) -> ExitCode {
    let folder = paths_of(config).1.join("reports");
    if list {
        let ids = Report::list(&folder);
        if as_json {
            say_json(&serde_json::json!({ "reports": ids }));
        } else {
            ids.iter().for_each(|id| say(id));
        }
        return ExitCode::Ok;
    }
    match Report::load(&folder, id) {
        Ok(report) if as_json => {
            say_json(&serde_json::json!(report));
            ExitCode::Ok
        }
        Ok(report) => {
            say(render(&report).trim_end());
            ExitCode::Ok
        }
        Err(e) => fail(ExitCode::NoInput, &e.to_string()),
    }
}
