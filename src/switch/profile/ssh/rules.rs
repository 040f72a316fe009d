//! The rules of a command line in the form the program works with: regular expressions compiled, references checked.
//! Pure. What a profile file may say is in [`crate::switch::profile::schema::Ssh`]; the checking is in [`super::compile`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use regex::Regex;

use crate::switch::model::mac_format::MacFormat;
use crate::types::PortName;

/// How long a command may take where the profile does not say.
pub const WITHIN: Duration = Duration::from_secs(10);

/// Something in `[ssh]` of a profile that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleProblem {
    /// Where it is in the profile's text, in bytes.
    pub span: Range<usize>,
    /// Its key, such as `ssh.mode.config.prompt`.
    pub key: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// How commands reach the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// One interactive session with prompts.
    Shell,
    /// Each command on a channel of its own, without a prompt.
    Exec,
}

/// A way to authenticate (RFC 4252, RFC 4256).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// A private key, or an agent that holds one.
    PublicKey,
    /// Questions of the server, answered with the password.
    KeyboardInteractive,
    /// The password.
    Password,
    /// Nothing: the shell asks by itself.
    None,
}

impl AuthMethod {
    /// The name in the protocol and in profiles.
    pub fn name(self) -> &'static str {
        match self {
            AuthMethod::PublicKey => "publickey",
            AuthMethod::KeyboardInteractive => "keyboard-interactive",
            AuthMethod::Password => "password",
            AuthMethod::None => "none",
        }
    }
}

/// Which secret answers a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretName {
    /// The login password.
    Password,
    /// The password of the privileged mode.
    Enable,
}

/// What is sent as an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// As it is, without an end of line.
    Key(String),
    /// With an end of line; `{user}` is filled in.
    Say(String),
    /// A secret, with an end of line.
    Secret(SecretName),
}

/// A question of the switch, and what is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What the end of the output looks like.
    pub see: Regex,
    /// What is sent.
    pub reply: Reply,
}

/// One mode of the command line.
#[derive(Clone, Debug)]
pub struct Mode {
    /// The last line when it waits for a command.
    pub prompt: Regex,
    /// A last line that matches this too is no prompt of it.
    pub prompt_not: Option<Regex>,
    /// The mode it is entered from; `None`: the session may start in it.
    pub from: Option<String>,
    /// The command that enters it, with `{random}` if it has to have a name of its own.
    pub enter: Option<String>,
    /// Questions while it is entered or left.
    pub ask: Vec<Answer>,
    /// The command that leaves it.
    pub leave: Option<String>,
    /// Commands after it was entered for the first time.
    pub first: Vec<String>,
}

/// How the text of a show becomes records.
#[derive(Clone, Debug)]
pub enum Layout {
    /// Every line that matches is a record; its named captures are the fields.
    Row(Regex),
    /// One record; the first capture of each is the field.
    Fields(BTreeMap<String, Regex>),
    /// JSON: pointer to the records, pointers to the fields within each.
    Json {
        /// Where the records are.
        list: String,
        /// Field name and pointer.
        fields: BTreeMap<String, String>,
    },
    /// The text as it is, in the field `text`.
    Raw,
}

/// What the text of a field means: other text to fields and their values, keys in lower case.
pub type Meaning = BTreeMap<String, BTreeMap<String, String>>;

/// One thing that can be shown.
#[derive(Clone, Debug)]
pub struct Show {
    /// The mode it is asked in.
    pub mode: Option<String>,
    /// The command, with placeholders.
    pub send: String,
    /// How its text is read.
    pub layout: Layout,
    /// Meanings of texts, by field.
    pub map: BTreeMap<String, Meaning>,
}

/// When an arming command is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the operation's commands.
    Before,
    /// After them, in place of the commit.
    After,
}

/// One command of a transaction.
#[derive(Clone, Debug)]
pub struct Line {
    /// The command.
    pub send: String,
    /// What its output must match.
    pub see: Option<Regex>,
    /// How long it may take.
    pub within: Option<Duration>,
    /// The mode it is sent in.
    pub mode: Option<String>,
    /// The mode it leads to.
    pub lands: Option<String>,
    /// When it is sent; of meaning for `arm` only.
    pub when: When,
}

