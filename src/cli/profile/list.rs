//! `standin profile list` and `show`: what there is.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::common::{answer, refuse, table};
use crate::daemon::switches::PROFILES;
use crate::exit::ExitCode;
use crate::switch::profile::identify;
use crate::switch::profile::{ProfileError, Transport};
use crate::switch::{Operation, Profile};

/// The operations that a profile has, by transport.
pub fn operations(profile: &Profile, way: Transport) -> Vec<&'static str> {
    let can = |op: &&&str| profile.transports(op).contains(&way);
    Operation::NAMES.iter().filter(can).copied().collect()
}

pub fn run(json: bool) -> ExitCode {
    let folder = Path::new(PROFILES);
    let mut rows = vec![
        ["NAME", "SNMP", "SSH", "TESTED"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut values = Vec::new();
    for name in identify::names(Some(folder)) {
        match Profile::find(&name, Some(folder)) {
            Ok(p) => {
                let (snmp, ssh) = (
                    operations(&p, Transport::Snmp),
                    operations(&p, Transport::Ssh),
                );
                let count = |ops: &[&str]| format!("{} of {}", ops.len(), Operation::NAMES.len());
                let tested = match p.tested.as_slice() {
                    [] => "untested".to_owned(),
                    tested => tested.join("; "),
                };
                rows.push(vec![name.clone(), count(&snmp), count(&ssh), tested]);
                values.push(json!({ "name": name, "tested": p.tested, "operations": { "snmp": snmp, "ssh": ssh }, "error": null }));
            }
            Err(e) => {
                rows.push(vec![
                    name.clone(),
                    "-".to_owned(),
                    "-".to_owned(),
                    "cannot be used: standin profile lint".to_owned(),
                ]);
                values.push(json!({ "name": name, "tested": [], "operations": null, "error": e.to_string() }));
            }
        }
    }
    answer(
        json,
        &json!({ "ok": true, "profiles": values }),
        &table(&rows),
    );
    ExitCode::Ok
}

pub fn show(name: &str, json: bool) -> Result<ExitCode, ExitCode> {
    let own = Path::new(PROFILES).join(format!("{name}.toml"));
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let text = match std::fs::read_to_string(&own) {
        Ok(text) if plain => Some((own.display().to_string(), text)),
        _ => {
            Profile::built_in_text(name).map(|t| (format!("<built-in>/{name}.toml"), t.to_owned()))
        }
    };
    let Some((from, text)) = text else {
        let there = identify::names(Some(Path::new(PROFILES))).join(", ");
        let told = ProfileError::NoSuch {
            name: name.to_owned(),
            there,
        }
        .to_string();
        return Err(refuse(ExitCode::Usage, &told, json));
    };
    let value: Value = json!({ "ok": true, "name": name, "from": from, "text": text });
    answer(json, &value, &[text.trim_end().to_owned()]);
    Ok(ExitCode::Ok)
}
