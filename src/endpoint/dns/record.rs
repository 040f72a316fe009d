//! Records as a person writes them, in one form: names are absolute and in lower case, values are sorted.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, PTR, SRV, TXT};
use hickory_proto::rr::{Name, RData, RecordType};
use serde::{Deserialize, Serialize};

/// Types of records that can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "their names in DNS")]
pub enum Kind {
    A,
    Aaaa,
    Cname,
    Mx,
    Ptr,
    Srv,
    Txt,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 7] = [
        Kind::A,
        Kind::Aaaa,
        Kind::Cname,
        Kind::Mx,
        Kind::Ptr,
        Kind::Srv,
        Kind::Txt,
    ];

    pub(super) fn record_type(self) -> RecordType {
        match self {
            Kind::A => RecordType::A,
            Kind::Aaaa => RecordType::AAAA,
            Kind::Cname => RecordType::CNAME,
            Kind::Mx => RecordType::MX,
            Kind::Ptr => RecordType::PTR,
            Kind::Srv => RecordType::SRV,
            Kind::Txt => RecordType::TXT,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.record_type())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Kind, String> {
        Kind::ALL
            .into_iter()
            .find(|k| k.to_string().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                let all = Kind::ALL.map(|k| k.to_string()).join(", ");
                format!("`{text}` is no type of record that can be changed: one of {all}")
            })
    }
}

/// All records of one type at one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct RecordSet {
    name: String,
    kind: Kind,
    ttl: u32,
    values: Vec<String>,
}

#[derive(Deserialize)]
struct Written {
    name: String,
    kind: Kind,
    ttl: u32,
    values: Vec<String>,
}

impl TryFrom<Written> for RecordSet {
    type Error = String;

    fn try_from(w: Written) -> Result<RecordSet, String> {
        RecordSet::new(&w.name, w.kind, w.ttl, &w.values)
    }
}

impl RecordSet {
    /// Records as they are written in a zone file; `ttl` in seconds. A text without quotes is one string.
    ///
    /// # Errors
    /// The name or a value is none, in words; or there is no value.
    pub fn new(name: &str, kind: Kind, ttl: u32, values: &[String]) -> Result<RecordSet, String> {
        let name = absolute(name)?;
        if values.is_empty() {
            return Err(format!("{name} {kind} has no value"));
        }
        if kind == Kind::Cname && values.len() > 1 {
            return Err(format!("{name} can be an alias of one name only"));
        }
        // The greatest that is allowed (RFC 2181, 8).
        if ttl > 0x7fff_ffff {
            return Err(format!("a TTL of {ttl} s is too long for {name}"));
        }
        let texts = values.iter().map(|v| Ok(text_of(&parse(kind, v)?)));
        let mut values = texts.collect::<Result<Vec<_>, String>>()?;
        values.sort();
        values.dedup();
        Ok(RecordSet {
            name,
            kind,
            ttl,
            values,
        })
    }

    /// The absolute name, in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The records' type.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How long others may keep it, in seconds.
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// The values as a zone file has them, sorted.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Whether both say the same, whatever their TTL.
    pub fn has_values_of(&self, other: &RecordSet) -> bool {
        (&self.name, self.kind, &self.values) == (&other.name, other.kind, &other.values)
    }

    pub(super) fn rdata(&self) -> Vec<RData> {
        let parsed = self.values.iter().map(|v| parse(self.kind, v));
        parsed.filter_map(Result::ok).collect()
    }

    /// What an answer holds of one type at a name.
    pub(super) fn answered(name: &str, kind: Kind, records: &[(u32, &RData)]) -> Option<RecordSet> {
        let mut values: Vec<String> = records.iter().map(|(_, data)| text_of(data)).collect();
        values.sort();
        values.dedup();
        Some(RecordSet {
            name: name.to_owned(),
            kind,
            ttl: records.iter().map(|(ttl, _)| *ttl).min()?,
            values,
        })
    }
}

