//! The word that is in every secret, and where it is found in a text, in whatever form.

use std::fmt::Display;

const WORD: &str = "SENTINEL";

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            let digit = usize::try_from(group >> (18 - 6 * i) & 63).unwrap();
            out.push(char::from(DIGITS[digit]));
        }
    }
    out
}

/// The word in every form that is looked for, with the form's name.
fn forms() -> Vec<(&'static str, String)> {
    let hex: Vec<String> = WORD.bytes().map(|b| format!("{b:02x}")).collect();
    let decimal: Vec<String> = WORD.bytes().map(|b| b.to_string()).collect();
    let mut forms = vec![
        ("plain", WORD.to_owned()),
        ("hex", hex.concat()),
        ("hex with blanks", hex.join(" ")),
        ("hex with colons", hex.join(":")),
        ("hex list", hex.join(", 0x")),
        ("list of bytes", decimal.join(", ")),
        ("dotted", decimal.join(".")),
    ];
    for at in 0..3 {
        // What stands before the word decides how its first digits look; those that it shares are left out.
        let text = base64(&[vec![0; at], WORD.as_bytes().to_vec()].concat());
        let from = [0, 2, 3][at];
        let whole = (at + WORD.len()) / 3 * 4;
        forms.push(("base64", text[from..whole].to_owned()));
    }
    forms
}

/// The forms in which the word is in `text`.
pub fn found(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let lower = text.to_lowercase();
    forms()
        .into_iter()
        .filter(|(form, needle)| match *form {
            "base64" => text.contains(needle.as_str()),
            _ => lower.contains(&needle.to_lowercase()),
        })
        .map(|(form, needle)| {
            let at = match form {
                "base64" => text.find(&needle),
                _ => lower.find(&needle.to_lowercase()),
            };
            let from = at.unwrap_or(0).saturating_sub(120);
            let around: String = text.chars().skip(from).take(320).collect();
            format!("{form}: ...{around}...")
        })
        .collect()
}

/// Where the word is in what `whose` said or wrote.
pub fn leaks(whose: impl Display, text: &[u8]) -> Vec<String> {
    found(text)
        .into_iter()
        .map(|l| format!("{whose}: {l}"))
        .collect()
}

#[test]
fn every_form_is_found_where_it_is_and_nowhere_else() {
    let secret = format!("xy{WORD}-zz");
    assert_eq!(base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw");
    for shift in 0..3 {
        let mut text = vec![b'_'; shift];
        text.extend(secret.as_bytes());
        assert!(
            !found(base64(&text).as_bytes()).is_empty(),
            "base64 {shift}"
        );
    }
    assert!(!found(format!("{:?}", secret.as_bytes()).as_bytes()).is_empty());
    let hex: String = secret.bytes().map(|b| format!("{b:02X}")).collect();
    assert!(!found(hex.as_bytes()).is_empty());
    assert!(found(b"nothing that is secret, SENTINE or sentine-l").is_empty());
}
