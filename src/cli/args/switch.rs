//! Arguments of `standin switch`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::types::MacAddr;

/// `standin switch`
#[derive(Clone, Debug, Subcommand)]
pub enum SwitchCommand {
    /// Lists the switches of the configuration
    List,
    /// Says who a switch is, which profile fits it, and who its neighbours are (LLDP)
    Identify(AtArgs),
    /// Shows every port, its VLANs and what was learned on it; writes nothing
    Ports(PortsArgs),
    /// Says on which port a MAC address was learned
    Find(FindArgs),
    /// Shows what a change would send, what is there now, and which guards refuse it; writes nothing
    Plan(PlanArgs),
    /// Makes a change, proves it, and keeps what was there for `undo`
    Apply(ApplyArgs),
    /// Takes a change back
    Undo(UndoArgs),
    /// Keeps what a switch shows of its configuration
    Backup(BackupArgs),
    /// Says what is different now from the last backup, or from a file
    Diff(DiffArgs),
    /// Shows the SSH host key of a switch and, if you say yes, writes it down
    Trust(TrustArgs),
    /// Says whether standin may be trusted with a switch, and what to do about each thing
    Preflight(PreflightArgs),
}

/// `standin switch trust`
#[derive(Clone, Debug, Args)]
pub struct TrustArgs {
    /// NAME of a [switch.NAME] in the configuration.
    pub name: String,
    /// Trusts the key that is shown without asking.
    #[arg(long)]
    pub yes: bool,
}

/// A switch that is in no configuration.
#[derive(Clone, Debug, Default, Args)]
pub struct TargetArgs {
    /// Instead of SWITCH: a switch that is in no configuration (UDP port 161 unless given).
    #[arg(long, value_name = "HOST[:PORT]", requires = "community_file")]
    pub target: Option<String>,
    /// With --target: the file with its community (SNMP v2c), mode 0600.
    #[arg(long, value_name = "FILE", requires = "target")]
    pub community_file: Option<PathBuf>,
    /// With --target: its profile, or `auto` (by sysObjectID and sysDescr).
    #[arg(
        long,
        value_name = "PROFILE",
        default_value = "auto",
        requires = "target"
    )]
    pub profile: String,
}

/// A switch, in the configuration or not.
#[derive(Clone, Debug, Args)]
pub struct AtArgs {
    /// NAME of a [switch.NAME] in the configuration.
    #[arg(required_unless_present = "target", conflicts_with = "target")]
    pub switch: Option<String>,
    /// The other way to say it.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// A switch of the configuration.
#[derive(Clone, Debug, Args)]
pub struct NameArgs {
    /// NAME of a [switch.NAME] in the configuration.
    pub switch: String,
}

/// `standin switch ports`
#[derive(Clone, Debug, Args)]
pub struct PortsArgs {
    /// Which switch.
    #[command(flatten)]
    pub at: AtArgs,
    /// Only this port (ifName).
    #[arg(long)]
    pub port: Option<String>,
}

/// `standin switch find`
#[derive(Clone, Debug, Args)]
pub struct FindArgs {
    /// SWITCH and MAC; with --target only the MAC.
    #[arg(required = true, num_args = 1..=2, value_names = ["SWITCH", "MAC"])]
    pub words: Vec<String>,
    /// Instead of SWITCH.
    #[command(flatten)]
    pub target: TargetArgs,
}

/// An operation on a switch.
#[derive(Clone, Debug, Args)]
pub struct OpArgs {
    /// NAME of a [switch.NAME] in the configuration.
    pub switch: String,
    /// port-off, port-on, set-access-vlan, trunk-allow, trunk-remove, flush-mac, clear-arp, poe-cycle or save.
    #[arg(value_name = "OP")]
    pub op: String,
    /// What it is about: the port's ifName where OP is about a port, then a VLAN, a MAC or an IPv4 address.
    #[arg(value_name = "PORT|VLAN|MAC|IP", num_args = 0..=2)]
    pub words: Vec<String>,
    /// Goes on although this guard refuses (the refusal says which, and whether it may be overridden).
    #[arg(long = "override", value_name = "GUARD")]
    pub overrides: Vec<String>,
    /// The port's description (ifAlias, without our mark) must be this.
    #[arg(long, value_name = "TEXT")]
    pub expect_alias: Option<String>,
    /// This MAC address must be learned on the port.
    #[arg(long, value_name = "MAC")]
    pub expect_mac: Option<MacAddr>,
    /// The whole time that it may take.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub within: std::time::Duration,
}

/// `standin switch plan`
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// What would be done.
    #[command(flatten)]
    pub op: OpArgs,
}

/// `standin switch apply`
#[derive(Clone, Debug, Args)]
pub struct ApplyArgs {
    /// What is done.
    #[command(flatten)]
    pub op: OpArgs,
    /// Does not ask, also on a terminal.
    #[arg(long)]
    pub yes: bool,
}

/// `standin switch undo`
#[derive(Clone, Debug, Args)]
pub struct UndoArgs {
    /// ID as `apply` and `undo --list` print it.
    #[arg(required_unless_present = "list")]
    pub id: Option<String>,
    /// Lists the changes that can be taken back, the newest last.
    #[arg(long, conflicts_with = "id")]
    pub list: bool,
    /// The whole time that it may take.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub within: std::time::Duration,
}

/// `standin switch backup`
#[derive(Clone, Debug, Args)]
pub struct BackupArgs {
    /// NAME of a [switch.NAME] in the configuration.
    pub switch: String,
    /// Writes it there instead of into the state folder.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `standin switch diff`
#[derive(Clone, Debug, Args)]
pub struct DiffArgs {
    /// NAME of a [switch.NAME] in the configuration.
    pub switch: String,
    /// A backup; the last one if it is not given.
    pub file: Option<PathBuf>,
}

/// `standin switch preflight`
#[derive(Clone, Debug, Args)]
pub struct PreflightArgs {
    /// NAMEs of [switch.NAME] tables in the configuration.
    #[arg(
        value_name = "SWITCH",
        required_unless_present_any = ["all", "target"],
        conflicts_with_all = ["all", "target"]
    )]
    pub switches: Vec<String>,
    /// Every switch of the configuration.
    #[arg(long, conflicts_with = "target")]
    pub all: bool,
    /// Only the ports of this peer's fence.
    #[arg(long, value_name = "NAME", conflicts_with = "target")]
    pub peer: Option<String>,
    /// This port too (ifName).
    #[arg(long, value_name = "PORT")]
    pub port: Vec<String>,
    /// Writes nothing at all, so that nothing is said about whether we may.
    #[arg(long)]
    pub no_write: bool,
    /// Instead of SWITCH; needs --no-write.
    #[command(flatten)]
    pub target: TargetArgs,
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    let told = || format!("`{text}` is not a time with its unit, such as 30s, above zero");
    let signed: jiff::SignedDuration = text.parse().map_err(|_| told())?;
    let time: std::time::Duration = signed.try_into().map_err(|_| told())?;
    if time.is_zero() {
        return Err(told());
    }
    Ok(time)
}
