//! `[switch.NAME.ssh]`: who logs in, with what, and whose host key is believed.

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};

use super::range::{self, ms};
use crate::config::problem::Check;
use crate::config::resolved::Ssh;
use crate::config::schema;
use crate::config::secret::{self, SecretFile, Use};

pub(super) fn ssh(
    at: &str,
    ssh: &schema::Ssh,
    (address, state_dir): (Option<SocketAddrV4>, &Path),
    check: &mut Check<'_>,
    secrets: &mut Vec<SecretFile>,
) -> Option<Ssh> {
    let key = |k: &str| format!("{at}.{k}");
    range::duration(&key("timeout"), ssh.timeout, (ms(500), ms(120_000)), check);
    if ssh.port == 0 {
        check.error(
            &key("port"),
            "0 is no TCP port",
            "the switch's SSH port, usually 22",
        );
    }
    let user = Some(ssh.user.clone()).filter(|u| !u.is_empty());
    let user = check.require(&key("user"), user, "such as user = \"standin\"");
    if ssh.user.contains(char::is_control) {
        check.error(&key("user"), "this cannot be a user name", "one word");
    }
    if ssh.password_file.is_none() && ssh.key_file.is_none() && !ssh.agent {
        check.error(
            at,
            "nothing to log in with",
            "add password-file, key-file, or agent = true",
        );
    }
    if ssh.passphrase_file.is_some() && ssh.key_file.is_none() {
        check.error(
            &key("passphrase-file"),
            "a pass phrase without a private key",
            "add key-file, or remove it",
        );
    }
    for (i, kind) in ssh.legacy.iter().enumerate() {
        if ssh.legacy[..i].contains(kind) {
            check.error(
                &key(&format!("legacy[{i}]")),
                "listed twice",
                "each kind once",
            );
        }
    }
    let mut file = |name: &str, path: &Option<PathBuf>, what: Use| {
        let path = path.as_deref()?;
        Some(secret::note(key(name), path, what, check, secrets))
    };
    let password_file = file("password-file", &ssh.password_file, Use::Password);
    let key_file = file("key-file", &ssh.key_file, Use::PrivateKey);
    let passphrase_file = file("passphrase-file", &ssh.passphrase_file, Use::Password);
    let enable_file = file("enable-file", &ssh.enable_file, Use::Password);
    let known_hosts = if ssh.known_hosts.as_os_str().is_empty() {
        state_dir.join("known_hosts")
    } else {
        check.origin.resolve(&ssh.known_hosts)
    };
    Some(Ssh {
        address: SocketAddrV4::new(*address?.ip(), ssh.port),
        user: user?,
        password_file,
        key_file,
        passphrase_file,
        enable_file,
        agent: ssh.agent,
        known_hosts,
        legacy: ssh.legacy.clone(),
        timeout: ssh.timeout,
    })
}
