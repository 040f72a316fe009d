//! Shell and exec channels against a real OpenSSH server of the test's own, on loopback, with bash behind it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use standin::switch::profile::schema;
use standin::switch::profile::ssh::fill::Vars;
use standin::switch::profile::ssh::rules::CliRules;
use standin::switch::ssh::{
    Cli, CliError, Command, Commit, Judgement, SshTarget, fetch, known_hosts,
};

const SHELL: &str = r#"
channel = "shell"
refuse = ['command not found', 'No such file', 'Cannot find device']
[mode.shell]
prompt = '^[^\n]*[$#]\s*$'
[show.names]
send = "printf '%s\n' 'name {port}' end"
row = '^name (?<port>\S+)$'
"#;

const EXEC: &str = r#"
channel = "exec"
refuse = ['command not found', 'No such file', 'Cannot find device']
[show.names]
send = "printf '%s\n' 'name {port}' end"
row = '^name (?<port>\S+)$'
[show.nothing]
send = "echo one | grep two"
row = '(?<any>.+)'
[show.links]
send = "ls /nonexistent"
row = '(?<any>.+)'
[show.numbers]
send = "echo '[{\"ifname\":\"lo\",\"vlans\":[10,20]}]'"
json = { list = "", name = "/ifname", vlans = "/vlans" }
"#;

