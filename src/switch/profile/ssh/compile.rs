//! Checks `[ssh]` of a profile and compiles it; all problems at once. Pure.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use toml::Spanned;

use super::fill::placeholders;
use super::rules::{
    Answer, AuthMethod, ChannelKind, CliRules, Mode, Reply, RuleProblem, SecretName, WITHIN,
};
use crate::switch::model::mac_format::MacFormat;
use crate::switch::profile::schema;

pub(super) type Text = Spanned<String>;

impl Answer {
    /// Checks and compiles one answer, for example of an operation's step. `key` names it in problems.
    pub fn compile(
        raw: &toml::Spanned<schema::Answer>,
        key: &str,
        problems: &mut Vec<RuleProblem>,
    ) -> Option<Answer> {
        Compiler { problems }.answer(raw, key)
    }
}

impl CliRules {
    /// Checks and compiles `[ssh]` of a profile.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, in the order of the file.
    pub fn compile(raw: &schema::Ssh) -> Result<CliRules, Vec<RuleProblem>> {
        let mut problems = Vec::new();
        let rules = Compiler {
            problems: &mut problems,
        }
        .rules(raw);
        problems.sort_by_key(|p| p.span.start);
        match rules {
            Some(rules) if problems.is_empty() => Ok(rules),
            _ => Err(problems),
        }
    }
}

pub(super) struct Compiler<'a> {
    problems: &'a mut Vec<RuleProblem>,
}

