//! `kind = "unit"` by what systemctl says. (A real systemd is asked in tests/service_systemd.rs, through the same adapter.)

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use standin::health;
use standin::host::{Programs, Reply};
use standin::net::nft::NftError;
use standin::service::{Ended, ServiceError};

use crate::health::{Is, Site, is};

struct Says(&'static str, i32);

impl Programs for Says {
    fn nft<'a>(
        &'a self,
        _: &'a [&'a str],
        _: &'a str,
        _: Duration,
        _: &'a str,
    ) -> Reply<'a, String, NftError> {
        unreachable!("no check asks nft")
    }

    fn run<'a>(
        &'a self,
        program: &'a str,
        arguments: &'a [String],
        _: Duration,
    ) -> Reply<'a, Ended, ServiceError> {
        assert_eq!(program, "systemctl");
        assert_eq!(arguments[0], "show", "a look changes nothing");
        let status = ExitStatus::from_raw(self.1 << 8);
        std::future::ready(Ok(Ended {
            status,
            output: self.0.to_owned(),
        }))
        .boxed()
    }

    fn feed<'a>(
        &'a self,
        _: &'a str,
        _: &'a [String],
        _: &'a str,
        _: Duration,
    ) -> Reply<'a, Ended, ServiceError> {
        unreachable!("nothing is fed")
    }
}

#[tokio::test]
async fn how_systemd_has_a_unit() {
    let site = Site::default();
    let within = Duration::from_secs(1);
    for (said, code, expected) in [
        (
            "LoadState=loaded\nActiveState=active\nSubState=running\n",
            0,
            Is::Good("active (running)"),
        ),
        (
            "LoadState=loaded\nActiveState=active\nSubState=exited\n",
            0,
            Is::Good("active (exited)"),
        ),
        (
            "LoadState=loaded\nActiveState=reloading\nSubState=reload\n",
            0,
            Is::Good("reloading"),
        ),
        (
            "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\n",
            0,
            Is::Bad("activating (auto-restart)"),
        ),
        (
            "LoadState=loaded\nActiveState=failed\nSubState=failed\n",
            0,
            Is::Bad("failed (failed); see: journalctl -u a.service"),
        ),
        (
            "LoadState=loaded\nActiveState=inactive\nSubState=dead\n",
            0,
            Is::Bad("inactive (dead)"),
        ),
        (
            "LoadState=not-found\nActiveState=inactive\nSubState=dead\n",
            0,
            Is::Bad("knows no unit"),
        ),
        (
            "LoadState=masked\nActiveState=inactive\nSubState=dead\n",
            0,
            Is::Bad("masked"),
        ),
        (
            "System has not been booted with systemd",
            1,
            Is::NotAsked("systemd does not run"),
        ),
    ] {
        let check = site.check("unit", "unit = \"a.service\"");
        let kit = site.kit_with(within, Arc::new(Says(said, code)));
        let looked = health::look(check, &kit, within).await;
        is(
            &looked,
            expected,
            &format!("unit: {}", said.lines().last().unwrap()),
        );
    }
}
