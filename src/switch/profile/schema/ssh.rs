//! The command-line side of a profile file.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// Rules of the command line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ssh {
    /// `shell`: one interactive session with prompts; `exec`: each command on a channel of its own.
    pub channel: Spanned<String>,
    /// What ends a line that is sent: `\n` (default), `\r` or `\r\n`.
    #[serde(default)]
    pub eol: Option<Spanned<String>>,
    /// What a port's name is put between where it has more in it than letters, digits and `.-_/`: `"` or `'`.
    #[serde(default)]
    pub quote: Option<Spanned<String>>,
    /// How a MAC address is written: `xxxx.xxxx.xxxx`, `xx:xx:xx:xx:xx:xx`, `xxxxxx-xxxxxx`, ...
    pub mac: Option<Spanned<String>>,
    /// The user name that is sent, `{user}` filled in (RouterOS: `{user}+ct511w4098h`).
    pub user: Option<Spanned<String>>,
    /// Authentication methods in order: `publickey`, `keyboard-interactive`, `password`, `none`. Not given: the
    /// first three.
    #[serde(default)]
    pub auth: Vec<Spanned<String>>,
    /// Questions between the start of the shell and the first prompt.
    #[serde(default)]
    pub login: Vec<Spanned<Answer>>,
    /// How ifName becomes the name that the command line takes; the first match counts.
    #[serde(default)]
    pub port_name: Vec<Spanned<Replace>>,
    /// What a pager prints, and the key that goes on.
    #[serde(default)]
    pub pager: Vec<Spanned<Answer>>,
    /// Output lines that mean that a command was refused. Required: a command line without them cannot be judged.
    #[serde(default)]
    pub refuse: Vec<Spanned<String>>,
    /// Lines that match `refuse` and are none.
    #[serde(default)]
    pub allow: Vec<Spanned<String>>,
    /// Lines that the switch prints by itself (log messages).
    #[serde(default)]
    pub noise: Vec<Spanned<String>>,
    /// Lines that mean that somebody else holds the configuration lock: tried again, with jitter.
    #[serde(default)]
    pub busy: Vec<Spanned<String>>,
    /// How long one command may take; not given: 10 s.
    pub within: Option<Spanned<String>>,
    /// The modes of the command line, by name. `shell` only.
    #[serde(default)]
    pub mode: BTreeMap<Spanned<String>, Mode>,
    /// What can be shown, by name; see switch-profiles/README.md for the names that the program asks for.
    #[serde(default)]
    pub show: BTreeMap<Spanned<String>, Show>,
    /// How a change is committed, and how it is armed so that it undoes itself.
    pub transaction: Option<Spanned<Transaction>>,
}

/// A question of the switch, and what is answered; exactly one of `key`, `say` and `secret`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// A regular expression over the end of the output.
    pub see: Spanned<String>,
    /// Sent as it is, without an end of line.
    pub key: Option<String>,
    /// Sent with an end of line; `{user}` is filled in.
    pub say: Option<String>,
    /// `password` or `enable`: that secret, with an end of line.
    pub secret: Option<Spanned<String>>,
}

/// A rewriting of a name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// A regular expression over the whole name.
    pub from: Spanned<String>,
    /// What it becomes; `$1` is the first capture.
    pub to: String,
}

/// One mode of the command line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mode {
    /// A regular expression over the last line of the output when the mode waits for a command.
    pub prompt: Spanned<String>,
    /// A last line that matches this too is no prompt of this mode.
    pub prompt_not: Option<Spanned<String>>,
    /// The mode it is entered from; not given: the session may start in it.
    pub from: Option<Spanned<String>>,
    /// The command that enters it; `{random}` is filled in.
    pub enter: Option<String>,
    /// Questions while it is entered or left.
    #[serde(default)]
    pub ask: Vec<Spanned<Answer>>,
    /// The command that leaves it, back to `from`.
    pub leave: Option<String>,
    /// Commands that are sent when it was entered for the first time: paging off, wide terminal. A refusal of one of
    /// them is tolerated.
    #[serde(default)]
    pub first: Vec<String>,
}

