//! The key that a server knows us by (RFC 8945), as `tsig-keygen` writes it.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;
use hickory_proto::rr::TSigner;
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;
use secrecy::{ExposeSecret, SecretSlice};

use super::record::name_of;

/// Seconds by which the server's clock may differ from ours (RFC 8945, 10).
const FUDGE: u16 = 300;
/// Fewest bytes of a key that nobody guesses (RFC 8945, 8: as long as the digest is better).
const SHORTEST: usize = 16;

/// How messages are authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256, which every server must know (RFC 8945, 6).
    HmacSha256,
    /// HMAC with SHA-384.
    HmacSha384,
    /// HMAC with SHA-512.
    HmacSha512,
}

impl Algorithm {
    const ALL: [(Algorithm, &str); 3] = [
        (Algorithm::HmacSha256, "hmac-sha256"),
        (Algorithm::HmacSha384, "hmac-sha384"),
        (Algorithm::HmacSha512, "hmac-sha512"),
    ];
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Algorithm::ALL.iter().find(|(a, _)| a == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Algorithm, String> {
        let known = |(_, name): &&(Algorithm, &str)| name.eq_ignore_ascii_case(text);
        let known = Algorithm::ALL.iter().find(known).map(|(a, _)| *a);
        known.ok_or_else(|| {
            let all = Algorithm::ALL.map(|(_, name)| name).join(", ");
            format!("`{text}` is no algorithm for a key of DNS that is still safe: one of {all}")
        })
    }
}

/// A key for TSIG. `Debug` does not print it.
#[derive(Clone)]
pub struct TsigKey {
    name: String,
    algorithm: Algorithm,
    secret: SecretSlice<u8>,
}

impl fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TsigKey({} {})", self.name, self.algorithm)
    }
}

impl TsigKey {
    /// A key by its parts; `secret` in base 64, as servers' configurations have it.
    ///
    /// # Errors
    /// What is wrong, in words that do not hold the secret.
    pub fn new(name: &str, algorithm: Algorithm, secret: &str) -> Result<TsigKey, String> {
        let name = name_of(name)?.to_ascii();
        let decoded = BASE64.decode(secret.trim().as_bytes());
        let secret = decoded.map_err(|_| "the key's secret is not in base 64".to_owned())?;
        if secret.len() < SHORTEST {
            let length = secret.len();
            return Err(format!(
                "the key {name} has {length} bytes, at least {SHORTEST} are needed: \
                 tsig-keygen -a hmac-sha256 {name}"
            ));
        }
        Ok(TsigKey {
            name,
            algorithm,
            secret: secret.into(),
        })
    }

    /// A key from the text that `tsig-keygen` prints and BIND includes:
    /// `key "NAME" { algorithm hmac-sha256; secret "..."; };`
    ///
    /// # Errors
    /// What is wrong, in words that do not hold the secret.
    pub fn parse(text: &str) -> Result<TsigKey, String> {
        let form = "it holds no key; what is expected is what this prints: \
                    tsig-keygen -a hmac-sha256 NAME";
        let without = text.lines().map(|l| {
            let end = ["//", "#"].iter().filter_map(|c| comment(l, c)).min();
            &l[..end.unwrap_or(l.len())]
        });
        let spaced: String = without
            .flat_map(|l| l.chars().chain(['\n']))
            .flat_map(|c| match c {
                '{' | '}' | ';' => vec![' ', c, ' '],
                '"' => vec![],
                c => vec![c],
            })
            .collect();
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let ["key", name, "{", body @ .., "}", ";"] = words.as_slice() else {
            return Err(form.to_owned());
        };
        if body.contains(&"{") {
            return Err("it holds more than one key: one file for each".to_owned());
        }
        let value = |key: &str| {
            let at = body.windows(3).find(|w| w[0] == key && w[2] == ";")?;
            Some(at[1])
        };
        let algorithm = value("algorithm").ok_or(form)?.parse()?;
        TsigKey::new(name, algorithm, value("secret").ok_or(form)?)
    }

    /// What the server calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is used.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn signer(&self) -> Result<TSigner, String> {
        let algorithm = match self.algorithm {
            Algorithm::HmacSha256 => TsigAlgorithm::HmacSha256,
            Algorithm::HmacSha384 => TsigAlgorithm::HmacSha384,
            Algorithm::HmacSha512 => TsigAlgorithm::HmacSha512,
        };
        let secret = self.secret.expose_secret().to_vec();
        TSigner::new(secret, algorithm, name_of(&self.name)?, FUDGE).map_err(|e| e.to_string())
    }
}

/// Where a comment begins that is not within a word, such as `//` in base 64.
fn comment(line: &str, mark: &str) -> Option<usize> {
    let mut starts = line.match_indices(mark).map(|(at, _)| at);
    starts.find(|at| line[..*at].ends_with([' ', '\t', ';', '{', '}']) || *at == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "bm90LWEtcmVhbC1zZWNyZXQtMDEyMw==";

    #[test]
    fn what_tsig_keygen_prints_is_a_key() {
        let text = format!(
            "# ours\nkey \"Standin\" {{\n\talgorithm hmac-sha512;\n\tsecret \"{SECRET}\";\n}};\n"
        );
        let key = TsigKey::parse(&text).unwrap();
        assert_eq!(
            (key.name(), key.algorithm()),
            ("standin.", Algorithm::HmacSha512)
        );
        assert_eq!(key.secret.expose_secret(), b"not-a-real-secret-0123");
        assert!(key.signer().is_ok());
        assert_eq!(format!("{key:?}"), "TsigKey(standin. hmac-sha512)");
        let slashes = "key a { algorithm hmac-sha256; secret \"//////////////////////////8=\"; };";
        assert!(TsigKey::parse(slashes).is_ok());
    }

    #[test]
    fn what_is_wrong_with_a_key_is_told_without_it() {
        let whole = |algorithm: &str, secret: &str| {
            TsigKey::parse(&format!(
                "key k {{ algorithm {algorithm}; secret \"{secret}\"; }};"
            ))
        };
        for (tried, word) in [
            (whole("hmac-md5", SECRET), "hmac-sha256"),
            (whole("hmac-sha256", "%%%%not base"), "tsig-keygen"),
            (whole("hmac-sha256", "%%%%"), "base 64"),
            (whole("hmac-sha256", "c2hvcnQ="), "at least 16"),
            (TsigKey::parse(SECRET), "tsig-keygen"),
            (TsigKey::parse(""), "tsig-keygen"),
        ] {
            let said = tried.unwrap_err();
            assert!(said.contains(word), "{said}");
            assert!(!said.contains(SECRET) && !said.contains("c2hv"), "{said}");
        }
    }
}
