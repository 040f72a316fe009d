//! Checks the rows of a profile's operations. Pure.

use std::collections::BTreeMap;

use toml::Spanned;

use super::profile::{Index, Kind, Object, ProveRow, SetRow};
use super::profile_check::Check;
use super::schema;

impl Check<'_> {
    /// A row of a port operation may only name declared objects that a port's ifIndex finds.
    pub(super) fn per_port<T>(
        &mut self,
        at: &Spanned<T>,
        key: &str,
        object: &str,
        objects: &BTreeMap<String, Object>,
    ) -> Option<Kind> {
        match objects.get(object) {
            None => {
                let message = format!("`{object}` is not declared under [snmp.object]");
                self.wrong(at, key, message);
                None
            }
            Some(o) if o.index != [Index::IfIndex] => {
                self.wrong(
                    at,
                    key,
                    format!("`{object}` is not indexed by ifindex alone"),
                );
                None
            }
            Some(o) => Some(o.kind),
        }
    }

    pub(super) fn set_row(
        &mut self,
        at: &Spanned<schema::Row>,
        key: &str,
        objects: &BTreeMap<String, Object>,
    ) -> Option<SetRow> {
        let r = at.get_ref();
        let (Some(object), Some(value), None, None, None) =
            (&r.set, &r.value, &r.get, &r.is, &r.any)
        else {
            self.wrong(at, key, "a row of a PDU has exactly `set` and `value`");
            return None;
        };
        let kind = self.per_port(at, key, object, objects)?;
        self.fits(at, key, object, kind, value);
        if kind == Kind::Ticks {
            self.wrong(
                at,
                key,
                format!("`{object}` is of type ticks, which is never written"),
            );
        }
        Some(SetRow {
            object: object.clone(),
            value: value.clone(),
        })
    }

    pub(super) fn prove_row(
        &mut self,
        at: &Spanned<schema::Row>,
        key: &str,
        objects: &BTreeMap<String, Object>,
    ) -> Option<ProveRow> {
        let r = at.get_ref();
        let any = match (&r.get, &r.is, &r.any, &r.set, &r.value) {
            (Some(_), Some(is), None, None, None) => vec![is.clone()],
            (Some(_), None, Some(any), None, None) if !any.is_empty() => any.clone(),
            _ => {
                self.wrong(
                    at,
                    key,
                    "a row of `prove` has `get` and one of `is` and `any`",
                );
                return None;
            }
        };
        let object = r.get.clone()?;
        let kind = self.per_port(at, key, &object, objects)?;
        for value in &any {
            self.fits(at, key, &object, kind, value);
        }
        Some(ProveRow { object, any })
    }

    pub(super) fn fits<T>(
        &mut self,
        at: &Spanned<T>,
        key: &str,
        object: &str,
        kind: Kind,
        value: &str,
    ) {
        let fits = match kind {
            Kind::I32 => value.parse::<i32>().is_ok(),
            Kind::U32 | Kind::Ticks => value.parse::<u32>().is_ok(),
            Kind::Text => !value.replace("{alias}", "").contains(['{', '}']),
        };
        if !fits {
            let message = format!("`{value}` does not fit `{object}`, which is of type {kind:?}");
            self.wrong(at, key, message);
        }
    }
}
