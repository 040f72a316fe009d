//! `[[peer.NAME.health]]`: the keys that every check has. Those of its kind are read by whoever knows the kinds.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::range::ms;
use crate::config::problem::Check;
use crate::config::resolved_health::{AsksWhen, Feeds, Health, Machine};
use crate::config::section::{KindTable, Section};
use crate::config::suggest::{nearest, quoted_list};
use crate::config::surroundings::{HealthFacts, HealthReader};
use crate::types::Vip;

/// Longest name: it is part of an alarm's key.
const LONGEST_NAME: usize = 32;
/// So many checks of one peer are plenty.
const MOST: usize = 64;
const INTERVAL: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(2);

/// What the checks are about.
#[derive(Clone, Copy)]
pub(super) enum About {
    /// A peer: the address that moves, and whether this machine has it too.
    Peer(Option<Vip>, bool),
    /// Whatever a redirect leads to: there is no address that moves.
    Redirect,
}

/// Every check of one peer or redirect; one that is refused is left out, and was said.
pub(super) fn checks(
    at: &str,
    tables: &[toml::Table],
    about: About,
    reader: HealthReader,
    check: &mut Check<'_>,
) -> Vec<Health> {
    let mut names = BTreeSet::new();
    let mut all = Vec::new();
    if tables.len() > MOST {
        let what = format!("{} checks are too many", tables.len());
        check.error(
            &format!("{at}.health[{MOST}].kind"),
            what,
            format!("at most {MOST}"),
        );
    }
    for (i, table) in tables.iter().enumerate().take(MOST) {
        let at = format!("{at}.health[{i}]");
        let Some(health) = one(&at, table, about, reader, check) else {
            continue;
        };
        if !names.insert(health.name.clone()) {
            let what = format!("two health checks are called `{}`", health.name);
            check.error(&format!("{at}.name"), what, "each has a name of its own");
        }
        all.push(health);
    }
    all
}

fn one(
    at: &str,
    table: &toml::Table,
    about: About,
    reader: HealthReader,
    check: &mut Check<'_>,
) -> Option<Health> {
    let mut section = Section::new(at.to_owned(), table, check);
    let known = (reader.kinds)();
    let kinds = format!("one of {}", quoted_list(&known));
    let kind = section.required_text("kind", &kinds);
    let name = section.required_text("name", "a name of its own, such as name = \"recorder\"");
    let whose = [("here", Machine::Here), ("peer", Machine::Peer)];
    let on = match (about, section.has("on")) {
        (About::Redirect, _) => Some(Machine::Peer),
        (About::Peer(..), true) => section.choice("on", &whose),
        (About::Peer(..), false) => {
            let help = "\"here\": a service of this machine; \"peer\": one of the other";
            section.refuse("on", "`on` is missing", help);
            section.choice("on", &whose)
        }
    };
    let interval = section.duration("interval", INTERVAL, (ms(100), ms(3_600_000)));
    let timeout = section.duration("timeout", TIMEOUT.min(interval), (ms(50), ms(300_000)));
    let rise = section.number("rise", 2, (1, 100));
    let fall = section.number("fall", 3, (1, 100));
    let (mut feeds, mut when) = (None, None);
    if let About::Peer(..) = about {
        feeds = section.choice(
            "feeds",
            &[("alert", Feeds::Alert), ("takeover", Feeds::Takeover)],
        );
        when = section.choice(
            "when",
            &[("always", AsksWhen::Always), ("owner", AsksWhen::Owner)],
        );
    }
    let feeds = feeds.unwrap_or(Feeds::Alert);
    if timeout > interval {
        let help = "not longer than the interval: one look is over before the next";
        section.refuse("timeout", "it is longer than `interval`", help);
    }
    let kind = kind?;
    if !known.contains(&kind.as_str()) {
        let help = match nearest(&kind, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => kinds,
        };
        section.refuse(
            "kind",
            format!("there is no kind of health check `{kind}`"),
            help,
        );
        return None;
    }
    let name = name?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.len() > LONGEST_NAME || !name.chars().all(plain) {
        let help = format!("at most {LONGEST_NAME} letters, digits, `-` and `_`");
        section.refuse(
            "name",
            format!("`{name}` is no name of a health check"),
            help,
        );
    }
    let facts = (reader.read)(&kind, &mut section);
    if let (Some(facts), Some(on), About::Peer(vip, parked)) = (facts, on, about) {
        fits(&mut section, facts, on, (vip, parked));
    }
    if feeds == Feeds::Takeover && on == Some(Machine::Here) {
        let help = "feeds = \"alert\": what is wrong here is no reason to take anything over";
        section.refuse(
            "feeds",
            "a service of this machine cannot begin a takeover",
            help,
        );
    }
    let fine = section.end();
    let (on, facts) = (on?, facts?);
    fine.then(|| Health {
        name,
        on,
        interval,
        timeout,
        rise,
        fall,
        feeds,
        when: when.unwrap_or(AsksWhen::Always),
        asks: facts.asks,
        table: KindTable {
            at: at.to_owned(),
            kind,
            table: table.clone(),
        },
    })
}

/// What is asked is on the machine that it is about.
fn fits(
    section: &mut Section<'_, '_>,
    facts: HealthFacts,
    on: Machine,
    (vip, parked): (Option<Vip>, bool),
) {
    if facts.only_here && on == Machine::Peer {
        let help = "on = \"here\"; of the peer, kind = \"command\" with a program that asks it, or what it serves (tcp, http)";
        section.refuse("kind", "this kind sees nothing but this machine", help);
    }
    let is_vip = facts.asks == vip.map(|v| IpAddr::V4(v.addr));
    if facts.asks.is_some() && is_vip && parked && on == Machine::Peer {
        let help = "ask it at an address of its own (`management`)";
        let what = "this machine has the address too (port takeover), and would ask itself";
        let key = if section.has("at") { "at" } else { "url" };
        section.refuse(key, what, help);
    }
    let is_ours = facts.asks.is_some_and(|a| a.is_loopback());
    if is_ours && on == Machine::Peer {
        let key = if section.has("at") { "at" } else { "url" };
        section.refuse(key, "that is this machine", "an address of the peer");
    }
}
