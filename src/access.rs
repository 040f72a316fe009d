//! How a server is reached over HTTP, and what it is shown: the keys that every table has which asks one (a step, an alert
//! sink), and the client that follows from them.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::{SecretForm, Section, secret_file};
use crate::endpoint::http::{Auth, Client, ClientIdentity, Settings, Statuses, Trust};
use crate::types::quoted;

/// How the server is reached and what it is shown. Secrets are named by their files, and read when they are needed.
pub struct Access {
    auth: AuthFiles,
    certificate: Option<(PathBuf, PathBuf)>,
    authorities: Option<PathBuf>,
    connect: Option<SocketAddr>,
}

enum AuthFiles {
    None,
    Bearer(PathBuf),
    Basic(String, PathBuf),
    Header(String, PathBuf),
}

/// Reads the keys; `None` if something was refused.
pub fn access(section: &mut Section<'_, '_>) -> Option<Access> {
    let bearer = section.path("bearer-file");
    let user = section.text("basic-user");
    let password = section.path("password-file");
    let header = section.text("secret-header");
    let secret = section.path("secret-header-file");
    let certificate = section.path("cert-file");
    let key = section.path("key-file");
    let authorities = section.path("ca-file");
    let connect = section.text("connect").map(|text| {
        let at = text.parse::<SocketAddr>();
        let why = at.map_err(|_| format!("`{text}` is no address with a port"));
        let help = "such as \"192.168.1.50:8443\"";
        why.map_err(|why| section.refuse("connect", why, help)).ok()
    });
    for (has, other, key, of) in [
        (
            user.is_some(),
            password.is_some(),
            "password-file",
            "basic-user",
        ),
        (
            password.is_some(),
            user.is_some(),
            "basic-user",
            "password-file",
        ),
        (
            header.is_some(),
            secret.is_some(),
            "secret-header-file",
            "secret-header",
        ),
        (
            secret.is_some(),
            header.is_some(),
            "secret-header",
            "secret-header-file",
        ),
        (
            certificate.is_some(),
            key.is_some(),
            "key-file",
            "cert-file",
        ),
        (
            key.is_some(),
            certificate.is_some(),
            "cert-file",
            "key-file",
        ),
    ] {
        if has && !other {
            section.refuse(
                key,
                format!("`{key}` is missing"),
                format!("`{of}` needs it"),
            );
        }
    }
    let ways = [bearer.is_some(), user.is_some(), header.is_some()];
    if ways.iter().filter(|w| **w).count() > 1 {
        let key = match bearer {
            Some(_) => "bearer-file",
            None => "basic-user",
        };
        let help = "one of `bearer-file`, `basic-user` and `secret-header`";
        section.refuse(key, "there are two ways to be let in", help);
    }
    let auth = match (bearer, user.zip(password), header.zip(secret)) {
        (Some(file), _, _) => AuthFiles::Bearer(file),
        (None, Some((user, file)), _) => AuthFiles::Basic(user, file),
        (None, None, Some((name, file))) => AuthFiles::Header(name, file),
        (None, None, None) => AuthFiles::None,
    };
    Some(Access {
        auth,
        certificate: certificate.zip(key),
        authorities,
        connect: match connect {
            Some(at) => Some(at?),
            None => None,
        },
    })
}

/// `expect-status`: what an answer must be.
pub fn expected_statuses(section: &mut Section<'_, '_>) -> Statuses {
    let text = section.text("expect-status");
    let read = text.map_or_else(|| Ok(Statuses::default()), |t| t.parse::<Statuses>());
    read.unwrap_or_else(|why| {
        section.refuse("expect-status", why, "");
        Statuses::default()
    })
}

/// `headers`: `NAME: VALUE` each.
pub fn headers(section: &mut Section<'_, '_>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for header in section.texts("headers").unwrap_or_default() {
        match header.split_once(':') {
            Some((name, value)) => all.push((name.trim().to_owned(), value.trim().to_owned())),
            None => {
                let what = format!("`{header}` is no header");
                section.refuse("headers", what, "such as \"X-Site: hall-3\"");
            }
        }
    }
    all
}

impl Access {
    /// A client that shows what is in the files now.
    ///
    /// # Errors
    /// A secret or a certificate cannot be used.
    pub fn client(&self) -> Result<Client, String> {
        let line = |file| secret_file(file, SecretForm::Line);
        let auth = match &self.auth {
            AuthFiles::None => Auth::None,
            AuthFiles::Bearer(file) => Auth::Bearer(line(file)?),
            AuthFiles::Basic(user, file) => Auth::Basic {
                user: user.clone(),
                password: line(file)?,
            },
            AuthFiles::Header(name, file) => Auth::Header {
                name: name.clone(),
                value: line(file)?,
            },
        };
        let identity = match &self.certificate {
            None => None,
            Some((certificate, key)) => {
                let shown = certificate.display();
                let pem = std::fs::read_to_string(certificate)
                    .map_err(|e| format!("cannot read the certificate in {shown}: {e}"))?;
                Some(ClientIdentity {
                    certificate: pem,
                    key: secret_file(key, SecretForm::PrivateKey)?,
                })
            }
        };
        Client::new(&Settings {
            auth,
            trust: (self.authorities.clone()).map_or_else(Trust::default, Trust::File),
            identity,
            connect: self.connect,
            redirects: 0,
        })
    }

    /// Where it connects, whatever DNS says.
    pub fn connect(&self) -> Option<SocketAddr> {
        self.connect
    }

    /// Options of curl; secrets stay in their files.
    pub fn curl(&self) -> String {
        let file = |p: &PathBuf| quoted(&p.display().to_string());
        let mut all = match &self.auth {
            AuthFiles::None => String::new(),
            AuthFiles::Bearer(f) => {
                format!(" -H \"Authorization: Bearer $(cat {})\"", file(f))
            }
            AuthFiles::Basic(user, f) => format!(" -u {}:\"$(cat {})\"", quoted(user), file(f)),
            AuthFiles::Header(name, f) => {
                format!(" -H {}\"$(cat {})\"", quoted(&format!("{name}: ")), file(f))
            }
        };
        if let Some((certificate, key)) = &self.certificate {
            all += &format!(" --cert {} --key {}", file(certificate), file(key));
        }
        if let Some(authorities) = &self.authorities {
            all += &format!(" --cacert {}", file(authorities));
        }
        if let Some(at) = self.connect {
            all += &format!(" --connect-to ::{at}");
        }
        all
    }
}
