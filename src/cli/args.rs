//! Every subcommand and its arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit;
use crate::manual;

mod profile;
mod switch;

pub use profile::{LintArgs, ProfileCommand, RecordArgs, ShowArgs, TryArgs};
pub use switch::{
    ApplyArgs, AtArgs, BackupArgs, DiffArgs, FindArgs, NameArgs, OpArgs, PlanArgs, PortsArgs,
    PreflightArgs, SwitchCommand, TargetArgs, UndoArgs,
};

const EXAMPLES: &str = "\
Examples:
  standin check                   is the configuration right? can the switch be reached?
  standin plan cctv               what would a takeover of `cctv` do, frame by frame, SET by SET?
  standin runbook                 the site's own procedure, for the night on which standin is gone too
  standin status                  who is healthy, who is taken over, what is missing
  standin takeover cctv           planned switchover: take cctv's address now
  standin release cctv            the machine is repaired: hand everything back
  standin switch preflight --all  may standin be trusted with these switches?
  standin unfence core:p-prim     last resort: open a port that was shut, with any standin that knows it
  standin help operate            something happened: what do I do?
";

/// Lets one machine step into a dead one's place on the network.
///
/// The daemon (`standin run`) notices that a machine is dead, makes sure at the switch that it stays dead, takes its
/// address, announces it, starts the service and proves that every camera came back. Later it hands everything back.
/// All other commands look, plan, or tell the daemon what a person has decided.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "standin",
    version,
    after_help = format!("{EXAMPLES}\n{}\n{}", manual::list(), exit::help()),
    arg_required_else_help = true,
    // `help` is a command of ours: it knows topics too.
    disable_help_subcommand = true,
    max_term_width = 110,
    propagate_version = false
)]
pub struct Cli {
    /// The configuration; the commands find the daemon's socket there too.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "/etc/standin/standin.toml"
    )]
    pub config: PathBuf,

    /// Prints JSON, for scripts; the field names are kept from release to release.
    #[arg(long, global = true)]
    pub json: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Runs the daemon in the foreground
    ///
    /// Needs CAP_NET_ADMIN and CAP_NET_RAW; CAP_IPC_LOCK and CAP_SYS_NICE make it faster on a busy machine. SIGTERM
    /// stops it and leaves an address it holds in place (the log says so); SIGHUP reads the configuration again, if
    /// it is valid.
    Run(RunArgs),
    /// Checks configuration, profiles, capabilities and reachability; changes nothing
    #[command(after_help = "What can be configured: standin help configure\n")]
    Check(CheckArgs),
    /// Prints every SNMP SET, address and command that a takeover would issue, in order; changes nothing
    Plan(PeerArgs),
    /// Writes the site's own recovery procedure, for the night on which this program is gone too; changes nothing
    ///
    /// From the configuration and what the switches say now: what is what, what to type while standin runs, and
    /// everything by hand in the order of the plan, back again too. Print it, and keep it beside the machines.
    Runbook(RunbookArgs),
    /// Says how every peer is, and what is missing
    #[command(after_help = "What each word means, and what to do: standin help operate\n")]
    Status(StatusArgs),
    /// Takes a peer's address over now, by hand
    ///
    /// The same steps as when the peer dies: fence, proof, claim, announce, verify. In a pair the peer is asked to
    /// give the address up first. Shows what happens and exits when every camera is back, or is known not to be.
    Takeover(WaitArgs),
    /// Hands a repaired peer its address back
    Release(ReleaseArgs),
    /// Keeps standin from acting by itself for a peer, or lets it act again
    Hold(HoldArgs),
    /// Opens a switch port that a fence has shut
    ///
    /// Works on any machine that has the configuration, without the daemon: for the day on which the survivor dies
    /// too. Refuses while the address is answered, unless forced.
    Unfence(UnfenceArgs),
    /// Tells what happened in a takeover: the last one, or the one with this ID
    Report(ReportArgs),
    /// Watches the cameras come back, on an interface or in a capture file
    ///
    /// The same proof as after a takeover, on its own: five rungs per camera (ARP receipt, any TCP, SYN, RTMP
    /// handshake, media). Exits 0 only if every camera is back.
    Verify(super::verify::VerifyArgs),
    /// Plays a journal back through the decisions, and says whether they would be the same today
    Replay(ReplayArgs),
    /// What a person knows of a peer's fence
    #[command(subcommand)]
    Fence(FenceCommand),
    /// What a person decides about a peer machine
    #[command(subcommand)]
    Peer(PeerCommand),
    /// Who is told when nobody looks
    #[command(
        subcommand,
        after_help = "The kinds of sinks and their keys: standin help alerts\n"
    )]
    Alert(AlertCommand),
    /// Looks at switches, plans and makes changes, takes them back
    #[command(
        subcommand,
        after_help = "What to try first, and what is written when: standin help switches\n"
    )]
    Switch(SwitchCommand),
    /// Switch profiles: what there is, whether one is right, what it would do
    #[command(
        subcommand,
        after_help = "The keys, and how one is written: standin help profiles"
    )]
    Profile(ProfileCommand),
    /// Prints a page of the manual, or how a command is used; without either what there is
    Help(HelpArgs),
}

