//! What the checks must know of the machine and of the program, passed in so that they stay testable.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use super::section::Section;
use crate::types::MacAddr;

/// What is known around the file. [`Surroundings::default`] knows nothing: checks that need it are left out.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The host name, for `node.name = ""`.
    pub host_name: Option<String>,
    /// Every profile there is; `None`: not known.
    pub profiles: Option<Vec<ProfileFacts>>,
    /// This machine's interfaces; `None`: not known.
    pub interfaces: Option<Vec<InterfaceFacts>>,
    /// Addresses that the operating system's own configuration sets, with the file that does.
    pub static_addresses: Vec<(Ipv4Addr, PathBuf)>,
    /// Files with secrets are looked at: missing, unreadable or open to others is an error.
    pub examine_secrets: bool,
    /// A file without any `[peer.NAME]` will do: whoever asks only talks to switches.
    pub without_peers: bool,
    /// A VIP that somebody else has set on this machine is a warning, not an error: a daemon that refused to start over it
    /// would leave an address or a fence of ours unwatched, and a command could not even ask.
    pub vip_may_be_here: bool,
    /// Who knows the kinds of steps that a site may add.
    pub steps: StepReader,
    /// Who knows the kinds of alert sinks.
    pub sinks: SinkReader,
    /// Who knows the kinds of health checks.
    pub health: HealthReader,
}

/// What a check of one service is known to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthFacts {
    /// The address that is asked, where it is one and known.
    pub asks: Option<IpAddr>,
    /// It sees nothing but this machine.
    pub only_here: bool,
}

/// Reads the keys of a health check that only its kind knows. By default there is no kind, as with [`StepReader`].
#[derive(Clone, Copy, Debug)]
pub struct HealthReader {
    /// The kinds.
    pub kinds: fn() -> Vec<&'static str>,
    /// Examines one of a kind that there is; `None` if something was refused.
    pub read: fn(&str, &mut Section<'_, '_>) -> Option<HealthFacts>,
}

impl Default for HealthReader {
    fn default() -> Self {
        HealthReader {
            kinds: Vec::new,
            read: |_, _| None,
        }
    }
}

/// Reads the keys of an alert sink that only its kind knows. By default there is no kind, as with [`StepReader`].
#[derive(Clone, Copy, Debug)]
pub struct SinkReader {
    /// The kinds.
    pub kinds: fn() -> Vec<&'static str>,
    /// Examines the quiet hours: why they are none.
    pub quiet: fn(&str) -> Result<(), String>,
    /// Examines one of a kind that there is; false if something was refused.
    pub read: fn(&str, &mut Section<'_, '_>) -> bool,
}

impl Default for SinkReader {
    fn default() -> Self {
        SinkReader {
            kinds: Vec::new,
            quiet: |_| Ok(()),
            read: |_, _| false,
        }
    }
}

/// Reads the keys of a step that only its kind knows. (The kinds are above this module.) By default there is no kind:
/// a step is refused then, never accepted unread.
#[derive(Clone, Copy, Debug)]
pub struct StepReader {
    /// The kinds.
    pub kinds: fn() -> Vec<&'static str>,
    /// Examines one of a kind that there is; true if it can be taken back, `None` if something was refused.
    pub read: fn(&str, &mut Section<'_, '_>) -> Option<bool>,
}

impl Default for StepReader {
    fn default() -> Self {
        StepReader {
            kinds: Vec::new,
            read: |_, _| None,
        }
    }
}

/// What the checks must know of a switch profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileFacts {
    /// Its name, as `switch.NAME.profile` gives it.
    pub name: String,
    /// What becomes of a change when the switch reboots.
    pub persistence: Persistence,
    /// It can save the configuration over SNMP.
    pub saves_by_snmp: bool,
    /// It can save the configuration over SSH.
    pub saves_by_ssh: bool,
    /// It has operations over SNMP.
    pub has_snmp: bool,
    /// It has operations over SSH.
    pub has_ssh: bool,
}

impl ProfileFacts {
    /// Of a profile that works by SNMP and cannot save.
    pub fn snmp_only(name: &str, persistence: Persistence) -> ProfileFacts {
        ProfileFacts {
            name: name.to_owned(),
            persistence,
            saves_by_snmp: false,
            saves_by_ssh: false,
            has_snmp: true,
            has_ssh: false,
        }
    }
}

/// What becomes of a change when the switch reboots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Every change is saved at once.
    Instant,
    /// A change is saved by an operation of its own.
    Save,
    /// Nobody has found out.
    Unknown,
}

/// An interface of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceFacts {
    /// Its name.
    pub name: String,
    /// Its MAC, where it has one.
    pub mac: Option<MacAddr>,
    /// Its own addresses and prefix lengths, *without* those that standin itself put there (`IFA_PROTO`, label).
    pub addresses: Vec<(Ipv4Addr, u8)>,
}
