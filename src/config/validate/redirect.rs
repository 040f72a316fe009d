//! `[redirect.NAME]`: its places, their checks and steps.

use std::collections::BTreeSet;

use super::health::{self, About};
use super::names;
use super::range::{self, ms};
use super::steps::{is_known, step_name};
use crate::config::problem::Check;
use crate::config::resolved_health::{Health, Redirect, RedirectPlace, RedirectStep};
use crate::config::schema::{self, File};
use crate::config::section::{KindTable, Section};
use crate::config::suggest::{nearest, quoted_list};
use crate::config::surroundings::{StepReader, Surroundings};
use crate::types::StepName;

pub(super) fn redirect(
    name: &str,
    redirect: &schema::Redirect,
    file: &File,
    around: &Surroundings,
    check: &mut Check<'_>,
) -> Option<Redirect> {
    let at = format!("redirect.{name}");
    names::name(&at, name, check);
    if file.peer.contains_key(name) {
        let what = format!("a peer is called `{name}` too");
        check.error(
            &at,
            what,
            "an order names one of them: give it another name",
        );
    }
    let checks = health::checks(&at, &redirect.health, About::Redirect, around.health, check);
    if redirect.place.len() < 2 {
        let help =
            "[[redirect.NAME.place]], the most wanted first; the last one may be without checks";
        check.error(
            &at,
            "fewer than two places: there is nowhere to point",
            help,
        );
        return None;
    }
    let mut known = BTreeSet::new();
    let mut places = Vec::new();
    for (i, place) in redirect.place.iter().enumerate() {
        let at = format!("{at}.place[{i}]");
        let found = self::place(&at, place, &checks, around.steps, check);
        if let Some(found) = found {
            if !known.insert(found.name.clone()) {
                let what = format!("two places are called `{}`", found.name);
                check.error(&format!("{at}.name"), what, "each has a name of its own");
            }
            places.push(found);
        }
    }
    if redirect.place[0].checks.is_empty() {
        let help = "checks = [\"NAME\"], of a [[redirect.NAME.health]]";
        check.error(
            &format!("{at}.place[0].name"),
            "the first place has no checks: it would never fail",
            help,
        );
    }
    let first = places.first().filter(|p| p.steps.is_empty());
    if first.is_some() {
        let help = "[[redirect.NAME.place.step]]: what points back at it";
        check.error(
            &format!("{at}.place[0].name"),
            "nothing points at the first place: there would be no way back",
            help,
        );
    }
    (places.len() == redirect.place.len()).then(|| Redirect {
        name: name.to_owned(),
        back: redirect.back,
        places,
        health: checks,
    })
}

fn place(
    at: &str,
    place: &schema::Place,
    checks: &[Health],
    reader: StepReader,
    check: &mut Check<'_>,
) -> Option<RedirectPlace> {
    let name = check.require(
        &format!("{at}.name"),
        place.name.clone(),
        "a name, such as name = \"primary\"",
    )?;
    let key = format!("{at}.after");
    range::duration(&key, place.after, (ms(0), ms(3_600_000)), check);
    let mut named = Vec::new();
    let known: Vec<&str> = checks.iter().map(|c| c.name.as_str()).collect();
    for (i, one) in place.checks.iter().enumerate() {
        match known.iter().position(|k| k == one) {
            Some(found) => named.push(found),
            None => {
                let help = match nearest(one, &known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known here: {}", quoted_list(&known)),
                };
                check.error(
                    &format!("{at}.checks[{i}]"),
                    format!("there is no health check `{one}`"),
                    help,
                );
            }
        }
    }
    let mut steps = Vec::new();
    for (i, table) in place.step.iter().enumerate() {
        steps.extend(step(&format!("{at}.step[{i}]"), table, reader, check));
    }
    let names: BTreeSet<StepName> = steps.iter().map(|s| s.name).collect();
    if names.len() < steps.len() {
        check.error(
            &format!("{at}.name"),
            "two of its steps have one name",
            "each has a name of its own",
        );
    }
    (named.len() == place.checks.len() && steps.len() == place.step.len()).then(|| RedirectPlace {
        name,
        checks: named,
        after: place.after,
        says: place.says.clone(),
        steps,
    })
}

fn step(
    at: &str,
    table: &toml::Table,
    reader: StepReader,
    check: &mut Check<'_>,
) -> Option<RedirectStep> {
    let mut section = Section::new(at.to_owned(), table, check);
    let known = (reader.kinds)();
    let kinds = format!("one of {}", quoted_list(&known));
    let kind = section.required_text("kind", &kinds);
    let name = section.required_text("name", "a name of its own, such as name = \"twin\"");
    let within = section.within();
    let kind = kind?;
    if !is_known(&mut section, &kind, &known) {
        return None;
    }
    let read = (reader.read)(&kind, &mut section);
    let fine = section.end();
    let named = step_name(check, at, &kind, &name?);
    read?;
    Some(RedirectStep {
        name: named.filter(|_| fine)?,
        within,
        table: KindTable {
            at: at.to_owned(),
            kind,
            table: table.clone(),
        },
    })
}
