//! Switches of every kind, a machine that has them in its configuration, and the program that is asked there.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use assert_cmd::cargo::CommandCargoExt;

use crate::cli_model::family::Family;
use crate::cli_model::{ENABLE, Faults, Kind, Model, PASSWORD};
use crate::sentinel::forms;
use crate::switch_agent::{AUTH, COMMUNITY, Fake, PRIVACY, mac};

const PASSPHRASE: &str = "SENTINEL-key-passphrase";
const HEARTBEAT: &str = "SENTINEL-heartbeat-key-0123456789abcdef";
/// In the configuration of the switch itself: in a backup it may be, nowhere else.
pub const OF_THE_SWITCH: &str = "SENTINEL-of-the-switch";

fn secret_file(path: &Path, text: &str) -> String {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
    path.display().to_string()
}

/// Everything that is asked, and a machine that asks.
pub struct Site {
    dir: tempfile::TempDir,
    pub switches: Vec<(String, &'static str)>,
    config: String,
    pub fake: Fake,
    pub models: Vec<Model>,
}

impl Site {
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn snmp(&mut self, name: &str, address: SocketAddr, rest: &str) {
        write!(
            self.config,
            "[switch.{name}]\naddress = \"{address}\"\nprofile = \"generic-qbridge\"\noper-staleness = \"0s\"\nuplinks = [\"ge48\"]\n[switch.{name}.snmp]\n{rest}\n"
        )
        .unwrap();
        self.switches.push((name.to_owned(), "ge1"));
    }

    fn ssh(&mut self, name: &str, port: u16, known: &Path, rest: &str) {
        write!(
            self.config,
            "[switch.{name}]\naddress = \"127.0.0.1\"\nprofile = \"cisco-ios\"\n[switch.{name}.ssh]\nport = {port}\nuser = \"ops\"\nknown-hosts = \"{}\"\ntimeout = \"10s\"\n{rest}\n",
            known.display()
        )
        .unwrap();
        self.switches.push((name.to_owned(), "Gi1/0/1"));
    }

    async fn model(&mut self, name: &str, faults: Faults, rest: &str) {
        let model = Model::start(Family::Ios, faults).await;
        model.with(|s| {
            s.truth.secrets = vec![
                // Another one at every look, so that `diff` has something to say of it.
                format!("snmp-server community {OF_THE_SWITCH}{{n}} RW"),
                format!("username eve password 7 {OF_THE_SWITCH}"),
            ];
        });
        let (port, known) = (model.address.port(), model.known_hosts());
        self.ssh(name, port, &known, rest);
        self.models.push(model);
    }

