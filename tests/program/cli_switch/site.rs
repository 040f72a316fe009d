//! A switch, a machine that has it in its configuration, and the program.

use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::cargo::CommandCargoExt;
use serde_json::Value;
use tempfile::TempDir;

use crate::switch_agent::{COMMUNITY, Fake, mac};

/// A switch, and a machine that has it in its configuration.
pub struct Site {
    pub fake: Fake,
    pub dir: TempDir,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

pub fn secret_file(path: &Path, text: &str, mode: u32) {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

impl Site {
    pub async fn new() -> Site {
        let fake = Fake::with_vlans().await;
        let dir = tempfile::tempdir().unwrap();
        let site = Site { fake, dir };
        secret_file(&site.path("core.community"), COMMUNITY, 0o600);
        std::fs::write(site.path("cameras.csv"), "name,address\ncam1,192.0.2.21\n").unwrap();
        let text = format!(
            "[node]\nname = \"test\"\nstate-dir = \"state\"\n\
             [switch.core1]\naddress = \"{}\"\nprofile = \"generic-qbridge\"\noper-staleness = \"0s\"\nuplinks = [\"ge48\"]\n\
             [switch.core1.snmp]\ncommunity-file = \"core.community\"\ntimeout = \"500ms\"\n\
             [peer.cctv]\nkind = \"agentless\"\nvip = \"192.0.2.10/24\"\ninterface = \"lo\"\nmac = \"{}\"\n\
             [[peer.cctv.fence]]\nswitch = \"core1\"\nports = [\"ge1\"]\nalias = \"slave-a\"\npersist = false\n\
             [peer.cctv.verify]\ncameras = \"cameras.csv\"\n",
            site.fake.address,
            mac(1)
        );
        std::fs::write(site.path("standin.toml"), text).unwrap();
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the program with this configuration; no output of it may hold a secret.
    pub async fn run(&self, arguments: &[&str]) -> Said {
        let config = self.path("standin.toml").display().to_string();
        let arguments: Vec<String> = ["--config", &config]
            .iter()
            .chain(arguments)
            .map(|s| (*s).to_owned())
            .collect();
        // The agent runs in this process: it must go on while the program waits for it.
        let output = tokio::task::spawn_blocking(move || {
            // `STANDIN_BIN` names another program under test.
            let mut program = match std::env::var_os("STANDIN_BIN") {
                Some(other) => Command::new(other),
                None => Command::cargo_bin("standin").unwrap(),
            };
            program.args(arguments).output().unwrap()
        });
        let output = output.await.unwrap();
        let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
        let said = Said {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        assert!(
            !said.out.contains("SENTINEL") && !said.err.contains("SENTINEL"),
            "{said:?}"
        );
        assert!(!said.err.contains("panicked"), "{said:?}");
        said
    }

    pub async fn ok(&self, arguments: &[&str]) -> Said {
        let said = self.run(arguments).await;
        assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
        said
    }

    /// As `--target`, without any configuration.
    pub fn target(&self) -> [String; 4] {
        let file = self.path("core.community").display().to_string();
        [
            "--target".into(),
            self.fake.address.to_string(),
            "--community-file".into(),
            file,
        ]
    }

    pub async fn at_target(&self, before: &[&str], after: &[&str]) -> Said {
        let target = self.target();
        let none = self.path("none.toml").display().to_string();
        let mut all: Vec<&str> = vec!["--config", &none];
        all.splice(0..0, before.iter().copied());
        all.extend(target.iter().map(String::as_str));
        all.extend(after);
        // `run` gives a configuration first; the one given last counts nowhere, because none is read.
        let all: Vec<&str> = all
            .into_iter()
            .filter(|a| *a != "--config" && *a != none)
            .collect();
        std::fs::rename(self.path("standin.toml"), self.path("away")).unwrap();
        let said = self.run(&all).await;
        std::fs::rename(self.path("away"), self.path("standin.toml")).unwrap();
        said
    }

    /// No file that was written holds a secret, and none is open to others.
    pub fn files_are_clean(&self, folder: &str) {
        for entry in std::fs::read_dir(self.path(folder)).unwrap() {
            let path = entry.unwrap().path();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", path.display());
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains("SENTINEL"), "{text}");
        }
    }
}
