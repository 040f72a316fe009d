//! MAC addresses as switches write them. Pure.

use crate::types::MacAddr;

/// How a MAC address is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacFormat {
    pattern: String,
}

impl Default for MacFormat {
    fn default() -> MacFormat {
        MacFormat {
            pattern: "xx:xx:xx:xx:xx:xx".into(),
        }
    }
}

impl MacFormat {
    /// Reads a pattern of twelve `x` (or `X`: upper case) with `:`, `-` or `.` anywhere between them.
    pub fn parse(pattern: &str) -> Option<MacFormat> {
        let digits = pattern.chars().filter(|c| matches!(c, 'x' | 'X')).count();
        let fine = digits == 12
            && pattern
                .chars()
                .all(|c| matches!(c, 'x' | 'X' | ':' | '-' | '.'));
        fine.then(|| MacFormat {
            pattern: pattern.to_owned(),
        })
    }

    /// Writes an address.
    pub fn write(&self, mac: MacAddr) -> String {
        let hex: String = mac.0.iter().map(|b| format!("{b:02x}")).collect();
        let mut digits = hex.chars();
        self.pattern
            .chars()
            .map(|c| match c {
                'x' => digits.next().unwrap_or('0'),
                'X' => digits.next().unwrap_or('0').to_ascii_uppercase(),
                other => other,
            })
            .collect()
    }
}

/// Reads a MAC address in any notation that switches use: twelve hexadecimal digits, `:`, `-` or `.` between groups,
/// or groups without leading zeros (`0:a:b:1:2:3`).
pub fn parse_mac(text: &str) -> Option<MacAddr> {
    let text = text.trim();
    let groups: Vec<&str> = text.split([':', '-', '.']).collect();
    // A ruler (`-----`) is none.
    if groups.iter().any(|g| g.is_empty()) {
        return None;
    }
    let hex: String = match groups.len() {
        6 => groups.iter().map(|g| format!("{g:0>2}")).collect(),
        1..=4 => groups.concat(),
        _ => return None,
    };
    if hex.len() != 12 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut out = [0; 6];
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(MacAddr(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_and_read_in_every_notation() {
        let mac = MacAddr([0, 0x12, 0xe1, 0x60, 0x12, 0xad]);
        for (pattern, text) in [
            ("xxxx.xxxx.xxxx", "0012.e160.12ad"),
            ("xxxxxx-xxxxxx", "0012e1-6012ad"),
            ("XX-XX-XX-XX-XX-XX", "00-12-E1-60-12-AD"),
            ("xxxx-xxxx-xxxx", "0012-e160-12ad"),
            ("xxxxxxxxxxxx", "0012e16012ad"),
        ] {
            let format = MacFormat::parse(pattern).unwrap();
            assert_eq!(format.write(mac), text);
            assert_eq!(parse_mac(text), Some(mac), "{text}");
        }
        assert_eq!(parse_mac("0:12:e1:60:12:ad"), Some(mac));
        for wrong in [
            "",
            "0012.e160.12",
            "0012.e160.12ag",
            "1:2:3:4:5:6:7",
            "-----",
            "1:2::4:5:6",
            "\u{e9}012e16012a",
        ] {
            assert_eq!(parse_mac(wrong), None, "{wrong}");
        }
        assert_eq!(MacFormat::parse("xx"), None);
    }
}
