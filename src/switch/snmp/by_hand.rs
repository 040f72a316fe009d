//! A SET as a command that a person can give; secrets are shell variables.

use std::net::SocketAddr;

use super::target::Credentials;
use crate::switch::model::value::{Oid, Value};
use crate::switch::profile::Kind;
use crate::switch::render::SetVar;
use crate::types::quoted;

/// A value as it stands in a plan.
pub(in crate::switch) fn text(value: &Value) -> String {
    value.text().unwrap_or_else(|| value.to_string())
}

/// A net-snmp command line that does the same.
pub(in crate::switch) fn command(
    credentials: &Credentials,
    agent: SocketAddr,
    var: &SetVar,
) -> String {
    let login = login(credentials);
    let kind = match var.kind {
        Kind::I32 => "i",
        Kind::U32 => "u",
        Kind::Text => "s",
        Kind::Ticks => "t",
        Kind::PortList | Kind::Octets => "x",
        Kind::Ip => "a",
    };
    let value = match &var.value {
        Value::Bytes(octets) if matches!(var.kind, Kind::PortList | Kind::Octets) => {
            octets.iter().map(|b| format!("{b:02x}")).collect()
        }
        Value::Bytes(_) => quoted(&text(&var.value)),
        other => other.to_string(),
    };
    format!("snmpset {login} {agent} {} {kind} {value}", var.oid)
}

/// A net-snmp command line that reads these instances.
pub(in crate::switch) fn get_command(
    credentials: &Credentials,
    agent: SocketAddr,
    oids: &[Oid],
) -> String {
    let oids: Vec<String> = oids.iter().map(Oid::to_string).collect();
    format!("snmpget {} {agent} {}", login(credentials), oids.join(" "))
}

fn login(credentials: &Credentials) -> String {
    match credentials {
        Credentials::Off => String::new(),
        Credentials::V1 { .. } => "-v1 -c \"$COMMUNITY\"".to_owned(),
        Credentials::V2c { .. } => "-v2c -c \"$COMMUNITY\"".to_owned(),
        Credentials::V3 {
            user,
            auth,
            privacy,
            context,
        } => {
            let level = match (auth, privacy) {
                (None, _) => "noAuthNoPriv",
                (Some(_), None) => "authNoPriv",
                (Some(_), Some(_)) => "authPriv",
            };
            let mut login = format!("-v3 -l {level} -u {}", quoted(user));
            if let Some((a, _)) = auth {
                login += &format!(" -a {} -A \"$AUTH_PASSWORD\"", a.net_snmp());
            }
            if let Some((p, _)) = privacy {
                login += &format!(" -x {} -X \"$PRIV_PASSWORD\"", p.net_snmp());
            }
            if !context.is_empty() {
                login += &format!(" -n {}", quoted(context));
            }
            login
        }
    }
}
