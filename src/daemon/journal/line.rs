//! One line: the record as JSON, with the first 8 hex digits of the SHA-256 of that JSON as its last field.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Record;

/// `,"crc":"` before the digits, `"}` behind them.
const BEFORE: &str = ",\"crc\":\"";
const DIGITS: usize = 8;
const TAIL: usize = BEFORE.len() + DIGITS + 2;

/// The line without its line end.
pub(super) fn encode(record: &Record) -> String {
    let mut json = match serde_json::to_string(record) {
        Ok(json) => json,
        // Values have text keys and finite numbers only, so this cannot happen; a journal must not panic over it.
        Err(e) => {
            let said = Value::String(format!("this record could not be written: {e}"));
            let record = Record {
                data: said,
                ..record.clone()
            };
            serde_json::to_string(&record).unwrap_or_else(|_| "{}".to_owned())
        }
    };
    let code = check(json.as_bytes());
    json.truncate(json.len() - 1);
    json.push_str(BEFORE);
    json.push_str(&code);
    json.push_str("\"}");
    json
}

/// The record of a line without its line end, or what is wrong with it.
pub(super) fn decode(line: &[u8]) -> Result<Record, String> {
    let Some(cut) = line.len().checked_sub(TAIL) else {
        return Err("it is too short to be a record".to_owned());
    };
    let (json, tail) = line.split_at(cut);
    let code = tail
        .strip_prefix(BEFORE.as_bytes())
        .and_then(|t| t.strip_suffix(b"\"}"))
        .ok_or("it does not end as a record does")?;
    let whole = [json, b"}"].concat();
    if code != check(&whole).as_bytes() {
        return Err("its check sum does not fit".to_owned());
    }
    serde_json::from_slice(&whole).map_err(|e| format!("it is not a record: {e}"))
}

fn check(json: &[u8]) -> String {
    let digest = Sha256::digest(json);
    digest[..DIGITS / 2]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::BootTime;
    use proptest::prelude::*;

    fn record() -> Record {
        Record {
            seq: 7,
            boot_id: "b".into(),
            boot_us: BootTime(12),
            wall: "2026-01-02T03:04:05.678Z".into(),
            node: "standby".into(),
            peer: "cctv".into(),
            kind: "state".into(),
            data: serde_json::json!({ "crc": "00000000", "text": "a \"b\"\n\u{1f4a1}" }),
        }
    }

    #[test]
    fn a_line_comes_back_as_the_record_it_was() {
        let line = encode(&record());
        assert!(!line.contains('\n'));
        assert!(line.starts_with("{\"seq\":7,\"boot_id\":\"b\",\"boot_us\":12,"));
        assert_eq!(decode(line.as_bytes()), Ok(record()));
        let json: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["crc"].as_str().unwrap().len(), 8);
    }

    proptest! {
        #[test]
        fn any_change_of_one_byte_is_noticed(at in 0usize..150, to: u8) {
            let mut line = encode(&record()).into_bytes();
            let at = at % line.len();
            prop_assume!(line[at] != to);
            line[at] = to;
            prop_assert!(decode(&line).is_err());
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(decode(&bytes).is_err());
        }
    }
}
