//! Arguments of `standin profile`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::switch::TargetArgs;

/// `standin profile`
#[derive(Clone, Debug, Subcommand)]
pub enum ProfileCommand {
    /// Lists the profiles: what was tested, and what each can do
    List,
    /// Says everything that is wrong with profile files
    Lint(LintArgs),
    /// Prints the text of a profile
    Show(ShowArgs),
    /// Shows what a profile makes of a recording or of a switch; writes nothing
    Try(TryArgs),
    /// Makes a recording of a switch, with secrets and names scrubbed; writes nothing to the switch
    Record(RecordArgs),
}

/// `standin profile lint`
#[derive(Clone, Debug, Args)]
pub struct LintArgs {
    /// Profiles.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// `standin profile show`
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// A profile's name.
    pub name: String,
}

/// `standin profile try`
#[derive(Clone, Debug, Args)]
pub struct TryArgs {
    /// A profile's name, or a file that ends in .toml.
    #[arg(value_name = "PROFILE")]
    pub which: String,
    /// A recording (.snmprec).
    #[arg(required_unless_present = "target", conflicts_with = "target")]
    pub recording: Option<PathBuf>,
    /// The port (ifName) for which each operation is planned.
    #[arg(long)]
    pub port: Option<String>,
    /// The VLAN that moves are planned for; not given: one that is there and that the port is not in.
    #[arg(long)]
    pub vlan: Option<u16>,
    /// A live switch.
    #[arg(long, value_name = "HOST[:PORT]", requires = "community_file")]
    pub target: Option<String>,
    /// With --target: the file with its community (SNMP v2c), mode 0600.
    #[arg(long, value_name = "FILE", requires = "target")]
    pub community_file: Option<PathBuf>,
}

/// `standin profile record`
#[derive(Clone, Debug, Args)]
pub struct RecordArgs {
    /// The switch.
    #[command(flatten)]
    pub target: TargetArgs,
    /// The recording, a file that is not there yet.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}
