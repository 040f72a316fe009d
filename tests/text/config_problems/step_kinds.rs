//! What can be wrong with the keys of each kind of step.

use super::steps::{each_is_refused, step};
use super::{Site, around};

#[test]
fn each_fault_of_a_kind_is_said_at_its_key() {
    let unit = "kind = \"unit\"\nname = \"a\"\n";
    let dns = "kind = \"dns\"\nname = \"a\"\n";
    let zone = "zone = \"example.com\"\nservers = [\"192.0.2.1\"]\n";
    let powerdns = "kind = \"powerdns\"\nname = \"a\"\nzone = \"example.com\"\nrecords = [\"a.example.com A 5 10.0.0.5\"]\n";
    let api = format!("{powerdns}api = \"http://192.0.2.1:8081\"\n");
    let http = "kind = \"http\"\nname = \"a\"\n";
    let compose = "kind = \"compose\"\nname = \"a\"\n";
    let at = format!("{compose}directory = \"/srv\"\n");
    let command = "kind = \"command\"\nname = \"a\"\n";
    each_is_refused(&[
        (
            unit.to_owned(),
            "unit",
            "`unit` is missing",
            "nginx.service",
        ),
        (
            format!("{unit}unit = \"nginx\""),
            "unit",
            "does not say what kind of unit",
            "nginx.service",
        ),
        (
            format!("{unit}unit = \"x.service\"\nstop = \"no\""),
            "stop",
            "is a text",
            "true or false",
        ),
        (
            format!("{dns}servers = [\"192.0.2.1\"]\nrecords = [\"a.example.com A 5 10.0.0.5\"]"),
            "zone",
            "`zone` is missing",
            "example.com",
        ),
        (
            format!("{dns}zone = \"example.com\"\nrecords = [\"a.example.com A 5 10.0.0.5\"]"),
            "servers",
            "`servers` is missing",
            "192.168.1.2",
        ),
        (
            format!(
                "{dns}zone = \"example.com\"\nservers = [\"ns1\"]\nrecords = [\"a.example.com A 5 10.0.0.5\"]"
            ),
            "servers",
            "`ns1` is no address",
            "port",
        ),
        (
            format!("{dns}{zone}records = [\"a.example.org A 5 10.0.0.5\"]"),
            "records",
            "is not in the zone example.com.",
            "NAME TYPE TTL VALUE",
        ),
        (
            format!("{dns}{zone}records = [\"a.example.com A 5 10.0.0.500\"]"),
            "records",
            "10.0.0.500",
            "NAME TYPE TTL VALUE",
        ),
        (
            format!("{dns}{zone}records = [\"a.example.com A x 10.0.0.5\"]"),
            "records",
            "`x` is no TTL",
            "",
        ),
        (
            format!("{dns}{zone}records = [\"a.example.com XX 5 10.0.0.5\"]"),
            "records",
            "`XX` is no type",
            "",
        ),
        (
            format!("{dns}{zone}"),
            "records",
            "there is none",
            "NAME TYPE TTL VALUE",
        ),
        (
            format!("{powerdns}api-key-file = \"k\""),
            "api",
            "`api` is missing",
            "8081",
        ),
        (
            format!("{powerdns}api = \"192.0.2.1:8081\"\napi-key-file = \"k\""),
            "api",
            "begins with http://",
            "8081",
        ),
        (
            format!("{powerdns}api = \"http://192.0.2.1:8081/?a=b\"\napi-key-file = \"k\""),
            "api",
            "more than where the API is",
            "8081",
        ),
        (
            api.clone(),
            "api-key-file",
            "`api-key-file` is missing",
            "0600",
        ),
        (
            format!("{api}api-key-file = \"k\"\nserver-id = \"a/b\""),
            "server-id",
            "`a/b` is no name",
            "localhost",
        ),
        (
            format!("{api}api-key-file = \"k\"\nservers = [\"ns1\"]"),
            "servers",
            "`ns1` is no address",
            "port",
        ),
        (http.to_owned(), "url", "`url` is missing", "http://"),
        (
            format!("{http}url = \"ftp://a/b\""),
            "url",
            "ftp",
            "http:// or https://",
        ),
        (
            format!("{http}url = \"http://a/{{{{ nobody }}}}\""),
            "url",
            "nobody",
            "",
        ),
        (
            format!("{http}url = \"http://a/b\"\nbody = \"{{{{ vip\""),
            "body",
            "",
            "standin help steps",
        ),
        (
            format!("{http}url = \"http://a/b\"\nread-url = \"http://a/c\"\nread-pointer = \"/x\""),
            "read-value",
            "`read-value` is missing",
            "",
        ),
        (
            format!(
                "{http}url = \"http://a/b\"\nundo-body = \"{{{{ before }}}}\"\ncontent-type = \"text/plain\""
            ),
            "undo-body",
            "`before` is what is read back",
            "read-url",
        ),
        (
            format!("{http}url = \"http://a/b\"\nbasic-user = \"me\""),
            "password-file",
            "`password-file` is missing",
            "basic-user",
        ),
        (
            format!("{http}url = \"http://a/b\"\nexpect-status = \"maybe\""),
            "expect-status",
            "maybe",
            "",
        ),
        (
            compose.to_owned(),
            "directory",
            "`directory` is missing",
            "/srv/cctv",
        ),
        (
            format!("{compose}directory = \"srv\""),
            "directory",
            "not a full path",
            "",
        ),
        (
            format!("{at}program = [\"docker\", \"compose\"]"),
            "program[0]",
            "not a full path",
            "docker",
        ),
        (
            format!("{at}project = \"CCTV\""),
            "project",
            "`CCTV` is no name of a project",
            "lower-case",
        ),
        (
            format!("{at}services = [\"a b\"]"),
            "services",
            "`a b` is no name of a service",
            "compose file",
        ),
        (
            format!("{at}services = [\"--all\"]"),
            "services",
            "`--all` is no name of a service",
            "compose file",
        ),
        (
            format!("{at}services = [\"web\"]\noneshot = [\"job\"]"),
            "oneshot",
            "`job` is not one of `services`",
            "leave `services` out",
        ),
        (
            format!("{at}undo = \"dwon\""),
            "undo",
            "unknown value `dwon`",
            "`down`",
        ),
        (
            format!("{at}services = [\"web\"]\nundo = \"down\""),
            "undo",
            "takes the whole project down",
            "\"stop\"",
        ),
        (command.to_owned(), "run", "`run` is missing", "docker"),
        (format!("{command}run = []"), "run", "no program", "docker"),
        (
            format!("{command}run = [\"docker\"]"),
            "run[0]",
            "not a full path",
            "docker",
        ),
        (
            format!("{command}run = [\"/bin/true\"]\nuser = \"-x\""),
            "user",
            "no user's name",
            "",
        ),
        (
            format!("{command}run = [\"/bin/true\"]\ndirectory = \"srv\""),
            "directory",
            "not a full path",
            "",
        ),
        (
            format!("{command}run = [\"/bin/true\"]\nenvironment = [\"A\"]"),
            "environment",
            "no NAME=VALUE",
            "",
        ),
    ]);
}

