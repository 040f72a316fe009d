//! `kind = "command"`: a program of the site ends with success.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use super::{HealthCheck, Kind, Kit, Looked};
use crate::config::Section;
use crate::rt::Instant;
use crate::steps::launch::{Launch, after_colon, one_line};

pub(super) const KIND: Kind = Kind {
    name: "command",
    read,
};

/// What `env` ends with where it cannot run the program, or does not find it (POSIX, `env`, exit status).
const NOT_RUN: [i32; 2] = [126, 127];

struct Command {
    run: Vec<String>,
    launch: Launch,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn HealthCheck>> {
    let run = section.command("run");
    if run.is_none() && !section.has("run") {
        let help = "program and arguments, such as run = [\"/usr/local/bin/recorder\", \"status\"]";
        section.refuse("run", "`run` is missing", help);
    }
    let launch = Launch::read(section);
    Some(Arc::new(Command { run: run?, launch }))
}

impl HealthCheck for Command {
    fn what(&self) -> String {
        self.run.join(" ")
    }

    fn look<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Looked> {
        async move {
            let begun = Instant::now();
            let program = self.run.first().map_or("", String::as_str);
            let run = self
                .launch
                .run(&self.run, &kit.for_programs(), kit.within)
                .await;
            let run = match run {
                Ok(run) => run,
                // It was killed at its deadline; else it could not be run at all.
                Err(why) if begun.elapsed() >= kit.within => return Looked::Bad(why),
                Err(why) => return Looked::NotAsked(why),
            };
            let said = after_colon(&one_line(&run.output));
            match run.ended {
                Ok(()) => Looked::Good(format!(
                    "ends well in {} ms{said}",
                    begun.elapsed().as_millis()
                )),
                Err(how) if run.code.is_some_and(|c| NOT_RUN.contains(&c)) => {
                    Looked::NotAsked(format!("{program} cannot be run ({how}){said}"))
                }
                Err(how) => Looked::Bad(format!("{program} failed ({how}){said}")),
            }
        }
        .boxed()
    }
}
