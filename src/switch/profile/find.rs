//! Where profiles come from: those that are built in, and a folder that overrides them. Reads files, else pure.

use std::fmt;
use std::path::Path;

use super::check::{check, key_at, place};
use super::schema::ProfileFile;
use super::{Problem, Profile};

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../switch-profiles/", $name, ".toml")))),*]
    };
}

/// The profiles that are built in: name and text.
pub const BUILT_IN: &[(&str, &str)] = built_in![
    "arista-eos",
    "aruba-aos-s",
    "aruba-cx",
    "cisco-ios",
    "cisco-nxos",
    "cisco-smb",
    "cumulus-nvue",
    "dell-os10",
    "dell-os9",
    "dlink-dgs",
    "extreme-exos",
    "generic-qbridge",
    "hpe-comware",
    "huawei-vrp",
    "huawei-vrp8",
    "juniper-junos",
    "linux-bridge",
    "mikrotik-routeros",
    "netgear-fastpath",
    "openvswitch",
    "ruckus-icx",
    "tplink-jetstream",
    "ubiquiti-edgeswitch",
    "zyxel",
];

/// Why there is no profile.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file has problems; all of them.
    #[error("the switch profile cannot be used:\n{}", Lines(.0))]
    Invalid(Vec<Problem>),
    /// No profile has this name.
    #[error("there is no switch profile `{name}`; there are: {there}")]
    NoSuch {
        /// The name asked for.
        name: String,
        /// The names that exist.
        there: String,
    },
    /// A folder or file could not be read.
    #[error("reading switch profiles from {path}: {came_back}")]
    Unreadable {
        /// The path.
        path: String,
        /// What the operating system said.
        came_back: String,
    },
}

