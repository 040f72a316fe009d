//! `[switch.NAME]` and its `snmp` table; the other table is in [`super::ssh`].

use std::path::Path;

use super::names;
use super::range::{self, ms};
use super::ssh;
use crate::config::problem::Check;
use crate::config::resolved::{Snmp, SnmpAuth, Switch, Usm};
use crate::config::schema::{self, PrivProtocol, SnmpVersion, Way};
use crate::config::secret::{self, SecretFile, Use};
use crate::config::suggest::{nearest, quoted_list};
use crate::config::surroundings::Surroundings;

pub(super) fn switch(
    name: &str,
    switch: &schema::Switch,
    around: &Surroundings,
    state_dir: &Path,
    check: &mut Check<'_>,
    secrets: &mut Vec<SecretFile>,
) -> Option<Switch> {
    let at = format!("switch.{name}");
    let key = |k: &str| format!("{at}.{k}");
    names::name(&at, name, check);
    let address = check.require(
        &key("address"),
        switch.address,
        "the switch's management address, such as address = \"192.168.20.2\"",
    );
    if let Some(address) = address
        && (address.ip().is_unspecified()
            || address.ip().is_multicast()
            || address.ip().is_broadcast())
    {
        check.error(
            &key("address"),
            format!("{} is not the address of one switch", address.ip()),
            "the switch's management address",
        );
    }
    let profile = check.require(
        &key("profile"),
        switch.profile.clone(),
        "such as profile = \"generic-qbridge\"",
    );
    if let Some(profile) = &profile {
        known_profile(&key("profile"), profile, around, check);
    }
    if let Some(staleness) = switch.oper_staleness {
        range::duration(
            &key("oper-staleness"),
            staleness,
            (ms(0), ms(60_000)),
            check,
        );
    }
    for (list, ports) in [
        ("uplinks", &switch.uplinks),
        ("own-ports", &switch.own_ports),
    ] {
        for (i, port) in ports.iter().enumerate() {
            names::port(&format!("{at}.{list}[{i}]"), port, check);
        }
    }
    let snmp_at = key("snmp");
    let by_snmp = switch
        .snmp
        .as_ref()
        .map(|s| snmp(&snmp_at, s, check, secrets));
    let by_ssh = switch
        .ssh
        .as_ref()
        .map(|s| ssh::ssh(&key("ssh"), s, (address, state_dir), check, secrets));
    ways(&at, switch, profile.as_deref(), around, check);
    Some(Switch {
        name: name.to_owned(),
        address: address?,
        profile: profile?,
        oper_staleness: switch.oper_staleness,
        uplinks: switch.uplinks.clone(),
        own_ports: switch.own_ports.clone(),
        prefer: switch.prefer.clone(),
        snmp: complete(by_snmp)?,
        ssh: complete(by_ssh)?,
    })
}

/// `None` if it is there and not whole (which was said).
#[expect(
    clippy::option_option,
    reason = "the outer says whether it is whole, the inner whether it is there"
)]
fn complete<T>(table: Option<Option<T>>) -> Option<Option<T>> {
    match table {
        None => Some(None),
        Some(whole) => whole.map(Some),
    }
}

/// That there is a way to talk to the switch, and that its profile knows it.
fn ways(
    at: &str,
    switch: &schema::Switch,
    profile: Option<&str>,
    around: &Surroundings,
    check: &mut Check<'_>,
) {
    let refused = |table: &str| check.refused.iter().any(|r| *r == format!("{at}.{table}"));
    let there = |way: Way| match way {
        Way::Snmp => switch.snmp.is_some() || refused("snmp"),
        Way::Ssh => switch.ssh.is_some() || refused("ssh"),
    };
    let (snmp, ssh) = (there(Way::Snmp), there(Way::Ssh));
    if !snmp && !ssh {
        check.error(
            at,
            "there is no way to talk to this switch",
            format!(
                "add [{at}.snmp] with community-file (or version = \"3\" and its keys), or [{at}.ssh] with user"
            ),
        );
    }
    for (i, way) in switch.prefer.iter().enumerate() {
        let key = format!("{at}.prefer[{i}]");
        let (name, is_there) = match way {
            Way::Snmp => ("snmp", snmp),
            Way::Ssh => ("ssh", ssh),
        };
        if switch.prefer[..i].contains(way) {
            check.error(&key, format!("`{name}` is listed twice"), "each way once");
        } else if !is_there {
            check.error(
                &key,
                format!("there is no [{at}.{name}] to prefer"),
                format!("add that table, or take `{name}` out"),
            );
        }
    }
    let all = around.profiles.iter().flatten();
    let Some(known) = all.into_iter().find(|p| Some(p.name.as_str()) == profile) else {
        return;
    };
    let usable = (snmp && known.has_snmp) || (ssh && known.has_ssh);
    if (snmp || ssh) && !usable {
        let (has, table) = if known.has_ssh {
            ("over SSH only", "ssh")
        } else {
            ("by SNMP only", "snmp")
        };
        check.error(
            &format!("{at}.profile"),
            format!("profile `{}` works {has}", known.name),
            format!("add [{at}.{table}], or name another profile"),
        );
    }
}

