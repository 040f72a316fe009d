//! What compose printed, in each of its forms, and how a service is by that.

use standin::endpoint::compose::{Health, Is, State, containers, judge, services};

/// Version 2.26 with dockerd 20.10: one object a line.
const LINES: &str = r#"time="2026-11-28T07:05:55Z" level=warning msg="the attribute `version` is obsolete"
{"Command":"sleep","ExitCode":0,"Health":"starting","Name":"a-db-1","Service":"db","State":"running","Status":"Up 3 seconds (health: starting)"}
{"Command":"true","ExitCode":0,"Health":"","Name":"a-job-1","Service":"job","State":"exited","Status":"Exited (0) 2 seconds ago"}"#;
/// Before 2.21: one list, without `Status`.
const LIST: &str = r#"[{"Name":"a-db-1","Project":"a","Service":"db","State":"running","Health":"starting","ExitCode":0},{"Name":"a-job-1","Project":"a","Service":"job","State":"exited","Health":"","ExitCode":0}]"#;
/// `docker ps`, which is asked beside version 1: health and exit code stand in `Status` alone.
const FIRST: &str = r#"{"Service":"db","State":"running","Status":"Up 3 seconds (health: starting)"}
{"Service":"job","State":"exited","Status":"Exited (0) 2 seconds ago"}"#;

#[test]
fn each_form_says_the_same() {
    for form in [LINES, LIST, FIRST] {
        let all = containers(form).unwrap();
        assert_eq!(all.len(), 2, "{form}");
        assert_eq!(
            (&all[0].state, all[0].health),
            (&State::Running, Health::Starting)
        );
        assert_eq!((&all[1].state, all[1].exit_code), (&State::Exited, Some(0)));
    }
    for nothing in ["", "[]", "WARNING: x"] {
        assert_eq!(containers(nothing).unwrap(), []);
    }
    assert!(
        containers(&LINES[..LINES.len() - 9]).is_err(),
        "it is cut off"
    );
    assert_eq!(services("WARNING: a b\nweb\n db_1 \n"), ["web", "db_1"]);
}

/// State and status, whether it is to end, and how it is then: `+` fine, `~` coming, `-` over.
#[test]
fn each_state_has_its_meaning() {
    for (state, status, is_oneshot, sign) in [
        ("running", "Up 3 seconds", false, '+'),
        ("running", "Up Less than a second", false, '~'),
        ("running", "Up 1 second", false, '~'),
        ("running", "Up 3 seconds (healthy)", false, '+'),
        ("running", "Up 3 seconds (unhealthy)", false, '~'),
        ("running", "Up 3 seconds (health: starting)", false, '~'),
        ("running", "Up 3 seconds", true, '~'),
        ("exited", "Exited (0) 1 second ago", true, '+'),
        ("exited", "Exited (0) 1 second ago", false, '-'),
        ("exited", "Exited (1) 1 second ago", true, '-'),
        ("created", "Created", false, '~'),
        ("restarting", "Restarting (1) 1 second ago", false, '~'),
        ("paused", "Up 3 seconds (Paused)", false, '-'),
        ("removing", "Removal In Progress", false, '~'),
        ("dead", "Dead", false, '-'),
        ("new-one", "", false, '~'),
    ] {
        let text = format!(r#"{{"Service":"a","State":"{state}","Status":"{status}"}}"#);
        let is = judge("a", &containers(&text).unwrap(), is_oneshot);
        let seen = match is {
            Is::Fine(_) => '+',
            Is::Coming(_) => '~',
            Is::Over(_) => '-',
        };
        assert_eq!(seen, sign, "{state} {status}: {is:?}");
    }
    assert!(matches!(
        judge("b", &containers(LIST).unwrap(), false),
        Is::Over(_)
    ));
    let two =
        r#"[{"Service":"a","State":"running"},{"Service":"a","State":"exited","ExitCode":1}]"#;
    assert!(matches!(
        judge("a", &containers(two).unwrap(), false),
        Is::Over(_)
    ));
}
