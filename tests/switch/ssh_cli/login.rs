//! Who is let in, and what keeps us out: authentication, host keys, algorithms.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey};
use russh::{MethodKind, Preferred, cipher, kex, mac};
use secrecy::SecretString;
use standin::switch::Profile;
use standin::switch::ssh::known_hosts;
use standin::switch::ssh::known_hosts::{HostKeyError, Trusted};
use standin::switch::ssh::{Cli, CliError, Command, Commit, Legacy, fetch};

use crate::ssh_cli::switch::{IOS, Server, Setup, rules};
use crate::ssh_cli::{PATIENCE, port, shut, shuts_and_proves};

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
    std::fs::remove_file(server.host.known_hosts()).unwrap();
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
        let (file, port) = (server.host.known_hosts(), server.host.address.port());
        known_hosts::trust(&file, "core", "127.0.0.1", port, &shown.key)
    };
    assert_eq!(trust(), Ok(Trusted::Added));
    assert_eq!(trust(), Ok(Trusted::Already));
    server.cli().login().await.unwrap();
}

#[tokio::test]
async fn a_changed_host_key_is_told_apart() {
    let server = Server::start(Setup::default()).await;
    server
        .host
        .know(&PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap());
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
async fn host_names_with_anything_in_them_are_prompts_all_the_same() {
    let shipped = Profile::find("cisco-ios", None).unwrap().cli.unwrap();
    for host in [
        "sw[1]",
        "core sw 1",
        "sw+1",
        "sw~1",
        "(core)",
        "sw(a)-1",
        "sw{1}=x",
        "core.example",
    ] {
        let server = Server::start(Setup {
            host,
            ..Setup::default()
        })
        .await;
        let cli = Cli::new(server.target(), shipped.clone());
        let report = shut(&cli).await;
        assert_eq!(report.error, None, "{host}: {:?}", server.lines());
        assert!(server.lines().contains(&"shutdown".to_owned()), "{host}");
    }
}

#[tokio::test]
async fn what_a_switch_says_instead_of_ssh_is_shown() {
    let server = Server::start(Setup::default()).await;
    let full = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut target = server.target();
    target.address = full.local_addr().unwrap();
    target.timeout = Duration::from_secs(2);
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut stream, _)) = full.accept().await {
            let text = b"Too many sessions.\r\nPlease try again later.\r\n";
            stream.write_all(text).await.unwrap();
        }
    });
    let error = Cli::new(target, Arc::new(rules(IOS)))
        .login()
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("Too many sessions. / Please try again later."),
        "{text}"
    );
    // A line before the identification (RFC 4253, 4.2) does no harm to a session.
    server.cli().login().await.unwrap();
}

#[tokio::test]
async fn aos_s_asks_for_a_name_before_the_password_of_enable() {
    let shipped = Profile::find("aruba-aos-s", None).unwrap().cli.unwrap();
    for asks in ["Username: ", "Please Enter Login Name: "] {
        let server = Server::start(Setup {
            asks_name: Some(asks),
            ..Setup::default()
        })
        .await;
        let cli = Cli::new(server.target(), shipped.clone());
        let show = Command::new("terminal monitor");
        let report = cli
            .send(Some("exec"), &[show], &port(), Commit::No, PATIENCE)
            .await;
        assert!(
            server.lines().contains(&"no page".to_owned()),
            "{asks}: {:?} {:?}",
            report.error,
            server.lines()
        );
    }
}