fn known_profile(key: &str, profile: &str, around: &Surroundings, check: &mut Check<'_>) {
    let Some(profiles) = &around.profiles else {
        return;
    };
    let names: Vec<&str> = profiles.iter().map(|p| p.name.as_str()).collect();
    if !names.contains(&profile) {
        let help = match nearest(profile, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of {}", quoted_list(&names)),
        };
        check.error(key, format!("there is no switch profile `{profile}`"), help);
    }
}

fn snmp(
    at: &str,
    snmp: &schema::Snmp,
    check: &mut Check<'_>,
    secrets: &mut Vec<SecretFile>,
) -> Option<Snmp> {
    let key = |k: &str| format!("{at}.{k}");
    range::duration(&key("timeout"), snmp.timeout, (ms(20), ms(10_000)), check);
    range::number(&key("retries"), snmp.retries, (0, 10), check);
    let v3 = snmp.version == SnmpVersion::V3;
    let (only, strangers): (_, &[&str]) = if v3 {
        ("versions 1 and 2c", &["community-file"])
    } else {
        (
            "version 3",
            &[
                "user",
                "auth",
                "auth-file",
                "priv",
                "allow-des",
                "priv-file",
                "context",
            ],
        )
    };
    for name in strangers {
        if check.origin.has(&key(name)) {
            let version = if v3 {
                "remove it"
            } else {
                "remove it, or set version = \"3\""
            };
            check.error(
                &key(name),
                format!("`{name}` belongs to SNMP {only}"),
                version,
            );
        }
    }
    let mut secret = |name: &str, path: &Path, what, check: &Check<'_>| {
        secret::note(key(name), path, what, check, secrets)
    };
    let auth = if v3 {
        if snmp.user.is_empty() {
            check.error(
                &key("user"),
                "SNMP version 3 needs a user",
                "such as user = \"standin\"",
            );
        }
        if snmp.priv_file.is_some() && snmp.auth_file.is_none() {
            check.error(
                &key("priv-file"),
                "SNMP version 3 has no encryption without authentication (RFC 3411)",
                "add auth-file",
            );
        }
        if snmp.auth_file.is_none() {
            check.warn(
                &key("version"),
                "without auth-file anybody on the network can write to this switch as this user",
                "add auth-file and priv-file",
            );
        }
        des(snmp, &key, check);
        let auth_file = snmp.auth_file.as_ref();
        let auth = auth_file.map(|f| (snmp.auth, secret("auth-file", f, Use::PassPhrase, check)));
        let priv_file = snmp.priv_file.as_ref();
        let privacy =
            priv_file.map(|f| (snmp.privacy, secret("priv-file", f, Use::PassPhrase, check)));
        SnmpAuth::V3(Usm {
            user: snmp.user.clone(),
            auth,
            privacy,
            context: snmp.context.clone(),
        })
    } else {
        let help =
            "the file that holds the write community, such as community-file = \"core.community\"";
        let file = check.require(&key("community-file"), snmp.community_file.clone(), help)?;
        let community_file = secret("community-file", &file, Use::Community, check);
        match snmp.version {
            SnmpVersion::V1 => SnmpAuth::V1 { community_file },
            SnmpVersion::V2c | SnmpVersion::V3 => SnmpAuth::V2c { community_file },
        }
    };
    Some(Snmp {
        auth,
        timeout: snmp.timeout,
        retries: snmp.retries,
    })
}

/// A key of 56 bits is found by trying them all: DES only where the switch has nothing else, and by name.
fn des(snmp: &schema::Snmp, key: &dyn Fn(&str) -> String, check: &mut Check<'_>) {
    match (snmp.privacy, snmp.allow_des) {
        (PrivProtocol::Des, false) => check.error(
            &key("priv"),
            "DES is broken: who records the traffic can find the key",
            "aes128, or newer firmware; if the switch has nothing else, allow-des = true",
        ),
        (PrivProtocol::Des, true) => check.warn(
            &key("priv"),
            "DES is broken: who records the traffic can find the key",
            "keep it to a management network, and use aes128 as soon as the switch can",
        ),
        (_, true) => check.warn(
            &key("allow-des"),
            "`allow-des` says nothing while `priv` is not \"des\"",
            "remove it",
        ),
        (_, false) => {}
    }
}
