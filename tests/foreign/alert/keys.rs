//! What stands in the configuration of a sink, and what of it is refused.

use crate::alert::Site;

fn refused(sinks: &[&str]) -> String {
    match Site::new().read(sinks) {
        Ok(_) => panic!("accepted: {sinks:?}"),
        Err(e) => e.render(false),
    }
}

const HOOK: &str = "kind = \"webhook\"\nname = \"a\"\nurl = \"http://192.0.2.1/\"";

#[test]
fn what_is_wrong_is_said_at_its_key() {
    for (keys, words) in [
        ("name = \"a\"", "`kind` is missing"),
        ("kind = \"webhok\"\nname = \"a\"", "did you mean `webhook`?"),
        (
            "kind = \"webhook\"\nurl = \"http://x/\"",
            "`name` is missing",
        ),
        (
            "kind = \"webhook\"\nname = \"../a\"\nurl = \"http://x/\"",
            "is no name of a sink",
        ),
        ("kind = \"webhook\"\nname = \"a\"", "`url` is missing"),
        (
            "kind = \"webhook\"\nname = \"a\"\nurl = \"http://me:geheim@x/\"",
            "no user and no password",
        ),
        (&format!("{HOOK}\nlevel = \"bad\""), "unknown value `bad`"),
        (&format!("{HOOK}\ntimeout = \"1ms\""), "out of range"),
        (&format!("{HOOK}\nrepeat = \"1s\""), "out of range"),
        (&format!("{HOOK}\nquiet = \"22-6\""), "no time of the day"),
        (
            &format!("{HOOK}\nmac-file = \"x\""),
            "did you mean `hmac-file`?",
        ),
        (
            "kind = \"alertmanager\"\nname = \"a\"\nurl = \"http://x/?a=b\"",
            "has a query",
        ),
        (
            "kind = \"smtp\"\nname = \"a\"\nserver = \"mail\"\nfrom = \"standin\"\nto = [\"a@b\"]",
            "`standin` is no address",
        ),
        (
            "kind = \"smtp\"\nname = \"a\"\nserver = \"mail\"\nfrom = \"a@b\"\nto = []",
            "nobody gets it",
        ),
        (
            "kind = \"smtp\"\nname = \"a\"\nserver = \"mail\"\nfrom = \"a@b\"\nto = [\"a@b\\r\\nRCPT\"]",
            "is no address",
        ),
        (
            "kind = \"smtp\"\nname = \"a\"\nserver = \"mail\"\nfrom = \"a@b\"\nto = [\"a@b\"]\nuser = \"u\"",
            "`password-file` is missing",
        ),
        ("kind = \"syslog\"\nname = \"a\"", "`server` is missing"),
        (
            "kind = \"syslog\"\nname = \"a\"\nserver = \"x\"\nport = 0",
            "out of range",
        ),
        (
            "kind = \"syslog\"\nname = \"a\"\nserver = \"x\"\nfacility = \"local9\"",
            "did you mean `local",
        ),
        ("kind = \"command\"\nname = \"a\"", "`run` is missing"),
        (
            "kind = \"command\"\nname = \"a\"\nrun = [\"page\"]",
            "not a full path",
        ),
        (
            "kind = \"command\"\nname = \"a\"\nrun = [\"/bin/true\"]\nuser = \"-r\"",
            "no user's name",
        ),
    ] {
        let said = refused(&[keys]);
        assert!(said.contains(words), "{words}: {said}");
    }
    let said = refused(&[HOOK, HOOK]);
    assert!(said.contains("two sinks are called `a`"), "{said}");
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = Site::new().read(&[HOOK]).unwrap();
    let sink = &config.sinks[0];
    assert_eq!(sink.level, standin::takeover::action::Level::Warning);
    assert_eq!(
        (sink.timeout.as_secs(), sink.repeat.as_secs()),
        (10, 4 * 3600)
    );
}
