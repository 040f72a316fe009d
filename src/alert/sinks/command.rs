//! `kind = "command"`: a program of the site, as a list of arguments, never a shell's line. The alert is JSON on its
//! standard input. It is killed when its time is over.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use crate::alert::{Bulletin, Kind, Kit, Refusal, Sink};
use crate::config::Section;
use crate::service::command::as_user;

pub(super) const KIND: Kind = Kind {
    name: "command",
    read,
};

struct Command {
    run: Vec<String>,
    user: Option<String>,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn Sink>> {
    let run = section.command("run");
    if run.is_none() && !section.has("run") {
        let help = "program and arguments, such as run = [\"/usr/local/bin/page\", \"night\"]";
        section.refuse("run", "`run` is missing", help);
    }
    let user = section.user_name("user");
    Some(Arc::new(Command { run: run?, user }))
}

impl Command {
    /// What its program printed at last, or why it failed.
    async fn run(&self, command: &[String], input: &str, kit: &Kit) -> Result<String, String> {
        let mut line = match &self.user {
            Some(user) => as_user(user)?,
            None => Vec::new(),
        };
        line.extend(command.iter().cloned());
        let (program, arguments) = line.split_first().ok_or("there is no command")?;
        let ended = kit.programs.feed(program, arguments, input, kit.within);
        let ended = ended.await.map_err(|e| e.to_string())?;
        let said = ended.output.lines().map(str::trim).rfind(|l| !l.is_empty());
        let said = said.map(|s| format!(": {s}")).unwrap_or_default();
        let name = command.first().map_or("", String::as_str);
        match ended.status.success() {
            true => Ok(format!("{name} took it{said}")),
            false => Err(format!("{name} failed ({}){said}", ended.status)),
        }
    }
}

impl Sink for Command {
    fn target(&self) -> String {
        self.run.join(" ")
    }

    fn check<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Result<String, String>> {
        async move {
            let program = self.run.first().cloned().unwrap_or_default();
            let test = ["/usr/bin/test".to_owned(), "-x".to_owned(), program.clone()];
            match self.run(&test, "", kit).await {
                Ok(_) => Ok(format!(
                    "{program} can be run; it was not (standin alert test)"
                )),
                Err(why) if why.contains("no user") => Err(why),
                Err(_) => Err(format!(
                    "{program} cannot be run: it is not there, or may not be executed"
                )),
            }
        }
        .boxed()
    }

    fn send<'a>(
        &'a self,
        kit: &'a Kit,
        bulletin: &'a Bulletin,
    ) -> BoxFuture<'a, Result<String, Refusal>> {
        async move {
            let input = format!("{}\n", bulletin.json(&kit.node));
            Ok(self.run(&self.run, &input, kit).await?)
        }
        .boxed()
    }
}
