//! From the configuration to switches that can be talked to, and one peer's fence on them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Config, Secrets, SnmpAuth, SnmpSecret, SshSecret};
use crate::host::SwitchIo;
use crate::host::real::RealSwitches;
use crate::switch::profile::ProfileError;
use crate::switch::profile::Transport;
use crate::switch::ssh::{Legacy, SshTarget};
use crate::switch::{AuthAlgorithm, Credentials, PrivAlgorithm, Profile, Switch, SwitchTarget};

/// A time that is never waited: there is no SNMP.
const NO_SNMP: Duration = Duration::from_secs(1);

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
    /// It is only reached over SSH.
    #[error(
        "switch {0}: it has no [switch.{0}.snmp] table, and nothing is done over SSH alone yet: add that table"
    )]
    NoSnmp(String),
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
    build_by(&RealSwitches, config, secrets)
}

/// As [`build`], reached in another way than by sockets of this machine.
///
/// # Errors
///
/// As there.
pub fn build_by(
    io: &dyn SwitchIo,
    config: &Config,
    secrets: &Secrets,
) -> Result<BTreeMap<String, Switch>, SwitchesError> {
    // A profile is compiled for a good while, and most sites have one family of switches.
    let mut profiles: BTreeMap<&str, Arc<Profile>> = BTreeMap::new();
    let mut switches = BTreeMap::new();
    for (name, s) in &config.switches {
        let profile = match profiles.entry(&s.profile) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(new) => Arc::clone(new.insert(found(&s.profile)?)),
        };
        switches.insert(name.clone(), of_profile(io, s, secrets, profile)?);
    }
    Ok(switches)
}

fn found(profile: &str) -> Result<Arc<Profile>, SwitchesError> {
    Ok(Arc::new(Profile::find(profile, Some(Path::new(PROFILES)))?))
}

/// One switch of the configuration.
///
/// # Errors
///
/// As [`build`].
pub fn one(s: &config::Switch, secrets: &Secrets) -> Result<Switch, SwitchesError> {
    of_profile(&RealSwitches, s, secrets, found(&s.profile)?)
}

fn of_profile(
    io: &dyn SwitchIo,
    s: &config::Switch,
    secrets: &Secrets,
    profile: Arc<Profile>,
) -> Result<Switch, SwitchesError> {
    let name = &s.name;
    let missing = || SwitchesError::NoSecret(name.clone());
    let snmp_credentials = match &s.snmp {
        Some(snmp) => credentials(&snmp.auth, secrets.snmp.get(name)).ok_or_else(missing)?,
        None => Credentials::Off,
    };
    let ssh_target = match &s.ssh {
        Some(ssh) => Some(ssh_target(
            name,
            ssh,
            secrets.ssh.get(name).ok_or_else(missing)?,
        )),
        None => None,
    };
    let snmp = s.snmp.as_ref();
    let target = SwitchTarget {
        name: name.clone(),
        address: SocketAddr::V4(s.address),
        local: None,
        profile,
        credentials: snmp_credentials,
        timeout: snmp.map_or(NO_SNMP, |s| s.timeout),
        retries: snmp.map_or(0, |s| s.retries),
        ssh: ssh_target,
        prefer: s
            .prefer
            .iter()
            .map(|w| match w {
                config::Way::Snmp => Transport::Snmp,
                config::Way::Ssh => Transport::Ssh,
            })
            .collect(),
        oper_staleness: s.oper_staleness,
        uplinks: s.uplinks.clone(),
        own_ports: s.own_ports.clone(),
    };
    let way = io.snmp(target.address);
    Ok(Switch::by(target, way))
}

/// How a switch's command line is reached.
pub fn ssh_target(name: &str, ssh: &config::Ssh, secret: &SshSecret) -> SshTarget {
    let address = SocketAddr::V4(ssh.address);
    let mut target = SshTarget::new(name, address, &ssh.user, ssh.known_hosts.clone());
    target.password.clone_from(&secret.password);
    target.passphrase.clone_from(&secret.passphrase);
    target.enable.clone_from(&secret.enable);
    target.key.clone_from(&ssh.key_file);
    target.agent = ssh
        .agent
        .then(|| std::env::var_os("SSH_AUTH_SOCK").map(Into::into))
        .flatten();
    let old = |kind| ssh.legacy.contains(&kind);
    target.legacy = Legacy {
        kex: old(config::Legacy::Kex),
        host_key: old(config::Legacy::HostKey),
        cipher: old(config::Legacy::Cipher),
        mac: old(config::Legacy::Mac),
    };
    target.timeout = ssh.timeout;
    target
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

pub(super) fn auth_algorithm(p: config::AuthProtocol) -> AuthAlgorithm {
    match p {
        config::AuthProtocol::Sha1 => AuthAlgorithm::Sha1,
        config::AuthProtocol::Sha224 => AuthAlgorithm::Sha224,
        config::AuthProtocol::Sha256 => AuthAlgorithm::Sha256,
        config::AuthProtocol::Sha384 => AuthAlgorithm::Sha384,
        config::AuthProtocol::Sha512 => AuthAlgorithm::Sha512,
    }
}

pub(super) fn priv_algorithm(p: config::PrivProtocol) -> PrivAlgorithm {
    match p {
        config::PrivProtocol::Aes128 => PrivAlgorithm::Aes128,
        config::PrivProtocol::Aes192 => PrivAlgorithm::Aes192,
        config::PrivProtocol::Aes256 => PrivAlgorithm::Aes256,
        config::PrivProtocol::Aes192Cisco => PrivAlgorithm::Aes192Cisco,
        config::PrivProtocol::Aes256Cisco => PrivAlgorithm::Aes256Cisco,
        config::PrivProtocol::Des => PrivAlgorithm::Des,
    }
}
