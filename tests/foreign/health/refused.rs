//! What a configuration may not say of checks, and at which key it is said.

use standin::config::ConfigErrors;

use crate::health::Site;

#[test]
fn what_cannot_be_is_refused_at_its_key() {
    let site = Site::default();
    for (table, key, words) in [
        (
            "kind = \"tpc\"\nname = \"a\"\non = \"here\"",
            "kind",
            "no kind of health check `tpc`",
        ),
        (
            "kind = \"tcp\"\nname = \"a\"\nat = \"10.0.0.1:1\"",
            "on",
            "missing",
        ),
        (
            "kind = \"tcp\"\nname = \"a b\"\non = \"here\"\nat = \"10.0.0.1:1\"",
            "name",
            "no name of a health check",
        ),
        (
            "kind = \"tcp\"\nname = \"a\"\non = \"here\"\nat = \"10.0.0.1\"",
            "at",
            "no IPv4 address with a port",
        ),
        (
            "kind = \"tcp\"\nname = \"a\"\non = \"here\"\nat = \"192.168.1.301:80\"",
            "at",
            "no IPv4 address",
        ),
        (
            "kind = \"tcp\"\nname = \"a\"\non = \"peer\"\nat = \"127.0.0.1:80\"",
            "at",
            "that is this machine",
        ),
        (
            "kind = \"tcp\"\nname = \"a\"\non = \"here\"\nat = \"10.0.0.1:1\"\ntimeout = \"6s\"",
            "timeout",
            "longer than `interval`",
        ),
        (
            "kind = \"tcp\"\nname = \"a\"\non = \"here\"\nat = \"10.0.0.1:1\"\nfall = 0",
            "fall",
            "out of range",
        ),
        (
            "kind = \"tcp\"\nname = \"a\"\non = \"here\"\nat = \"10.0.0.1:1\"\nintervall = \"6s\"",
            "intervall",
            "unknown key",
        ),
        (
            "kind = \"tcp\"\nname = \"a\"\non = \"here\"\nat = \"10.0.0.1:1\"\nfeeds = \"takeover\"",
            "feeds",
            "cannot begin a takeover",
        ),
        (
            "kind = \"unit\"\nname = \"a\"\non = \"peer\"\nunit = \"a.service\"",
            "kind",
            "nothing but this machine",
        ),
        (
            "kind = \"compose\"\nname = \"a\"\non = \"here\"",
            "directory",
            "missing",
        ),
        (
            "kind = \"command\"\nname = \"a\"\non = \"here\"\nrun = [\"true\"]",
            "run[0]",
            "full path",
        ),
        (
            "kind = \"http\"\nname = \"a\"\non = \"here\"\nurl = \"ftp://10.0.0.1/\"",
            "url",
            "http",
        ),
        (
            "kind = \"http\"\nname = \"a\"\non = \"here\"\nurl = \"http://{{ vip }}/\"",
            "url",
            "vip",
        ),
        (
            "kind = \"http\"\nname = \"a\"\non = \"here\"\nurl = \"http://10.0.0.1/\"\nmethod = \"POST\"",
            "method",
            "changes nothing",
        ),
        (
            "kind = \"http\"\nname = \"a\"\non = \"here\"\nurl = \"http://10.0.0.1/\"\nbody-matches = \"(\"",
            "body-matches",
            "unclosed",
        ),
        (
            "kind = \"rtsp\"\nname = \"a\"\non = \"here\"\nat = \"10.0.0.1\"\npath = \"live\"",
            "path",
            "no path",
        ),
    ] {
        let read = site.read(&format!("[[peer.cctv.health]]\n{table}\n"));
        let Err(ConfigErrors::Invalid { problems, .. }) = read else {
            panic!("accepted: {table}");
        };
        let key = format!("peer.cctv.health[0].{key}");
        let found = problems.iter().find(|p| p.key == key);
        let said = found.map(|p| format!("{}: {}", p.what, p.help));
        assert!(
            said.as_ref().is_some_and(|s| s.contains(words)),
            "{table}: {problems:?}"
        );
    }
}

#[test]
fn two_of_one_name_are_refused_and_what_is_usual_is_taken() {
    let site = Site::default();
    let one = "[[peer.cctv.health]]\nkind = \"rtmp\"\nname = \"nginx\"\non = \"peer\"\nat = \"192.168.1.101\"\n";
    let config = site
        .read(one)
        .unwrap_or_else(|e| panic!("{}", e.render(false)));
    let health = &config.peers["cctv"].health[0];
    assert_eq!(health.asks, Some("192.168.1.101".parse().unwrap()));
    assert_eq!((health.rise, health.fall), (2, 3));
    assert_eq!(
        (health.interval.as_secs(), health.timeout.as_secs()),
        (5, 2)
    );
    let quick = site
        .read(&format!("{one}interval = \"1s\"\n"))
        .unwrap_or_else(|e| panic!("{}", e.render(false)));
    assert_eq!(
        quick.peers["cctv"].health[0].timeout.as_secs(),
        1,
        "not longer than the interval"
    );
    let Err(e) = site.read(&format!("{one}{one}")) else {
        panic!("two of one name are accepted");
    };
    assert!(
        e.render(false)
            .contains("two health checks are called `nginx`"),
        "{}",
        e.render(false)
    );
}

/// In a port takeover this machine has the address too, and would ask itself.
#[test]
fn the_address_of_a_port_takeover_is_not_asked() {
    let site = Site::default();
    let table = "[peer.cctv.port-takeover]\nswitch = \"core\"\nport = \"p-stby-a\"\ninterface = \"eth2\"\nproduction = 10\nparking = 999\nquarantine = 998\n\
        [[peer.cctv.health]]\nkind = \"rtmp\"\nname = \"nginx\"\non = \"peer\"\nat = \"192.168.1.101\"\n";
    let said = site.read(table).unwrap_err().render(false);
    assert!(said.contains("would ask itself"), "{said}");
}
