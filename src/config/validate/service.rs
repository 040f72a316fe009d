//! `service`, `announce`, `address`, `verify` and `release` of a peer.

use super::range::{self, ms};
use crate::config::problem::Check;
use crate::config::schema;

pub(super) fn service(at: &str, peer: &schema::Peer, check: &mut Check<'_>) {
    let key = |k: &str| format!("{at}.{k}");
    let service = &peer.service;
    if service.port == 0 {
        check.error(
            &key("service.port"),
            "0 is not a TCP port",
            "the port the cameras push to, such as 1935",
        );
    }
    if !service.unit.is_empty() && !service.command.is_empty() {
        check.clash(
            &key("service.command"),
            (&key("service.unit"), "also given"),
            "the service is started by a unit or by a command, not by both".to_owned(),
            "leave one of them empty",
        );
    }
    unit(&key("service.unit"), &service.unit, check);
    command(&key("service.command"), &service.command, check);
    let durations = [
        ("service.timeout", service.timeout, (ms(1_000), ms(600_000))),
        (
            "address.lifetime",
            peer.address.lifetime,
            (ms(2_000), ms(300_000)),
        ),
        (
            "verify.within",
            peer.verify.within,
            (ms(1_000), ms(600_000)),
        ),
        (
            "release.timeout",
            peer.release.timeout,
            (ms(1_000), ms(600_000)),
        ),
    ];
    for (name, value, limits) in durations {
        range::duration(&key(name), value, limits, check);
    }
    if peer.address.lifetime.subsec_nanos() != 0 {
        check.error(
            &key("address.lifetime"),
            "the kernel counts the life time of an address in whole seconds",
            "such as \"10s\"",
        );
    }
    let refresh = peer.announce.refresh;
    if !refresh.is_zero() {
        range::duration(
            &key("announce.refresh"),
            refresh,
            (ms(2_000), ms(3_600_000)),
            check,
        );
    }
    let pace = peer.announce.arp_per_second;
    range::number(&key("announce.arp-per-second"), pace, (1, 10_000), check);
}

/// A unit's name goes to `systemctl start` as it is (systemd.unit(5), "String Escaping").
pub(in crate::config) fn unit(key: &str, unit: &str, check: &mut Check<'_>) {
    if unit.is_empty() {
        return;
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    if !unit.chars().all(allowed) || unit.starts_with('-') || unit.len() > 255 {
        check.error(
            key,
            format!("`{unit}` cannot be the name of a systemd unit"),
            "such as \"nginx.service\"",
        );
    } else if !unit.contains('.') {
        check.error(
            key,
            format!("`{unit}` does not say what kind of unit it is"),
            format!("\"{unit}.service\""),
        );
    }
}

pub(in crate::config) fn command(key: &str, command: &[String], check: &mut Check<'_>) {
    let Some(program) = command.first() else {
        return;
    };
    if !program.starts_with('/') {
        let help = if program.contains(' ') {
            "one list item for each argument: [\"/usr/bin/docker\", \"compose\", \"up\", \"-d\"]"
        } else {
            "such as [\"/usr/bin/docker\", \"compose\", \"up\", \"-d\"]"
        };
        check.error(
            &format!("{key}[0]"),
            format!("`{program}` is not a full path: a daemon's search path is nobody's promise"),
            help,
        );
    }
    for (i, argument) in command.iter().enumerate() {
        if argument.contains('\0') {
            check.error(
                &format!("{key}[{i}]"),
                "an argument cannot hold a zero byte",
                "remove it",
            );
        }
    }
}