/// `standin help`
#[derive(Clone, Debug, Args)]
pub struct HelpArgs {
    /// A topic of the manual, or a command with its subcommand.
    #[arg(value_name = "TOPIC|COMMAND")]
    pub about: Vec<String>,
}

/// `standin run`
#[derive(Clone, Debug, Args)]
pub struct RunArgs {}

/// `standin runbook`
#[derive(Clone, Debug, Args)]
pub struct RunbookArgs {
    /// NAME of `[peer.NAME]`; all if it is not given.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// One HTML page that prints well, instead of Markdown.
    #[arg(long)]
    pub html: bool,
}

/// `standin check`
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// Asks neither switches nor the network: only what the files say.
    #[arg(long)]
    pub offline: bool,
}

/// A command about one peer.
#[derive(Clone, Debug, Args)]
pub struct PeerArgs {
    /// NAME of a [peer.NAME] in the configuration.
    pub name: String,
}

/// `standin status`
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// Only this peer.
    pub name: Option<String>,
}

/// `standin takeover` and `standin release`
#[derive(Clone, Debug, Args)]
pub struct WaitArgs {
    /// NAME of a [peer.NAME] in the configuration.
    pub name: String,
    /// Returns as soon as the daemon has accepted the order.
    #[arg(long)]
    pub no_wait: bool,
}

/// `standin release`
#[derive(Clone, Debug, Args)]
pub struct ReleaseArgs {
    /// What it has in common with the takeover.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// The repaired machine has this MAC address now; believed only if the switch has learned it, alone, on the port
    /// that is opened. It outranks the configuration until that is edited.
    #[arg(long, value_name = "MAC")]
    pub new_mac: Option<crate::types::MacAddr>,
}

/// `standin hold`
#[derive(Clone, Debug, Args)]
pub struct HoldArgs {
    /// NAME of a [peer.NAME] in the configuration.
    pub name: String,
    /// `on`: nothing happens by itself; `off`: as configured.
    pub switch: OnOff,
    /// In a pair, where a hold binds both nodes: only this one.
    #[arg(long)]
    pub this_node: bool,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnOff {
    /// Nothing happens by itself.
    On,
    /// As configured.
    Off,
}

/// `standin unfence`
#[derive(Clone, Debug, Args)]
pub struct UnfenceArgs {
    /// SWITCH:PORT as `status` and `plan` print it, such as core:p-prim.
    #[arg(value_parser = port)]
    pub port: crate::types::PortRef,
    /// Opens it even while the address is answered: two machines may then have it.
    #[arg(long)]
    pub force: bool,
}

/// `standin report`
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// ID as `report --list` prints it; the last takeover if it is not given.
    pub id: Option<String>,
    /// Lists the reports there are, the newest last.
    #[arg(long, conflicts_with = "id")]
    pub list: bool,
}

/// `standin replay`
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// A journal, such as /var/lib/standin/journal.jsonl.
    pub journal: PathBuf,
}

/// `standin fence`
#[derive(Clone, Debug, Subcommand)]
pub enum FenceCommand {
    /// Says that the fence's ports are the peer's, whatever the switch's tables say
    ///
    /// For a switch that tells no MAC addresses, or wrong ones. Follow the cable first: a fence on the wrong port leaves
    /// two machines with one address. It is journaled with who said it and when, and void as soon as the port's name,
    /// ifIndex or description, or the place in the tables, is another.
    Confirm(ConfirmArgs),
}

/// `standin fence confirm`
#[derive(Clone, Debug, Args)]
pub struct ConfirmArgs {
    /// NAME of a [peer.NAME] in the configuration.
    pub name: String,
    /// Only this level, as `status` names it, such as core:p-prim.
    #[arg(long)]
    pub level: Option<String>,
}

/// `standin peer`
#[derive(Clone, Debug, Subcommand)]
pub enum PeerCommand {
    /// Forgets which heartbeats of a peer were seen
    ///
    /// For a pair, after the other machine lost its heartbeat counter (its standin says so and does not start).
    Reset(PeerArgs),
}

/// `standin alert`
#[derive(Clone, Debug, Subcommand)]
pub enum AlertCommand {
    /// Sends a test alert through each sink, and says what each answered
    ///
    /// From here, as the configuration has them; the daemon is not asked. Exits 0 only if each took it.
    Test(AlertTestArgs),
}

/// `standin alert test`
#[derive(Clone, Debug, Args)]
pub struct AlertTestArgs {
    /// Only this sink.
    pub sink: Option<String>,
}

fn port(text: &str) -> Result<crate::types::PortRef, String> {
    match text.split_once(':') {
        Some((switch, port)) if !switch.is_empty() && !port.is_empty() => {
            Ok(crate::types::PortRef {
                switch: switch.to_owned(),
                port: port.to_owned(),
            })
        }
        _ => Err("a port is written SWITCH:PORT, such as core:p-prim".to_owned()),
    }
}
