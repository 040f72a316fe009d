//! Lifts a fence: admin up, read back, tag removed. In this order: a crash in between leaves a port that is up and
//! tagged, which the next try cleans, and never one that is down and nobody's.

use std::time::Duration;

use serde::Serialize;

use super::send::{SetOutcome, send_together};
use super::tagging;
use crate::rt::{Instant, sleep_until, timeout_at};
use crate::switch::model::port::{Admin, Oper, PortState};
use crate::switch::model::tag::{FenceTag, split};
use crate::switch::read::error::SwitchError;
use crate::switch::read::switch::Switch;
use crate::switch::render::{RenderError, proving};

/// Whose fence may be lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lift {
    /// Only one with the tag of this machine.
    Own {
        /// This machine's name, as in its tags.
        node: String,
    },
    /// The same, and one without any tag: who asks knows from its journal that this machine shut the port. Not every
    /// switch has a description that a tag fits into, and a command line may have been the only way to it.
    Known {
        /// This machine's name, as in its tags.
        node: String,
    },
    /// One with the tag of any machine (`standin unfence`).
    Tagged,
    /// Also a port that is down without a tag: somebody may have had a reason.
    Force,
}

/// A fence that is lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnfenceProof {
    /// Name of the switch.
    pub switch: String,
    /// Each port.
    pub ports: Vec<LiftedPort>,
}

/// One port that is up again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LiftedPort {
    /// ifName.
    pub port: String,
    /// ifAdminStatus before; `up` means that nothing was sent for it.
    pub was: Admin,
    /// ifOperStatus when admin up was read back; the link itself may need seconds more.
    pub oper: Oper,
    /// The tag that it had.
    pub tag: Option<FenceTag>,
    /// Why the tag is still there, if it is.
    pub still_tagged: Option<String>,
}

/// Why a fence was not lifted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum UnfenceError {
    /// The port is not ours to lift; nothing was written.
    #[error(
        "switch {switch}, port {port} is down {whose}: it is not lifted and nothing was written. If it should come up all the same, say so (`standin unfence --force`)"
    )]
    NotOurs {
        /// Name of the switch.
        switch: String,
        /// ifName.
        port: String,
        /// By which tag, or none.
        whose: String,
    },
    /// The ports could not be read; nothing was written.
    #[error("nothing was written: {0}")]
    Unreadable(#[from] SwitchError),
    /// The profile cannot open a port; nothing was written.
    #[error("nothing was written: {0}")]
    Profile(#[from] RenderError),
    /// Sent, but not seen to be up.
    #[error(
        "switch {switch}: admin up was sent for {ports}, but it does not read back after {after:?}: {what}. Look at the ports, or open them by hand"
    )]
    Unproven {
        /// Name of the switch.
        switch: String,
        /// ifNames.
        ports: String,
        /// How long it was tried.
        after: Duration,
        /// What was seen.
        what: String,
    },
}

/// Opens the ports and proves that they are administratively up.
///
/// # Errors
/// [`UnfenceError::Unproven`] if anything was written; every other error says that nothing was.
pub async fn unfence(
    switch: &Switch,
    ports: &[&str],
    lift: &Lift,
    within: Duration,
) -> Result<UnfenceProof, UnfenceError> {
    let start = Instant::now();
    let deadline = start + within;
    let writer = switch.writer().await;
    let before = switch.ports(ports).await?;
    for p in &before {
        refuse(switch, p, lift)?;
    }
    let down: Vec<PortState> = before
        .iter()
        .filter(|p| p.admin != Admin::Up)
        .cloned()
        .collect();
    let until = start + within / 2;
    let sets = if down.is_empty() {
        Vec::new()
    } else {
        send_together(switch, "port-on", &down, until).await?
    };
    drop(writer);
    let after = read_up(switch, ports, deadline)
        .await
        .map_err(|seen| UnfenceError::Unproven {
            switch: switch.target().name.clone(),
            ports: ports.join(", "),
            after: start.elapsed(),
            what: sets
                .iter()
                .find_map(|s| match &s.outcome {
                    SetOutcome::Acknowledged => None,
                    SetOutcome::Unanswered { why } | SetOutcome::Refused { why } => {
                        Some(why.clone())
                    }
                })
                .unwrap_or(seen),
        })?;
    let mut lifted = Vec::with_capacity(before.len());
    for (was, now) in before.iter().zip(after) {
        let still_tagged = untag(switch, &now).await.err();
        lifted.push(LiftedPort {
            port: now.if_name,
            was: was.admin,
            oper: now.oper,
            tag: was.tag.clone(),
            still_tagged,
        });
    }
    Ok(UnfenceProof {
        switch: switch.target().name.clone(),
        ports: lifted,
    })
}

/// Whether [`unfence`] would open these ports now; nothing is written.
///
/// # Errors
/// Why it would not.
pub async fn may_lift(switch: &Switch, ports: &[&str], lift: &Lift) -> Result<(), UnfenceError> {
    let now = switch.ports(ports).await?;
    now.iter().try_for_each(|p| refuse(switch, p, lift))
}

fn refuse(switch: &Switch, port: &PortState, lift: &Lift) -> Result<(), UnfenceError> {
    let whose = match (lift, &port.tag) {
        // A port that is up needs no permission: at most a tag that was left behind is taken off.
        _ if port.admin == Admin::Up => return Ok(()),
        (Lift::Force, _) | (Lift::Tagged, Some(_)) => return Ok(()),
        (Lift::Known { .. }, None) => return Ok(()),
        (Lift::Own { node } | Lift::Known { node }, Some(tag)) if tag.node == *node => {
            return Ok(());
        }
        (Lift::Own { .. } | Lift::Known { .. }, Some(tag)) => {
            format!("by the fence of another machine, {tag}")
        }
        (_, None) => "without a tag of standin, so that a person may have shut it".to_owned(),
    };
    Err(UnfenceError::NotOurs {
        switch: switch.target().name.clone(),
        port: port.if_name.clone(),
        whose,
    })
}

async fn read_up(
    switch: &Switch,
    ports: &[&str],
    deadline: Instant,
) -> Result<Vec<PortState>, String> {
    let mut up = proving(switch.profile(), "port-on", "admin");
    if up.is_empty() {
        up.push(Admin::Up.into());
    }
    let mut pause = Duration::from_millis(5);
    let mut seen = "nothing was read in time".to_owned();
    loop {
        match timeout_at(deadline, switch.ports(ports)).await {
            Err(_) => return Err(seen),
            Ok(Err(e)) => seen = e.to_string(),
            Ok(Ok(read)) => match read.iter().find(|p| !up.contains(&p.admin.into())) {
                None => return Ok(read),
                Some(p) => seen = format!("ifAdminStatus of {} reads {:?}", p.if_name, p.admin),
            },
        }
        let now = Instant::now();
        if now >= deadline {
            return Err(seen);
        }
        sleep_until((now + pause).min(deadline)).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

async fn untag(switch: &Switch, port: &PortState) -> Result<(), String> {
    match (&port.tag, &port.alias_octets) {
        (Some(_), Some(alias)) => tagging::replace(switch, port, split(alias).0).await,
        _ => Ok(()),
    }
}
