//! How a switch is reached and by which credentials. Secrets never show in `Debug`.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::profile::{PerVlan, Profile, Transport};
use super::ssh::SshTarget;
use crate::types::{ParseValueError, PortName};

/// Everything that is needed to talk to one switch.
#[derive(Clone, Debug)]
pub struct SwitchTarget {
    /// Its name in the configuration.
    pub name: String,
    /// Address and UDP port of its SNMP agent.
    pub address: SocketAddr,
    /// Our own address to send from; `None` lets the kernel choose.
    pub local: Option<IpAddr>,
    /// Its family.
    pub profile: Arc<Profile>,
    /// SNMP version and secrets.
    pub credentials: Credentials,
    /// How long one try waits for its answer.
    pub timeout: Duration,
    /// How often a request is sent again when no answer came.
    pub retries: u32,
    /// How its command line is reached; `None`: it is not used.
    pub ssh: Option<SshTarget>,
    /// Overrides the order in which the profile tries transports; empty: as the profile says.
    pub prefer: Vec<Transport>,
    /// Overrides the profile's `oper_staleness`; zero where the column is live.
    pub oper_staleness: Option<Duration>,
    /// ifNames that lead to other switches: never fenced.
    pub uplinks: Vec<String>,
    /// ifNames that lead to this machine: never fenced.
    pub own_ports: Vec<String>,
}

impl SwitchTarget {
    /// The transports that can do `op` on this switch, in the order they are tried.
    pub fn transports(&self, op: &str) -> Vec<Transport> {
        let configured = |t: &Transport| match t {
            Transport::Snmp => !matches!(self.credentials, Credentials::Off),
            Transport::Ssh => self.ssh.is_some(),
        };
        let mut can = self.profile.transports(op);
        can.retain(configured);
        if !self.prefer.is_empty() {
            can.sort_by_key(|t| {
                self.prefer
                    .iter()
                    .position(|p| p == t)
                    .unwrap_or(usize::MAX)
            });
        }
        can
    }

    /// The transports by which all ports can be listed, in the order they are tried: over SNMP whatever the profile
    /// writes over SSH.
    pub fn readable(&self) -> Vec<Transport> {
        let mut can = Vec::new();
        if !matches!(self.credentials, Credentials::Off) && !self.profile.snmp.objects.is_empty() {
            can.push(Transport::Snmp);
        }
        let lists = self
            .profile
            .cli
            .as_ref()
            .is_some_and(|c| c.shows.contains_key("ports"));
        if self.ssh.is_some() && lists {
            can.push(Transport::Ssh);
        }
        can
    }

    /// True if the two can be names of the same port of this switch.
    pub fn same_port(&self, one: &str, other: &str) -> bool {
        match &self.profile.cli {
            Some(rules) => rules.same_port(one, other),
            None => PortName::same(one, other),
        }
    }

    /// Whether one of the two lists has this port: an uplink, or one of ours.
    pub fn listed(&self, port: &str) -> Option<Listed> {
        let has = |list: &[String]| list.iter().any(|p| self.same_port(p, port));
        if has(&self.uplinks) {
            Some(Listed::Uplink)
        } else {
            has(&self.own_ports).then_some(Listed::OwnPort)
        }
    }

    /// How old a value of ifOperStatus may be when it is read from this switch.
    pub fn staleness(&self) -> Duration {
        self.oper_staleness.unwrap_or(self.profile.oper_staleness)
    }
}

/// Which list of the configuration a port is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// `uplinks`.
    Uplink,
    /// `own-ports`.
    OwnPort,
}

/// SNMP version and secrets.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// SNMP is not used with this switch.
    Off,
    /// SNMPv1 with a community.
    V1 {
        /// The community.
        community: SecretString,
    },
    /// SNMPv2c with a community.
    V2c {
        /// The community.
        community: SecretString,
    },
    /// SNMPv3 with the user-based security model.
    V3 {
        /// The user's name; not a secret.
        user: String,
        /// Authentication, none for noAuthNoPriv.
        auth: Option<(AuthAlgorithm, SecretString)>,
        /// Encryption; needs authentication.
        privacy: Option<(PrivAlgorithm, SecretString)>,
        /// contextName (RFC 3411); empty for the default context.
        context: String,
    },
}