/// How a change is committed.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Sent after the commands; with a mode, after those of that mode only.
    pub commit: Option<Line>,
    /// Arms the change: it undoes itself unless confirmed.
    pub arm: Option<Line>,
    /// Confirms an armed change.
    pub confirm: Option<Line>,
    /// Undoes a change that was not committed or not confirmed.
    pub abort: Vec<String>,
    /// Questions that these may ask.
    pub abort_asks: Vec<Answer>,
    /// The mode these are sent in.
    pub abort_mode: Option<String>,
    /// The operations that are armed.
    pub arm_for: BTreeSet<String>,
}

/// The rules of one family's command line.
#[derive(Clone, Debug)]
pub struct CliRules {
    /// How commands reach the switch.
    pub channel: ChannelKind,
    /// What ends a line.
    pub eol: String,
    /// What a port's name is put between where it has more in it than letters, digits and `.-_/`.
    pub quote: Option<char>,
    /// How a MAC address is written.
    pub mac: MacFormat,
    /// The user name that is sent, `{user}` to be filled in.
    pub user: Option<String>,
    /// Authentication methods in order.
    pub auth: Vec<AuthMethod>,
    /// Questions before the first prompt.
    pub login: Vec<Answer>,
    /// Rewriting of ifName.
    pub port_name: Vec<(Regex, String)>,
    /// Pagers.
    pub pager: Vec<Answer>,
    /// Lines that mean a refusal.
    pub refuse: Vec<Regex>,
    /// Lines that match `refuse` and are none.
    pub allow: Vec<Regex>,
    /// Lines that the switch prints by itself.
    pub noise: Vec<Regex>,
    /// Lines that mean that the configuration is locked by somebody else.
    pub busy: Vec<Regex>,
    /// How long one command may take.
    pub within: Duration,
    /// The modes, by name.
    pub modes: BTreeMap<String, Mode>,
    /// The shows, by name.
    pub shows: BTreeMap<String, Show>,
    /// How a change is committed.
    pub transaction: Option<Transaction>,
}

/// One step from a mode to its neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Into this mode, from the one it is entered from.
    Enter(String),
    /// Out of this mode, back to the one it was entered from.
    Leave(String),
}

impl CliRules {
    /// The mode itself and the ones it is entered from, up to a start mode.
    fn ancestry<'a>(&'a self, mode: &'a str) -> Vec<&'a str> {
        let mut line = vec![mode];
        let mut at = mode;
        while let Some(from) = self.modes.get(at).and_then(|m| m.from.as_deref()) {
            if line.contains(&from) {
                break;
            }
            line.push(from);
            at = from;
        }
        line
    }

    /// The moves that lead from one mode to another; `None` if one of them cannot be left or is not known.
    pub fn path(&self, from: &str, to: &str) -> Option<Vec<Move>> {
        if !self.modes.contains_key(from) || !self.modes.contains_key(to) {
            return None;
        }
        let (up, down) = (self.ancestry(from), self.ancestry(to));
        let meet = up.iter().find(|m| down.contains(m))?;
        let mut moves = Vec::new();
        for mode in up.iter().take_while(|m| *m != meet) {
            self.modes.get(*mode)?.leave.as_ref()?;
            moves.push(Move::Leave((*mode).to_owned()));
        }
        let below: Vec<_> = down.iter().take_while(|m| *m != meet).collect();
        moves.extend(below.iter().rev().map(|m| Move::Enter((**m).to_owned())));
        Some(moves)
    }

    /// The mode to wait in when nothing is to be done: out of `mode` as far as it can be left.
    pub fn resting<'a>(&'a self, mode: &'a str) -> &'a str {
        let mut at = mode;
        for above in self.ancestry(mode).into_iter().skip(1) {
            if self.modes.get(at).is_none_or(|m| m.leave.is_none()) {
                break;
            }
            at = above;
        }
        at
    }

    /// The name that the command line takes for this ifName.
    pub fn port_name(&self, if_name: &str) -> String {
        self.port_name
            .iter()
            .find(|(from, _)| from.is_match(if_name))
            .map_or_else(
                || if_name.to_owned(),
                |(from, to)| from.replace(if_name, to.as_str()).into_owned(),
            )
    }

    /// True if the two can be names of the same port, as everybody writes them ([`PortName`]) or as this family
    /// rewrites them.
    pub fn same_port(&self, one: &str, other: &str) -> bool {
        let (one, other) = (one.trim(), other.trim());
        PortName::same(one, other) || {
            let (ours, theirs) = (self.port_name(one), self.port_name(other));
            [(&*ours, other), (one, &*theirs), (&*ours, &*theirs)]
                .iter()
                .any(|(a, b)| PortName::same(a, b))
        }
    }
}
