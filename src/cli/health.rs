//! What `check` and `status` say of the health checks: each is asked itself, once, or as the daemon judges it.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;

use super::placement::Said;
use crate::config::{Config, Health, Peer, Redirect};
use crate::daemon::health::{is_asked, kit, name_of};
use crate::daemon::redirects;
use crate::health::{self, Kit, Looked};
use crate::host::real::{RealDisk, RealKernel, RealPrograms, RealWire};
use crate::host::{Disk, Host};
use crate::net::kernel_view::KernelView;
use crate::net::netlink::Netlink;
use crate::types::StepName;

/// Each check of a peer, tried once.
pub(super) async fn check(config: &Config) -> Vec<(String, Said)> {
    let mut all = Vec::new();
    for peer in config.peers.values() {
        all.extend(of_peer(config, peer).await);
    }
    all
}

async fn of_peer(config: &Config, peer: &Peer) -> Vec<(String, Said)> {
    let Some(host) = host().filter(|_| !peer.health.is_empty()) else {
        return Vec::new();
    };
    let owner = match Netlink::open() {
        Ok(netlink) => KernelView::read(&netlink).await.ok(),
        Err(_) => None,
    };
    let owner = owner.is_some_and(|v| v.places_of(peer.vip.addr).any(|a| a.ours));
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let disk = (disk, config.node.state_dir.clone());
    let looks = peer.health.iter().map(async |health| {
        let what = format!("health check {} of {}", health.name, peer.name);
        if !is_asked(health, owner, IpAddr::V4(peer.vip.addr)) {
            let text = "not tried: it is looked at while the machine that it is on has the address";
            return (what, Said::Ok(text.to_owned()));
        }
        let kit = |name| kit(&config.node.name, peer, (health, name), &host, &disk);
        (what, once(config, health, kit).await)
    });
    futures_util::future::join_all(looks).await
}

/// The checks of a redirect.
pub(super) async fn of_redirect(config: &Config, redirect: &Redirect) -> Vec<(String, Said)> {
    let Some(host) = host() else {
        return Vec::new();
    };
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let disk = (disk, config.node.state_dir.clone());
    let looks = redirect.health.iter().map(async |health| {
        let what = format!("health check {} of {}", health.name, redirect.name);
        let kit = |name| {
            redirects::check_kit(
                &config.node.name,
                &redirect.name,
                (health, name),
                &host,
                &disk,
            )
        };
        (what, once(config, health, kit).await)
    });
    futures_util::future::join_all(looks).await
}

fn host() -> Option<Host> {
    Some(Host {
        kernel: Arc::new(RealKernel::of(Netlink::open().ok()?)),
        wire: Arc::new(RealWire),
        programs: Arc::new(RealPrograms),
    })
}

async fn once(config: &Config, health: &Health, kit: impl FnOnce(StepName) -> Kit) -> Said {
    let check = health::check_of(health, &config.origin);
    let check = check.map_err(|problems| {
        let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
        words.join("; ")
    });
    let (check, name) = match check.and_then(|c| Ok((c, name_of(health)?))) {
        Ok(both) => both,
        Err(why) => return Said::Failed(why),
    };
    let what = check.what();
    match health::look(check, &kit(name), health.timeout).await {
        Looked::Good(said) => Said::Ok(format!("{what} {said}")),
        Looked::Bad(why) => Said::Failed(why),
        Looked::NotAsked(why) => Said::Failed(format!("it cannot be looked at from here: {why}")),
    }
}

/// What `status` says of the checks of a peer: how many are well, and each that is not.
pub(super) fn lines(peer: &Value) -> Vec<String> {
    let all: Vec<&Value> = peer["health"].as_array().into_iter().flatten().collect();
    if all.is_empty() {
        return Vec::new();
    }
    let count = |state: &str| all.iter().filter(|c| c["state"] == state).count();
    let mut first = format!("{} of {} well", count("up"), all.len());
    for (state, words) in [("paused", "not looked at now"), ("unknown", "not known")] {
        match count(state) {
            0 => {}
            n => first = format!("{first}, {n} {words}"),
        }
    }
    let text = |v: &Value| v.as_str().unwrap_or("?").to_owned();
    let not_well = all
        .iter()
        .filter(|c| c["state"] == "down" || c["state"] == "unknown");
    let each = not_well.map(|c| {
        let whose = match c["on"].as_str() {
            Some("here") => "of this machine",
            Some(_) => "of the peer",
            None => "of a place",
        };
        let s = c["for_ms"].as_u64().unwrap_or(0) / 1000;
        let said = c["said"]
            .as_str()
            .map_or_else(String::new, |s| format!(": {s}"));
        match c["state"].as_str() {
            Some("down") => format!("{} {whose} NOT WELL for {s} s{said}", text(&c["name"])),
            _ => format!("{} {whose} not known{said}", text(&c["name"])),
        }
    });
    std::iter::once(first).chain(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_well_is_counted_and_the_rest_is_named() {
        assert_eq!(lines(&json!({ "health": [] })), Vec::<String>::new());
        let check = |name: &str, state: &str| json!({ "name": name, "on": "peer", "state": state, "for_ms": 7000, "said": "closed" });
        let all = [
            check("a", "up"),
            check("b", "down"),
            check("c", "paused"),
            check("d", "unknown"),
        ];
        let said = lines(&json!({ "health": all }));
        assert_eq!(
            said,
            [
                "1 of 4 well, 1 not looked at now, 1 not known",
                "b of the peer NOT WELL for 7 s: closed",
                "d of the peer not known: closed",
            ]
        );
    }
}
