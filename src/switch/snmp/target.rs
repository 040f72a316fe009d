//! How a switch is reached and by which credentials. Secrets never show in `Debug`.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::switch::profile::PerVlan;
use crate::types::ParseValueError;

/// What is needed to talk to one SNMP agent.
#[derive(Clone, Debug)]
pub struct SnmpTarget {
    /// The switch's name in the configuration.
    pub name: String,
    /// Address and UDP port of its SNMP agent.
    pub address: SocketAddr,
    /// Our own address to send from; `None` lets the kernel choose.
    pub local: Option<IpAddr>,
    /// How one VLAN is asked about, where that takes a community or context of its own.
    pub per_vlan: Option<PerVlan>,
    /// SNMP version and secrets.
    pub credentials: Credentials,
    /// How long one try waits for its answer.
    pub timeout: Duration,
    /// How often a request is sent again when no answer came.
    pub retries: u32,
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
