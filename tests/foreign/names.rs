//! The zone of the tests, and changes of its names.

use standin::endpoint::dns::{Changed, Kind, NameChange, RecordSet};

pub const ZONE: &str = "example.test";

/// All records of one type at a name of the zone.
pub fn set(name: &str, kind: Kind, ttl: u32, values: &[&str]) -> RecordSet {
    let values: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
    RecordSet::new(&format!("{name}.{ZONE}"), kind, ttl, &values).unwrap()
}

/// The change that brings them.
pub fn to(set: RecordSet) -> NameChange {
    NameChange {
        name: set.name().to_owned(),
        to: vec![set],
        from: None,
    }
}

/// What takes these changes back.
pub fn undo(changes: &[NameChange], done: &Changed) -> Vec<NameChange> {
    let each = changes.iter().zip(&done.before);
    each.map(|(c, before)| NameChange {
        name: c.name.clone(),
        to: before.clone().unwrap(),
        from: Some(c.to.clone()),
    })
    .collect()
}