    pub async fn new() -> Site {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("secrets")).unwrap();
        let fake = Fake::with_vlans().await;
        let address = fake.address;
        let mut site = Site {
            dir,
            switches: Vec::new(),
            config: String::new(),
            fake,
            models: Vec::new(),
        };
        let secret = |name: &str, text: &str| secret_file(&site.path("secrets").join(name), text);
        let community = secret("community", COMMUNITY);
        let wrong_community = secret("wrong-community", "SENTINEL-wrong-community");
        let (auth, privacy) = (secret("auth", AUTH), secret("priv", PRIVACY));
        let wrong = secret("wrong", "SENTINEL-wrong-phrase");
        let password = secret("password", PASSWORD);
        let enable = secret("enable", ENABLE);
        let passphrase = secret("passphrase", PASSPHRASE);
        let heartbeat = secret("heartbeat", HEARTBEAT);
        let key = site.path("secrets").join("key");
        let made = Command::new("ssh-keygen")
            .args([
                "-q",
                "-t",
                "ed25519",
                "-N",
                PASSPHRASE,
                "-C",
                "SENTINEL-comment",
                "-f",
            ])
            .arg(&key)
            .status();
        let has_key = made.is_ok_and(|s| s.success());
        let usm = |auth: &str, privacy: &str| {
            format!(
                "version = \"3\"\nuser = \"ops\"\nauth-file = \"{auth}\"\npriv-file = \"{privacy}\""
            )
        };
        let v2 = |file: &str| format!("community-file = \"{file}\"");
        let patient = |rest: String| format!("timeout = \"3s\"\nretries = 1\n{rest}");
        let hasty = |rest: String| format!("timeout = \"300ms\"\nretries = 0\n{rest}");
        site.snmp("two", address, &patient(v2(&community)));
        site.snmp("two-wrong", address, &hasty(v2(&wrong_community)));
        site.snmp("three", address, &patient(usm(&auth, &privacy)));
        site.snmp("three-wrong-auth", address, &hasty(usm(&wrong, &privacy)));
        site.snmp("three-wrong-priv", address, &hasty(usm(&auth, &wrong)));
        let closed = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        site.snmp("nobody", closed, &hasty(v2(&community)));
        let with = |password: &str, enable: &str| {
            format!("password-file = \"{password}\"\nenable-file = \"{enable}\"")
        };
        let good = with(&password, &enable);
        site.model("shell", Faults::default(), &good).await;
        let repeats = Faults {
            at: Some((Kind::Refuses, 2)),
            repeats_secrets: true,
            ..Faults::default()
        };
        let garbles = Faults {
            repeats_secrets: true,
            garbles: true,
            ..Faults::default()
        };
        site.model("shell-garbles", garbles, &good).await;
        site.model("shell-repeats", repeats, &good).await;
        site.model("shell-wrong", Faults::default(), &with(&wrong, &enable))
            .await;
        site.model(
            "shell-wrong-enable",
            Faults::default(),
            &with(&password, &wrong),
        )
        .await;
        let breaks = Faults {
            at: Some((Kind::HangsBefore, 2)),
            repeats_secrets: true,
            ..Faults::default()
        };
        site.model("shell-breaks", breaks, &good).await;
        if has_key {
            let keyed = format!(
                "key-file = \"{}\"\npassphrase-file = \"{passphrase}\"",
                key.display()
            );
            site.model("shell-key", Faults::default(), &keyed).await;
            let keyed = format!(
                "key-file = \"{}\"\npassphrase-file = \"{wrong}\"",
                key.display()
            );
            site.model("shell-key-wrong", Faults::default(), &keyed)
                .await;
        }
        let known = site.path("nobody_known");
        site.ssh("shell-nobody", closed.port(), &known, &good);
        std::fs::write(site.path("cameras.csv"), "name,address\ncam1,192.0.2.21\n").unwrap();
        let peers = format!(
            "[heartbeat]\nport = {}\nkey-file = \"{heartbeat}\"\n\
             [peer.cctv]\nkind = \"agentless\"\nvip = \"192.0.2.10/24\"\ninterface = \"lo\"\nmac = \"{}\"\n\
             [[peer.cctv.fence]]\nswitch = \"two\"\nports = [\"ge1\"]\nalias = \"slave-a\"\npersist = false\n\
             [peer.cctv.verify]\ncameras = \"cameras.csv\"\n\
             [peer.twin]\nkind = \"pair\"\nvip = \"192.0.2.11/24\"\ninterface = \"lo\"\nmac = \"{}\"\naddresses = [\"127.78.0.2\"]\n\
             [[peer.twin.fence]]\nswitch = \"three\"\nports = [\"ge2\"]\npersist = false\n\
             [peer.twin.verify]\ncameras = \"cameras.csv\"\n",
            free_udp(),
            mac(1),
            mac(2)
        );
        let socket = site.path("standin.sock").display().to_string();
        let text = format!(
            "[node]\nname = \"test\"\nstate-dir = \"state\"\nsocket = \"{socket}\"\nrealtime = false\n{}{peers}",
            site.config
        );
        std::fs::write(site.path("standin.toml"), text).unwrap();
        site
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("standin").unwrap();
        command
            .arg("--config")
            .arg(self.path("standin.toml"))
            .args(arguments)
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "1")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null());
        command
    }

    /// What a command said, and what of it is secret.
    pub async fn ask(&self, arguments: Vec<String>) -> (i32, Vec<u8>, Vec<String>) {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.command(&words);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let said = [output.stdout.clone(), output.stderr].concat();
        let leaks = forms::leaks(words.join(" "), &said);
        (output.status.code().unwrap_or(-1), said, leaks)
    }

    /// Every file that the program made.
    pub fn files(&self) -> Vec<PathBuf> {
        let ours = ["standin.toml", "cameras.csv"];
        let mut all = Vec::new();
        let mut folders = vec![self.dir.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                match entry.file_type().unwrap() {
                    t if t.is_dir() && path != self.path("secrets") => folders.push(path),
                    t if t.is_file() && !ours.iter().any(|n| path.ends_with(n)) => all.push(path),
                    _ => {}
                }
            }
        }
        all
    }
}

fn free_udp() -> u16 {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}
