//! HTTPS and client certificates with a real nginx, and authorities that openssl makes.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use standin::endpoint::http::{Auth, Client, ClientIdentity, Settings, Trust, perform};
use tempfile::TempDir;

use crate::endpoint_http::{Fault, Server, action_at, facts, limits};
use crate::endpoint_support::{self as support, place, programs};

struct Site {
    /// Wants a client certificate.
    strict: SocketAddr,
    /// Does not.
    open: SocketAddr,
    /// Its certificate has expired.
    expired: SocketAddr,
    /// Its certificate is for another name.
    renamed: SocketAddr,
    behind: Server,
    folder: TempDir,
    _nginx: support::Server,
}

fn openssl(openssl: &Path, folder: &Path, arguments: &str) {
    let done = Command::new(openssl)
        .current_dir(folder)
        .args(arguments.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(done.status.success(), "{arguments}: {done:?}");
}

async fn site() -> Option<Site> {
    let [nginx, ssl] = programs(["nginx", "openssl"], "nginx-light, openssl")?;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let make = |arguments: &str| openssl(&ssl, dir, arguments);
    for (ca, name) in [("ca", "Lab"), ("other", "Other")] {
        make(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {ca}.key -out {ca}.pem -days 2 -subj /CN={name}"
        ));
    }
    for (name, ca, alt, days) in [
        ("server", "ca", "IP:127.0.0.1,DNS:twin.lab", "2"),
        ("renamed", "ca", "DNS:somebody.lab", "2"),
        ("expired", "ca", "IP:127.0.0.1", "-1"),
        ("client", "ca", "DNS:standin", "2"),
        ("stranger", "other", "DNS:standin", "2"),
    ] {
        fs::write(dir.join("ext"), format!("subjectAltName={alt}\n")).unwrap();
        make(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        make(&format!(
            "x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -out {name}.pem -days {days} -extfile ext"
        ));
    }
    let behind = Server::start(Fault::None).await;
    let (strict, open, expired, renamed) = (place(), place(), place(), place());
    let server = |at: SocketAddr, certificate: &str, more: &str| {
        format!(
            "server {{ listen {at} ssl; ssl_certificate {d}/{certificate}.pem; ssl_certificate_key {d}/{certificate}.key; \
             {more} location / {{ proxy_pass http://{}; }} }}\n",
            behind.at,
            d = dir.display()
        )
    };
    let verify = format!(
        "ssl_client_certificate {}/ca.pem; ssl_verify_client on;",
        dir.display()
    );
    let d = dir.display();
    let conf = format!(
        "daemon off; master_process off; pid {d}/pid; error_log {d}/error.log;\nevents {{ worker_connections 64; }}\n\
         http {{ access_log off; client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f; \
         uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;\n{}{}{}{} }}\n",
        server(strict, "server", &verify),
        server(open, "server", ""),
        server(expired, "expired", ""),
        server(renamed, "renamed", ""),
    );
    fs::write(dir.join("nginx.conf"), conf).unwrap();
    let child = Command::new(nginx)
        .args([
            "-c",
            &dir.join("nginx.conf").display().to_string(),
            "-p",
            &d.to_string(),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(dir.join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let child = support::Server(child);
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(renamed).await.is_err() {
        let log = fs::read_to_string(dir.join("stderr")).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(10), "{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Some(Site {
        strict,
        open,
        expired,
        renamed,
        behind,
        folder,
        _nginx: child,
    })
}

impl Site {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn identity(&self, name: &str) -> ClientIdentity {
        let text = |end: &str| fs::read_to_string(self.path(&format!("{name}.{end}"))).unwrap();
        ClientIdentity {
            certificate: text("pem"),
            key: text("key").into(),
        }
    }

    fn settings(&self, ca: &str, identity: Option<&str>) -> Settings {
        Settings {
            auth: Auth::None,
            trust: Trust::File(self.path(ca)),
            identity: identity.map(|i| self.identity(i)),
            ..Settings::default()
        }
    }
}

#[tokio::test]
async fn who_is_trusted_and_who_is_let_in() {
    let Some(site) = site().await else { return };
    let plain = site.behind.at;
    for (at, ca, identity, word) in [
        (site.open, "ca.pem", None, None),
        (site.strict, "ca.pem", Some("client"), None),
        (
            site.strict,
            "ca.pem",
            None,
            Some(
                "400, 200-299 was expected; it says: <html> <head><title>400 No required SSL certificate",
            ),
        ),
        (
            site.strict,
            "ca.pem",
            Some("stranger"),
            Some(
                "400, 200-299 was expected; it says: <html> <head><title>400 The SSL certificate error",
            ),
        ),
        (
            site.open,
            "other.pem",
            None,
            Some("name the authority's certificate as `ca-file`"),
        ),
        (
            site.expired,
            "ca.pem",
            None,
            Some("its certificate has expired"),
        ),
        (
            site.renamed,
            "ca.pem",
            None,
            Some("its certificate is for another name than 127.0.0.1"),
        ),
        (plain, "ca.pem", None, Some("the TLS handshake")),
        (
            site.open,
            "nothing.pem",
            None,
            Some("cannot read the authorities in"),
        ),
    ] {
        let client = Client::new(&site.settings(ca, identity)).unwrap();
        let told = site.behind.told().len();
        let action = action_at(&format!("https://{at}"));
        let facts = match told {
            0 => facts(),
            // Another address each time, or it would hold already.
            n => {
                let mut facts = facts();
                facts["vip"] = format!("10.0.1.{n}").into();
                facts
            }
        };
        let begun = Instant::now();
        let done = perform(&client, &action, &facts, "k", limits(800)).await;
        match word {
            None => assert!(done.unwrap().is_proven),
            Some(word) => {
                let said = done.unwrap_err().to_string();
                println!("{said}");
                assert!(said.contains(word), "{word}: {said}");
                assert_eq!(site.behind.told().len(), told, "{said}");
            }
        }
        assert!(begun.elapsed() < Duration::from_millis(1200));
    }
    // The other way round: http:// where TLS is spoken.
    let client = Client::new(&Settings::default()).unwrap();
    let action = action_at(&format!("http://{}", site.open));
    let said = perform(&client, &action, &facts(), "k", limits(800))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("400") && said.contains("HTTPS port"),
        "{said}"
    );
    // By name, at an address of its own.
    let settings = Settings {
        connect: Some(site.open),
        ..site.settings("ca.pem", None)
    };
    let client = Client::new(&settings).unwrap();
    let mut other = facts();
    other["vip"] = "10.0.2.1".into();
    let named = action_at("https://twin.lab");
    assert!(
        perform(&client, &named, &other, "k", limits(800))
            .await
            .unwrap()
            .is_proven
    );
}

#[tokio::test]
async fn certificates_of_ours_that_cannot_be_used_are_told_at_once() {
    let Some(site) = site().await else { return };
    let mut settings = site.settings("ca.pem", Some("client"));
    let client = site.identity("client");
    for (certificate, key, word) in [
        ("nothing", client.key.clone(), "no certificate in PEM"),
        (
            client.certificate.as_str(),
            "geheim".into(),
            "no private key in PEM",
        ),
        (
            client.certificate.as_str(),
            site.identity("stranger").key,
            "do not fit together",
        ),
    ] {
        settings.identity = Some(ClientIdentity {
            certificate: certificate.to_owned(),
            key,
        });
        let said = Client::new(&settings).unwrap_err();
        assert!(said.contains(word) && !said.contains("geheim"), "{said}");
        assert!(!format!("{settings:?}").contains("PRIVATE KEY"));
    }
}

/// A server whose TLS itself wants a client certificate, and ends the handshake without one (nginx answers 400 over
/// HTTP instead).
async fn stern(site: &Site) -> SocketAddr {
    let text = |name: &str| fs::read(site.path(name)).unwrap();
    let (ca, own, key) = (text("ca.pem"), text("server.pem"), text("server.key"));
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(&ca).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(&own).unwrap()],
            PrivateKeyDer::from_pem_slice(&key).unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let at = place();
    let listener = tokio::net::TcpListener::bind(at).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let _ = acceptor.accept(stream).await;
            });
        }
    });
    at
}

#[tokio::test]
async fn what_tls_refuses_is_told_from_the_depth_of_the_error() {
    let Some(site) = site().await else { return };
    let at = stern(&site).await;
    for (identity, words) in [
        (
            None,
            [
                "it wants a client certificate: name `cert-file` and `key-file`",
                "CertificateRequired",
            ],
        ),
        (
            Some("stranger"),
            ["it does not accept our client certificate", "alert"],
        ),
    ] {
        let client = Client::new(&site.settings("ca.pem", identity)).unwrap();
        let action = action_at(&format!("https://{at}"));
        let error = perform(&client, &action, &facts(), "k", limits(500))
            .await
            .unwrap_err();
        let said = error.to_string();
        println!("{said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert!(!error.is_unclear, "{said}");
    }
}
