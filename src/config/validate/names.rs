//! Names that pass through to the kernel, to switches and into files.

use crate::config::problem::Check;

/// Longest name of a node, a peer or a switch, in bytes.
pub(super) const LONGEST_NAME: usize = 32;
/// Longest interface name, in bytes: the kernel's IFNAMSIZ less its zero.
const LONGEST_INTERFACE: usize = 15;

/// True if the name can stand in a file name, an ifAlias and a heartbeat as it is.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Refuses a name that could break where it is used.
pub(super) fn name(key: &str, name: &str, check: &mut Check<'_>) {
    if !is_name(name) {
        check.error(
            key,
            format!("`{name}` cannot be a name"),
            format!("1 to {LONGEST_NAME} letters a-z, digits, - and _"),
        );
    }
}

/// Refuses what cannot be the name of an interface (kernel: `dev_valid_name`); true if it can be.
pub(super) fn interface(key: &str, name: &str, check: &mut Check<'_>) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | ':');
    if name.is_empty() || name == "." || name == ".." || name.contains(bad) {
        check.error(
            key,
            format!("`{name}` cannot be the name of an interface"),
            "as `ip link` shows it, such as \"eth0\"",
        );
    } else if name.len() > LONGEST_INTERFACE {
        check.error(
            key,
            format!(
                "`{name}` is {} bytes long, an interface name has at most {LONGEST_INTERFACE}",
                name.len()
            ),
            "as `ip link` shows it, such as \"eth0\"",
        );
    } else {
        return true;
    }
    false
}

/// Refuses what cannot be the ifName of a switch port; names are otherwise taken as they are.
pub(super) fn port(key: &str, name: &str, check: &mut Check<'_>) {
    if name.trim() != name || name.is_empty() || name.contains(char::is_control) {
        check.error(
            key,
            format!("`{name}` cannot be the ifName of a port"),
            "as the switch itself writes it (IF-MIB ifName), such as \"Gi1/0/7\"",
        );
    }
}
