//! What a fence looks like on the switch now: at start, after a crash, and from time to time.

use serde::Serialize;

use crate::switch::model::port::{Admin, Oper};
use crate::switch::model::tag::FenceTag;
use crate::switch::read::error::SwitchError;
use crate::switch::read::switch::Switch;
use crate::types::IfIndex;

/// Ports of a fence as the switch has them now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FenceState {
    /// Name of the switch.
    pub switch: String,
    /// Each port, in the order asked for.
    pub ports: Vec<FencedPort>,
    /// sysUpTime, hundredths of a second: less than before means that the switch restarted.
    pub sys_uptime_cs: Option<u32>,
}

/// One port of a fence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FencedPort {
    /// ifName.
    pub port: String,
    /// ifIndex at this moment.
    pub if_index: IfIndex,
    /// ifAdminStatus.
    pub admin: Admin,
    /// ifOperStatus.
    pub oper: Oper,
    /// The tag, whichever machine's.
    pub tag: Option<FenceTag>,
    /// True if the tag is this machine's.
    pub ours: bool,
}

impl FenceState {
    /// True if every port is administratively down.
    pub fn is_down(&self) -> bool {
        self.ports.iter().all(|p| p.admin == Admin::Down)
    }
}

/// Reads the ports of a fence in one GET; `node` is this machine's name, as in its tags.
///
/// # Errors
/// As [`Switch::port`].
pub async fn read_fence(
    switch: &Switch,
    ports: &[&str],
    node: &str,
) -> Result<FenceState, SwitchError> {
    let states = switch.ports(ports).await?;
    Ok(FenceState {
        switch: switch.target().name.clone(),
        sys_uptime_cs: states.first().and_then(|p| p.sys_uptime_cs),
        ports: states
            .into_iter()
            .map(|p| FencedPort {
                ours: p.tag.as_ref().is_some_and(|t| t.node == node),
                port: p.if_name,
                if_index: p.if_index,
                admin: p.admin,
                oper: p.oper,
                tag: p.tag,
            })
            .collect(),
    })
}
