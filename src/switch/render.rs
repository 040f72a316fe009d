//! From a profile's operation and a port to the varbinds that are sent. Pure.

use super::profile::{Kind, Profile};
use super::value::{Oid, Value};
use crate::types::IfIndex;

/// One varbind of a SET, with the name of its object for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetVar {
    /// Name of the object in the profile.
    pub object: String,
    /// Its instance.
    pub oid: Oid,
    /// The type it is sent with.
    pub kind: Kind,
    /// The value.
    pub value: Value,
}

/// An operation that cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the profile {profile} cannot do {op}: {why}")]
pub struct RenderError {
    /// Name of the profile.
    pub profile: String,
    /// Name of the operation.
    pub op: String,
    /// What is missing.
    pub why: String,
}

/// The PDUs of `op` for one port, in order; `alias` fills in `{alias}`.
///
/// # Errors
/// The profile has no such operation.
pub fn render(
    profile: &Profile,
    op: &str,
    if_index: IfIndex,
    alias: &[u8],
) -> Result<Vec<Vec<SetVar>>, RenderError> {
    let err = |why: String| RenderError {
        profile: profile.name.clone(),
        op: op.to_owned(),
        why,
    };
    let steps = &profile
        .ops
        .get(op)
        .ok_or_else(|| err("it has no such operation".into()))?
        .steps;
    steps
        .iter()
        .map(|rows| {
            rows.iter()
                .map(|row| {
                    let object = profile
                        .object(&row.object)
                        .ok_or_else(|| err(format!("it has no object `{}`", row.object)))?;
                    let value = match object.kind {
                        Kind::I32 => row.value.parse().ok().map(Value::Int),
                        Kind::U32 => row.value.parse().ok().map(Value::Uint),
                        Kind::Text if row.value == "{alias}" => Some(Value::Bytes(alias.to_vec())),
                        Kind::Text => Some(Value::Bytes(row.value.clone().into_bytes())),
                        Kind::Ticks => None,
                    }
                    .ok_or_else(|| err(format!("`{}` does not fit `{}`", row.value, row.object)))?;
                    Ok(SetVar {
                        object: row.object.clone(),
                        oid: object.oid.at(&[if_index.0]),
                        kind: object.kind,
                        value,
                    })
                })
                .collect()
        })
        .collect()
}

/// The PDUs of `op` for several ports: where each port needs one PDU, all ports share it.
///
/// # Errors
/// The profile has no such operation.
pub fn render_together(
    profile: &Profile,
    op: &str,
    ports: &[IfIndex],
) -> Result<Vec<Vec<SetVar>>, RenderError> {
    let mut together: Vec<Vec<SetVar>> = Vec::new();
    for port in ports {
        for (step, rows) in render(profile, op, *port, b"")?.into_iter().enumerate() {
            match together.get_mut(step) {
                Some(pdu) => pdu.extend(rows),
                None => together.push(rows),
            }
        }
    }
    Ok(together)
}

/// The numbers that prove `object` in `op`; empty if the operation does not read it back.
pub fn proving(profile: &Profile, op: &str, object: &str) -> Vec<i64> {
    profile
        .ops
        .get(op)
        .into_iter()
        .flat_map(|op| &op.prove)
        .filter(|row| row.object == object)
        .flat_map(|row| row.any.iter().filter_map(|v| v.parse().ok()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_off_for_two_ports_is_one_pdu_of_two_integers_in_order() {
        let p = Profile::find("generic-qbridge", None).unwrap();
        let pdus = render_together(&p, "port-off", &[IfIndex(7), IfIndex(10101)]).unwrap();
        let flat: Vec<(String, Value)> = pdus
            .concat()
            .into_iter()
            .map(|v| (v.oid.named(), v.value))
            .collect();
        assert_eq!(pdus.len(), 1);
        assert_eq!(
            flat,
            [
                ("ifAdminStatus.7".into(), Value::Int(2)),
                ("ifAdminStatus.10101".into(), Value::Int(2))
            ]
        );
        assert_eq!(proving(&p, "port-off", "oper"), [2, 6, 7]);
    }

    #[test]
    fn the_tag_is_the_alias_octet_by_octet_and_an_unknown_operation_is_said() {
        let p = Profile::find("generic-qbridge", None).unwrap();
        let pdus = render(&p, "tag", IfIndex(7), &[0xff, b'a']).unwrap();
        assert_eq!(pdus[0][0].value, Value::Bytes(vec![0xff, b'a']));
        let err = render(&p, "poe-cycle", IfIndex(7), b"").unwrap_err();
        assert_eq!(
            err.to_string(),
            "the profile generic-qbridge cannot do poe-cycle: it has no such operation"
        );
    }
}
