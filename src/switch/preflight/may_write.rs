//! What the switch is asked about one port besides the table of all ports: spanning tree, protections, and whether it
//! may be written.

use std::time::Duration;

use super::lines::{Lines, Verdict};
use super::{Ask, objects, shown};
use crate::rt::Instant;
use crate::switch::fence::send::{Sent, SetOutcome, send_together};
use crate::switch::model::port::{Admin, Oper, PortState};
use crate::switch::model::value::Value;
use crate::switch::profile::Kind;
use crate::switch::read::error::SwitchError;
use crate::switch::read::stp::StpState;
use crate::switch::read::switch::{Switch, small};
use crate::switch::read::table::PortRow;
use crate::switch::render::{RenderError, SetVar};
use crate::switch::snmp::SnmpError;
use crate::switch::snmp::target::Credentials;
use crate::types::VlanId;

/// The whole time that the commands of one port may take.
const OPENING: Duration = Duration::from_secs(20);

/// What an object says of the port; `None` where the profile has no such object, or the switch does not have it.
async fn told(switch: &Switch, name: &str, row: &PortRow) -> Result<Option<u32>, SnmpError> {
    let object = switch.profile().object(name);
    let Some(oid) = object.and_then(|o| objects::instance(o, row, None)) else {
        return Ok(None);
    };
    let values = switch.snmp().get(&[oid]).await?;
    Ok(values.first().and_then(small))
}

/// Whether frames pass, and whether they will at once after the port came up or was moved.
pub(super) async fn stp(switch: &Switch, row: &PortRow, lines: &mut Lines<'_>) {
    let by_hand = "look at spanning tree on the switch (Cisco: `show spanning-tree`): it must forward at once after a link comes up (edge port)";
    let edge = "make it an edge port (PortFast): else it is dark for up to 30 s after it comes up or is moved";
    let vlan = row.pvid.and_then(|v| u16::try_from(v).ok()).map(VlanId);
    let (verdict, detail, todo) = match switch.stp(&row.if_name, vlan).await {
        Ok(stp) => match (stp.state, stp.edge) {
            (Some(StpState::Forwarding), Some(true) | None) => (Verdict::Ok, stp.words(), ""),
            (Some(StpState::Forwarding), Some(false)) => (Verdict::Warning, stp.words(), edge),
            (Some(StpState::Disabled), _) => (
                Verdict::Warning,
                "disabled on this port".to_owned(),
                "fine on an edge port; a loop would not be noticed",
            ),
            (Some(_), _) => (
                Verdict::Warning,
                format!("not forwarding: {}", stp.words()),
                edge,
            ),
            (None, _) => (Verdict::NotKnown, stp.words(), by_hand),
        },
        Err(e) => (Verdict::NotKnown, e.to_string(), by_hand),
    };
    lines.add("stp", verdict, detail, todo);
}

/// What may eat a takeover's ARP or shut the port.
pub(super) async fn protections(switch: &Switch, row: &PortRow, lines: &mut Lines<'_>) {
    let objects = objects::read(switch, row).await;
    let shown = shown::protections(switch, row).await;
    let arp = match shown.arp() {
        Some(arp) => objects.arp().and(arp),
        None => objects.arp(),
    };
    let of = |name: &str, ports: &[&'static str]| match shown.say(name) {
        Some(said) => objects.say(ports).and(said),
        None => objects.say(ports),
    };
    for (check, said, by_hand) in [
        (
            "arp-inspection",
            arp.said(),
            "look at ARP inspection on the switch (Cisco: `show ip arp inspection`): on an untrusted port it drops a takeover's ARP and err-disables above 15 a second; then arp-per-second = 10 and a static binding for the VIP",
        ),
        (
            "source-guard",
            of("source_guard", &["source_guard"]),
            "look at source guard on the switch (Cisco: `show ip verify source`): it drops frames with the VIP unless there is a binding",
        ),
        (
            "port-security",
            of("port_security", &["port_security"]),
            "look at port security on the switch (Cisco: `show port-security`): an address that moves here may shut the port",
        ),
        (
            "dot1x",
            of("dot1x", &objects::DOT1X),
            "look at 802.1X on the switch (Cisco: `show dot1x`): after a shut and an open the machine must authenticate again",
        ),
    ] {
        let (verdict, detail) = said.verdict();
        let todo = if verdict == Verdict::Ok { "" } else { by_hand };
        lines.add(check, verdict, detail, todo);
    }
}

