//! `standin report [ID]`: what happened, one page.

use std::path::Path;

use super::common::{config_errors, fail, load, runtime, say, say_json};
use super::exit::ExitCode;
use crate::report::{Report, render};

/// Prints a report: the one named, or the newest. Works without the daemon.
pub fn run(config: &Path, id: Option<&str>, list: bool, as_json: bool) -> ExitCode {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let config = match runtime.block_on(load(config, false)) {
        Ok((config, _)) => config,
        Err(e) => return config_errors(&e, as_json),
    };
    let folder = config.node.state_dir.join("reports");
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