impl Compiler<'_> {
    fn rules(&mut self, raw: &schema::Ssh) -> Option<CliRules> {
        let channel = self.channel(raw);
        let exec = channel == Some(ChannelKind::Exec);
        if raw.refuse.is_empty() {
            let span = raw.channel.span();
            self.problem(span, "ssh.refuse", "there is none: a command line whose refusals cannot be recognised cannot be judged. Give the lines that mean a refusal, such as `refuse = ['^% Invalid input']`");
        }
        if exec {
            for name in raw.mode.keys() {
                self.problem(name.span(), &format!("ssh.mode.{}", name.get_ref()), "modes are of `channel = \"shell\"`; a command on a channel of its own has none. Take it out, or use `shell`");
            }
        } else if raw.mode.is_empty() {
            self.problem(
                raw.channel.span(),
                "ssh.mode",
                "there is none: an interactive session needs at least one mode with its prompt",
            );
        }
        self.cycles(raw);
        let modes = raw
            .mode
            .iter()
            .filter_map(|(name, mode)| Some((name.get_ref().clone(), self.mode(name, mode, raw)?)))
            .collect();
        let shows = raw
            .show
            .iter()
            .filter_map(|(name, show)| {
                let key = format!("ssh.show.{}", name.get_ref());
                Some((name.get_ref().clone(), self.show(name, &key, show, raw)?))
            })
            .collect();
        let user = raw.user.as_ref().map(|u| {
            if !u.get_ref().contains("{user}") {
                self.problem(u.span(), "ssh.user", "has no `{user}`: the name from the configuration would be lost. Write for example `{user}+ct511w4098h`");
            }
            u.get_ref().clone()
        });
        Some(CliRules {
            channel: channel?,
            eol: self.eol(raw.eol.as_ref()),
            quote: self.quote(raw.quote.as_ref()),
            mac: self.mac(raw.mac.as_ref()),
            user,
            auth: self.auth(&raw.auth),
            login: self.answers(&raw.login, "ssh.login"),
            port_name: self.port_names(&raw.port_name),
            pager: self.answers(&raw.pager, "ssh.pager"),
            refuse: self.regexes(&raw.refuse, "ssh.refuse"),
            allow: self.regexes(&raw.allow, "ssh.allow"),
            noise: self.regexes(&raw.noise, "ssh.noise"),
            busy: self.regexes(&raw.busy, "ssh.busy"),
            within: self
                .duration(raw.within.as_ref(), "ssh.within")
                .unwrap_or(WITHIN),
            modes,
            shows,
            transaction: raw.transaction.as_ref().map(|t| self.transaction(t, raw)),
        })
    }

    pub(super) fn problem(&mut self, span: Range<usize>, key: &str, message: impl Into<String>) {
        self.problems.push(RuleProblem {
            span,
            key: key.to_owned(),
            message: message.into(),
        });
    }

    fn channel(&mut self, raw: &schema::Ssh) -> Option<ChannelKind> {
        match raw.channel.get_ref().as_str() {
            "shell" => Some(ChannelKind::Shell),
            "exec" => Some(ChannelKind::Exec),
            other => {
                self.problem(raw.channel.span(), "ssh.channel", format!("`{other}` is neither `shell` (one interactive session) nor `exec` (each command on a channel of its own)"));
                None
            }
        }
    }

    fn eol(&mut self, eol: Option<&Text>) -> String {
        let Some(eol) = eol else { return "\n".into() };
        if !matches!(eol.get_ref().as_str(), "\n" | "\r" | "\r\n") {
            self.problem(eol.span(), "ssh.eol", "is none of \"\\n\", \"\\r\" and \"\\r\\n\" (in double quotes, so that TOML reads the escape)");
        }
        eol.get_ref().clone()
    }

    fn quote(&mut self, quote: Option<&Text>) -> Option<char> {
        let quote = quote?;
        match quote.get_ref().as_str() {
            "\"" => Some('"'),
            "'" => Some('\''),
            _ => {
                self.problem(quote.span(), "ssh.quote", "is neither `\"` nor `'`");
                None
            }
        }
    }

    fn mac(&mut self, mac: Option<&Text>) -> MacFormat {
        let Some(mac) = mac else {
            return MacFormat::default();
        };
        MacFormat::parse(mac.get_ref()).unwrap_or_else(|| {
            self.problem(mac.span(), "ssh.mac", format!("`{}` is not how a MAC address is written: twelve `x` (or `X` for upper case) with `:`, `-` or `.` between them, such as `xxxx.xxxx.xxxx`", mac.get_ref()));
            MacFormat::default()
        })
    }

    fn auth(&mut self, auth: &[Text]) -> Vec<AuthMethod> {
        if auth.is_empty() {
            return vec![
                AuthMethod::PublicKey,
                AuthMethod::KeyboardInteractive,
                AuthMethod::Password,
            ];
        }
        let mut methods = Vec::new();
        for (i, name) in auth.iter().enumerate() {
            let all = [
                AuthMethod::PublicKey,
                AuthMethod::KeyboardInteractive,
                AuthMethod::Password,
                AuthMethod::None,
            ];
            match all.into_iter().find(|m| m.name() == name.get_ref()) {
                Some(method) => methods.push(method),
                None => self.problem(
                    name.span(),
                    &format!("ssh.auth.{i}"),
                    format!(
                        "`{}` is none of publickey, keyboard-interactive, password, none",
                        name.get_ref()
                    ),
                ),
            }
        }
        methods
    }

    fn port_names(&mut self, raw: &[Spanned<schema::Replace>]) -> Vec<(Regex, String)> {
        let mut out = Vec::new();
        for (i, replace) in raw.iter().enumerate() {
            let replace = replace.get_ref();
            let key = format!("ssh.port_name.{i}.from");
            if let Some(from) = self.whole(&replace.from, &key) {
                out.push((from, replace.to.clone()));
            }
        }
        out
    }

    /// Compiles a pattern so that it matches without case, `^` and `$` at line ends too.
    pub(super) fn regex(&mut self, pattern: &Text, key: &str) -> Option<Regex> {
        self.build(pattern, key, pattern.get_ref())
    }

    fn whole(&mut self, pattern: &Text, key: &str) -> Option<Regex> {
        self.build(pattern, key, &format!(r"\A(?:{})\z", pattern.get_ref()))
    }

    fn build(&mut self, at: &Text, key: &str, pattern: &str) -> Option<Regex> {
        let built = RegexBuilder::new(pattern)
            .case_insensitive(true)
            .multi_line(true)
            .build();
        match built {
            Ok(regex)
                if at.get_ref().is_empty() || pattern == at.get_ref() && regex.is_match("") =>
            {
                self.problem(
                    at.span(),
                    key,
                    "matches an empty text, and so everything: say what must be there",
                );
                None
            }
            Ok(regex) => Some(regex),
            Err(e) => {
                self.problem(at.span(), key, format!("is not a regular expression (there is no look-around and no back-reference): {e}"));
                None
            }
        }
    }

    fn regexes(&mut self, raw: &[Text], key: &str) -> Vec<Regex> {
        raw.iter()
            .enumerate()
            .filter_map(|(i, r)| self.regex(r, &format!("{key}.{i}")))
            .collect()
    }

    pub(super) fn answers(&mut self, raw: &[Spanned<schema::Answer>], key: &str) -> Vec<Answer> {
        raw.iter()
            .enumerate()
            .filter_map(|(i, a)| self.answer(a, &format!("{key}.{i}")))
            .collect()
    }

    fn answer(&mut self, raw: &Spanned<schema::Answer>, key: &str) -> Option<Answer> {
        let span = raw.span();
        let raw = raw.get_ref();
        let see = self.regex(&raw.see, &format!("{key}.see"));
        let reply = match (&raw.key, &raw.say, &raw.secret) {
            (Some(k), None, None) => Some(Reply::Key(k.clone())),
            (None, Some(say), None) => Some(Reply::Say(say.clone())),
            (None, None, Some(secret)) => match secret.get_ref().as_str() {
                "password" => Some(Reply::Secret(SecretName::Password)),
                "enable" => Some(Reply::Secret(SecretName::Enable)),
                other => {
                    self.problem(secret.span(), &format!("{key}.secret"), format!("`{other}` is neither `password` nor `enable`; a secret itself never stands in a profile"));
                    None
                }
            },
            _ => {
                self.problem(span, key, "needs exactly one of `key` (sent as it is), `say` (sent with an end of line) and `secret` (`password` or `enable`)");
                None
            }
        };
        Some(Answer {
            see: see?,
            reply: reply?,
        })
    }

    pub(super) fn duration(&mut self, text: Option<&Text>, key: &str) -> Option<Duration> {
        let text = text?;
        let parsed = parse_duration(text.get_ref()).filter(|d| !d.is_zero());
        if parsed.is_none() {
            self.problem(
                text.span(),
                key,
                format!(
                    "`{}` is not a time such as `10s`, `500ms` or `2m`",
                    text.get_ref()
                ),
            );
        }
        parsed
    }

    /// Checks that a mode that is named is there.
    pub(super) fn known_mode(
        &mut self,
        name: Option<&Text>,
        key: &str,
        raw: &schema::Ssh,
    ) -> Option<String> {
        let name = name?;
        if !raw.mode.keys().any(|m| m.get_ref() == name.get_ref()) {
            let there: Vec<_> = raw.mode.keys().map(|m| m.get_ref().as_str()).collect();
            let there = if there.is_empty() {
                "none".into()
            } else {
                there.join(", ")
            };
            self.problem(
                name.span(),
                key,
                format!("there is no mode `{}`; there is: {there}", name.get_ref()),
            );
        }
        Some(name.get_ref().clone())
    }

    fn cycles(&mut self, raw: &schema::Ssh) {
        for (name, mode) in &raw.mode {
            let mut seen = BTreeSet::from([name.get_ref()]);
            let mut at = mode;
            while let Some(from) = &at.from {
                if from.get_ref() == name.get_ref() {
                    let span = mode.from.as_ref().map_or(name.span(), Spanned::span);
                    self.problem(span, &format!("ssh.mode.{}.from", name.get_ref()), "leads back to itself: no session could ever get into it. One mode must be without `from`");
                }
                if !seen.insert(from.get_ref()) {
                    break;
                }
                match raw.mode.iter().find(|(n, _)| n.get_ref() == from.get_ref()) {
                    Some((_, above)) => at = above,
                    None => break,
                }
            }
        }
    }

    fn mode(&mut self, name: &Text, mode: &schema::Mode, raw: &schema::Ssh) -> Option<Mode> {
        let key = format!("ssh.mode.{}", name.get_ref());
        let prompt = self.regex(&mode.prompt, &format!("{key}.prompt"));
        let prompt_not = mode
            .prompt_not
            .as_ref()
            .and_then(|p| self.regex(p, &format!("{key}.prompt_not")));
        let from = self.known_mode(mode.from.as_ref(), &format!("{key}.from"), raw);
        if from.is_some() != mode.enter.is_some() {
            self.problem(name.span(), &key, "needs both `from` (the mode it is entered from) and `enter` (the command that enters it), or neither if the session starts in it");
        }
        if mode.leave.is_some() && from.is_none() {
            self.problem(
                name.span(),
                &key,
                "has `leave` but no `from`: there is nothing to go back to",
            );
        }
        for word in mode.enter.iter().flat_map(|e| placeholders(e)) {
            if word != "random" {
                self.problem(
                    name.span(),
                    &format!("{key}.enter"),
                    format!("`{{{word}}}` is not filled in there; there is {{random}}"),
                );
            }
        }
        Some(Mode {
            prompt: prompt?,
            prompt_not,
            from,
            enter: mode.enter.clone(),
            ask: self.answers(&mode.ask, &format!("{key}.ask")),
            leave: mode.leave.clone(),
            first: mode.first.clone(),
        })
    }
}

