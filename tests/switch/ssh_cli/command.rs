//! Single commands: questions, silence, broken connections, answers that cannot be read, names that are not sent.

use std::time::{Duration, Instant};

use standin::switch::profile::ssh::fill::Vars;
use standin::switch::profile::ssh::rules::Answer;
use standin::switch::ssh::{CliError, Command, Commit};

use crate::ssh_cli::switch::{Server, Setup};
use crate::ssh_cli::{PATIENCE, port};

#[tokio::test]
async fn a_question_is_answered_with_a_single_key() {
    let server = Server::start(Setup::default()).await;
    let mut save = Command::new("write memory");
    let raw = toml::from_str::<std::collections::BTreeMap<String, toml::Spanned<_>>>(
        "ask = { see = 'Overwrite file', key = \"Y\" }",
    )
    .unwrap();
    save.asks = vec![Answer::compile(&raw["ask"], "ask", &mut Vec::new()).unwrap()];
    let cli = server.cli();
    let report = cli
        .send(Some("exec"), &[save], &Vars::new(), Commit::No, PATIENCE)
        .await;
    assert_eq!(report.error, None);
    assert!(
        report.sent[0].output.text.contains("Copy succeeded"),
        "{report:?}"
    );
    assert!(server.device.lock().unwrap().saved);
}

#[tokio::test]
async fn a_question_that_the_profile_does_not_know_ends_at_the_deadline() {
    let server = Server::start(Setup::default()).await;
    let mut save = Command::new("write memory");
    save.within = Some(Duration::from_millis(300));
    let report = server
        .cli()
        .send(Some("exec"), &[save], &Vars::new(), Commit::No, PATIENCE)
        .await;
    let error = report.error.unwrap();
    assert!(matches!(error, CliError::TooLate { .. }), "{error}");
    assert!(error.to_string().contains("(Y/N)[N] ?"), "{error}");
    assert!(!server.device.lock().unwrap().saved);
}

#[tokio::test]
async fn a_connection_that_drops_in_a_command_is_not_a_refusal() {
    let server = Server::start(Setup::default()).await;
    let cli = server.cli();
    let report = cli
        .send(
            Some("exec"),
            &[Command::new("drop")],
            &Vars::new(),
            Commit::No,
            PATIENCE,
        )
        .await;
    let error = report.error.clone().unwrap();
    assert!(matches!(error, CliError::Broken { .. }), "{error}");
    assert!(error.may_have_been_applied() && error.is_silence() && report.may_have_changed());
    // What is there is read over a new session.
    let records = cli.show("port", &port()).await.unwrap();
    assert_eq!(records[0]["oper"], "up");
    assert_eq!(server.device.lock().unwrap().sessions, 2);
}

#[tokio::test]
async fn a_switch_that_hangs_is_given_up_at_the_deadline_without_secrets_in_the_error() {
    let server = Server::start(Setup::default()).await;
    let mut hang = Command::new("hang");
    hang.within = Some(Duration::from_millis(300));
    let began = Instant::now();
    let report = server
        .cli()
        .send(Some("exec"), &[hang], &Vars::new(), Commit::No, PATIENCE)
        .await;
    let error = report.error.unwrap();
    assert!(matches!(error, CliError::TooLate { .. }), "{error}");
    assert!(error.to_string().contains("user *** logged in"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_slow_command_is_waited_for() {
    let server = Server::start(Setup::default()).await;
    let report = server
        .cli()
        .send(
            Some("exec"),
            &[Command::new("slowly")],
            &Vars::new(),
            Commit::No,
            PATIENCE,
        )
        .await;
    assert_eq!(report.sent[0].output.text, "done at last");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_shown() {
    let server = Server::start(Setup::default()).await;
    let error = server
        .cli()
        .show("nonsense", &Vars::new())
        .await
        .unwrap_err();
    assert!(matches!(error, CliError::Unparsable { .. }), "{error}");
    assert!(error.to_string().contains("12:00:00 UTC"), "{error}");
}

#[tokio::test]
async fn a_port_name_that_is_more_than_a_name_is_not_sent() {
    let server = Server::start(Setup::default()).await;
    let vars = Vars::new().port("Gi1/0/2\nreload");
    let error = server.cli().show("port", &vars).await.unwrap_err();
    assert!(matches!(error, CliError::Fill { .. }), "{error}");
    assert!(server.lines().is_empty());
}
