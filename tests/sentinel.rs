//! No secret is in anything that comes out: every command of `standin switch` and `profile`, `check`, `plan`, `status`
//! and `report`, against switches that answer, refuse, break and repeat what they were told, and the daemon and the
//! library with every log line there is.
//!
//! All secrets contain one word. It is looked for as it is, in hexadecimal, in base64 at each of its three alignments,
//! and as a list of bytes.

#[expect(dead_code, reason = "each test binary uses a part of the switch")]
mod cli_model;
#[expect(
    dead_code,
    reason = "one agent for several tests, each of which needs a part of it"
)]
mod switch_agent;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assert_cmd::cargo::CommandCargoExt;
use cli_model::family::Family;
use cli_model::{ENABLE, Faults, Kind, Model, PASSWORD};
use secrecy::SecretString;
use standin::switch::{
    ChangeRequest, Credentials, Operation, Profile, Switch, SwitchTarget, change,
};
use standin::types::VlanId;
use switch_agent::{AUTH, COMMUNITY, Fake, PRIVACY, mac, v2c, v3};

const WORD: &str = "SENTINEL";
const PASSPHRASE: &str = "SENTINEL-key-passphrase";
const HEARTBEAT: &str = "SENTINEL-heartbeat-key-0123456789abcdef";
/// In the configuration of the switch itself: in a backup it may be, nowhere else.
const OF_THE_SWITCH: &str = "SENTINEL-of-the-switch";

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            let digit = usize::try_from(group >> (18 - 6 * i) & 63).unwrap();
            out.push(char::from(DIGITS[digit]));
        }
    }
    out
}

/// The word in every form that is looked for, with the form's name.
fn forms() -> Vec<(&'static str, String)> {
    let hex: Vec<String> = WORD.bytes().map(|b| format!("{b:02x}")).collect();
    let decimal: Vec<String> = WORD.bytes().map(|b| b.to_string()).collect();
    let mut forms = vec![
        ("plain", WORD.to_owned()),
        ("hex", hex.concat()),
        ("hex with blanks", hex.join(" ")),
        ("hex with colons", hex.join(":")),
        ("hex list", hex.join(", 0x")),
        ("list of bytes", decimal.join(", ")),
        ("dotted", decimal.join(".")),
    ];
    for at in 0..3 {
        // What stands before the word decides how its first digits look; those that it shares are left out.
        let text = base64(&[vec![0; at], WORD.as_bytes().to_vec()].concat());
        let from = [0, 2, 3][at];
        let whole = (at + WORD.len()) / 3 * 4;
        forms.push(("base64", text[from..whole].to_owned()));
    }
    forms
}

/// The forms in which the word is in `text`.
fn found(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let lower = text.to_lowercase();
    forms()
        .into_iter()
        .filter(|(form, needle)| match *form {
            "base64" => text.contains(needle.as_str()),
            _ => lower.contains(&needle.to_lowercase()),
        })
        .map(|(form, needle)| {
            let at = match form {
                "base64" => text.find(&needle),
                _ => lower.find(&needle.to_lowercase()),
            };
            let from = at.unwrap_or(0).saturating_sub(120);
            let around: String = text.chars().skip(from).take(320).collect();
            format!("{form}: ...{around}...")
        })
        .collect()
}

