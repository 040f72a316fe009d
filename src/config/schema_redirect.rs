//! `[redirect.NAME]`: what points at a machine that has no address to move.

use std::time::Duration;

use serde::Deserialize;

use super::text;

/// `[redirect.NAME]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Redirect {
    /// Who points back at the first place.
    pub back: PointsBack,
    /// `[[redirect.NAME.place]]`, the most wanted first.
    pub place: Vec<Place>,
    /// `[[redirect.NAME.health]]`: the checks that places name. The keys depend on the kind.
    pub health: Vec<toml::Table>,
}

/// Who points back at the first place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointsBack {
    /// A person, by `standin release NAME`.
    #[default]
    Release,
    /// The daemon, once the place was well for long enough.
    Auto,
}

/// One `[[redirect.NAME.place]]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Place {
    /// Its name. Required.
    pub name: Option<String>,
    /// Names of the health checks that all have to be up; none: it is always well.
    pub checks: Vec<String>,
    /// How long it has to be well before it is preferred to the one in force.
    #[serde(deserialize_with = "text::one")]
    pub after: Duration,
    /// What is in force when this place is, in words for a person.
    pub says: String,
    /// `[[redirect.NAME.place.step]]`: what points at it. The keys depend on the kind.
    pub step: Vec<toml::Table>,
}

impl Default for Place {
    fn default() -> Self {
        Place {
            name: None,
            checks: Vec::new(),
            after: Duration::from_secs(60),
            says: String::new(),
            step: Vec::new(),
        }
    }
}
