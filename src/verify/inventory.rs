//! The camera inventory, `cameras.csv`: who is expected to come back.
//!
//! ```csv
//! name,address,mac,stream
//! # the car park
//! Gate 1,192.168.1.11,02:00:5e:10:00:0b,stream1
//! ```
//!
//! `name` and `address` are required, `mac` and `stream` may be missing or empty. Columns are found by the names in the
//! header, in any order; other columns are ignored. A field may stand in double quotes (`""` inside for one quote).
//! A list separated by semicolons, as spreadsheets in half of Europe write it, is read too.

mod csv;

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;

use serde::Serialize;

use self::csv::Field;
use crate::types::MacAddr;

/// One camera that is expected to push to the VIP. Its key is (address, stream): a video recorder pushes many streams
/// from one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Camera {
    /// What people call it; unique.
    pub name: String,
    /// Where its frames come from.
    pub address: Ipv4Addr,
    /// Its MAC, where it is known: an ARP reply from another one is then no receipt.
    pub mac: Option<MacAddr>,
    /// What it publishes, as [`super::rtmp::stream_matches`] compares it; `None` takes any stream from the address.
    pub stream: Option<String>,
}

/// All cameras, in the order of the file. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    cameras: Vec<Camera>,
}

/// One thing that is wrong with the file: where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Problem {
    /// The file as it was named.
    pub file: String,
    /// Line, from 1; 0 if it is about the whole file.
    pub line: usize,
    /// Column in characters, from 1; 0 if it is about the whole line.
    pub column: usize,
    /// `name`, `address`, `mac` or `stream`; `None` if it is about the whole line.
    pub field: Option<&'static str>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        write!(f, ": ")?;
        if let Some(field) = self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl Inventory {
    /// Reads a file. All problems are returned at once, in the order of the lines; a file without a camera is one.
    pub fn load(path: &Path) -> Result<Inventory, Vec<Problem>> {
        Inventory::of_read(path, std::fs::read(path))
    }

    /// As [`load`](Self::load), where reading it brought that.
    pub fn of_read(path: &Path, read: std::io::Result<Vec<u8>>) -> Result<Inventory, Vec<Problem>> {
        let file = path.display().to_string();
        let bytes = read.map_err(|e| {
            vec![Problem {
                file: file.clone(),
                line: 0,
                column: 0,
                field: None,
                message: format!(
                    "cannot read the camera list: {e}; expected a CSV file whose first line is name,address,mac,stream"
                ),
            }]
        })?;
        Inventory::parse(&file, &bytes)
    }

    /// Reads what a file holds; `file` is only for the messages.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Inventory, Vec<Problem>> {
        let mut reader = Reader {
            file,
            problems: Vec::new(),
        };
        let cameras = reader.read(bytes);
        if reader.problems.is_empty() && cameras.is_empty() {
            reader.problem(
                0,
                0,
                None,
                "names no camera; expected at least one line such as Gate 1,192.168.1.11".into(),
            );
        }
        if reader.problems.is_empty() {
            Ok(Inventory { cameras })
        } else {
            reader.problems.sort_by_key(|p| (p.line, p.column));
            Err(reader.problems)
        }
    }

    /// The cameras, in the order of the file. A camera's index here is its index everywhere in `verify`.
    pub fn cameras(&self) -> &[Camera] {
        &self.cameras
    }
}

/// Where the columns are; positions count fields from 0.
struct Columns {
    name: usize,
    address: usize,
    mac: Option<usize>,
    stream: Option<usize>,
    count: usize,
}

