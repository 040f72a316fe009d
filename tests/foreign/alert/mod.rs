//! Alert sinks: what is kept and sent when, on virtual time; and each kind against a real server, with its faults.

mod alertmanager;
mod board;
mod command;
mod keeper;
mod keys;
mod program;
mod receiver;
mod smtp;
mod syslog;
mod webhook;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use standin::alert::{self, Bulletin, Kit, Refusal, Sink};
use standin::config::{Config, ConfigErrors, SAMPLE, Surroundings};
use standin::host::real::RealPrograms;
use standin::takeover::action::Level;

/// A folder with a configuration that has sinks.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Site {
        let site = Site(tempfile::tempdir().unwrap());
        fs::write(site.path("cameras.csv"), "name,address\n").unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
        self.path(name)
    }

    /// The sample with these `[[alert.sink]]`, each with its own keys.
    fn read(&self, sinks: &[&str]) -> Result<Config, ConfigErrors> {
        let tables = sinks.iter().map(|keys| format!("[[alert.sink]]\n{keys}\n"));
        let text = format!("{SAMPLE}\n{}", tables.collect::<String>());
        let around = Surroundings {
            sinks: alert::READER,
            ..Surroundings::default()
        };
        Config::from_text(&self.path("standin.toml"), &text, &around).map(|(config, _)| config)
    }

    /// The sink `a` with these keys.
    fn sink(&self, keys: &str) -> Arc<dyn Sink> {
        let keys = format!("name = \"a\"\n{keys}");
        let config = self.read(&[&keys]);
        let config = config.unwrap_or_else(|e| panic!("{}", e.render(false)));
        alert::sink_of(&config.sinks[0], &config.origin).unwrap()
    }
}

fn kit(within_ms: u64) -> Kit {
    Kit {
        node: "spare".to_owned(),
        within: Duration::from_millis(within_ms),
        programs: Arc::new(RealPrograms),
    }
}

/// An alarm that stands.
fn fence_stale() -> Bulletin {
    Bulletin {
        key: "fence-stale".to_owned(),
        peer: "cctv".to_owned(),
        level: Level::Critical,
        text: "the switch core does not say whether the fence still stands: \u{201e}keine Antwort\u{201c}".to_owned(),
        was: String::new(),
        next: "Mend the way to the switch.".to_owned(),
        since_us: 1_796_000_000_000_000,
        until_us: None,
        once: false,
        count: 3,
    }
}

/// The same, over.
fn fence_read_again() -> Bulletin {
    Bulletin {
        text: "the fence is read again".to_owned(),
        was: fence_stale().text,
        until_us: Some(1_796_000_060_000_000),
        ..fence_stale()
    }
}

async fn send(
    sink: &Arc<dyn Sink>,
    bulletin: &Bulletin,
    within_ms: u64,
) -> Result<String, Refusal> {
    sink.send(&kit(within_ms), bulletin).await
}
