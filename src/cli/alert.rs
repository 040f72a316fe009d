//! `standin alert test`: a test alert through each sink, from here; the daemon is not asked. And what `check` says of sinks.

use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::common::{answer, refuse, table, with_config};
use crate::alert::{Bulletin, Kit, sink_of};
use crate::config::{AlertSink, Config, Problem};
use crate::exit::ExitCode;
use crate::host::real::RealPrograms;

/// Sends a test through the sink of this name, or through all.
pub fn test(path: &Path, name: Option<&str>, json: bool) -> ExitCode {
    with_config(path, json, async |config, _| {
        let chosen = config
            .sinks
            .iter()
            .filter(|s| name.is_none_or(|n| s.name == n));
        let chosen: Vec<&AlertSink> = chosen.collect();
        if chosen.is_empty() {
            let known: Vec<&str> = config.sinks.iter().map(|s| s.name.as_str()).collect();
            let why = match (name, known.is_empty()) {
                (_, true) => {
                    "the configuration has no [[alert.sink]] (standin help alerts)".to_owned()
                }
                (name, false) => format!(
                    "there is no alert sink `{}`; the configuration has: {}",
                    name.unwrap_or_default(),
                    known.join(", ")
                ),
            };
            return refuse(ExitCode::Usage, &why, json);
        }
        let sent = join_all(chosen.iter().map(|sink| send(&config, sink))).await;
        let heard = sent.iter().all(Result::is_ok);
        let lines = chosen.iter().zip(&sent);
        let rows: Vec<Vec<String>> = lines
            .clone()
            .map(|(sink, said)| {
                let (word, said) = match said {
                    Ok(said) => ("taken", said),
                    Err(why) => ("FAILED", why),
                };
                vec![
                    sink.name.clone(),
                    sink.table.kind.clone(),
                    word.to_owned(),
                    said.clone(),
                ]
            })
            .collect();
        let sinks: Vec<Value> = lines
            .map(|(sink, said)| {
                json!({
                    "name": sink.name,
                    "kind": sink.table.kind,
                    "ok": said.is_ok(),
                    "said": said.as_ref().unwrap_or_else(|why| why),
                })
            })
            .collect();
        answer(json, &json!({ "ok": heard, "sinks": sinks }), &table(&rows));
        match heard {
            true => ExitCode::Ok,
            false => ExitCode::NotReached,
        }
    })
}

fn kit(config: &Config, sink: &AlertSink) -> Kit {
    Kit {
        node: config.node.name.clone(),
        within: sink.timeout,
        programs: Arc::new(RealPrograms),
    }
}

fn words(problems: &[Problem]) -> String {
    let all: Vec<String> = problems.iter().map(Problem::to_string).collect();
    all.join("; ")
}

async fn send(config: &Config, sink: &AlertSink) -> Result<String, String> {
    let to = sink_of(sink, &config.origin).map_err(|p| words(&p))?;
    let (kit, bulletin) = (kit(config, sink), Bulletin::test(&config.node.name));
    let sent = tokio::time::timeout(sink.timeout, to.send(&kit, &bulletin));
    let late = |_| Err(format!("no answer within {} ms", sink.timeout.as_millis()));
    sent.await
        .map_or_else(late, |said| said.map_err(|refusal| refusal.why))
}

/// Whether each sink could be told, without telling it anything.
pub(super) async fn check(config: &Config) -> Vec<(String, Result<String, String>)> {
    let looks = config.sinks.iter().map(async |sink| {
        let looked = async {
            let to = sink_of(sink, &config.origin).map_err(|p| words(&p))?;
            let seen = to.check(&kit(config, sink)).await?;
            Ok(format!("{}: {seen}", to.target()))
        };
        let late = |_| Err(format!("no answer within {} ms", sink.timeout.as_millis()));
        let said = tokio::time::timeout(sink.timeout, looked).await;
        (
            format!("alert sink {}", sink.name),
            said.unwrap_or_else(late),
        )
    });
    join_all(looks).await
}

/// How the daemon's sink does, in one line.
pub(super) fn shown(sink: &Value) -> String {
    let text = |key: &str| sink[key].as_str().unwrap_or("?").to_owned();
    let number = |key: &str| sink[key].as_u64().unwrap_or(0);
    let mut line = format!(
        "{} ({}), {} sent",
        text("name"),
        text("kind"),
        number("sent")
    );
    for (key, word) in [("queued", "wait"), ("dropped", "were dropped")] {
        if number(key) > 0 {
            line += &format!(", {} {word}", number(key));
        }
    }
    if let Some(why) = sink["error"].as_str() {
        line += &format!(": {why}");
    }
    line
}
