//! From the configuration to switches that can be talked to, and one peer's fence on them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crate::config::{self, Config, Secrets, SnmpAuth, SnmpSecret};
use crate::switch::profile::ProfileError;
use crate::switch::{AuthAlgorithm, Credentials, PrivAlgorithm, Profile, Switch, SwitchTarget};

/// Folder in which a profile of the same name overrides the built-in one.
pub const PROFILES: &str = "/etc/standin/switch-profiles";

/// Why a switch cannot be talked to.
#[derive(Debug, thiserror::Error)]
pub enum SwitchesError {
    /// Its profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Its secret was not loaded.
    #[error("switch {0}: its secret was not loaded")]
    NoSecret(String),
}

/// Every switch of the configuration by name.
///
/// # Errors
///
/// A profile is missing or wrong.
pub fn build(
    config: &Config,
    secrets: &Secrets,
) -> Result<BTreeMap<String, Switch>, SwitchesError> {
    config
        .switches
        .iter()
        .map(|(name, s)| {
            let secret = secrets.snmp.get(name);
            let credentials = credentials(&s.snmp.auth, secret)
                .ok_or_else(|| SwitchesError::NoSecret(name.clone()))?;
            let target = SwitchTarget {
                name: name.clone(),
                address: SocketAddr::V4(s.address),
                local: None,
                profile: Arc::new(Profile::find(&s.profile, Some(Path::new(PROFILES)))?),
                credentials,
                timeout: s.snmp.timeout,
                retries: s.snmp.retries,
                ssh: None,
                prefer: Vec::new(),
                oper_staleness: s.oper_staleness,
                uplinks: s.uplinks.clone(),
                own_ports: s.own_ports.clone(),
            };
            Ok((name.clone(), Switch::new(target)))
        })
        .collect()
}

fn credentials(auth: &SnmpAuth, secret: Option<&SnmpSecret>) -> Option<Credentials> {
    match (auth, secret) {
        (SnmpAuth::V1 { .. }, Some(SnmpSecret::Community(c))) => Some(Credentials::V1 {
            community: c.clone(),
        }),
        (SnmpAuth::V2c { .. }, Some(SnmpSecret::Community(c))) => Some(Credentials::V2c {
            community: c.clone(),
        }),
        (SnmpAuth::V3(usm), Some(SnmpSecret::PassPhrases { auth, privacy })) => {
            let auth_with = match (&usm.auth, auth) {
                (Some((p, _)), Some(s)) => Some((auth_algorithm(*p), s.clone())),
                (None, _) => None,
                (Some(_), None) => return None,
            };
            let privacy_with = match (&usm.privacy, privacy) {
                (Some((p, _)), Some(s)) => Some((priv_algorithm(*p), s.clone())),
                (None, _) => None,
                (Some(_), None) => return None,
            };
            Some(Credentials::V3 {
                user: usm.user.clone(),
                auth: auth_with,
                privacy: privacy_with,
                context: usm.context.clone(),
            })
        }
        (
            SnmpAuth::V1 { .. } | SnmpAuth::V2c { .. },
            Some(SnmpSecret::PassPhrases { .. }) | None,
        )
        | (SnmpAuth::V3(_), Some(SnmpSecret::Community(_)) | None) => None,
    }
}

fn auth_algorithm(p: config::AuthProtocol) -> AuthAlgorithm {
    match p {
        config::AuthProtocol::Sha1 => AuthAlgorithm::Sha1,
        config::AuthProtocol::Sha224 => AuthAlgorithm::Sha224,
        config::AuthProtocol::Sha256 => AuthAlgorithm::Sha256,
        config::AuthProtocol::Sha384 => AuthAlgorithm::Sha384,
        config::AuthProtocol::Sha512 => AuthAlgorithm::Sha512,
    }
}

fn priv_algorithm(p: config::PrivProtocol) -> PrivAlgorithm {
    match p {
        config::PrivProtocol::Aes128 => PrivAlgorithm::Aes128,
        config::PrivProtocol::Aes192 => PrivAlgorithm::Aes192,
        config::PrivProtocol::Aes256 => PrivAlgorithm::Aes256,
    }
}
