//! `standin profile lint`: everything that is wrong with profile files, each with its place.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::common::answer;
use crate::exit::ExitCode;
use crate::switch::Profile;
use crate::switch::profile::ProfileError;

pub fn run(files: &[PathBuf], json: bool) -> ExitCode {
    let (mut lines, mut problems): (Vec<String>, Vec<Value>) = (Vec::new(), Vec::new());
    let mut code = ExitCode::Ok;
    for file in files {
        let shown = file.display().to_string();
        let name = file
            .file_stem()
            .and_then(|s| s.to_str())
            .unwrap_or_default();
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(e) => {
                crate::cli::complain(&format!("cannot read {shown}: {e}"));
                problems.push(json!({ "file": shown, "line": null, "column": null, "key": null, "problem": e.to_string() }));
                if code == ExitCode::Ok {
                    code = ExitCode::NoInput;
                }
                continue;
            }
        };
        match Profile::parse(name, &shown, &text) {
            Ok(_) => lines.push(format!("{shown}: ok")),
            Err(ProfileError::Invalid(found)) => {
                code = ExitCode::BadConfig;
                for p in found {
                    problems.push(json!({ "file": p.file, "line": p.line, "column": p.column, "key": p.key, "problem": p.message }));
                    lines.push(p.to_string());
                }
            }
            Err(e) => {
                code = ExitCode::BadConfig;
                problems.push(json!({ "file": shown, "line": null, "column": null, "key": null, "problem": e.to_string() }));
                lines.push(e.to_string());
            }
        }
    }
    answer(
        json,
        &json!({ "ok": problems.is_empty(), "problems": problems }),
        &lines,
    );
    code
}
