//! A line of a switch's configuration without the secrets that it may hold: for `diff`, whose output is copied into
//! tickets. The backup itself keeps them, in a file of mode 0600.

use std::sync::LazyLock;

use regex::Regex;

/// Words after which the rest of a line is a secret, in the command lines of the families that profiles are for.
static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(?:^|[\s\-_])(?:community|passwords?|passwd|passphrase|secrets?|keys?|key-string|cipher(?:text)?|psk|hash|token|auth|priv|md5|sha\d*|simple|encrypted)(?:[\s:=]|$)",
    )
    .ok()
});

/// What is long and looks like nothing that a person wrote: hashes, keys. Longer than any port's name.
static LONG: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9+/=$.]{28,}").ok());

/// `line` up to the first word that says that a secret follows; what else looks like one is left out too.
pub(super) fn redacted(line: &str) -> String {
    let (Some(word), Some(long)) = (&*WORD, &*LONG) else {
        return "***".into();
    };
    let shown = match word.find(line) {
        Some(m) if !line.get(m.end()..).unwrap_or_default().trim().is_empty() => {
            format!("{} ***", line.get(..m.end()).unwrap_or_default().trim_end())
        }
        _ => line.to_owned(),
    };
    long.replace_all(&shown, "***").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_every_family_are_left_out_and_the_line_is_still_known() {
        for (line, shown) in [
            (
                "snmp-server community SENTINEL RW",
                "snmp-server community ***",
            ),
            (
                "enable secret 5 $1$mERr$hx5rVt7rPNoS4wqbXKX7m0",
                "enable secret ***",
            ),
            (
                "username ops privilege 15 password 7 SENTINEL",
                "username ops privilege 15 password ***",
            ),
            (
                "snmp-server user ops grp v3 auth sha SENTINEL priv aes 128 SENTINEL",
                "snmp-server user ops grp v3 auth ***",
            ),
            (
                "tacacs-server host 10.0.0.1 key SENTINEL",
                "tacacs-server host 10.0.0.1 key ***",
            ),
            (
                "set system login user ops authentication encrypted-password \"$6$abcdefghijklmnopqrstuv\"",
                "set system login user ops authentication encrypted-password ***",
            ),
            (
                "set snmp community SENTINEL authorization read-write",
                "set snmp community ***",
            ),
            (
                " snmp-agent community write cipher SENTINEL",
                " snmp-agent community ***",
            ),
            (" password simple SENTINEL", " password ***"),
            (" MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj", " ***"),
            (
                "interface TenGigabitEthernet1/0/48",
                "interface TenGigabitEthernet1/0/48",
            ),
            (" switchport access vlan 20", " switchport access vlan 20"),
            ("service password-encryption", "service password-encryption"),
        ] {
            assert_eq!(redacted(line), shown);
        }
    }
}
