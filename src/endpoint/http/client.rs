//! Who asks: what it shows to be let in, and whom it trusts.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use data_encoding::BASE64;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};

use super::url::Url;

/// Where Debian keeps the authorities that the machine trusts.
pub const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What a request shows to be let in. `Debug` prints no secret.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Nothing.
    None,
    /// `Authorization: Bearer` (RFC 6750).
    Bearer(SecretString),
    /// `Authorization: Basic` (RFC 7617).
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A header of the server's own, such as `X-API-Key`.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: SecretString,
    },
}

/// Whose certificates are believed.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The authorities in this file of the machine.
    File(PathBuf),
    /// These, in PEM.
    Pem(String),
}

impl Default for Trust {
    fn default() -> Trust {
        Trust::File(SYSTEM_CA.into())
    }
}

/// Our own certificate. `Debug` prints no key.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    /// The certificate, and those between it and the authority, in PEM.
    pub certificate: String,
    /// Its private key in PEM, without a pass phrase.
    pub key: SecretString,
}

/// How requests are made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is shown.
    pub auth: Auth,
    /// Whom it is shown to.
    pub trust: Trust,
    /// Our certificate, where the server asks for one.
    pub identity: Option<ClientIdentity>,
    /// Connect there, whatever the URL's host is in DNS: in a failure that may be the very thing that is gone.
    pub connect: Option<SocketAddr>,
    /// Most redirects that are followed.
    pub redirects: u8,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            auth: Auth::None,
            trust: Trust::default(),
            identity: None,
            connect: None,
            redirects: 0,
        }
    }
}

/// Makes requests.
#[derive(Clone)]
pub struct Client {
    pub(super) authorization: Option<(HeaderName, HeaderValue)>,
    pub(super) connect: Option<SocketAddr>,
    pub(super) redirects: u8,
    pub(super) tls: Result<Arc<ClientConfig>, String>,
    secrets: Vec<SecretString>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.authorization.as_ref().map(|(name, _)| name);
        write!(f, "Client(shows {shown:?}, connects {:?})", self.connect)
    }
}

impl Client {
    /// # Errors
    /// A secret or a certificate cannot be used, in words that do not hold it. That there are no authorities to trust is
    /// an error of the first request over TLS only.
    pub fn new(settings: &Settings) -> Result<Client, String> {
        let mut secrets = Vec::new();
        let authorization = match &settings.auth {
            Auth::None => None,
            Auth::Bearer(token) => {
                secrets.push(token.clone());
                let value = format!("Bearer {}", token.expose_secret());
                Some((AUTHORIZATION, secret_value(&value, "the token")?))
            }
            Auth::Basic { user, password } => {
                if user.contains(':') {
                    return Err("a user has no `:` in its name (RFC 7617, 2)".into());
                }
                let both = BASE64.encode(format!("{user}:{}", password.expose_secret()).as_bytes());
                secrets.extend([password.clone(), both.clone().into()]);
                Some((
                    AUTHORIZATION,
                    secret_value(&format!("Basic {both}"), "the password")?,
                ))
            }
            Auth::Header { name, value } => {
                secrets.push(value.clone());
                let known = HeaderName::from_bytes(name.as_bytes());
                let known = known.map_err(|_| format!("`{name}` is no name of a header"))?;
                Some((known, secret_value(value.expose_secret(), "the key")?))
            }
        };
        let (tls, is_ours_wrong) = match tls(settings) {
            Ok(config) => (Ok(Arc::new(config)), false),
            Err((why, is_ours_wrong)) => (Err(why), is_ours_wrong),
        };
        if let Err(why) = &tls
            && is_ours_wrong
        {
            return Err(why.clone());
        }
        Ok(Client {
            authorization,
            connect: settings.connect,
            redirects: settings.redirects,
            tls,
            secrets,
        })
    }

    /// # Errors
    /// The URL is HTTPS, and there is nobody whom we trust.
    pub fn is_usable(&self, url: &Url) -> Result<(), String> {
        match &self.tls {
            Err(why) if url.is_tls => Err(why.clone()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// A text from outside with our secrets struck out: a server may send back what it was sent.
    pub fn without_secrets(&self, text: &str) -> String {
        let secrets = self.secrets.iter().map(|s| s.expose_secret());
        let secrets = secrets.filter(|s| !s.is_empty());
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

/// TLS without a certificate of ours, for a protocol other than HTTP.
///
/// # Errors
/// There is nobody whom we trust.
pub(in crate::endpoint) fn tls_of(trust: &Trust) -> Result<Arc<ClientConfig>, String> {
    let settings = Settings {
        trust: trust.clone(),
        ..Settings::default()
    };
    let mut config = tls(&settings).map_err(|(why, _)| why)?;
    config.alpn_protocols.clear();
    Ok(Arc::new(config))
}

fn secret_value(text: &str, what: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(text);
    let mut value =
        value.map_err(|_| format!("{what} has characters that cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The error's second part: what we show is wrong, not what we trust.
fn tls(settings: &Settings) -> Result<ClientConfig, (String, bool)> {
    let theirs = |why: String| (why, false);
    let ours = |why: &str| (why.to_owned(), true);
    let (pem, from) = match &settings.trust {
        Trust::Pem(pem) => (pem.clone(), "the authorities".to_owned()),
        Trust::File(path) => {
            let shown = path.display().to_string();
            let text = std::fs::read_to_string(path);
            (
                text.map_err(|e| theirs(format!("cannot read the authorities in {shown}: {e}")))?,
                shown,
            )
        }
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes());
    let (added, _) = roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    if added == 0 {
        return Err(theirs(format!(
            "there is no certificate of an authority in {from}"
        )));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let verifier = verifier.build().map_err(|e| theirs(e.to_string()))?;
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config
        .map_err(|e| theirs(e.to_string()))?
        .with_webpki_verifier(verifier);
    let mut config = match &settings.identity {
        None => config.with_no_client_auth(),
        Some(identity) => {
            let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes());
            let chain: Vec<_> = chain.filter_map(Result::ok).collect();
            if chain.is_empty() {
                return Err(ours(
                    "the client certificate's file holds no certificate in PEM",
                ));
            }
            let key = PrivateKeyDer::from_pem_slice(identity.key.expose_secret().as_bytes());
            let key = key.map_err(|_| {
                ours("the client key's file holds no private key in PEM without a pass phrase")
            })?;
            config.with_client_auth_cert(chain, key).map_err(|e| {
                ours(&format!(
                    "certificate and key of the client do not fit together: {e}"
                ))
            })?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_printed() {
        let settings = |auth| Settings {
            auth,
            ..Settings::default()
        };
        for auth in [
            Auth::Bearer("geheim".into()),
            Auth::Basic {
                user: "me".into(),
                password: "geheim".into(),
            },
            Auth::Header {
                name: "X-API-Key".into(),
                value: "geheim".into(),
            },
        ] {
            let settings = settings(auth);
            let client = Client::new(&settings).unwrap();
            let printed = format!("{settings:?} {client:?} {:?}", client.authorization);
            assert!(
                !printed.contains("geheim") && !printed.contains("bWU6Z2VoZWlt"),
                "{printed}"
            );
            let echoed = client.without_secrets("you sent geheim, bWU6Z2VoZWlt");
            assert!(!echoed.contains("geheim"), "{echoed}");
        }
        let said = Client::new(&settings(Auth::Bearer("geh\neim".into()))).unwrap_err();
        assert!(
            said.contains("the token") && !said.contains("eim\n"),
            "{said}"
        );
    }
}
