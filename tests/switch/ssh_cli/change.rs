//! Changes: refused, warned of, kept out by a lock; committed, armed, confirmed, aborted.

use std::sync::Arc;
use std::time::Duration;

use standin::switch::ssh::{Cli, CliError, Command, Commit};

use crate::ssh_cli::switch::{IOS, Server, Setup, rules};
use crate::ssh_cli::{PATIENCE, port, shut};

#[tokio::test]
async fn a_refused_command_ends_the_change_and_says_how_far_it_came() {
    let server = Server::start(Setup::default()).await;
    let cli = server.cli();
    let commands = ["interface {port}", "shutdwon", "shutdown"].map(Command::new);
    let report = cli
        .send(Some("config"), &commands, &port(), Commit::Now, PATIENCE)
        .await;
    assert_eq!(report.sent.len(), 2);
    let error = report.error.clone().unwrap();
    assert_eq!(
        error.to_string(),
        "switch core refused `shutdwon`: % Invalid input detected at '^' marker."
    );
    assert!(!error.is_silence() && report.may_have_changed());
    assert!(server.device.lock().unwrap().shut.is_empty());
    // The session is out of the configuration and still good.
    assert_eq!(server.lines().last().unwrap(), "end");
    assert_eq!(shut(&cli).await.error, None);
    assert_eq!(server.device.lock().unwrap().sessions, 1);
}

#[tokio::test]
async fn a_warning_that_is_allowed_is_no_refusal() {
    let server = Server::start(Setup::default()).await;
    let commands = ["interface {port}", "switchport access vlan {new}"].map(Command::new);
    let vars = port().with("new", 20);
    let report = server
        .cli()
        .send(Some("config"), &commands, &vars, Commit::Now, PATIENCE)
        .await;
    assert_eq!(report.error, None);
    assert_eq!(server.device.lock().unwrap().vlan, 20);
}

#[tokio::test]
async fn a_locked_configuration_is_tried_again_until_patience_ends() {
    let server = Server::start(Setup {
        locked: 2,
        ..Setup::default()
    })
    .await;
    assert_eq!(shut(&server.cli()).await.error, None);

    let server = Server::start(Setup {
        locked: 1000,
        ..Setup::default()
    })
    .await;
    let commands = [Command::new("interface {port}")];
    let report = server
        .cli()
        .send(
            Some("config"),
            &commands,
            &port(),
            Commit::Now,
            Duration::from_millis(400),
        )
        .await;
    let error = report.error.clone().unwrap();
    assert!(matches!(error, CliError::Busy { .. }), "{error}");
    assert!(!report.may_have_changed());
}

const TRANSACTION: &str = r#"
[transaction]
commit = { send = "commit", see = 'commit complete', within = "2s" }
arm = { send = "commit confirmed {minutes}", see = 'rolled back in', within = "2s" }
abort = ["rollback 0"]
arm_for = ["set-access-vlan"]
"#;

/// The lines from the first time the configuration was entered.
fn configured(server: &Server) -> Vec<String> {
    let lines = server.lines().into_iter();
    lines
        .skip_while(|l| l != "configure terminal")
        .skip(1)
        .collect()
}

#[tokio::test]
async fn a_change_is_committed_or_armed_and_confirmed() {
    let server = Server::start(Setup::default()).await;
    let cli = Cli::new(
        server.target(),
        Arc::new(rules(&format!("{IOS}{TRANSACTION}"))),
    );
    let report = shut(&cli).await;
    assert_eq!((report.error, report.armed), (None, false));
    let port_lines = ["interface GigabitEthernet1/0/2", "shutdown"];
    assert_eq!(
        configured(&server),
        [port_lines[0], port_lines[1], "commit", "end"]
    );

    let server = Server::start(Setup::default()).await;
    let cli = Cli::new(
        server.target(),
        Arc::new(rules(&format!("{IOS}{TRANSACTION}"))),
    );
    let commands = ["interface {port}", "shutdown"].map(Command::new);
    let armed = Commit::Armed { minutes: 2 };
    let report = cli
        .send(Some("config"), &commands, &port(), armed, PATIENCE)
        .await;
    assert_eq!((report.error, report.armed), (None, true));
    // A new session confirms as well: the first may have been cut by the change.
    cli.close().await;
    let report = cli.confirm(Some("config"), &port(), PATIENCE).await;
    assert_eq!(report.error, None);
    let lines = configured(&server);
    assert_eq!(lines[2..4], ["commit confirmed 2", "end"]);
    assert_eq!(
        lines[lines.len() - 3..],
        ["configure terminal", "commit", "end"]
    );
}

#[tokio::test]
async fn a_change_that_is_refused_half_way_is_aborted_and_not_committed() {
    let server = Server::start(Setup::default()).await;
    let cli = Cli::new(
        server.target(),
        Arc::new(rules(&format!("{IOS}{TRANSACTION}"))),
    );
    let commands = ["interface {port}", "shutdwon"].map(Command::new);
    let report = cli
        .send(Some("config"), &commands, &port(), Commit::Now, PATIENCE)
        .await;
    assert!(
        matches!(report.error, Some(CliError::Refused { .. })),
        "{report:?}"
    );
    assert_eq!(report.aborted, Some(Ok(())));
    let lines = configured(&server);
    assert_eq!(lines[lines.len() - 2..], ["rollback 0", "end"]);
    assert!(!lines.contains(&"commit".to_owned()));
}

#[tokio::test]
async fn a_commit_that_does_not_say_so_is_no_commit() {
    let server = Server::start(Setup::default()).await;
    let text = format!("{IOS}{TRANSACTION}").replace("'commit complete'", "'configuration saved'");
    let cli = Cli::new(server.target(), Arc::new(rules(&text)));
    let report = shut(&cli).await;
    let error = report.error.unwrap();
    assert!(matches!(error, CliError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("commit complete"), "{error}");
    assert_eq!(report.aborted, Some(Ok(())));
}