/// One thing that can be shown; exactly one of `row`, `fields`, `json` and `raw`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// The mode it is asked in (`shell` only).
    pub mode: Option<Spanned<String>>,
    /// The command; `{port}`, `{vlan}`, `{mac}`, `{ip}` are filled in.
    pub send: Spanned<String>,
    /// A regular expression with named captures: every line that matches is a record.
    pub row: Option<Spanned<String>>,
    /// One record; for each field a regular expression over the whole text (multi-line), whose first capture is it.
    #[serde(default)]
    pub fields: BTreeMap<Spanned<String>, Spanned<String>>,
    /// Records from JSON: `list` is the pointer (RFC 6901) to an array or object of records (empty: the whole
    /// document), every other key a field's pointer within a record. `*` in a pointer matches any one key.
    #[serde(default)]
    pub json: BTreeMap<Spanned<String>, Spanned<String>>,
    /// True: the text as it is (backups).
    #[serde(default)]
    pub raw: bool,
    /// What a field's text means: `map.FIELD."text" = "value"`, or `= { other = "value", ... }` for several fields.
    /// `*` matches any other text. Compared without case.
    #[serde(default)]
    pub map: BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Spanned<toml::Value>>>,
}

/// One operation over SSH.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpSsh {
    /// The mode its commands are sent in (`shell` only).
    pub mode: Option<Spanned<String>>,
    /// What must hold before: `vlan-exists`, `access-port`, `trunk-port`.
    #[serde(default)]
    pub need: Vec<Spanned<String>>,
    /// How long the switch may take until what was set reads back; not given: 2 s.
    pub settle: Option<Spanned<String>>,
    /// The steps, in order.
    #[serde(default, rename = "do")]
    pub steps: Vec<Spanned<CliStep>>,
    /// What must be true afterwards.
    #[serde(default)]
    pub prove: Vec<Spanned<ShowProof>>,
}

/// Some commands; each is judged before the next is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CliStep {
    /// The commands, in order.
    #[serde(default)]
    pub cli: Vec<Spanned<String>>,
    /// Confirmation questions that any of them may ask.
    #[serde(default)]
    pub ask: Vec<Spanned<Answer>>,
    /// `old`: repeated for every VLAN the port leaves, `{old}` filled in each time.
    pub each: Option<Spanned<String>>,
    /// A regular expression that the output of the last command must match (D-Link's `Success`).
    pub expect: Option<Spanned<String>>,
    /// How long each may take; not given: as in `[ssh]`.
    pub within: Option<Spanned<String>>,
    /// A pause instead of commands.
    pub wait: Option<Spanned<String>>,
    /// The step is left out if the VLAN that is left (`{old}`) is one of these.
    #[serde(default)]
    pub unless_vlan: Vec<u16>,
}

/// What a show must say; every field that is given.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowProof {
    /// Name of the show.
    pub show: String,
    /// `up` or `down`.
    pub admin: Option<String>,
    /// `up` or `down`.
    pub oper: Option<String>,
    /// The untagged VLAN.
    pub pvid: Option<String>,
    /// `access` or `trunk`.
    pub mode: Option<String>,
    /// A VLAN that must be among the tagged ones (a list such as `10,20-30`).
    pub tagged: Option<String>,
    /// A VLAN that must not be among them.
    pub not_tagged: Option<String>,
    /// True: no record may match at all (a flushed entry).
    #[serde(default)]
    pub absent: bool,
}

/// How a change is committed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// Sent after the commands, where the platform has a candidate configuration. With `mode`: after those of that
    /// mode only.
    pub commit: Option<Line>,
    /// Arms the change: it undoes itself after `{minutes}` unless confirmed.
    pub arm: Option<Line>,
    /// Confirms an armed change.
    pub confirm: Option<Line>,
    /// Undoes a change that was not committed or not confirmed.
    #[serde(default)]
    pub abort: Vec<String>,
    /// Questions that any of these may ask.
    #[serde(default)]
    pub abort_ask: Vec<Spanned<Answer>>,
    /// The mode these are sent in; not given: the operation's.
    pub abort_mode: Option<Spanned<String>>,
    /// The operations that are armed; never `port-off`.
    #[serde(default)]
    pub arm_for: Vec<Spanned<String>>,
}

/// One command of a transaction.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The command.
    pub send: String,
    /// What its output must match.
    pub see: Option<Spanned<String>>,
    /// How long it may take; not given: as in `[ssh]`.
    pub within: Option<Spanned<String>>,
    /// The mode it is sent in; not given: the operation's.
    pub mode: Option<Spanned<String>>,
    /// The mode it leads to (`configure terminal revert timer`).
    pub lands: Option<Spanned<String>>,
    /// `before` the operation's commands, or `after` them (default: in place of `commit`).
    pub when: Option<Spanned<String>>,
}