/// What cannot be known afterwards, or makes a failover slow, is accepted and said.
#[test]
fn what_makes_a_step_less_sure_is_warned_of() {
    let http = "kind = \"http\"\nname = \"a\"\nurl = \"http://192.0.2.1/a\"\n";
    let zone = "name = \"a\"\nzone = \"example.com\"\nservers = [\"192.0.2.1\"]\nrecords = [\"a.example.com A 300 10.0.0.5\"]\n";
    let slow = "may be kept by clients for 300 s";
    for (keys, key, what) in [
        (
            format!("{http}undo-body = \"{{}}\""),
            "undo-body",
            "what takes it back is not read back",
        ),
        (
            format!("{http}undo-method = \"DELETE\""),
            "undo-method",
            "what takes it back is not read back",
        ),
        (format!("kind = \"dns\"\n{zone}"), "records", slow),
        (
            format!("kind = \"powerdns\"\n{zone}api = \"http://192.0.2.1\"\napi-key-file = \"k\""),
            "records",
            slow,
        ),
    ] {
        let read = Site::new().load(&step(&keys), &around());
        let (_, warnings) = read.expect("it is accepted");
        let told: Vec<_> = warnings.iter().filter(|w| w.what.contains(what)).collect();
        assert_eq!(told.len(), 1, "{keys}: {warnings:?}");
        assert_eq!(told[0].key, format!("peer.cctv.step[0].{key}"));
    }
}
