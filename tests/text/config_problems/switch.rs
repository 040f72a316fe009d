//! What can be wrong with the ways to a switch and from it: SNMP, notifications, and the files of their secrets.

use std::fs;

use standin::config::{SAMPLE, Surroundings};

use super::{Site, around, edit, error, keys, one, with};

#[test]
fn traps_need_an_address_of_ours_and_something_to_accept() {
    const LISTEN: &str = "listen = \"\"";
    let traps = |more: &str| {
        edit(
            SAMPLE,
            LISTEN,
            &format!("listen = \"192.168.1.102\"\n{more}"),
        )
    };
    let site = Site::new();
    site.secret("traps.community", "traps\n", 0o600);
    let (config, warnings) = site
        .load(&traps("community-file = \"traps.community\""), &around())
        .unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(config.traps.unwrap().listen.port(), 162);

    let key = "traps.listen";
    for (listen, what) in [
        ("192.168.1.301", "is not an IPv4 address of this machine"),
        ("192.168.1.102:0", "is not an IPv4 address of this machine"),
        ("224.0.0.1", "224.0.0.1 is not an address of this machine"),
        ("192.168.1.101", "not here while the peer lives"),
    ] {
        let text = format!("listen = \"{listen}\"\ncommunity-file = \"core.community\"");
        let problem = error(LISTEN, &text, key, what, "");
        let line = SAMPLE.lines().position(|l| l.starts_with(LISTEN)).unwrap() + 1;
        assert_eq!((problem.line, problem.column), (line, 10), "{problem}");
    }
    let accept = "no notification would be accepted";
    one(&traps(""), &around(), key, accept, "add community-file");
    let user = edit(
        &traps(""),
        "\nuser = \"\"                          # of",
        "\nuser = \"traps\" # of",
    );
    one(
        &user,
        &around(),
        "traps.user",
        "without authentication",
        "add auth-file",
    );
    let file = "community-file = \"core.community\"\nauth-file = \"traps.auth\"";
    one(
        &traps(file),
        &around(),
        "traps.auth-file",
        "belongs to a user",
        "add user",
    );
    let file = "community-file = \"no.such\"";
    one(
        &traps(file),
        &around(),
        "traps.community-file",
        "cannot read the secret",
        "chmod 600",
    );
}

#[test]
fn snmp_versions_and_their_keys_fit() {
    let key = "switch.core.snmp.user";
    error(
        "retries = 2",
        "retries = 2\nuser = \"x\"",
        key,
        "belongs to SNMP version 3",
        "remove",
    );
    let v3 = with("version = \"2c\"", "version = \"3\"");
    let site = Site::new();
    let problems = site.problems(&v3, &around());
    let mut found = keys(&problems);
    found.sort_unstable();
    let snmp = ["community-file", "user", "version"].map(|k| format!("switch.core.snmp.{k}"));
    assert_eq!(found, snmp, "{problems:#?}");

    let files = "user = \"standin\"\nauth-file = \"a\"\npriv-file = \"p\"";
    let full = edit(&v3, "community-file = \"core.community\"", files);
    site.secret("a", "authauth1", 0o600);
    site.secret("p", "privpriv1\n", 0o400);
    let (config, warnings) = site.load(&full, &around()).unwrap();
    assert!(warnings.is_empty());
    let secrets = format!("{:?} {config:?}", config.load_secrets().unwrap());
    assert!(!secrets.contains("privpriv1"), "a secret was printed");
    site.secret("p", "short", 0o600);
    assert!(site.load(&full, &around()).is_err());
}

#[test]
fn des_is_taken_only_where_it_is_allowed_by_name() {
    let site = Site::new();
    site.secret("a", "authauth1", 0o600);
    site.secret("p", "privpriv1", 0o600);
    let des = |more: &str| {
        let files = format!(
            "user = \"standin\"\nauth-file = \"a\"\npriv-file = \"p\"\npriv = \"des\"\n{more}"
        );
        let v3 = with("version = \"2c\"", "version = \"3\"");
        edit(&v3, "community-file = \"core.community\"", &files)
    };
    let problems = site.problems(&des(""), &around());
    assert_eq!(keys(&problems), ["switch.core.snmp.priv"]);
    assert!(
        problems[0].help.contains("allow-des = true"),
        "{}",
        problems[0]
    );
    let (_, warnings) = site.load(&des("allow-des = true"), &around()).unwrap();
    assert_eq!(keys(&warnings), ["switch.core.snmp.priv"]);
    let aes = des("allow-des = true").replace("\"des\"", "\"aes128\"");
    let (_, warnings) = site.load(&aes, &around()).unwrap();
    assert_eq!(keys(&warnings), ["switch.core.snmp.allow-des"]);
    error(
        "retries = 2",
        "retries = 2\nallow-des = true",
        "switch.core.snmp.allow-des",
        "belongs to SNMP version 3",
        "remove",
    );
}

#[test]
fn a_secret_that_others_can_read_or_that_is_not_there_is_an_error() {
    let site = Site::new();
    site.secret("core.community", "private", 0o640);
    let problems = site.problems(SAMPLE, &around());
    assert_eq!(keys(&problems), ["switch.core.snmp.community-file"]);
    assert!(problems[0].what.contains("mode 0640"), "{}", problems[0]);
    assert!(problems[0].help.contains("chmod 600"));

    fs::remove_file(site.folder.path().join("core.community")).unwrap();
    let missing = site.problems(SAMPLE, &around());
    assert!(missing[0].what.contains("No such file"), "{}", missing[0]);
    for (text, what) in [("", "is empty"), ("a\nb\n", "2 lines")] {
        site.secret("core.community", text, 0o600);
        let problems = site.problems(SAMPLE, &around());
        assert!(problems[0].what.contains(what), "{}", problems[0]);
    }

    let without = Surroundings {
        examine_secrets: false,
        ..around()
    };
    let (config, _) = site
        .load(SAMPLE, &without)
        .expect("secrets are not looked at");
    let later = config.load_secrets().unwrap_err();
    assert!(later.problems()[0].line > 1, "{later}");
}