impl fmt::Display for RecordSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.values.join(", ");
        write!(
            f,
            "{} {} {values} (TTL {} s)",
            self.name, self.kind, self.ttl
        )
    }
}

/// A name with its final dot, in lower case.
///
/// # Errors
/// It is no name, in words.
pub fn absolute(name: &str) -> Result<String, String> {
    Ok(name_of(name)?.to_ascii())
}

pub(super) fn name_of(text: &str) -> Result<Name, String> {
    let bad = |why: String| format!("`{text}` is no name in DNS: {why}");
    if text.is_empty() || text.chars().any(char::is_whitespace) {
        return Err(bad("it is empty or has a space".into()));
    }
    let mut name = Name::from_ascii(text).map_err(|e| bad(e.to_string()))?;
    name.set_fqdn(true);
    Ok(name.to_lowercase())
}

fn parse(kind: Kind, value: &str) -> Result<RData, String> {
    let bad = |what: &str| format!("`{value}` is no value of a record of type {kind}: {what}");
    let words: Vec<&str> = value.split_whitespace().collect();
    let number = |word: &str| {
        let number = word.parse::<u16>();
        number.map_err(|_| bad("a number up to 65535 is expected"))
    };
    match (kind, words.as_slice()) {
        (Kind::A, [ip]) => {
            let ip: Ipv4Addr = ip.parse().map_err(|_| bad("an IPv4 address is expected"))?;
            Ok(RData::A(A(ip)))
        }
        (Kind::Aaaa, [ip]) => {
            let ip: Ipv6Addr = ip.parse().map_err(|_| bad("an IPv6 address is expected"))?;
            Ok(RData::AAAA(AAAA(ip)))
        }
        (Kind::Cname, [name]) => Ok(RData::CNAME(CNAME(name_of(name)?))),
        (Kind::Ptr, [name]) => Ok(RData::PTR(PTR(name_of(name)?))),
        (Kind::Mx, [preference, name]) => {
            Ok(RData::MX(MX::new(number(preference)?, name_of(name)?)))
        }
        (Kind::Srv, [priority, weight, port, target]) => Ok(RData::SRV(SRV::new(
            number(priority)?,
            number(weight)?,
            number(port)?,
            name_of(target)?,
        ))),
        (Kind::Txt, _) => {
            let strings = strings(value).map_err(bad)?;
            if let Some(long) = strings.iter().find(|s| s.len() > 255) {
                let length = long.len();
                return Err(bad(&format!("a string of {length} bytes, at most 255")));
            }
            let strings = strings.iter().map(Vec::as_slice).collect();
            Ok(RData::TXT(TXT::from_bytes(strings)))
        }
        (Kind::A | Kind::Aaaa, _) => Err(bad("one address is expected")),
        (Kind::Cname | Kind::Ptr, _) => Err(bad("one name is expected")),
        (Kind::Mx, _) => Err(bad("a preference and a name are expected")),
        (Kind::Srv, _) => Err(bad("priority, weight, port and a name are expected")),
    }
}

/// The strings of a text as a zone file has them (RFC 1035, 5.1): in quotes, with `\"`, `\\` and `\DDD`.
fn strings(value: &str) -> Result<Vec<Vec<u8>>, &'static str> {
    if !value.starts_with('"') {
        return Ok(vec![value.as_bytes().to_vec()]);
    }
    let mut out = Vec::new();
    let mut bytes = value.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' => continue,
            b'"' => {}
            _ => return Err("there is something between its strings"),
        }
        let mut string = Vec::new();
        loop {
            match bytes.next().ok_or("a quote is not closed")? {
                b'"' => break,
                b'\\' => match bytes.next().ok_or("it ends with a backslash")? {
                    first @ b'0'..=b'9' => {
                        let mut digits = [first, 0, 0].map(|d| u32::from(d.wrapping_sub(b'0')));
                        for digit in &mut digits[1..] {
                            let next = bytes.next_if(u8::is_ascii_digit);
                            *digit = u32::from(next.ok_or("`\\` wants three digits")? - b'0');
                        }
                        let code = digits[0] * 100 + digits[1] * 10 + digits[2];
                        let code = u8::try_from(code).map_err(|_| "`\\DDD` goes up to 255")?;
                        string.push(code);
                    }
                    other => string.push(other),
                },
                other => string.push(other),
            }
        }
        out.push(string);
    }
    Ok(out)
}

