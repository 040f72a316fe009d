//! `standin profile record`: a live switch into a recording that may be shown to others.

use serde_json::json;

use crate::cli::args::RecordArgs;
use crate::cli::common::{answer, refuse};
use crate::cli::switch::{at_target, create, unreadable};
use crate::exit::ExitCode;
use crate::switch::recording::capture::record;

pub async fn run(args: &RecordArgs, json: bool) -> Result<ExitCode, ExitCode> {
    if args.out.exists() {
        let told = format!(
            "{} is there already: name another file, or remove it",
            args.out.display()
        );
        return Err(refuse(ExitCode::NoInput, &told, json));
    }
    let switch = at_target(&args.target, json).await?;
    let (recording, done) = record(&switch).await.map_err(|e| unreadable(&e, json))?;
    let text = recording.text();
    create(&args.out, text.trim_end()).map_err(|e| refuse(ExitCode::NoInput, &e, json))?;
    let profile = &switch.target().profile.name;
    answer(
        json,
        &json!({ "ok": true, "file": args.out, "profile": profile, "scrubbed": done }),
        &[
            format!(
                "{}: {} objects, read by profile `{profile}`",
                args.out.display(),
                done.objects
            ),
            format!(
                "scrubbed: {} names (sysName, sysContact, sysLocation, ifAlias, VLAN names, LLDP names), {} MAC addresses (each the same everywhere), {} values with the community; left out: {} objects about management addresses",
                done.names, done.macs, done.secrets, done.left_out
            ),
            "look through it before you publish it: a vendor's own objects may hold more"
                .to_owned(),
        ],
    );
    Ok(ExitCode::Ok)
}
