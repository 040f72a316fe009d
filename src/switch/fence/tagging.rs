//! Writes our tag into the ports' descriptions, beside the proof and never before it.

use tokio::sync::mpsc::UnboundedSender;

use super::FenceProgress;
use crate::rt::{self, Join};
use crate::switch::model::port::PortState;
use crate::switch::model::tag::{ALIAS_MAX, FenceTag, with_tag};
use crate::switch::read::switch::Switch;
use crate::switch::render::render;

/// Tags the ports, one after the other, on a task of its own; the result says for each whether the tag reads back.
pub(crate) fn start(
    switch: &Switch,
    ports: &[PortState],
    tag: &FenceTag,
    progress: Option<UnboundedSender<FenceProgress>>,
) -> Join<Vec<bool>> {
    let (switch, ports, tag) = (switch.clone(), ports.to_vec(), tag.clone());
    rt::spawn(async move {
        let mut out = Vec::with_capacity(ports.len());
        for port in &ports {
            let why = write(&switch, port, &tag).await.err();
            out.push(why.is_none());
            if let Some(progress) = &progress {
                // Nobody has to listen.
                let _ = progress.send(FenceProgress::Tagged {
                    port: port.if_name.clone(),
                    tagged: why.is_none(),
                    why,
                });
            }
        }
        out
    })
}

async fn write(switch: &Switch, port: &PortState, tag: &FenceTag) -> Result<(), String> {
    let Some(old) = &port.alias_octets else {
        return Err(
            "the switch does not show a description (ifAlias) that could hold the tag".into(),
        );
    };
    let Some(new) = with_tag(old, tag) else {
        return Err(format!(
            "`{tag}` does not fit behind the description of {} octets (ifAlias holds {ALIAS_MAX})",
            old.len()
        ));
    };
    replace(switch, port, &new).await
}

/// Writes a description and reads it back.
pub(crate) async fn replace(switch: &Switch, port: &PortState, new: &[u8]) -> Result<(), String> {
    if port.alias_octets.as_deref() == Some(new) {
        return Ok(());
    }
    let pdus = render(switch.profile(), "tag", port.if_index, new).map_err(|e| e.to_string())?;
    let mut failed = None;
    {
        let _writer = switch.writer().await;
        for pdu in &pdus {
            failed = switch.snmp().set_many(pdu).await.err();
            if failed.is_some() {
                break;
            }
        }
    }
    let read = switch
        .port(&port.if_name)
        .await
        .map_err(|e| e.to_string())?;
    match (read.alias_octets.as_deref() == Some(new), failed) {
        (true, _) => Ok(()),
        (false, Some(e)) => Err(e.to_string()),
        (false, None) => Err(format!(
            "the SET of the description was acknowledged, but it reads back as `{}`",
            String::from_utf8_lossy(&read.alias_octets.unwrap_or_default())
        )),
    }
}
