//! What a step `compose` has in the configuration.

use std::sync::{Arc, OnceLock};

use super::{Compose, Undo};
use crate::config::Section;
use crate::endpoint::compose::services;
use crate::steps::SiteStep;
use crate::steps::launch::Launch;

/// Which project, and which of its services: all but what becomes of it at the end, which is left as it is.
pub(crate) fn project(section: &mut Section<'_, '_>) -> Compose {
    let launch = Launch::read(section);
    if launch.directory.is_none() && !section.has("directory") {
        let help = "the project's folder, such as \"/srv/cctv\"";
        section.refuse("directory", "`directory` is missing", help);
    }
    let program = section.command("program");
    let mut options = Vec::new();
    for file in section.texts("files").unwrap_or_default() {
        options.extend(["-f".to_owned(), file]);
    }
    if let Some(project) = section.text("project") {
        let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if !project.chars().all(is_fit) || project.starts_with(['-', '_']) || project.is_empty() {
            let what = format!("`{project}` is no name of a project");
            section.refuse("project", what, "lower-case letters, digits, `-` and `_`");
        }
        options.extend(["-p".to_owned(), project]);
    }
    let mut named = |key: &'static str| {
        let all = section.texts(key).unwrap_or_default();
        for name in all.iter().filter(|n| services(n).is_empty()) {
            let what = format!("`{name}` is no name of a service");
            section.refuse(key, what, "as the compose file has it");
        }
        all
    };
    let only = named("services");
    let oneshot = named("oneshot");
    if let Some(other) = (oneshot.iter()).find(|o| !only.is_empty() && !only.contains(o)) {
        let what = format!("`{other}` is not one of `services`");
        section.refuse("oneshot", what, "name it there, or leave `services` out");
    }
    Compose {
        launch,
        program,
        options,
        services: only,
        oneshot,
        undo: Undo::Leave,
        found: OnceLock::new(),
    }
}

pub(super) fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn SiteStep>> {
    let project = project(section);
    let words = [
        ("stop", Undo::Stop),
        ("down", Undo::Down),
        ("leave", Undo::Leave),
    ];
    let undo = section.choice("undo", &words);
    if undo == Some(Undo::Down) && !project.services.is_empty() {
        let help = "undo = \"stop\", or leave `services` out";
        section.refuse("undo", "`down` takes the whole project down", help);
    }
    Some(Arc::new(Compose {
        undo: undo.unwrap_or(Undo::Stop),
        ..project
    }))
}
