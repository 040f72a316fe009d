//! What the daemon may do: two capabilities are required, two are good to have.

use caps::{CapSet, Capability};

/// Without these nothing works.
const REQUIRED: [(Capability, &str); 2] = [
    (Capability::CAP_NET_ADMIN, "to set addresses and drop rules"),
    (
        Capability::CAP_NET_RAW,
        "to send ARP and to watch the cameras return",
    ),
];
/// Without these it is slower under load.
const OPTIONAL: [(Capability, &str); 2] = [
    (
        Capability::CAP_IPC_LOCK,
        "memory is not locked: a machine that swaps notices later",
    ),
    (
        Capability::CAP_SYS_NICE,
        "no real-time priority: a busy machine notices later",
    ),
];

/// Why the daemon cannot run.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// Capabilities are missing.
    #[error(
        "standin needs {}: run it as root, or from its systemd unit, or: setcap cap_net_admin,cap_net_raw+ep {exe}",
        missing.join(" and ")
    )]
    Missing {
        /// "CAP_NET_RAW to send ARP ...".
        missing: Vec<String>,
        /// This program.
        exe: String,
    },
    /// The kernel does not say.
    #[error("cannot read our own capabilities: {0}")]
    Unreadable(String),
}

/// Checks the effective capabilities of this thread; what is missing of the optional ones is returned, to be said in
/// `status`.
///
/// # Errors
///
/// A required one is missing (exit code 77), or they cannot be read.
pub fn check() -> Result<Vec<String>, PrivilegeError> {
    let held = caps::read(None, CapSet::Effective)
        .map_err(|e| PrivilegeError::Unreadable(e.to_string()))?;
    let exe = std::env::current_exe().map_or("standin".into(), |p| p.display().to_string());
    judge(|capability| held.contains(&capability), &exe)
}

fn judge(has: impl Fn(Capability) -> bool, exe: &str) -> Result<Vec<String>, PrivilegeError> {
    let missing: Vec<String> = REQUIRED
        .iter()
        .filter(|(c, _)| !has(*c))
        .map(|(c, why)| format!("{c} {why}"))
        .collect();
    if !missing.is_empty() {
        let exe = exe.to_owned();
        return Err(PrivilegeError::Missing { missing, exe });
    }
    Ok(OPTIONAL
        .iter()
        .filter(|(c, _)| !has(*c))
        .map(|(c, what)| format!("without {c} {what}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_required_capability_is_named_with_its_reason() {
        let error = judge(|c| c == Capability::CAP_NET_ADMIN, "/usr/sbin/standin").unwrap_err();
        let said = error.to_string();
        assert!(said.contains("CAP_NET_RAW to send ARP"), "{said}");
        assert!(!said.contains("CAP_NET_ADMIN to"), "{said}");
        assert!(said.contains("setcap"), "{said}");
    }

    #[test]
    fn missing_optional_ones_are_only_said() {
        let net = |c| matches!(c, Capability::CAP_NET_ADMIN | Capability::CAP_NET_RAW);
        let said = judge(net, "x").unwrap();
        assert_eq!(said.len(), 2);
        assert!(said[0].contains("CAP_IPC_LOCK") && said[1].contains("CAP_SYS_NICE"));
        assert!(judge(|_| true, "x").unwrap().is_empty());
    }
}
