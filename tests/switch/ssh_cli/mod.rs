//! Sessions with a command line like Cisco IOS that pages, echoes, logs, asks, locks, hangs and drops.

mod change;
mod command;
mod login;
mod switch;

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use standin::switch::profile::ssh::fill::Vars;
use standin::switch::ssh::{Cli, Command, Commit, Judgement, Report};
use switch::{ENABLE, IOS, PASSWORD, Server, Setup, rules};

const PATIENCE: Duration = Duration::from_secs(5);

fn port() -> Vars {
    Vars::new().port("Gi1/0/2")
}

async fn shut(cli: &Cli) -> Report {
    let commands = ["interface {port}", "shutdown"].map(Command::new);
    cli.send(Some("config"), &commands, &port(), Commit::Now, PATIENCE)
        .await
}

/// Shuts the port and reads it back, whatever the switch does.
async fn shuts_and_proves(setup: Setup) -> Server {
    let server = Server::start(setup).await;
    let cli = server.cli();
    let report = shut(&cli).await;
    assert_eq!(report.error, None, "{:?}", server.lines());
    for sent in &report.sent {
        assert_eq!(sent.output.judgement, Judgement::Accepted);
    }
    let records = cli.show("port", &port()).await.unwrap();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["port"], "Gi1/0/2");
    assert_eq!(records[0]["oper"], "down");
    assert_eq!(records[0]["pvid"], "8");
    let lines = server.lines();
    assert!(
        lines.contains(&"interface GigabitEthernet1/0/2".to_owned()),
        "{lines:?}"
    );
    assert_eq!(
        server.device.lock().unwrap().sessions,
        1,
        "one session for all"
    );
    server
}

#[tokio::test]
async fn a_port_is_shut_and_read_back_over_one_session() {
    let server = shuts_and_proves(Setup::default()).await;
    assert_eq!(
        server.lines(),
        [
            "enable",
            "terminal length 0",
            "terminal width 511",
            "configure terminal",
            "interface GigabitEthernet1/0/2",
            "shutdown",
            "end",
            "show interfaces GigabitEthernet1/0/2 status",
        ]
    );
}

#[tokio::test]
async fn a_switch_that_does_not_echo() {
    shuts_and_proves(Setup {
        echoes: 0,
        ..Setup::default()
    })
    .await;
}

#[tokio::test]
async fn a_switch_that_echoes_twice() {
    shuts_and_proves(Setup {
        echoes: 2,
        ..Setup::default()
    })
    .await;
}

#[tokio::test]
async fn a_switch_that_sends_byte_by_byte_with_terminal_codes() {
    shuts_and_proves(Setup {
        slow: true,
        codes: true,
        ..Setup::default()
    })
    .await;
}

#[tokio::test]
async fn log_lines_in_the_output_and_behind_the_prompt() {
    shuts_and_proves(Setup {
        logs: true,
        ..Setup::default()
    })
    .await;
}

#[tokio::test]
async fn a_session_that_starts_privileged_is_not_enabled_again() {
    let server = shuts_and_proves(Setup {
        privileged: true,
        ..Setup::default()
    })
    .await;
    assert!(!server.lines().contains(&"enable".to_owned()));
}

#[tokio::test]
async fn pages_are_turned_and_leave_no_trace() {
    let server = Server::start(Setup::default()).await;
    let records = server.cli().show("running", &Vars::new()).await.unwrap();
    let expected: Vec<String> = (0..35).map(|n| format!("line {n}")).collect();
    assert_eq!(records[0]["text"], expected.join("\n"));
}

#[tokio::test]
async fn an_unused_session_is_closed_after_a_while() {
    let server = Server::start(Setup::default()).await;
    let mut target = server.target();
    target.keep = Duration::from_millis(50);
    let cli = Cli::new(target, Arc::new(rules(IOS)));
    cli.login().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    cli.show("port", &port()).await.unwrap();
    assert_eq!(server.device.lock().unwrap().sessions, 2);
}

#[tokio::test]
async fn many_at_once_share_one_session() {
    let server = Server::start(Setup::default()).await;
    let cli = server.cli();
    let all = (0..8).map(|_| {
        let cli = cli.clone();
        tokio::spawn(async move { cli.show("port", &port()).await.unwrap().len() })
    });
    for one in all.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), 1);
    }
    assert_eq!(server.device.lock().unwrap().sessions, 1);
}

#[tokio::test]
async fn no_secret_is_in_anything_that_can_be_printed() {
    let server = Server::start(Setup::default()).await;
    let cli = server.cli();
    let report = shut(&cli).await;
    let mut wrong = server.target();
    wrong.password = Some(SecretString::from("SENTINEL-wrong"));
    wrong.passphrase = Some(SecretString::from("SENTINEL-phrase"));
    wrong.key = Some("/nonexistent".into());
    let refused = Cli::new(wrong.clone(), Arc::new(rules(IOS)))
        .login()
        .await
        .unwrap_err();
    let text = format!(
        "{cli:?} {cli:#?} {report:?} {wrong:?} {refused} {refused:?} {:?}",
        cli.rules()
    );
    assert!(!text.contains("SENTINEL"), "{text}");
    assert!(PASSWORD.contains("SENTINEL") && ENABLE.contains("SENTINEL"));
}
