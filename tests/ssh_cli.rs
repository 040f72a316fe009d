//! Sessions with a command line like Cisco IOS that pages, echoes, logs, asks, locks, hangs and drops.

mod ssh_server;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey};
use russh::{MethodKind, Preferred, cipher, kex, mac};
use secrecy::SecretString;
use ssh_server::{ENABLE, IOS, PASSWORD, Server, Setup, rules};
use standin::switch::ssh::known_hosts::{self, HostKeyError, Trusted};
use standin::switch::ssh::rules::Answer;
use standin::switch::ssh::{
    Cli, CliError, Command, Commit, Judgement, Legacy, Report, Vars, fetch,
};

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
async fn keyboard_interactive_only() {
    let methods = vec![MethodKind::KeyboardInteractive];
    shuts_and_proves(Setup {
        methods,
        ..Setup::default()
    })
    .await;
}

#[tokio::test]
async fn no_authentication_and_a_login_in_the_shell() {
    let setup = Setup {
        methods: vec![MethodKind::None],
        asks_in_shell: true,
        ..Setup::default()
    };
    let server = Server::start(setup).await;
    let text = format!(
        "auth = [\"none\"]\nlogin = [{{ see = 'User Name:', say = \"{{user}}\" }}, {{ see = 'Password:', secret = \"password\" }}]\n{IOS}"
    );
    let in_shell = Arc::new(rules(&text));
    let cli = Cli::new(server.target(), in_shell.clone());
    assert_eq!(shut(&cli).await.error, None);
    assert_eq!(server.lines()[0], "ops");

    let mut wrong = server.target();
    wrong.password = Some(SecretString::from("SENTINEL-wrong"));
    let error = Cli::new(wrong, in_shell).login().await.unwrap_err();
    assert!(matches!(error, CliError::Auth { .. }), "{error}");
    assert!(error.to_string().contains("asks again"), "{error}");
}

#[tokio::test]
async fn pages_are_turned_and_leave_no_trace() {
    let server = Server::start(Setup::default()).await;
    let records = server.cli().show("running", &Vars::new()).await.unwrap();
    let expected: Vec<String> = (0..35).map(|n| format!("line {n}")).collect();
    assert_eq!(records[0]["text"], expected.join("\n"));
}

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
async fn a_wrong_password_is_told_from_a_wrong_enable_password_and_sent_once() {
    let server = Server::start(Setup {
        methods: vec![MethodKind::KeyboardInteractive, MethodKind::Password],
        ..Setup::default()
    })
    .await;
    let mut target = server.target();
    target.password = Some(SecretString::from("SENTINEL-wrong"));
    let cli = Cli::new(target, Arc::new(rules(IOS)));
    let error = cli.login().await.unwrap_err();
    assert!(matches!(error, CliError::Auth { .. }), "{error}");
    assert!(!error.is_silence());
    assert_eq!(
        server.device.lock().unwrap().passwords,
        1,
        "accounts are locked by more"
    );

    let mut target = server.target();
    target.enable = Some(SecretString::from("SENTINEL-wrong"));
    let cli = Cli::new(target, Arc::new(rules(IOS)));
    let error = cli.show("port", &port()).await.unwrap_err();
    assert!(matches!(error, CliError::Auth { .. }), "{error}");
    assert!(error.to_string().contains("`enable`"), "{error}");
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

#[tokio::test]
async fn nobody_there_and_nobody_who_speaks_ssh_are_unreachable() {
    let server = Server::start(Setup::default()).await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    let mut target = server.target();
    target.address = address;
    target.timeout = Duration::from_millis(300);
    // Accepts and says nothing.
    let error = Cli::new(target.clone(), Arc::new(rules(IOS)))
        .login()
        .await
        .unwrap_err();
    assert!(matches!(error, CliError::Unreachable { .. }), "{error}");
    assert!(
        error.to_string().contains("handshake did not end"),
        "{error}"
    );
    drop(closed);
    let error = Cli::new(target, Arc::new(rules(IOS)))
        .login()
        .await
        .unwrap_err();
    assert!(
        matches!(error, CliError::Unreachable { .. }) && error.is_silence(),
        "{error}"
    );
}

#[tokio::test]
async fn an_unknown_host_is_refused_until_it_is_trusted() {
    let server = Server::start(Setup::default()).await;
    std::fs::remove_file(server.known_hosts()).unwrap();
    let error = server.cli().login().await.unwrap_err();
    let shown = fetch(&server.target()).await.unwrap();
    let fingerprint = shown.fingerprint();
    assert!(fingerprint.starts_with("SHA256:"));
    let CliError::HostKey {
        problem: HostKeyError::Unknown(sighting),
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(sighting.fingerprint, fingerprint);
    assert!(
        error.to_string().contains("standin switch trust core"),
        "{error}"
    );
    assert_eq!(
        server.device.lock().unwrap().passwords,
        0,
        "nothing secret was sent"
    );

    let trust = || {
        let (file, port) = (server.known_hosts(), server.address.port());
        known_hosts::trust(&file, "core", "127.0.0.1", port, &shown.key)
    };
    assert_eq!(trust(), Ok(Trusted::Added));
    assert_eq!(trust(), Ok(Trusted::Already));
    server.cli().login().await.unwrap();
}

#[tokio::test]
async fn a_changed_host_key_is_told_apart() {
    let server = Server::start(Setup::default()).await;
    server.know(&PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap());
    let error = server.cli().login().await.unwrap_err();
    assert!(
        matches!(
            &error,
            CliError::HostKey {
                problem: HostKeyError::Changed { .. },
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("CHANGED"), "{error}");
    assert_eq!(server.device.lock().unwrap().passwords, 0);
}

#[tokio::test]
async fn outdated_algorithms_each_need_their_own_opt_in() {
    let modern = Preferred::DEFAULT;
    let cases = [
        (
            Preferred {
                kex: Cow::Borrowed(&[kex::DH_G14_SHA1]),
                ..modern.clone()
            },
            Legacy {
                kex: true,
                ..Legacy::default()
            },
            "`legacy = [\"kex\"]`",
        ),
        (
            Preferred {
                cipher: Cow::Borrowed(&[cipher::TRIPLE_DES_CBC]),
                ..modern.clone()
            },
            Legacy {
                cipher: true,
                ..Legacy::default()
            },
            "`legacy = [\"cipher\"]`",
        ),
        (
            Preferred {
                cipher: Cow::Borrowed(&[cipher::AES_128_CTR]),
                mac: Cow::Borrowed(&[mac::HMAC_SHA1]),
                ..modern
            },
            Legacy {
                mac: true,
                ..Legacy::default()
            },
            "`legacy = [\"mac\"]`",
        ),
    ];
    for (preferred, legacy, help) in cases {
        let server = Server::start(Setup {
            preferred,
            ..Setup::default()
        })
        .await;
        let error = server.cli().login().await.unwrap_err();
        assert!(
            matches!(error, CliError::NoCommonAlgorithm { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(help), "{error}");
        let mut target = server.target();
        target.legacy = legacy;
        let cli = Cli::new(target, Arc::new(rules(IOS)));
        assert_eq!(shut(&cli).await.error, None);
    }
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