struct Sshd {
    child: Child,
    folder: tempfile::TempDir,
    target: SshTarget,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn key(file: &Path, kind: &str, phrase: &str) {
    let made = Process::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", phrase, "-f"])
        .arg(file)
        .status()
        .unwrap();
    assert!(made.success());
}

fn user() -> String {
    let out = Process::new("id").arg("-un").output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

/// Starts sshd with these further lines of configuration; `None`, said aloud, where there is none.
async fn sshd(more: &str) -> Option<Sshd> {
    let program = Path::new("/usr/sbin/sshd");
    if !program.exists() {
        assert!(
            std::env::var_os("REQUIRE_LAB").is_none(),
            "REQUIRE_LAB is set and {} is missing: apt-get install openssh-server",
            program.display()
        );
        eprintln!(
            "skipped: there is no {} (Debian: openssh-server)",
            program.display()
        );
        return None;
    }
    if nix::unistd::geteuid().is_root() {
        // Where sshd run by root puts its unprivileged half.
        fs::create_dir_all("/run/sshd").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    key(&at("host"), "ed25519", "");
    key(&at("rsa"), "rsa", "");
    key(&at("user"), "ed25519", "SENTINEL-phrase");
    fs::copy(at("user.pub"), at("authorized")).unwrap();
    fs::set_permissions(at("authorized"), fs::Permissions::from_mode(0o600)).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let text = format!(
        "ListenAddress 127.0.0.1\nPort {}\nHostKey {}\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nAcceptEnv none\nPrintMotd no\nPrintLastLog no\n{more}",
        address.port(),
        at("host").display(),
        at("rsa").display(),
        at("authorized").display(),
    );
    fs::write(at("config"), text).unwrap();
    let log = fs::File::create(at("log")).unwrap();
    let mut child = Process::new(program)
        .args(["-D", "-e", "-f"])
        .arg(at("config"))
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let began = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        let log = || fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(child.try_wait().unwrap(), None, "{}", log());
        assert!(began.elapsed() < Duration::from_secs(10), "{}", log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut target = SshTarget::new("core", address, &user(), at("known_hosts"));
    target.key = Some(at("user"));
    target.passphrase = Some("SENTINEL-phrase".into());
    Some(Sshd {
        child,
        folder,
        target,
    })
}

impl Sshd {
    async fn trust(&self) {
        let shown = fetch(&self.target).await.unwrap();
        let port = self.target.address.port();
        known_hosts::trust(
            &self.target.known_hosts,
            "core",
            "127.0.0.1",
            port,
            &shown.key,
        )
        .unwrap();
    }

    fn cli(&self, rules: &str) -> Cli {
        let raw: schema::Ssh = toml::from_str(rules).unwrap();
        Cli::new(
            self.target.clone(),
            Arc::new(CliRules::compile(&raw).unwrap()),
        )
    }
}

async fn send(cli: &Cli, text: &str) -> standin::switch::ssh::Report {
    let commands = [Command::new(text)];
    cli.send(None, &commands, &Vars::new(), Commit::No, Duration::ZERO)
        .await
}

#[tokio::test]
async fn a_shell_with_bash_behind_it() {
    let Some(server) = sshd("").await else { return };
    server.trust().await;
    let mode = fs::metadata(&server.target.known_hosts)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let cli = server.cli(SHELL);
    let records = cli.show("names", &Vars::new().port("swp5")).await.unwrap();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["port"], "swp5");
    let report = send(&cli, "standin-no-such-command").await;
    assert!(
        matches!(report.error, Some(CliError::Refused { .. })),
        "{report:?}"
    );
    let report = send(&cli, "true").await;
    assert_eq!(report.error, None);
    assert_eq!(report.sent[0].output.text, "");
    let report = send(&cli, "kill -9 $$").await;
    assert!(
        matches!(report.error, Some(CliError::Broken { .. })),
        "{report:?}"
    );
}

#[tokio::test]
async fn commands_on_channels_of_their_own() {
    let Some(server) = sshd("").await else { return };
    server.trust().await;
    let cli = server.cli(EXEC);
    let records = cli.show("names", &Vars::new().port("swp5")).await.unwrap();
    assert_eq!(records[0]["port"], "swp5");
    assert_eq!(cli.show("nothing", &Vars::new()).await, Ok(Vec::new()));
    let numbers = cli.show("numbers", &Vars::new()).await.unwrap();
    assert_eq!(numbers[0]["vlans"], "10,20");
    let refused = cli.show("links", &Vars::new()).await.unwrap_err();
    assert!(matches!(refused, CliError::Refused { .. }), "{refused}");
    let report = send(&cli, "exit 3").await;
    assert_eq!(report.sent[0].output.status, Some(3));
    assert_eq!(
        report.sent[0].output.judgement,
        Judgement::Refused("exit status 3".into())
    );
    assert_eq!(send(&cli, "true").await.error, None);
    let mut hang = Command::new("echo begun; sleep 60");
    hang.within = Some(Duration::from_millis(300));
    let report = cli
        .send(None, &[hang], &Vars::new(), Commit::No, Duration::ZERO)
        .await;
    let error = report.error.unwrap();
    assert!(matches!(error, CliError::TooLate { .. }), "{error}");
    assert!(error.to_string().contains("begun"), "{error}");
}

#[tokio::test]
async fn an_unknown_host_and_a_wrong_key() {
    let Some(mut server) = sshd("").await else {
        return;
    };
    let error = server.cli(EXEC).login().await.unwrap_err();
    assert!(matches!(error, CliError::HostKey { .. }), "{error}");
    server.trust().await;
    let other = server.folder.path().join("other");
    key(&other, "ed25519", "");
    server.target.key = Some(other);
    server.target.passphrase = None;
    let error = server.cli(EXEC).login().await.unwrap_err();
    assert!(matches!(error, CliError::Auth { .. }), "{error}");
    server.target.key = Some(server.folder.path().join("user"));
    server.target.passphrase = Some("SENTINEL-wrong".into());
    let error = server.cli(EXEC).login().await.unwrap_err();
    assert!(matches!(error, CliError::Auth { .. }), "{error}");
    assert!(
        !format!("{error} {error:?}").contains("SENTINEL"),
        "{error}"
    );
}

#[tokio::test]
async fn a_hashed_known_host_and_an_outdated_host_key() {
    let Some(mut server) = sshd("HostKeyAlgorithms ssh-rsa\n").await else {
        return;
    };
    let error = fetch(&server.target).await.unwrap_err();
    assert!(
        matches!(error, CliError::NoCommonAlgorithm { .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("`legacy = [\"host-key\"]`"),
        "{error}"
    );
    server.target.legacy.host_key = true;
    server.trust().await;
    let hashed = Process::new("ssh-keygen")
        .args(["-q", "-H", "-f"])
        .arg(&server.target.known_hosts)
        .status()
        .unwrap();
    assert!(hashed.success());
    let text = fs::read_to_string(&server.target.known_hosts).unwrap();
    assert!(text.starts_with("|1|"), "{text}");
    server.cli(EXEC).login().await.unwrap();
}
