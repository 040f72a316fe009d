//! `[[peer.NAME.step]]`: the keys that every step has. Those of its kind are read by whoever knows the kinds.

use std::time::Duration;

use super::range::ms;
use crate::config::problem::Check;
use crate::config::section::{KindTable, Section};
use crate::config::suggest::{nearest, quoted_list};
use crate::config::surroundings::StepReader;
use crate::takeover::recipe::{self, Failure, SiteSpec, UndoAt};
use crate::takeover::step::Step;
use crate::types::StepName;

/// Everything that is added to the takeover of one peer.
pub(super) fn steps(
    at: &str,
    tables: &[toml::Table],
    reader: StepReader,
    check: &mut Check<'_>,
) -> Option<(Vec<KindTable>, Vec<SiteSpec>)> {
    let mut read: Vec<(KindTable, Common)> = Vec::new();
    let mut complete = true;
    for (i, table) in tables.iter().enumerate() {
        let at = format!("{at}.step[{i}]");
        match step(&at, table, reader, check) {
            Some(common) => {
                let kind = common.name.kind().to_owned();
                let table = KindTable {
                    at,
                    kind,
                    table: table.clone(),
                };
                read.push((table, common));
            }
            None => complete = false,
        }
    }
    let specs: Vec<SiteSpec> = resolved(&read);
    for (name, why) in recipe::faults(&specs) {
        complete = false;
        let Some((table, _)) = read.iter().rev().find(|(_, c)| c.name == name) else {
            continue;
        };
        check.error(
            &format!("{}.name", table.at),
            format!("step {name}: {why}"),
            "standin plan NAME lists the steps of a takeover; another one is named KIND:NAME",
        );
    }
    complete.then(|| (read.into_iter().map(|(table, _)| table).collect(), specs))
}

/// What every step says, before it is known what stands before what.
struct Common {
    name: StepName,
    needs: Option<Vec<Step>>,
    before: Vec<Step>,
    within: Duration,
    tries: u32,
    pause: Duration,
    on_failure: Failure,
    undo_at: Option<UndoAt>,
    undoes: bool,
}

fn step(
    at: &str,
    table: &toml::Table,
    reader: StepReader,
    check: &mut Check<'_>,
) -> Option<Common> {
    let mut section = Section::new(at.to_owned(), table, check);
    let known = (reader.kinds)();
    let kinds = format!("one of {}", quoted_list(&known));
    let kind = section.required_text("kind", &kinds);
    let name = section.required_text("name", "a name of its own, such as name = \"twin\"");
    let needs = list(&mut section, "needs");
    let before = list(&mut section, "before").unwrap_or_default();
    let within = section.within();
    let tries = section.number("tries", 3, (1, 1000));
    let pause = section.duration("pause", ms(1_000), (ms(10), ms(60_000)));
    let on_failure = section.choice(
        "on-failure",
        &[
            ("go-on", Failure::GoOn),
            ("halt", Failure::Halt),
            ("undo", Failure::Undo),
        ],
    );
    let undo_at = section.choice("undo-at", &[("start", UndoAt::Start), ("end", UndoAt::End)]);
    let kind = kind?;
    if !is_known(&mut section, &kind, &known) {
        return None;
    }
    let undoes = (reader.read)(&kind, &mut section);
    let fine = section.end();
    let named = step_name(check, at, &kind, &name?);
    Some(Common {
        name: named.filter(|_| fine)?,
        needs,
        before,
        within,
        tries,
        pause,
        on_failure: on_failure.unwrap_or(Failure::GoOn),
        undo_at,
        undoes: undoes?,
    })
}

/// True if there is this kind of step; else it is refused, with the kinds that there are.
pub(super) fn is_known(section: &mut Section<'_, '_>, kind: &str, known: &[&str]) -> bool {
    let is_known = known.contains(&kind);
    if !is_known {
        let help = match nearest(kind, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of {}", quoted_list(known)),
        };
        section.refuse("kind", format!("there is no kind of step `{kind}`"), help);
    }
    is_known
}

/// A step by its kind and name; one that is no name is refused.
pub(super) fn step_name(
    check: &mut Check<'_>,
    at: &str,
    kind: &str,
    name: &str,
) -> Option<StepName> {
    let named = format!("{kind}:{name}").parse::<StepName>();
    let help = "letters, digits, `-` and `_`";
    let refused = |e: <StepName as std::str::FromStr>::Err| {
        check.error(&format!("{at}.name"), e.to_string(), help);
    };
    named.map_err(refused).ok()
}

/// Steps by their names; one that is no name is refused here, one that is not there later.
fn list(section: &mut Section<'_, '_>, key: &'static str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for text in section.texts(key)? {
        match text.parse::<Step>() {
            Ok(step) => steps.push(step),
            Err(e) => section.refuse(
                key,
                e.to_string(),
                "a step of a takeover such as \"claim\" (`standin plan NAME` lists them), or another of these as \"KIND:NAME\"",
            ),
        }
    }
    Some(steps)
}

fn resolved(read: &[(KindTable, Common)]) -> Vec<SiteSpec> {
    let spec = |c: &Common, undo| SiteSpec {
        name: c.name,
        // After the claim, unless it says something else: what it tells the world is true then.
        needs: c
            .needs
            .clone()
            .unwrap_or_else(|| match c.before.is_empty() {
                true => vec![Step::Claim],
                false => Vec::new(),
            }),
        before: c.before.clone(),
        within: c.within,
        tries: c.tries,
        pause: c.pause,
        on_failure: c.on_failure,
        undo,
    };
    let specs: Vec<SiteSpec> = read.iter().map(|(_, c)| spec(c, None)).collect();
    // What came after the claim goes before the address does; what came before it is needed until the peer serves again.
    let undo = |c: &Common| {
        let late = recipe::waits_for(&specs, Step::Site(c.name), Step::Claim);
        let usual = if late { UndoAt::Start } else { UndoAt::End };
        c.undoes.then(|| c.undo_at.unwrap_or(usual))
    };
    read.iter().map(|(_, c)| spec(c, undo(c))).collect()
}