#[test]
fn every_form_is_found_where_it_is_and_nowhere_else() {
    let secret = format!("xy{WORD}-zz");
    assert_eq!(base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw");
    for shift in 0..3 {
        let mut text = vec![b'_'; shift];
        text.extend(secret.as_bytes());
        assert!(
            !found(base64(&text).as_bytes()).is_empty(),
            "base64 {shift}"
        );
    }
    assert!(!found(format!("{:?}", secret.as_bytes()).as_bytes()).is_empty());
    let hex: String = secret.bytes().map(|b| format!("{b:02X}")).collect();
    assert!(!found(hex.as_bytes()).is_empty());
    assert!(found(b"nothing that is secret, SENTINE or sentine-l").is_empty());
}

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
struct Site {
    dir: tempfile::TempDir,
    switches: Vec<(String, &'static str)>,
    config: String,
    _fake: Fake,
    models: Vec<Model>,
}

impl Site {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn snmp(&mut self, name: &str, address: std::net::SocketAddr, rest: &str) {
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

    async fn new() -> Site {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("secrets")).unwrap();
        let fake = Fake::with_vlans().await;
        let address = fake.address;
        let mut site = Site {
            dir,
            switches: Vec::new(),
            config: String::new(),
            _fake: fake,
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

    fn command(&self, arguments: &[&str]) -> Command {
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

    /// Every file that the program made.
    fn files(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        let mut folders = vec![self.dir.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                match entry.file_type().unwrap() {
                    t if t.is_dir() && path != self.path("secrets") => folders.push(path),
                    t if t.is_file() => all.push(path),
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

/// What a command said, and what of it is secret.
async fn ask(site: &Arc<Site>, arguments: Vec<String>) -> (i32, Vec<u8>, Vec<String>) {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut command = site.command(&words);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let said = [output.stdout.clone(), output.stderr].concat();
    let leaks = found(&said)
        .into_iter()
        .map(|l| format!("{}: {l}", words.join(" ")))
        .collect();
    (output.status.code().unwrap_or(-1), said, leaks)
}

/// What is asked of a switch; of one that lets nobody in only what differs in how it fails.
fn commands(switch: &str, port: &str) -> Vec<Vec<String>> {
    let lines = [
        format!("switch trust {switch} --yes"),
        format!("switch identify {switch}"),
        format!("switch ports {switch}"),
        format!("switch find {switch} {}", mac(1)),
        format!("switch preflight {switch} --port {port}"),
        format!("switch plan {switch} set-access-vlan {port} 20"),
        format!("switch backup {switch}"),
        format!("switch apply {switch} set-access-vlan {port} 20 --yes --within 20s"),
        format!("switch diff {switch}"),
        format!("switch apply {switch} port-off {port} --yes --within 20s"),
        format!("switch apply {switch} save --yes --within 20s"),
    ];
    // A key's pass phrase is turned into a key slowly, on purpose: a switch with one is asked less.
    let few = match switch {
        s if s.contains("key") => 2,
        s if s.contains("wrong") || s.contains("nobody") => 8,
        _ => lines.len(),
    };
    let lines = &lines[..few];
    lines
        .iter()
        .flat_map(|l| {
            let plain: Vec<String> = l.split(' ').map(str::to_owned).collect();
            let mut json = plain.clone();
            json.push("--json".into());
            [plain, json]
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_command_prints_or_keeps_a_secret() {
    let site = Arc::new(Site::new().await);
    let (code, said, leaks) = ask(&site, vec!["check".into(), "--offline".into()]).await;
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(
        code == 0 && leaks.is_empty(),
        "the configuration is not right: {said} {leaks:?}"
    );

    let gate = Arc::new(tokio::sync::Semaphore::new(6));
    let mut tasks = Vec::new();
    for (switch, port) in site.switches.clone() {
        let (site, gate) = (site.clone(), gate.clone());
        tasks.push(tokio::spawn(async move {
            let (mut leaks, mut codes, mut diff) = (Vec::new(), Vec::new(), String::new());
            for arguments in commands(&switch, port) {
                let _turn = gate.acquire().await.unwrap();
                let what = arguments.join(" ");
                let (code, said, found) = ask(&site, arguments).await;
                if what == "switch diff shell" {
                    diff = String::from_utf8_lossy(&said).into_owned();
                }
                codes.push((what, code));
                leaks.extend(found);
            }
            (diff, leaks, codes)
        }));
    }
    let (mut leaks, mut codes, mut diff) = (Vec::new(), Vec::new(), String::new());
    for task in tasks {
        let (said, found, ended) = task.await.unwrap();
        diff.push_str(&said);
        leaks.extend(found);
        codes.extend(ended);
    }
    let target = site._fake.address.to_string();
    let community = site.path("secrets/community").display().to_string();
    let wrong = site.path("secrets/wrong-community").display().to_string();
    let recording = site.path("made.snmprec").display().to_string();
    let at = |words: &str, file: &str| format!("{words} --target {target} --community-file {file}");
    for line in [
        "switch list".to_owned(),
        "switch undo --list".into(),
        "switch undo nothing".into(),
        "check".into(),
        "plan cctv".into(),
        "plan twin".into(),
        "status".into(),
        "report --list".into(),
        "report".into(),
        "unfence two:ge2".into(),
        "profile list".into(),
        "profile show cisco-ios".into(),
        at("switch identify", &community),
        at("switch ports", &wrong),
        at(&format!("profile record --out {recording}"), &community),
        at("profile record --out never.snmprec", &wrong),
        format!("profile try generic-qbridge {recording} --port ge1"),
        at("profile try generic-qbridge --port ge1", &community),
        format!("profile lint {}", site.path("standin.toml").display()),
        // A file that is not what it should be is not quoted, were it the one with the secret.
        format!("profile lint {community}"),
        format!("replay {community}"),
        format!("switch diff two {community}"),
        format!(
            "switch ports --target {target} --community-file {}",
            site.path("standin.toml").display()
        ),
    ] {
        for json in [false, true] {
            let mut arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
            arguments.extend(json.then(|| "--json".to_owned()));
            let (code, _, found) = ask(&site, arguments).await;
            codes.push((line.clone(), code));
            leaks.extend(found);
        }
    }
    let undo = std::fs::read_dir(site.path("state/changes"))
        .unwrap()
        .flatten();
    for record in undo {
        let id = record
            .path()
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let (code, _, found) = ask(&site, vec!["switch".into(), "undo".into(), id]).await;
        codes.push(("undo".into(), code));
        leaks.extend(found);
    }

    let mut backups = 0;
    for file in site.files() {
        let is_ours = ["standin.toml", "cameras.csv"]
            .iter()
            .any(|n| file.ends_with(n));
        if is_ours || site.models.iter().any(|m| m.known_hosts() == file) {
            continue;
        }
        let bytes = std::fs::read(&file).unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        let text = String::from_utf8_lossy(&bytes).replace(OF_THE_SWITCH, "");
        // The one place where a switch's own secrets may be.
        if file.starts_with(site.path("state/backups")) && text.len() != bytes.len() {
            backups += 1;
            assert_eq!(mode, 0o600, "{}", file.display());
        }
        // A switch that repeats our password in its configuration: it is in its backup then, and only there.
        let repeats = file.to_string_lossy().contains("shell-garbles@");
        if !repeats {
            leaks.extend(
                found(text.as_bytes())
                    .into_iter()
                    .map(|l| format!("{}: {l}", file.display())),
            );
        }
    }
    assert!(
        leaks.is_empty(),
        "{} leaks:\n{}",
        leaks.len(),
        leaks.join("\n")
    );

    // The commands did what they are for, so that there was something to be seen.
    assert!(backups >= 2, "no backup has the switch's configuration");
    let ended = |words: &str, code: i32| {
        codes
            .iter()
            .any(|(w, c)| w.starts_with(words) && *c == code)
    };
    assert!(
        diff.contains("snmp-server community ***"),
        "diff does not speak of what changed: {diff}"
    );
    for words in [
        "switch apply two set",
        "switch apply three set",
        "switch apply shell set",
        "profile record",
    ] {
        assert!(ended(words, 0), "{words}: {codes:?}");
    }
    assert!(ended("undo", 0), "{codes:?}");
    for words in [
        "switch ports two-wrong",
        "switch ports three-wrong-priv",
        "switch ports shell-wrong-enable",
        "switch ports nobody",
    ] {
        assert!(
            !ended(words, 0) && codes.iter().any(|(w, _)| w.starts_with(words)),
            "{words}: {codes:?}"
        );
    }
}

/// False, with a word about it, where no network namespace can be made.
fn may_unshare() -> bool {
    let made = Command::new("unshare").args(["-n", "true"]).output();
    let made = made.is_ok_and(|o| o.status.success());
    if !made {
        assert!(
            std::env::var_os("REQUIRE_LAB").is_none(),
            "no network namespace can be made"
        );
        eprintln!("skipped: no network namespace can be made here (run as root)");
    }
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daemon_logs_no_secret_at_the_finest_level() {
    let site = Arc::new(Site::new().await);
    // A network of its own, with an interface that the peers may be on; the switches do not answer there.
    let net = "ip link set lo up && ip link add d0 type veth peer name d1 && ip link set d1 up && ip address add 192.0.2.5/24 dev d0 && ip link set d0 up && exec \"$@\"";
    let text = std::fs::read_to_string(site.path("standin.toml")).unwrap();
    let text = text.replace("interface = \"lo\"", "interface = \"d0\"");
    std::fs::write(site.path("standin.toml"), text).unwrap();
    let run = site.command(&["run"]);
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", net, "sh"]);
    command.arg(run.get_program()).args(run.get_args());
    command.env("RUST_LOG", "trace").stdin(Stdio::null());
    if !may_unshare() {
        return;
    }
    let out = std::fs::File::create(site.path("out")).unwrap();
    let err = std::fs::File::create(site.path("err")).unwrap();
    let mut child = command.stdout(out).stderr(err).spawn().unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let mut leaks = Vec::new();
    for arguments in [["status", "--json"], ["report", "--list"]] {
        leaks.extend(ask(&site, arguments.map(str::to_owned).to_vec()).await.2);
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    // It may have refused to start, which is an output too.
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap())
        .await
        .unwrap();
    for file in site.files() {
        let is_ours = ["standin.toml", "cameras.csv"]
            .iter()
            .any(|n| file.ends_with(n));
        if !is_ours {
            let text = std::fs::read(&file).unwrap();
            leaks.extend(
                found(&text)
                    .into_iter()
                    .map(|l| format!("{}: {l}", file.display())),
            );
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    let log = std::fs::read_to_string(site.path("err")).unwrap();
    let lines = log.lines().count();
    assert!(
        status.success() && lines > 20,
        "the daemon ended with {status} and {lines} lines of log:\n{log}"
    );
}

/// Everything that is logged in this process.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_library_logs_no_secret_at_the_finest_level() {
    let sink = Sink::default();
    let to = sink.clone();
    standin::cli::log_to(move || to.clone(), "trace");
    let fake = Fake::with_vlans().await;
    let mut errors = String::new();
    let wrong = "SENTINEL-wrong-phrase";
    for credentials in [
        v2c(COMMUNITY),
        v2c("SENTINEL-wrong-community"),
        v3(AUTH, PRIVACY),
        v3(wrong, PRIVACY),
        v3(AUTH, wrong),
    ] {
        let switch = fake.switch(credentials);
        let move_it = ChangeRequest::new(
            Operation::SetAccessVlan(VlanId(20)),
            Some("ge1"),
            Duration::from_secs(3),
        );
        for done in [
            format!("{:?}", switch.system().await),
            format!("{:?}", change(&switch, move_it).await),
        ] {
            errors.push_str(&done);
        }
    }
    let repeats = |kind: Option<Kind>, garbles| Faults {
        at: kind.map(|k| (k, 2)),
        repeats_secrets: true,
        garbles,
        ..Faults::default()
    };
    for (faults, password) in [
        (Faults::default(), PASSWORD),
        (Faults::default(), wrong),
        (repeats(None, true), PASSWORD),
        (repeats(Some(Kind::HangsBefore), false), PASSWORD),
        (repeats(Some(Kind::Refuses), false), PASSWORD),
    ] {
        let model = Model::start(Family::Ios, faults).await;
        let mut ssh = model.target();
        ssh.password = Some(SecretString::from(password));
        let text = Profile::built_in_text("cisco-ios")
            .unwrap()
            .replace("\"15s\"", "\"1s\"");
        let switch = Switch::new(SwitchTarget {
            name: "core".into(),
            address: model.address,
            local: None,
            profile: Arc::new(Profile::parse("cisco-ios", "cisco-ios.toml", &text).unwrap()),
            credentials: Credentials::Off,
            timeout: Duration::from_millis(200),
            retries: 0,
            ssh: Some(ssh),
            prefer: Vec::new(),
            oper_staleness: None,
            uplinks: Vec::new(),
            own_ports: Vec::new(),
        });
        let move_it = ChangeRequest::new(
            Operation::SetAccessVlan(VlanId(20)),
            Some("Gi1/0/1"),
            Duration::from_secs(3),
        );
        for done in [
            format!("{:?}", switch.system().await),
            format!("{:?}", change(&switch, move_it).await),
        ] {
            errors.push_str(&done);
        }
    }
    let log = sink.0.lock().unwrap().clone();
    let leaks = found(&log);
    assert!(leaks.is_empty(), "in the log:\n{}", leaks.join("\n"));
    let leaks = found(errors.as_bytes());
    assert!(leaks.is_empty(), "in results:\n{}", leaks.join("\n"));
    assert!(
        log.len() > 2000,
        "hardly anything was logged: {}",
        String::from_utf8_lossy(&log)
    );
}
