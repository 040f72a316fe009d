//! Where each key stands in the file, so that every problem can point at it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The text of a configuration file and the place of each of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    path: PathBuf,
    text: String,
    places: BTreeMap<String, Place>,
}

/// Byte ranges of one key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    key: Range<usize>,
    value: Range<usize>,
}

impl Origin {
    /// Notes the place of each key of `table`, which was parsed from `text`.
    pub(super) fn new(path: &Path, text: &str, table: &DeTable<'_>) -> Self {
        let mut places = BTreeMap::new();
        note_table("", table, &mut places);
        Origin {
            path: path.to_owned(),
            text: text.to_owned(),
            places,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text of the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A path as the file means it: relative ones start at the file's folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        match self.path.parent() {
            Some(folder) => folder.join(path),
            None => path.to_owned(),
        }
    }

    /// True if the file has this key (`peer.cctv.fence[0].ports`).
    pub fn has(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// Bytes of the key's value; of the nearest table around it if the file does not have it.
    pub(super) fn value_span(&self, key: &str) -> Range<usize> {
        let mut at = key;
        loop {
            if let Some(place) = self.places.get(at) {
                // A table's value span covers its body: its header says enough.
                let table = self.text[place.value.clone()].starts_with('[') && at != key;
                return if table || place.value.is_empty() {
                    place.key.clone()
                } else {
                    place.value.clone()
                };
            }
            match at.rfind(['.', '[']) {
                Some(cut) => at = &at[..cut],
                None => return 0..0,
            }
        }
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub(super) fn line_column(&self, byte: usize) -> (usize, usize) {
        line_column(&self.text, byte)
    }
}

/// Line and column of a byte of `text`, both from 1; the column counts characters.
pub(super) fn line_column(text: &str, byte: usize) -> (usize, usize) {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    let before = &text[..byte];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

fn note_table(prefix: &str, table: &DeTable<'_>, places: &mut BTreeMap<String, Place>) {
    for (key, value) in table {
        let path = match prefix {
            "" => key.get_ref().to_string(),
            _ => format!("{prefix}.{}", key.get_ref()),
        };
        note_value(&path, key.span(), value, places);
    }
}

fn note_value(
    path: &str,
    key: Range<usize>,
    value: &Spanned<DeValue<'_>>,
    places: &mut BTreeMap<String, Place>,
) {
    match value.get_ref() {
        DeValue::Table(table) => note_table(path, table, places),
        DeValue::Array(array) => {
            for (index, item) in array.iter().enumerate() {
                note_value(&format!("{path}[{index}]"), item.span(), item, places);
            }
        }
        _ => {}
    }
    let value = value.span();
    places.insert(path.to_owned(), Place { key, value });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        let table = DeTable::parse(text).unwrap();
        Origin::new(
            Path::new("/etc/standin/standin.toml"),
            text,
            table.get_ref(),
        )
    }

    #[test]
    fn every_key_is_found_where_it_stands() {
        let text = "[node]\nname = \"a\"\n[[peer.cctv.fence]]\nports = [\"p1\", \"p2\"]\n";
        let origin = origin(text);
        let cut = |key| &text[origin.value_span(key)];
        assert_eq!(cut("node.name"), "\"a\"");
        assert_eq!(cut("peer.cctv.fence[0].ports[1]"), "\"p2\"");
        assert_eq!(
            origin.line_column(origin.value_span("node.name").start),
            (2, 8)
        );
    }

    #[test]
    fn a_missing_key_points_at_the_table_that_lacks_it() {
        let text = "[node]\nname = \"a\"\n\n[[peer.cctv.fence]]\nswitch = \"core\"\n";
        let origin = origin(text);
        let (line, _) = origin.line_column(origin.value_span("peer.cctv.fence[0].persist").start);
        assert_eq!(line, 4);
        assert_eq!(origin.value_span("nowhere.at.all"), 0..0);
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        assert_eq!(line_column("é = 1\nü", 3), (1, 3));
        assert_eq!(line_column("é = 1\nü", 99), (2, 2));
    }

    #[test]
    fn relative_paths_start_at_the_files_folder() {
        let origin = origin("");
        assert_eq!(
            origin.resolve(Path::new("cameras.csv")),
            Path::new("/etc/standin/cameras.csv")
        );
        assert_eq!(origin.resolve(Path::new("/a/b")), Path::new("/a/b"));
    }
}
