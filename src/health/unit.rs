//! `kind = "unit"`: systemd says that a unit of this machine runs.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use super::{HealthCheck, Kind, Kit, Looked};
use crate::config::Section;
use crate::service::{ServiceError, systemd};

pub(super) const KIND: Kind = Kind { name: "unit", read };

struct Unit {
    unit: String,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn HealthCheck>> {
    let unit = section.required_text("unit", "such as unit = \"nginx.service\"")?;
    section.unit_name("unit", &unit);
    Some(Arc::new(Unit { unit }))
}

impl HealthCheck for Unit {
    fn what(&self) -> String {
        self.unit.clone()
    }

    fn only_here(&self) -> bool {
        true
    }

    fn look<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Looked> {
        async move {
            match systemd::read_unit(&*kit.programs, &self.unit, kit.within).await {
                Ok(now) if now.is_up => Looked::Good(format!("is {}", now.shown)),
                Ok(now) => Looked::Bad(format!(
                    "{} is {}; see: journalctl -u {}",
                    self.unit, now.shown, self.unit
                )),
                Err(e @ (ServiceError::NoSystemd { .. } | ServiceError::Spawn { .. })) => {
                    Looked::NotAsked(e.to_string())
                }
                Err(e) => Looked::Bad(e.to_string()),
            }
        }
        .boxed()
    }
}