fn text_of(data: &RData) -> String {
    match data {
        RData::TXT(txt) => {
            let strings = txt.txt_data.iter().map(|string| {
                let mut text = String::from('"');
                for &byte in string {
                    match byte {
                        b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
                        b' '..=b'~' => text.push(char::from(byte)),
                        _ => text.push_str(&format!("\\{byte:03}")),
                    }
                }
                text.push('"');
                text
            });
            strings.collect::<Vec<_>>().join(" ")
        }
        RData::CNAME(name) => name.to_lowercase().to_ascii(),
        RData::PTR(name) => name.to_lowercase().to_ascii(),
        RData::MX(mx) => format!(
            "{} {}",
            mx.preference,
            mx.exchange.to_lowercase().to_ascii()
        ),
        RData::SRV(srv) => {
            let target = srv.target.to_lowercase().to_ascii();
            format!("{} {} {} {target}", srv.priority, srv.weight, srv.port)
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(kind: Kind, values: &[&str]) -> Result<RecordSet, String> {
        let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
        RecordSet::new("Live.Example.TEST", kind, 30, &values)
    }

    #[test]
    fn every_type_has_one_written_form() {
        for (kind, value, form) in [
            (Kind::A, "10.0.0.5", "10.0.0.5"),
            (Kind::Aaaa, "2001:DB8:0::5", "2001:db8::5"),
            (Kind::Cname, "Other.example.test", "other.example.test."),
            (Kind::Ptr, "live.example.test.", "live.example.test."),
            (Kind::Mx, "10  Mail.example.test", "10 mail.example.test."),
            (Kind::Srv, "1 2 1935 live.x", "1 2 1935 live.x."),
            (Kind::Txt, "plain words", "\"plain words\""),
            (Kind::Txt, r#""a\"b" "\255c""#, r#""a\"b" "\255c""#),
        ] {
            let one = set(kind, &[value]).unwrap();
            assert_eq!(one.name(), "live.example.test.");
            assert_eq!(one.values(), [form]);
            assert_eq!(one.rdata().len(), 1);
            let json = serde_json::to_string(&one).unwrap();
            assert_eq!(serde_json::from_str::<RecordSet>(&json).unwrap(), one);
        }
    }

    #[test]
    fn what_is_no_value_is_told_in_words() {
        for (kind, value, word) in [
            (Kind::A, "live", "IPv4"),
            (Kind::A, "10.0.0.5 10.0.0.6", "one address"),
            (Kind::Aaaa, "10.0.0.5", "IPv6"),
            (Kind::Cname, "a..b", "no name"),
            (Kind::Mx, "mail.x", "preference"),
            (Kind::Srv, "1 2 99999 x", "65535"),
            (Kind::Txt, "\"open", "not closed"),
            (Kind::Txt, r#""\300""#, "255"),
            (Kind::Txt, r#""a" b"#, "between"),
        ] {
            let said = set(kind, &[value]).unwrap_err();
            assert!(said.contains(word) && said.contains(value), "{said}");
        }
        assert!(set(Kind::A, &[]).is_err());
        assert!(set(Kind::Cname, &["a.x", "b.x"]).is_err());
        assert!(RecordSet::new("a b", Kind::A, 1, &["10.0.0.1".into()]).is_err());
        assert!("SOA".parse::<Kind>().unwrap_err().contains("CNAME"));
        assert_eq!("aaaa".parse(), Ok(Kind::Aaaa));
    }
}