struct Lines<'a>(&'a [Problem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, p) in self.0.iter().enumerate() {
            write!(f, "{}{p}", if i > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl Profile {
    /// The text of a built-in profile.
    pub fn built_in_text(name: &str) -> Option<&'static str> {
        BUILT_IN
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, text)| *text)
    }

    /// Finds the profile `name`: `folder/name.toml` if it is there, else the built-in one.
    ///
    /// # Errors
    /// No profile of that name, a file that cannot be read, or everything that is wrong with it.
    pub fn find(name: &str, folder: Option<&Path>) -> Result<Profile, ProfileError> {
        let plain = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if let (true, Some(folder)) = (plain, folder) {
            let path = folder.join(format!("{name}.toml"));
            match std::fs::read_to_string(&path) {
                Ok(text) => return Profile::parse(name, &path.display().to_string(), &text),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => {
                    return Err(ProfileError::Unreadable {
                        path: path.display().to_string(),
                        came_back: e.to_string(),
                    });
                }
            }
        }
        match BUILT_IN.iter().find(|(n, _)| *n == name) {
            Some((n, text)) => Profile::parse(n, &format!("<built-in>/{n}.toml"), text),
            None => Err(ProfileError::NoSuch {
                name: name.to_owned(),
                there: BUILT_IN
                    .iter()
                    .map(|(n, _)| *n)
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }

    /// Reads a profile from text; `file` is only for messages.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with line and column.
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Profile, ProfileError> {
        let raw: ProfileFile = toml::from_str(text).map_err(|e| {
            let (line, column) = place(text, e.span().map_or(0, |s| s.start));
            ProfileError::Invalid(vec![Problem {
                file: file.to_owned(),
                line,
                column,
                key: key_at(text, line),
                message: e.message().trim().replace('\n', "; "),
            }])
        })?;
        check(name, file, text, raw).map_err(ProfileError::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn problems(from: &str, to: &str) -> Vec<String> {
        let text = Profile::built_in_text("generic-qbridge").unwrap();
        assert!(text.contains(from), "the test's own text is gone: {from}");
        match Profile::parse("x", "x.toml", &text.replacen(from, to, 1)) {
            Err(ProfileError::Invalid(p)) => p.iter().map(ToString::to_string).collect(),
            other => panic!("{from} -> {to} was accepted: {other:?}"),
        }
    }

    #[test]
    fn what_ran_against_our_own_models_alone_is_untried() {
        let is_untried = |name| Profile::find(name, None).unwrap().is_untried();
        let ours = ["arista-eos", "huawei-vrp8", "juniper-junos", "dlink-dgs"];
        assert!(ours.into_iter().all(is_untried));
        assert!(!is_untried("openvswitch") && !is_untried("cisco-ios"));
    }

    #[test]
    fn every_shipped_profile_loads_and_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("switch-profiles");
        let (mut seen, mut wrong) = (0, Vec::new());
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "toml") {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                if let Err(e) = Profile::find(&name, Some(&folder)) {
                    wrong.push(e.to_string());
                }
                assert!(
                    BUILT_IN.iter().any(|(n, _)| *n == name),
                    "{name} is not built in"
                );
                seen += 1;
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(seen, BUILT_IN.len());
        for (name, _) in BUILT_IN {
            assert_eq!(Profile::find(name, None).unwrap().name, *name);
        }
    }

    #[test]
    fn a_profile_in_the_folder_comes_before_the_built_in_one_of_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let text = Profile::built_in_text("generic-qbridge")
            .unwrap()
            .replace("\"3s\"", "\"250ms\"");
        std::fs::write(dir.path().join("generic-qbridge.toml"), text).unwrap();
        let p = Profile::find("generic-qbridge", Some(dir.path())).unwrap();
        assert_eq!(p.oper_staleness, Duration::from_millis(250));
        let err = Profile::find("../etc/passwd", Some(dir.path())).unwrap_err();
        assert!(err.to_string().contains("there are: arista-eos"), "{err}");
    }

    #[test]
    fn each_mistake_is_named_with_its_line_column_key_and_what_would_be_right() {
        for (from, to, want) in [
            (
                "format = 1",
                "format = 2",
                "x.toml:4:10: format: this program reads format 1, not 2",
            ),
            (
                "\"unknown\"",
                "\"yes\"",
                "persistence: `yes` must be one of `instant`, `save`, `unknown`",
            ),
            (
                "\"3s\"",
                "\"3 sec\"",
                "oper_staleness: `3 sec` is not a time such as 3s",
            ),
            (
                "format = 1",
                "format = 1\nvendor = 3",
                "x.toml:5:1: vendor: unknown field `vendor`",
            ),
            (
                "set = \"admin\", value = \"2\"",
                "set = \"amin\", value = \"2\"",
                "op.port-off.snmp: `amin` is not declared",
            ),
            (
                "set = \"admin\", value = \"2\"",
                "set = \"admin\", value = \"down\"",
                "`down` does not fit `admin`",
            ),
            (
                "set = \"admin\", value = \"2\"",
                "get = \"admin\", value = \"2\"",
                "exactly `set` and one of `value` and `bit`",
            ),
            (
                "prove = [{ get = \"admin\", is = \"2\" }, { get = \"oper\", any = [\"2\", \"6\", \"7\"] }]",
                "",
                "`prove` must read `oper` back",
            ),
            (
                "any = [\"2\", \"6\", \"7\"]",
                "any = []",
                "one of `is`, `any` and `bit`",
            ),
            (
                "1.3.6.1.2.1.2.2.1.8\"",
                "1.3.six\"",
                "snmp.object.oper: `1.3.six` is not an object identifier",
            ),
            (
                "set = \"alias\"",
                "set = \"bridge_port\"",
                "`bridge_port` is not indexed by ifindex alone",
            ),
            (
                "[op.port-on.snmp]",
                "[op.port-an.snmp]",
                "there must be an [op.port-on.snmp]",
            ),
            (
                "set = \"egress\", vlan = \"new\", bit = 1",
                "set = \"egress\", vlan = \"new\", bit = 1, while_up = true",
                "op.set-access-vlan.snmp: `where_told` and `while_up` belong to rows of `prove` with `bit`",
            ),
            (
                "get = \"admin\", is = \"1\"",
                "get = \"admin\", is = \"1\", where_told = true",
                "op.port-on.snmp: `where_told` and `while_up` belong to rows of `prove` with `bit`",
            ),
            (
                "[snmp.object]",
                "[snmp.object]\ndot1x = { oid = \"1.3.6\", index = [\"ifindex\"], type = \"i32\" }",
                "snmp.object.dot1x: it must have `says`",
            ),
            (
                "[snmp.object]",
                "[snmp.object]\narp_trust = { oid = \"1.3.6\", index = [\"ifindex\"], type = \"i32\", says = { 1 = \"on\" } }",
                "snmp.object.arp_trust: `on` must be one of `trusted`, `untrusted`",
            ),
            (
                "[snmp.object]",
                "[snmp.object]\ndot1x = { oid = \"1.3.6\", index = [\"ifindex\"], type = \"i32\", says = { auto = \"on\" } }",
                "snmp.object.dot1x: `auto` is neither a number nor `absent`",
            ),
            (
                "[snmp.object]",
                "[snmp.object]\nmine = { oid = \"1.3.6\", type = \"i32\", says = { 1 = \"on\" } }",
                "snmp.object.mine: it tells no protection",
            ),
            (
                "value = \"{alias}\"",
                "value = \"{vlam}\"",
                "`{vlam}` does not fit `alias`",
            ),
        ] {
            let got = problems(from, to);
            assert!(got.iter().any(|p| p.contains(want)), "{want}\n{got:#?}");
        }
    }

    /// What nobody fills in over SSH is refused in operations and in shows alike.
    #[test]
    fn a_command_has_no_placeholder_that_nobody_fills_in() {
        let text = Profile::built_in_text("cisco-ios").unwrap();
        for name in ["alias", "bridge", "community"] {
            for (from, to) in [
                ("clear ip arp {ip}", format!("clear ip arp {{{name}}}")),
                ("\"show vlan brief\"", format!("\"show vlan {{{name}}}\"")),
            ] {
                assert!(text.contains(from), "{from}");
                let got = Profile::parse("x", "x.toml", &text.replace(from, &to));
                let Err(ProfileError::Invalid(p)) = got else {
                    panic!("{to} is accepted");
                };
                let named = format!("{{{name}}}");
                assert!(p.iter().any(|p| p.to_string().contains(&named)), "{p:?}");
            }
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let text = Profile::built_in_text("generic-qbridge")
            .unwrap()
            .replace("\"unknown\"", "\"no\"")
            .replace("\"3s\"", "\"x\"");
        let Err(ProfileError::Invalid(p)) = Profile::parse("x", "x.toml", &text) else {
            panic!("accepted");
        };
        assert_eq!(p.len(), 2, "{p:?}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_loader_panic(cut in 0usize..3000, add in ".{0,20}") {
            let text = Profile::built_in_text("generic-qbridge").unwrap();
            let cut = (0..=cut.min(text.len())).rev().find(|c| text.is_char_boundary(*c)).unwrap();
            let _ = Profile::parse("x", "x", &format!("{}{add}{}", &text[..cut], &text[cut..]));
        }
    }
}