impl Credentials {
    /// The credentials that ask about one VLAN.
    pub fn of_vlan(&self, rule: &PerVlan, vlan: u16) -> Credentials {
        let filled = |text: &str| text.replace("{vlan}", &vlan.to_string());
        let community = |c: &SecretString| {
            SecretString::from(filled(&rule.v2c).replace("{community}", c.expose_secret()))
        };
        match self {
            Credentials::Off => Credentials::Off,
            Credentials::V1 { community: c } => Credentials::V1 {
                community: community(c),
            },
            Credentials::V2c { community: c } => Credentials::V2c {
                community: community(c),
            },
            Credentials::V3 {
                user,
                auth,
                privacy,
                context: _,
            } => Credentials::V3 {
                user: user.clone(),
                auth: auth.clone(),
                privacy: privacy.clone(),
                context: filled(&rule.v3),
            },
        }
    }

    /// True for v1 and v2c, where a wrong secret looks like a switch that is not there.
    pub fn is_community(&self) -> bool {
        matches!(self, Credentials::V1 { .. } | Credentials::V2c { .. })
    }
}

macro_rules! algorithm {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $($(#[$vdoc:meta])* $variant:ident = $text:literal / $snmp:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// The word that net-snmp's command line tools take.
            pub fn net_snmp(self) -> &'static str {
                match self { $($name::$variant => $snmp,)* }
            }
        }

        impl FromStr for $name {
            type Err = ParseValueError;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                match s {
                    $($text => Ok($name::$variant),)*
                    _ => Err(ParseValueError::new(s, $expected)),
                }
            }
        }
    };
}

algorithm! {
    /// How an SNMPv3 message is authenticated. MD5 is not offered.
    AuthAlgorithm, "one of sha1, sha224, sha256, sha384, sha512",
    /// HMAC-SHA-96 (RFC 3414).
    Sha1 = "sha1" / "SHA",
    /// HMAC-SHA-224 (RFC 7860).
    Sha224 = "sha224" / "SHA-224",
    /// HMAC-SHA-256 (RFC 7860).
    Sha256 = "sha256" / "SHA-256",
    /// HMAC-SHA-384 (RFC 7860).
    Sha384 = "sha384" / "SHA-384",
    /// HMAC-SHA-512 (RFC 7860).
    Sha512 = "sha512" / "SHA-512",
}

algorithm! {
    /// How an SNMPv3 message is encrypted. The configuration takes DES only where it is allowed by name.
    PrivAlgorithm, "one of aes128, aes192, aes256, aes192-cisco, aes256-cisco, des",
    /// AES-128 (RFC 3826).
    Aes128 = "aes128" / "AES",
    /// AES-192 with the Blumenthal key extension.
    Aes192 = "aes192" / "AES-192",
    /// AES-256 with the Blumenthal key extension.
    Aes256 = "aes256" / "AES-256",
    /// AES-192 with the Reeder key extension, as Cisco has it.
    Aes192Cisco = "aes192-cisco" / "AES-192-C",
    /// AES-256 with the Reeder key extension, as Cisco has it.
    Aes256Cisco = "aes256-cisco" / "AES-256-C",
    /// DES in CBC mode (RFC 3414, 8).
    Des = "des" / "DES",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_shows_in_debug() {
        let secret = || SecretString::from("SENTINEL-secret");
        for c in [
            Credentials::V1 {
                community: secret(),
            },
            Credentials::V2c {
                community: secret(),
            },
            Credentials::V3 {
                user: "ops".into(),
                auth: Some((AuthAlgorithm::Sha256, secret())),
                privacy: Some((PrivAlgorithm::Aes128, secret())),
                context: String::new(),
            },
        ] {
            let text = format!("{c:?} {c:#?}");
            assert!(!text.contains("SENTINEL"), "{text}");
        }
    }

    #[test]
    fn an_algorithm_that_is_not_offered_is_refused_with_the_ones_that_are() {
        assert_eq!("sha256".parse(), Ok(AuthAlgorithm::Sha256));
        let err = "md5".parse::<AuthAlgorithm>().unwrap_err().to_string();
        assert_eq!(
            err,
            "`md5` is not one of sha1, sha224, sha256, sha384, sha512"
        );
    }
}
