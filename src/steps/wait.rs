//! `kind = "wait"`: lets some time pass, where something outside needs it and does not say when it is ready.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};

use super::{Facts, Kind, Kit, Look, PlanLine, SiteStep};
use crate::config::{Section, text};
use crate::rt;
use crate::takeover::event::Outcome;

pub(super) const KIND: Kind = Kind { name: "wait", read };

const LEAST: Duration = Duration::from_millis(1);
const MOST: Duration = Duration::from_secs(600);

struct Wait {
    time: Duration,
    undo: Option<Duration>,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn SiteStep>> {
    if !section.has("for") {
        section.refuse("for", "`for` is missing", "how long, such as for = \"3s\"");
    }
    let time = section.duration("for", LEAST, (LEAST, MOST));
    let undo = section
        .has("undo-for")
        .then(|| section.duration("undo-for", LEAST, (LEAST, MOST)));
    let longest = undo.map_or(time, |undo| undo.max(time));
    let within = section.within();
    if longest >= within {
        let help = format!("more than {}", text::show(longest));
        section.refuse("within", "it ends before the wait is over", help);
    }
    Some(Arc::new(Wait { time, undo }))
}

async fn pass(time: Duration) -> Outcome {
    rt::sleep(time).await;
    Outcome::Done(format!("{} have passed", text::show(time)))
}

impl SiteStep for Wait {
    fn plan(&self, _: &Facts) -> PlanLine {
        PlanLine {
            what: format!("let {} pass", text::show(self.time)),
            command: None,
            undo: self
                .undo
                .map(|time| format!("let {} pass", text::show(time))),
        }
    }

    fn undoes(&self) -> bool {
        self.undo.is_some()
    }

    fn check<'a>(&'a self, _: &'a Kit) -> BoxFuture<'a, Result<Look, String>> {
        std::future::ready(Ok(format!("waits {}", text::show(self.time)).into())).boxed()
    }

    fn apply<'a>(&'a self, _: &'a Kit) -> BoxFuture<'a, Outcome> {
        pass(self.time).boxed()
    }

    fn undo<'a>(&'a self, _: &'a Kit) -> BoxFuture<'a, Outcome> {
        pass(self.undo.unwrap_or_default()).boxed()
    }
}
