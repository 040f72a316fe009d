//! `[traps]`: what is listened for, and that something can be accepted at all.

use crate::config::problem::Check;
use crate::config::resolved::{Traps, Usm};
use crate::config::schema;
use crate::config::secret::{self, SecretFile, Use};

/// Checks the table; `None` while it is off.
pub(super) fn traps(
    file: &schema::File,
    check: &mut Check<'_>,
    secrets: &mut Vec<SecretFile>,
) -> Option<Traps> {
    let traps = &file.traps;
    let key = |k: &str| format!("traps.{k}");
    let listen = traps.listen?.0;
    if listen.ip().is_multicast() || listen.ip().is_broadcast() {
        check.error(
            &key("listen"),
            format!("{} is not an address of this machine", listen.ip()),
            "an address of this machine to which the switches send, or 0.0.0.0 for all of them",
        );
    }
    for (name, peer) in &file.peer {
        if peer.vip.is_some_and(|v| v.addr == *listen.ip()) {
            check.clash(
                &key("listen"),
                (&format!("peer.{name}.vip"), "the address that moves"),
                format!(
                    "{} is not here while the peer lives, and that is when traps are needed",
                    listen.ip()
                ),
                "an address that stays with this machine",
            );
        }
    }
    if traps.community_file.is_none() && traps.user.is_empty() {
        check.error(
            &key("listen"),
            "no notification would be accepted: there is neither a community nor a user",
            "add community-file (versions 1 and 2c), or user and auth-file (version 3); or listen = \"\"",
        );
    }
    if traps.user.is_empty() {
        // Protocols without a user say nothing; a file without one is a user that was forgotten.
        for name in ["auth-file", "priv-file"] {
            if check.origin.has(&key(name)) {
                check.error(
                    &key(name),
                    format!("`{name}` belongs to a user of SNMP version 3, and there is none"),
                    "add user, or remove it",
                );
            }
        }
    } else if traps.auth_file.is_none() && !check.refused.iter().any(|r| r == "traps.auth-file") {
        check.error(
            &key("user"),
            "a version 3 notification without authentication says nothing: anybody can send it",
            "add auth-file",
        );
    }
    let mut secret = |name: &str, path: &std::path::Path, what, check: &Check<'_>| {
        secret::note(key(name), path, what, check, secrets)
    };
    let community_file = traps.community_file.as_ref();
    let community_file = community_file.map(|f| secret("community-file", f, Use::Community, check));
    let user = (!traps.user.is_empty()).then(|| Usm {
        user: traps.user.clone(),
        auth: traps
            .auth_file
            .as_ref()
            .map(|f| (traps.auth, secret("auth-file", f, Use::PassPhrase, check))),
        privacy: traps.priv_file.as_ref().map(|f| {
            (
                traps.privacy,
                secret("priv-file", f, Use::PassPhrase, check),
            )
        }),
        context: String::new(),
    });
    Some(Traps {
        listen,
        community_file,
        user,
    })
}
