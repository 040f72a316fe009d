//! `standin switch undo`: what `apply` did is taken back, from what it kept.

use std::path::Path;

use serde_json::json;

use super::kept::{self, Kept};
use super::reach::configured;
use crate::cli::args::UndoArgs;
use crate::cli::common::{answer, config_errors, load, refuse, say, say_json, table};
use crate::exit::ExitCode;
use crate::switch::change::undo;

pub async fn run(path: &Path, args: &UndoArgs, json: bool) -> Result<ExitCode, ExitCode> {
    let (config, _) = load(path, false)
        .await
        .map_err(|e| config_errors(&e, json))?;
    let folder = kept::changes(&config.node.state_dir);
    let (all, bad) = kept::all(&folder);
    for damaged in &bad {
        crate::cli::complain(&format!("cannot be read: {damaged}"));
    }
    let Some(id) = &args.id else {
        return Ok(list(&all, json));
    };
    let Some(kept) = all.iter().find(|k| k.id == *id) else {
        let told = format!(
            "there is no change `{id}` in {}; `standin switch undo --list` has them",
            folder.display()
        );
        return Err(refuse(ExitCode::NoInput, &told, json));
    };
    if let Some(when) = &kept.undone {
        let told = format!("the change {id} was taken back already, at {when}");
        return Err(refuse(ExitCode::NotReached, &told, json));
    }
    let (_, _, switch) = configured(path, &kept.record.switch, json).await?;
    match undo(&switch, &kept.record, args.within).await {
        Ok(()) => {
            if let Err(e) = kept::mark_undone(&folder, kept) {
                crate::cli::complain(&format!(
                    "it is taken back, but that could not be noted: {e}"
                ));
            }
            if json {
                say_json(&json!({ "ok": true, "id": id, "record": kept.record }));
            } else {
                say(&format!(
                    "{} on {} is taken back: all reads as before",
                    kept.record.operation, kept.record.switch
                ));
            }
            Ok(ExitCode::Ok)
        }
        Err(e) => {
            let told = format!(
                "switch {}: taking back {} is unclear: {e}. Look at the switch",
                kept.record.switch, kept.record.operation
            );
            Err(refuse(ExitCode::Unclear, &told, json))
        }
    }
}

fn list(all: &[Kept], json: bool) -> ExitCode {
    let mut rows = vec![
        ["ID", "SWITCH", "PORT", "CHANGE", "TAKEN BACK"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(all.iter().map(|k| {
        vec![
            k.id.clone(),
            k.record.switch.clone(),
            k.record.port.clone().unwrap_or_else(|| "-".to_owned()),
            k.record.operation.to_string(),
            k.undone.clone().unwrap_or_else(|| "no".to_owned()),
        ]
    }));
    answer(json, &json!({ "ok": true, "changes": all }), &table(&rows));
    ExitCode::Ok
}
