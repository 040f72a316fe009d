//! Between this program's SNMP values and credentials and those of the SNMP crate.

use std::sync::OnceLock;

use async_snmp::{
    Auth, AuthProtocol, DesSaltState, PersistedDesSaltState, PrivProtocol, UsmConfig,
};
use secrecy::ExposeSecret;

use super::target::{AuthAlgorithm, Credentials, PrivAlgorithm};
use crate::rt;
use crate::switch::model::value::{Oid, Value};
use crate::switch::profile::Kind;

pub(in crate::switch) fn auth(credentials: &Credentials) -> Result<Auth, String> {
    Ok(match credentials {
        Credentials::Off => return Err("SNMP is not configured for this switch".into()),
        Credentials::V1 { community } => Auth::v1(community.expose_secret().as_bytes().to_vec()),
        Credentials::V2c { community } => Auth::v2c(community.expose_secret().as_bytes().to_vec()),
        Credentials::V3 {
            user,
            auth,
            privacy,
            context,
        } => {
            let usm = UsmConfig::new(user.clone()).context_name(context.clone());
            match (auth, privacy) {
                (None, None) => Ok(usm),
                (Some((a, key)), None) => usm.auth(auth_protocol(*a), key.expose_secret()),
                (Some((a, key)), Some((p, priv_key))) => usm.auth_priv(
                    auth_protocol(*a),
                    key.expose_secret(),
                    priv_protocol(*p),
                    priv_key.expose_secret(),
                ),
                (None, Some(_)) => return Err("SNMPv3 encryption needs authentication too".into()),
            }
            .map_err(|e| format!("SNMPv3 user {user}: {e}"))?
            .into()
        }
    })
}

pub(in crate::switch) fn auth_protocol(a: AuthAlgorithm) -> AuthProtocol {
    match a {
        AuthAlgorithm::Sha1 => AuthProtocol::Sha1,
        AuthAlgorithm::Sha224 => AuthProtocol::Sha224,
        AuthAlgorithm::Sha256 => AuthProtocol::Sha256,
        AuthAlgorithm::Sha384 => AuthProtocol::Sha384,
        AuthAlgorithm::Sha512 => AuthProtocol::Sha512,
    }
}

pub(in crate::switch) fn priv_protocol(p: PrivAlgorithm) -> PrivProtocol {
    match p {
        PrivAlgorithm::Aes128 => PrivProtocol::Aes128,
        PrivAlgorithm::Aes192 => PrivProtocol::Aes192Blumenthal,
        PrivAlgorithm::Aes256 => PrivProtocol::Aes256Blumenthal,
        PrivAlgorithm::Aes192Cisco => PrivProtocol::Aes192Reeder,
        PrivAlgorithm::Aes256Cisco => PrivProtocol::Aes256Reeder,
        PrivAlgorithm::Des => PrivProtocol::Des,
    }
}

/// What makes the initialisation vectors of DES differ (RFC 3414, 8.1.1.1): a number of this process, and a counter
/// that all its clients share. The number is random instead of a count of boots that is kept: several processes talk to
/// the same switch with the same key, and a kept one would need a file that all of them may write.
pub(in crate::switch) fn des_salts() -> Result<DesSaltState, String> {
    static SALTS: OnceLock<Result<DesSaltState, String>> = OnceLock::new();
    let salts = SALTS.get_or_init(|| {
        // From 1 to 2^31 - 2, as snmpEngineBoots counts (RFC 3414, 2.2.2).
        let number = u32::try_from(rt::random() % 0x7fff_fffd).unwrap_or(0) + 1;
        let state = PersistedDesSaltState::new(number).map_err(|e| e.to_string())?;
        let kept = |_: &PersistedDesSaltState| Ok::<(), std::io::Error>(());
        DesSaltState::restart(state, kept).map_err(|e| e.to_string())
    });
    salts.clone()
}

pub(in crate::switch) fn theirs(oid: &Oid) -> async_snmp::Oid {
    async_snmp::Oid::from_slice(oid.arcs())
}

pub(in crate::switch) fn ours(oid: &async_snmp::Oid) -> Oid {
    Oid::new(oid.arcs())
}

pub(in crate::switch) fn wire(kind: Kind, value: &Value) -> Option<async_snmp::Value> {
    Some(match (kind, value) {
        (Kind::I32, v) => async_snmp::Value::Integer(v.number()?.try_into().ok()?),
        (Kind::U32, v) => async_snmp::Value::Gauge32(v.number()?.try_into().ok()?),
        (Kind::Ip, Value::Bytes(b)) => {
            async_snmp::Value::IpAddress(<[u8; 4]>::try_from(b.as_slice()).ok()?)
        }
        (Kind::Text | Kind::PortList | Kind::Octets, Value::Bytes(b)) => {
            async_snmp::Value::OctetString(b.clone().into())
        }
        _ => return None,
    })
}

pub(in crate::switch) fn value(v: &async_snmp::Value) -> Value {
    use async_snmp::Value as V;
    match v {
        V::Integer(n) => Value::Int(i64::from(*n)),
        V::Counter32(n) | V::Gauge32(n) | V::UInteger32(n) => Value::Uint(u64::from(*n)),
        V::Counter64(n) => Value::Uint(*n),
        V::TimeTicks(n) => Value::Ticks(*n),
        V::OctetString(b) => Value::Bytes(b.to_vec()),
        V::ObjectIdentifier(o) => Value::Oid(ours(o)),
        V::NoSuchObject | V::NoSuchInstance | V::EndOfMibView => Value::Absent,
        other => Value::Other(other.kind().to_string()),
    }
}
