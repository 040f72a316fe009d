//! `kind = "compose"`: the containers of a compose project of this machine run, and are healthy where they have a health
//! check of their own.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use super::{HealthCheck, Kind, Kit, Looked};
use crate::config::Section;
use crate::endpoint::compose::Is;
use crate::steps::compose::{self, Compose};

pub(super) const KIND: Kind = Kind {
    name: "compose",
    read,
};

struct Project(Compose);

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn HealthCheck>> {
    Some(Arc::new(Project(compose::project(section))))
}

impl HealthCheck for Project {
    fn what(&self) -> String {
        format!("the compose project in {}", self.0.directory())
    }

    fn only_here(&self) -> bool {
        true
    }

    fn look<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Looked> {
        async move {
            let of_step = kit.for_programs();
            let is = match self.0.look(&of_step).await {
                Ok(is) => is,
                // No docker, no daemon, no project: then nothing of it runs, or nobody can say so.
                Err(why) => return Looked::Bad(why),
            };
            let not_fine = is.iter().filter(|i| !matches!(i, Is::Fine(_)));
            let not_fine: Vec<&str> = not_fine.map(Is::words).collect();
            match not_fine.is_empty() {
                true => Looked::Good(is.iter().map(Is::words).collect::<Vec<_>>().join(", ")),
                false => Looked::Bad(not_fine.join(", ")),
            }
        }
        .boxed()
    }
}
