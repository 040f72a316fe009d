//! How a switch is reached over SSH and by which credentials. Secrets never show in `Debug`.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use russh::keys::{Algorithm, HashAlg};
use russh::{Preferred, cipher, kex, mac};
use secrecy::{ExposeSecret, SecretString};

/// Everything that is needed to log in to one switch.
#[derive(Clone, Debug)]
pub struct SshTarget {
    /// Its name in the configuration.
    pub name: String,
    /// Address and TCP port of its SSH server.
    pub address: SocketAddr,
    /// Our own address to connect from; `None` lets the kernel choose.
    pub local: Option<IpAddr>,
    /// The name under which its key is in the known_hosts file; `None`: its address.
    pub host: Option<String>,
    /// The user.
    pub user: String,
    /// The login password.
    pub password: Option<SecretString>,
    /// A file with a private key.
    pub key: Option<PathBuf>,
    /// What that file is encrypted with.
    pub passphrase: Option<SecretString>,
    /// The socket of an agent that holds keys.
    pub agent: Option<PathBuf>,
    /// The password of the privileged mode.
    pub enable: Option<SecretString>,
    /// Known host keys, in the format of OpenSSH.
    pub known_hosts: PathBuf,
    /// Which kinds of outdated algorithms are allowed.
    pub legacy: Legacy,
    /// How long connecting and each step of logging in may take.
    pub timeout: Duration,
    /// How long an unused session is kept.
    pub keep: Duration,
}

impl SshTarget {
    /// A target with nothing but a user: 5 s timeout, sessions kept for 10 s.
    pub fn new(name: &str, address: SocketAddr, user: &str, known_hosts: PathBuf) -> SshTarget {
        SshTarget {
            name: name.to_owned(),
            address,
            local: None,
            host: None,
            user: user.to_owned(),
            password: None,
            key: None,
            passphrase: None,
            agent: None,
            enable: None,
            known_hosts,
            legacy: Legacy::default(),
            timeout: Duration::from_secs(5),
            keep: Duration::from_secs(10),
        }
    }

    /// The name under which its key is in the known_hosts file.
    pub fn host(&self) -> String {
        self.host
            .clone()
            .unwrap_or_else(|| self.address.ip().to_string())
    }

    /// `text` with everything secret replaced by `***`.
    pub fn mask(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in [&self.password, &self.passphrase, &self.enable]
            .into_iter()
            .flatten()
        {
            let secret = secret.expose_secret();
            if !secret.is_empty() {
                text = text.replace(secret, "***");
            }
        }
        text
    }
}

/// Kinds of outdated algorithms that a switch is allowed to use; each is an opt-in of its own. They are offered after
/// the modern ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Legacy {
    /// Key exchange with SHA-1: diffie-hellman-group14-sha1, -group-exchange-sha1, -group1-sha1.
    pub kex: bool,
    /// Host keys and user keys with SHA-1: ssh-rsa.
    pub host_key: bool,
    /// CBC ciphers: aes256-cbc, aes192-cbc, aes128-cbc, 3des-cbc.
    pub cipher: bool,
    /// MACs with SHA-1: hmac-sha1-etm@openssh.com, hmac-sha1.
    pub mac: bool,
}

const OLD_KEX: &[kex::Name] = &[kex::DH_G14_SHA1, kex::DH_GEX_SHA1, kex::DH_G1_SHA1];
const OLD_CIPHER: &[cipher::Name] = &[
    cipher::AES_256_CBC,
    cipher::AES_192_CBC,
    cipher::AES_128_CBC,
    cipher::TRIPLE_DES_CBC,
];
const OLD_MAC: &[mac::Name] = &[mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];
const OLD_KEY: Algorithm = Algorithm::Rsa { hash: None };

impl Legacy {
    /// Everything that can be allowed.
    pub const ALL: Legacy = Legacy {
        kex: true,
        host_key: true,
        cipher: true,
        mac: true,
    };

    /// The algorithms that are offered. `known`: the types of the keys that are known of this host, asked for first, so
    /// that a switch with several keys shows one that can be recognised.
    pub fn preferred(self, known: &[Algorithm]) -> Preferred {
        let modern = Preferred::DEFAULT;
        // NIST curves are not among the library's defaults, but all that many switches of the last ten years have.
        let mut kex = modern.kex.to_vec();
        kex.extend([
            kex::ECDH_SHA2_NISTP256,
            kex::ECDH_SHA2_NISTP384,
            kex::ECDH_SHA2_NISTP521,
        ]);
        if self.kex {
            kex.extend(OLD_KEX);
        }
        let mut key: Vec<Algorithm> = modern
            .key
            .iter()
            .filter(|a| **a != OLD_KEY)
            .cloned()
            .collect();
        if self.host_key {
            key.push(OLD_KEY);
        }
        key.sort_by_key(|a| !known.iter().any(|k| same_type(a, k)));
        let mut cipher = modern.cipher.to_vec();
        if self.cipher {
            cipher.extend(OLD_CIPHER);
        }
        let mut mac = modern.mac.to_vec();
        if self.mac {
            mac.extend(OLD_MAC);
        }
        Preferred {
            kex: Cow::Owned(kex),
            key: Cow::Owned(key),
            cipher: Cow::Owned(cipher),
            mac: Cow::Owned(mac),
            ..modern
        }
    }

    /// What would help against a server that offers only `theirs` of this kind.
    pub(super) fn help(kind: &russh::AlgorithmKind, theirs: &[String]) -> (&'static str, String) {
        let offers = |name: &str| theirs.iter().any(|t| t == name);
        let (what, word, helps) = match kind {
            russh::AlgorithmKind::Kex => (
                "key exchange algorithm",
                "kex",
                OLD_KEX.iter().any(|n| offers(n.as_ref())),
            ),
            russh::AlgorithmKind::Key => ("host key algorithm", "host-key", offers("ssh-rsa")),
            russh::AlgorithmKind::Cipher => (
                "cipher",
                "cipher",
                OLD_CIPHER.iter().any(|n| offers(n.as_ref())),
            ),
            russh::AlgorithmKind::Mac => ("MAC", "mac", OLD_MAC.iter().any(|n| offers(n.as_ref()))),
            russh::AlgorithmKind::Compression => ("compression", "", false),
        };
        let help = if helps {
            format!(
                "These are outdated and can be read and altered by an attacker with means; newer firmware may have better ones. To allow them for this switch: `legacy = [\"{word}\"]`"
            )
        } else {
            "None of these is implemented here, also not as `legacy`: newer firmware, or SNMP instead".to_owned()
        };
        (what, help)
    }
}

/// True if both are for the same type of key: RSA keys sign with any hash.
pub(super) fn same_type(a: &Algorithm, b: &Algorithm) -> bool {
    a == b || matches!((a, b), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }))
}

/// The hash for signatures of an RSA user key when the server does not say which it takes.
pub(super) const RSA_HASH: HashAlg = HashAlg::Sha512;