/// Reads `10s`, `500ms`, `2m` or `0`.
pub fn parse_duration(s: &str) -> Option<Duration> {
    if s == "0" {
        return Some(Duration::ZERO);
    }
    if let Some(ms) = s.strip_suffix("ms") {
        return ms.parse().ok().map(Duration::from_millis);
    }
    if let Some(minutes) = s.strip_suffix('m') {
        let minutes: u32 = minutes.parse().ok()?;
        return Some(Duration::from_secs(u64::from(minutes) * 60));
    }
    s.strip_suffix('s')?.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::profile::ssh::rules::Move;

    fn problems(text: &str) -> Vec<(String, String, String)> {
        let raw = toml::from_str(text).unwrap();
        let found = CliRules::compile(&raw).unwrap_err();
        let at = |p: &RuleProblem| text.get(p.span.clone()).unwrap().to_owned();
        found
            .iter()
            .map(|p| (p.key.clone(), at(p), p.message.clone()))
            .collect()
    }

    #[test]
    fn every_problem_is_found_at_once_with_its_place() {
        let text = r#"
channel = "shell"
eol = "x"
mac = "xx:xx"
user = "admin"
auth = ["password", "magic"]
login = [{ see = 'a', key = "1", say = "2" }, { see = 'b', secret = "root" }]
port_name = [{ from = '(', to = "" }]
allow = ['(?=x)']
within = "soon"
[mode.a]
prompt = 'a#'
from = "b"
enter = "a"
[mode.b]
prompt = ''
from = "a"
enter = "b"
[mode.c]
prompt = 'c#'
from = "nowhere"
[mode.d]
prompt = 'd#'
from = "c"
enter = "d {port} {random}"
[show.none]
send = "x {colour}"
[show.two]
send = "x"
raw = true
row = '(?<a>b)'
[show.row]
mode = "z"
send = "x"
row = 'no capture'
[show.fields]
send = "x"
fields = { a = 'b' }
[show.json]
send = "x"
json = { list = "ports" }
[transaction]
arm = { send = "x", when = "never" }
arm_for = ["port-off"]
"#;
        let found = problems(text);
        for (key, place) in [
            ("ssh.refuse", "\"shell\""),
            ("ssh.eol", "\"x\""),
            ("ssh.mac", "\"xx:xx\""),
            ("ssh.user", "\"admin\""),
            ("ssh.auth.1", "\"magic\""),
            ("ssh.login.0", "{ see = 'a', key = \"1\", say = \"2\" }"),
            ("ssh.login.1.secret", "\"root\""),
            ("ssh.port_name.0.from", "'('"),
            ("ssh.allow.0", "'(?=x)'"),
            ("ssh.within", "\"soon\""),
            ("ssh.mode.a.from", "\"b\""),
            ("ssh.mode.b.from", "\"a\""),
            ("ssh.mode.b.prompt", "''"),
            ("ssh.mode.c", "c"),
            ("ssh.mode.d.enter", "d"),
            ("ssh.mode.c.from", "\"nowhere\""),
            ("ssh.show.none", "none"),
            ("ssh.show.none.send", "\"x {colour}\""),
            ("ssh.show.two", "two"),
            ("ssh.show.row.mode", "\"z\""),
            ("ssh.show.row.row", "'no capture'"),
            ("ssh.show.fields.fields.a", "'b'"),
            ("ssh.show.json.json.list", "\"ports\""),
            ("ssh.show.json.json", "\"x\""),
            ("ssh.transaction.arm.when", "\"never\""),
            ("ssh.transaction.arm_for", "\"port-off\""),
        ] {
            let hit = found.iter().any(|(k, p, _)| k == key && p == place);
            assert!(hit, "{key} at {place} is missing in {found:#?}");
        }
        // And the transaction that is armed, and can never be confirmed.
        assert!(found.iter().any(|(k, _, _)| k == "ssh.transaction"));
        assert_eq!(found.len(), 27, "{found:#?}");
        let look = found.iter().find(|(k, _, _)| k == "ssh.allow.0").unwrap();
        assert!(look.2.contains("look-around"), "{}", look.2);
    }

    #[test]
    fn other_channels_and_modes_are_refused() {
        let found = problems("channel = \"telnet\"\nrefuse = ['x']\n");
        assert_eq!(found[0].0, "ssh.channel");
        let found = problems("channel = \"exec\"\nrefuse = ['x']\n[mode.a]\nprompt = 'a'\n");
        assert_eq!((found.len(), found[0].0.as_str()), (1, "ssh.mode.a"));
    }

    #[test]
    fn the_way_between_modes_and_names_of_ports() {
        let raw = toml::from_str(
            r#"
            channel = "shell"
            refuse = ['x']
            port_name = [{ from = 'Gi(\d.*)', to = 'GigabitEthernet$1' }]
            [mode.user]
            prompt = '>'
            [mode.exec]
            prompt = '#'
            from = "user"
            enter = "enable"
            [mode.config]
            prompt = 'c#'
            from = "exec"
            enter = "conf t"
            leave = "end"
            [mode.vlan]
            prompt = 'v#'
            from = "exec"
            enter = "vlan database"
            leave = "exit"
            "#,
        )
        .unwrap();
        let rules = CliRules::compile(&raw).unwrap();
        let enter = |m: &str| Move::Enter(m.into());
        assert_eq!(
            rules.path("user", "config"),
            Some(vec![enter("exec"), enter("config")])
        );
        assert_eq!(
            rules.path("config", "vlan"),
            Some(vec![Move::Leave("config".into()), enter("vlan")])
        );
        assert_eq!(rules.path("exec", "user"), None);
        assert_eq!(rules.path("exec", "exec"), Some(Vec::new()));
        assert_eq!(rules.resting("config"), "exec");
        assert_eq!(rules.resting("exec"), "exec");
        assert_eq!(rules.port_name("Gi1/0/2"), "GigabitEthernet1/0/2");
        assert_eq!(rules.port_name("XGi1/0/2"), "XGi1/0/2");
        assert!(rules.same_port("Gi1/0/2", "gigabitethernet1/0/2"));
        assert!(!rules.same_port("Gi1/0/2", "Gi1/0/22"));
    }
}