struct Reader<'a> {
    file: &'a str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn problem(
        &mut self,
        line: usize,
        column: usize,
        field: Option<&'static str>,
        message: String,
    ) {
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line,
            column,
            field,
            message,
        });
    }

    fn read(&mut self, bytes: &[u8]) -> Vec<Camera> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => {
                let line = 1 + bytes[..e.valid_up_to()]
                    .iter()
                    .filter(|b| **b == b'\n')
                    .count();
                self.problem(
                    line,
                    0,
                    None,
                    "is not UTF-8 text; save the list as \"CSV UTF-8\"".into(),
                );
                return Vec::new();
            }
        };
        let mut cameras = Vec::new();
        let mut columns = None;
        let mut separator = ',';
        let mut names: HashMap<String, usize> = HashMap::new();
        let mut keys: HashMap<(Ipv4Addr, Option<String>), usize> = HashMap::new();
        for (index, raw) in text.split('\n').enumerate() {
            let line = index + 1;
            let raw = raw.strip_suffix('\r').unwrap_or(raw);
            if raw.trim().is_empty() || raw.trim_start().starts_with('#') {
                continue;
            }
            let Some(cols) = &columns else {
                if !raw.contains(',') && raw.contains(';') {
                    separator = ';';
                }
                columns = self.header(line, raw, separator);
                if columns.is_none() {
                    // Without a header nothing below can be judged.
                    return cameras;
                }
                continue;
            };
            let fields = match csv::split(raw, separator) {
                Ok(fields) => fields,
                Err((column, message)) => {
                    self.problem(line, column, None, message);
                    continue;
                }
            };
            if fields.len() > cols.count {
                self.problem(
                    line,
                    fields[cols.count].column,
                    None,
                    format!(
                        "has {} fields where the header names {}; put double quotes around a field that contains `{separator}`",
                        fields.len(),
                        cols.count
                    ),
                );
                continue;
            }
            if let Some(camera) = self.camera(line, &fields, cols) {
                self.duplicates(line, &fields, cols, &camera, &mut names, &mut keys);
                cameras.push(camera);
            }
        }
        cameras
    }

    fn header(&mut self, line: usize, raw: &str, separator: char) -> Option<Columns> {
        let fields = csv::split(raw, separator)
            .map_err(|(column, message)| self.problem(line, column, None, message))
            .ok()?;
        let mut found: [Option<usize>; 4] = [None; 4];
        const NAMES: [&str; 4] = ["name", "address", "mac", "stream"];
        let before = self.problems.len();
        for (position, field) in fields.iter().enumerate() {
            let Some(which) = NAMES
                .iter()
                .position(|n| n.eq_ignore_ascii_case(&field.text))
            else {
                continue;
            };
            if found[which].replace(position).is_some() {
                self.problem(
                    line,
                    field.column,
                    Some(NAMES[which]),
                    "the header names this column twice".into(),
                );
            }
        }
        for which in 0..2 {
            if found[which].is_none() {
                self.problem(
                    line,
                    0,
                    Some(NAMES[which]),
                    format!(
                        "the header has no column of this name; found `{raw}`, expected name,address,mac,stream"
                    ),
                );
            }
        }
        if self.problems.len() > before {
            return None;
        }
        Some(Columns {
            name: found[0]?,
            address: found[1]?,
            mac: found[2],
            stream: found[3],
            count: fields.len(),
        })
    }

    fn camera(&mut self, line: usize, fields: &[Field], cols: &Columns) -> Option<Camera> {
        let before = self.problems.len();
        let get = |position: usize| {
            fields
                .get(position)
                .map_or((0, ""), |f| (f.column, f.text.as_str()))
        };
        for f in fields {
            // The list is printed on terminals.
            if f.text.chars().any(char::is_control) {
                self.problem(
                    line,
                    f.column,
                    None,
                    "contains a control character; remove it".into(),
                );
            }
        }
        let (column, name) = get(cols.name);
        if name.is_empty() {
            self.problem(
                line,
                column,
                Some("name"),
                "is empty; every camera needs a name of its own".into(),
            );
        }
        let (column, text) = get(cols.address);
        let address = match text.parse::<Ipv4Addr>() {
            Ok(a) if a.is_unspecified() || a.is_multicast() || a.is_broadcast() => {
                self.problem(line, column, Some("address"), format!("`{a}` cannot be the address of one machine; expected the camera's own IPv4 address, such as 192.168.1.11"));
                None
            }
            Ok(a) => Some(a),
            Err(_) => {
                self.problem(line, column, Some("address"), format!("`{text}` is not an IPv4 address; expected four numbers from 0 to 255, such as 192.168.1.11"));
                None
            }
        };
        let (column, text) = cols.mac.map_or((0, ""), get);
        let mac = match text.parse::<MacAddr>() {
            _ if text.is_empty() => None,
            Ok(mac) if mac.is_unicast() => Some(mac),
            Ok(_) | Err(_) => {
                self.problem(line, column, Some("mac"), format!("`{text}` is not the MAC address of one machine; expected one such as 02:00:5e:10:00:0b, or nothing"));
                None
            }
        };
        let (_, stream) = cols.stream.map_or((0, ""), get);
        (self.problems.len() == before).then_some(())?;
        Some(Camera {
            name: name.to_owned(),
            address: address?,
            mac,
            stream: (!stream.is_empty()).then(|| stream.to_owned()),
        })
    }

    fn duplicates(
        &mut self,
        line: usize,
        fields: &[Field],
        cols: &Columns,
        camera: &Camera,
        names: &mut HashMap<String, usize>,
        keys: &mut HashMap<(Ipv4Addr, Option<String>), usize>,
    ) {
        let column = |position: usize| fields.get(position).map_or(0, |f| f.column);
        if let Some(first) = names.get(&camera.name) {
            let message = format!(
                "`{}` is already the name of the camera on line {first}; give each camera a name of its own",
                camera.name
            );
            self.problem(line, column(cols.name), Some("name"), message);
        } else {
            names.insert(camera.name.clone(), line);
        }
        // Compared as the verifier compares: `/live/cam1` and `live/cam1` are the same stream.
        let stream = camera.stream.as_deref().map(super::rtmp::canonical_stream);
        let key = (camera.address, stream);
        if let Some(first) = keys.get(&key) {
            let message = match &camera.stream {
                Some(s) => format!(
                    "{} with stream `{s}` is already on line {first}; a camera is listed once",
                    camera.address
                ),
                None => format!(
                    "{} is already on line {first}; where one machine pushes several streams, name the stream on each line",
                    camera.address
                ),
            };
            self.problem(line, column(cols.address), Some("address"), message);
        } else {
            keys.insert(key, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problems(text: &str) -> Vec<String> {
        Inventory::parse("cameras.csv", text.as_bytes())
            .unwrap_err()
            .iter()
            .map(Problem::to_string)
            .collect()
    }

    #[test]
    fn a_list_with_bom_crlf_comments_quotes_and_columns_in_any_order_is_read() {
        let text = "\u{feff}Stream,NAME,location,Address,mac\r\n# the gate\r\n\r\nlive/a,\"Gate, \"\"north\"\"\",hall,192.168.1.11,02-00-5E-10-00-0B\r\n,Yard,,192.168.1.12\r\n";
        let inventory = Inventory::parse("x", text.as_bytes()).unwrap();
        assert_eq!(
            inventory.cameras(),
            [
                Camera {
                    name: "Gate, \"north\"".into(),
                    address: Ipv4Addr::new(192, 168, 1, 11),
                    mac: Some(MacAddr([2, 0, 0x5e, 0x10, 0, 0xb])),
                    stream: Some("live/a".into()),
                },
                Camera {
                    name: "Yard".into(),
                    address: Ipv4Addr::new(192, 168, 1, 12),
                    mac: None,
                    stream: None,
                },
            ]
        );
    }

    #[test]
    fn a_list_separated_by_semicolons_is_read() {
        let inventory = Inventory::parse("x", b"name;address\nA;10.0.0.1\n").unwrap();
        assert_eq!(inventory.cameras().len(), 1);
    }

    #[test]
    fn all_problems_come_at_once_each_with_line_column_and_field() {
        let found = problems(
            "name,address,mac,stream\nA,192.168.1.301,,\nB,10.0.0.2,zz,\n,10.0.0.3,,\nC,10.0.0.4,,s\nC,10.0.0.5,,\nD,10.0.0.4,,/s\nE,10.0.0.6,,a,b\n\"F,10.0.0.7\n",
        );
        let starts = [
            "cameras.csv:2:3: address: `192.168.1.301` is not an IPv4 address",
            "cameras.csv:3:12: mac: `zz` is not the MAC",
            "cameras.csv:4:1: name: is empty",
            "cameras.csv:6:1: name: `C` is already the name of the camera on line 5",
            "cameras.csv:7:3: address: 10.0.0.4 with stream `/s` is already on line 5",
            "cameras.csv:8:15: has 5 fields where the header names 4",
            "cameras.csv:9:1: a double quote is opened",
        ];
        assert_eq!(found.len(), starts.len(), "{found:#?}");
        for (got, want) in found.iter().zip(starts) {
            assert!(got.starts_with(want), "{got} / {want}");
        }
    }

    #[test]
    fn a_list_without_header_without_cameras_or_in_another_encoding_is_refused() {
        assert!(problems("192.168.1.11,Gate\n")[0].contains("no column of this name"));
        assert!(problems("")[0].contains("names no camera"));
        assert!(problems("name,address\n# nobody\n")[0].contains("names no camera"));
        let err = Inventory::parse("x", b"name,address\nCaf\xe9,10.0.0.1\n").unwrap_err();
        assert_eq!((err[0].line, err.len()), (2, 1));
        assert!(err[0].message.contains("UTF-8"));
        let err = Inventory::load(Path::new("/nonexistent/cameras.csv")).unwrap_err();
        assert!(
            err[0]
                .to_string()
                .contains("/nonexistent/cameras.csv: cannot read"),
            "{}",
            err[0]
        );
    }

    #[test]
    fn one_address_may_push_several_streams() {
        let text = b"name,address,stream\nA,10.0.0.1,a\nB,10.0.0.1,b\n";
        assert_eq!(Inventory::parse("x", text).unwrap().cameras().len(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_give_cameras_or_problems_and_never_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            text in "[nameadrsc,;\"\n# 0-9.]{0,200}",
        ) {
            for input in [&bytes[..], text.as_bytes(), format!("name,address\n{text}").as_bytes()] {
                match Inventory::parse("x", input) {
                    Ok(i) => prop_assert!(!i.cameras().is_empty()),
                    Err(p) => prop_assert!(!p.is_empty()),
                }
            }
        }
    }
}