/// What became of the commands that open a port, sent to one that is open.
fn over_ssh(
    told: Result<Vec<Sent>, RenderError>,
    after: &Result<PortState, SwitchError>,
    lines: &mut Lines<'_>,
) {
    let still_up = matches!(after, Ok(p) if p.admin == Admin::Up);
    let outcome = told.map(|sent| sent.into_iter().next().map(|s| s.outcome));
    let (verdict, detail, todo) = match outcome {
        Ok(Some(SetOutcome::Acknowledged)) if still_up => (
            Verdict::Ok,
            "the commands that open it (as it was) were taken over SSH, and it reads up".to_owned(),
            "",
        ),
        Ok(Some(SetOutcome::Acknowledged)) => (
            Verdict::Failed,
            "the commands that open it (as it was) were taken, but it does not read up afterwards"
                .to_owned(),
            "look at the port now",
        ),
        Ok(Some(SetOutcome::Refused { why })) => (
            Verdict::Warning,
            why,
            "a user without the right is refused, and so may be a change of nothing: try `standin switch apply` on a spare port",
        ),
        Ok(Some(SetOutcome::Unanswered { why })) => (
            Verdict::Failed,
            why,
            "look at the port now, and at the switch's own log",
        ),
        Ok(None) => (
            Verdict::NotKnown,
            "nothing was sent".to_owned(),
            "try `standin switch apply` on a spare port",
        ),
        Err(e) => (
            Verdict::Failed,
            e.to_string(),
            "choose a profile that can open a port over SSH",
        ),
    };
    lines.add("may-write", verdict, detail, todo);
}

/// The value that is there is written back: nothing changes, and it is known whether we may.
pub(super) async fn write(switch: &Switch, ask: &Ask, row: &PortRow, lines: &mut Lines<'_>) {
    if !ask.write {
        let todo = "run it without --no-write before you rely on it";
        lines.add(
            "may-write",
            Verdict::NotKnown,
            "not tried (--no-write)",
            todo,
        );
        return;
    }
    if matches!(switch.target().credentials, Credentials::Off)
        && let Some(mode) = shown::writing_mode(switch)
    {
        return shown::may_configure(switch, mode, lines).await;
    }
    let Some(object) = switch.profile().object("admin") else {
        lines.add(
            "may-write",
            Verdict::NotKnown,
            "the profile has no `admin` object",
            "try `standin switch apply` on a spare port",
        );
        return;
    };
    let writer = switch.writer().await;
    // Read again under the right to write: what is written is what is there now.
    let now = switch.port(&row.if_name).await;
    let disabled = told(switch, "err_disabled", row).await;
    let fit = matches!(&now, Ok(p) if p.admin == Admin::Up && p.oper == Oper::Up)
        && matches!(disabled, Ok(None | Some(0)));
    let Ok(now) = now else {
        lines.add(
            "may-write",
            Verdict::NotKnown,
            "the port could not be read again",
            "run it again",
        );
        return;
    };
    if !fit {
        lines.add(
            "may-write",
            Verdict::NotKnown,
            "not tried: only a port that is admin and oper up is written to",
            "run it again when the link is up",
        );
        return;
    }
    if now.if_index.0 == 0 {
        let told = send_together(switch, "port-on", &[now], Instant::now() + OPENING).await;
        let after = switch.port(&row.if_name).await;
        drop(writer);
        over_ssh(told, &after, lines);
        return;
    }
    let var = SetVar {
        object: "admin".to_owned(),
        oid: object.oid.at(&[now.if_index.0]),
        kind: Kind::I32,
        value: Value::Int(1),
    };
    let done = switch.snmp().set_many(std::slice::from_ref(&var)).await;
    let after = switch.port(&row.if_name).await;
    drop(writer);
    let still_up = matches!(&after, Ok(p) if p.admin == Admin::Up);
    match done {
        Ok(()) if still_up => lines.add(
            "may-write",
            Verdict::Ok,
            "ifAdminStatus := up (as it was) was taken, and reads up",
            "",
        ),
        Ok(()) => lines.add(
            "may-write",
            Verdict::Failed,
            "ifAdminStatus := up (as it was) was taken, but it does not read up afterwards",
            "look at the port now",
        ),
        Err(e @ SnmpError::Denied { .. }) => lines.add(
            "may-write",
            Verdict::Failed,
            e.to_string(),
            "give this community or user write access (a read-write view)",
        ),
        Err(e) if e.is_silence() => lines.add(
            "may-write",
            Verdict::Failed,
            e.to_string(),
            "a read-only community is often met with silence: give it write access",
        ),
        Err(e) => lines.add(
            "may-write",
            Verdict::Failed,
            e.to_string(),
            "look at the switch's own log",
        ),
    }
}
