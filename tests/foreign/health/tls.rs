//! `kind = "http"` over TLS with a real nginx: name, time, authority and client certificate.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::endpoint_support::{Server, place, programs};
use crate::health::{Is, Site, is};

fn openssl(openssl: &Path, folder: &Path, arguments: &str) {
    let made = Command::new(openssl)
        .current_dir(folder)
        .args(arguments.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(made.status.success(), "{arguments}: {made:?}");
}

#[tokio::test]
async fn a_server_behind_tls_is_well_only_with_its_name_its_time_and_its_authority() {
    let Some([nginx, ssl]) = programs(["nginx", "openssl"], "nginx-light, openssl") else {
        return;
    };
    let site = Site::default();
    let dir = site.path("");
    let d = dir.display().to_string().trim_end_matches('/').to_owned();
    let make = |arguments: &str| openssl(&ssl, &dir, arguments);
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for ca in ["ca", "other"] {
        make(&format!(
            "req -x509 {key} -keyout {ca}.key -out {ca}.pem -days 2 -subj /CN={ca}"
        ));
    }
    let kinds = [
        ("good", "IP:127.0.0.1", "2"),
        ("renamed", "DNS:somebody.lab", "2"),
        ("expired", "IP:127.0.0.1", "-1"),
    ];
    let mut servers = String::new();
    let mut at = Vec::new();
    for (name, alt, days) in kinds {
        fs::write(dir.join("ext"), format!("subjectAltName={alt}\n")).unwrap();
        make(&format!(
            "req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        make(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days {days} -extfile ext"
        ));
        for verify in [
            "",
            &format!("ssl_client_certificate {d}/ca.pem; ssl_verify_client on;"),
        ] {
            let here = place();
            servers += &format!(
                "server {{ listen {here} ssl; ssl_certificate {d}/{name}.pem; ssl_certificate_key {d}/{name}.key; {verify} \
                 location / {{ default_type application/json; return 200 '{{\"status\": \"ok\"}}'; }} }}\n"
            );
            at.push(here);
        }
    }
    let plain = place();
    servers += &format!("server {{ listen {plain}; location / {{ return 503; }} }}\n");
    let conf = format!(
        "daemon off; master_process off; pid {d}/pid; error_log {d}/error.log;\nevents {{ worker_connections 64; }}\n\
         http {{ access_log off; client_body_temp_path {d}/b; proxy_temp_path {d}/p; fastcgi_temp_path {d}/f; \
         uwsgi_temp_path {d}/u; scgi_temp_path {d}/s;\n{servers} }}\n"
    );
    fs::write(dir.join("nginx.conf"), conf).unwrap();
    let child = Command::new(nginx)
        .args(["-c", &format!("{d}/nginx.conf"), "-p", &d])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(dir.join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let _nginx = Server(child);
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(plain).await.is_err() {
        let log = fs::read_to_string(dir.join("stderr")).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(10), "{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir.join("good.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let client = "cert-file = \"good.pem\"\nkey-file = \"good.key\"\n";
    let body = "body-matches = '\"status\": *\"ok\"'\n";
    for (case, url, more, expected) in [
        (
            "is well",
            format!("https://{}/", at[0]),
            format!("ca-file = \"ca.pem\"\n{body}"),
            Is::Good("answers 200, with the body"),
        ),
        (
            "is well, client certificate",
            format!("https://{}/", at[1]),
            format!("ca-file = \"ca.pem\"\n{client}"),
            Is::Good("answers 200"),
        ),
        (
            "no client certificate",
            format!("https://{}/", at[1]),
            "ca-file = \"ca.pem\"\n".into(),
            Is::Bad("400, 200-299 was expected"),
        ),
        (
            "another authority",
            format!("https://{}/", at[0]),
            "ca-file = \"other.pem\"\n".into(),
            Is::Bad("nobody whom we trust signed"),
        ),
        (
            "another name",
            format!("https://{}/", at[2]),
            "ca-file = \"ca.pem\"\n".into(),
            Is::Bad("certificate is for another name than 127.0.0.1"),
        ),
        (
            "expired",
            format!("https://{}/", at[4]),
            "ca-file = \"ca.pem\"\n".into(),
            Is::Bad("its certificate has expired"),
        ),
        (
            "no TLS there",
            format!("https://{plain}/"),
            "ca-file = \"ca.pem\"\n".into(),
            Is::Bad("no TLS"),
        ),
        (
            "TLS where none is expected",
            format!("http://{}/", at[0]),
            String::new(),
            Is::Bad("400, 200-299 was expected"),
        ),
        (
            "503",
            format!("http://{plain}/"),
            String::new(),
            Is::Bad("503, 200-299 was expected"),
        ),
        (
            "503 expected",
            format!("http://{plain}/"),
            "expect-status = \"503\"".into(),
            Is::Good("answers 503"),
        ),
        (
            "no authorities",
            format!("https://{}/", at[0]),
            "ca-file = \"not-there.pem\"\n".into(),
            Is::NotAsked("not-there.pem"),
        ),
    ] {
        let keys = format!("url = \"{url}\"\n{more}");
        let (looked, _) = site.look("http", &keys, Duration::from_secs(3)).await;
        is(&looked, expected, &format!("https: {case}"));
    }
}
