//! `standin verify`: watches an interface, or reads a capture file, and says which cameras are back.

mod infer;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use self::infer::infer_vip;
use self::table::{Report, progress_line, table};
use crate::exit::ExitCode;
use crate::net::capture::{Capture, CaptureError};
use crate::types::{IfIndex, MacAddr, Vip};
use crate::verify::pcap::{self, PcapFileError};
use crate::verify::{Direction, Inventory, Problem, Tracker, Verdict};

/// Frames taken between two looks at the clock.
const BATCH: usize = 256;
/// The clock is looked at this often at the least.
const LOOK: Duration = Duration::from_millis(50);

/// Watch the cameras come back: on the wire (--interface) or in a capture file (--pcap).
///
/// Each camera of the list climbs five rungs: ARP receipt, any TCP, SYN, RTMP handshake, media. Exit code 0 only if
/// every camera reached the last one.
#[derive(Clone, Debug, clap::Args)]
pub struct VerifyArgs {
    /// Capture live on this interface (needs CAP_NET_RAW)
    #[arg(
        long,
        value_name = "IF",
        conflicts_with = "pcap",
        required_unless_present = "pcap"
    )]
    pub interface: Option<String>,
    /// Read this capture instead (pcap or pcapng, whole frames: tcpdump -s 0)
    #[arg(long, value_name = "FILE")]
    pub pcap: Option<PathBuf>,
    /// The cameras to expect: CSV with the columns name,address[,mac][,stream]
    #[arg(long, value_name = "FILE")]
    pub cameras: PathBuf,
    /// TCP port of the media server
    #[arg(long, default_value_t = 1935, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Address that the cameras push to, with its prefix length, such as 192.168.1.101/24 [default: the interface's
    /// only address; in a file the address that most SYNs go to]
    #[arg(long, value_name = "ADDRESS/PREFIX")]
    pub vip: Option<Vip>,
    /// How long to wait for the last camera (live only), such as 30s or 2m
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_within)]
    pub within: Duration,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// What the command found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyOutcome {
    /// The verdict.
    pub verdict: Verdict,
}

impl VerifyOutcome {
    /// Exit code: 0 only if verified, else 1.
    pub fn exit_code(self) -> ExitCode {
        match self.verdict {
            Verdict::Verified => ExitCode::Ok,
            Verdict::Degraded | Verdict::Failed => ExitCode::NotReached,
        }
    }
}

/// Why the command could not find out.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The camera list has problems; all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Cameras(Vec<Problem>),
    /// There is no such interface, or it cannot be looked at.
    #[error(
        "cannot use interface {name}: {source}; `ip link` lists the interfaces of this machine"
    )]
    Interface {
        /// As it was given.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The address cannot be inferred.
    #[error("{0}; name the address that the cameras push to, such as --vip 192.168.1.101/24")]
    NoVip(String),
    /// CAP_NET_RAW is missing.
    #[error(
        "capturing on {name} needs CAP_NET_RAW: run as root, or give the program that capability (setcap cap_net_raw+ep)"
    )]
    NotPermitted {
        /// The interface.
        name: String,
    },
    /// Capturing failed.
    #[error(transparent)]
    Capture(CaptureError),
    /// The capture file cannot be read.
    #[error(transparent)]
    File(#[from] PcapFileError),
    /// The result cannot be written.
    #[error("cannot write the result: {0}")]
    Output(io::Error),
}

impl VerifyError {
    /// What the command exits with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            VerifyError::NoVip(_) => ExitCode::Usage,
            VerifyError::File(PcapFileError::Io { .. }) => ExitCode::NoInput,
            VerifyError::Cameras(_) | VerifyError::File(_) => ExitCode::BadData,
            VerifyError::Interface { .. } | VerifyError::Capture(_) => ExitCode::Unavailable,
            VerifyError::NotPermitted { .. } => ExitCode::NoPermission,
            VerifyError::Output(_) => ExitCode::Internal,
        }
    }
}

/// Result on standard output, progress on standard error.
///
/// # Errors
/// See [`VerifyError`]. A reader that closes standard output early is none.
pub fn run(args: &VerifyArgs) -> Result<VerifyOutcome, VerifyError> {
    run_to(args, &mut io::stdout().lock(), &mut io::stderr())
}

/// Like [`run`], with the result to `out` and progress to `progress`; same errors.
pub fn run_to(
    args: &VerifyArgs,
    out: &mut dyn Write,
    progress: &mut dyn Write,
) -> Result<VerifyOutcome, VerifyError> {
    let inventory = Inventory::load(&args.cameras).map_err(VerifyError::Cameras)?;
    let seen = match (&args.interface, &args.pcap) {
        (Some(name), _) => live(args, name, &inventory, progress)?,
        (None, Some(file)) => from_file(args, file, &inventory, progress)?,
        (None, None) => return Err(VerifyError::NoVip("no --interface and no --pcap".into())),
    };
    let text = if args.json {
        serde_json::to_string(&seen).map_err(|e| VerifyError::Output(e.into()))? + "\n"
    } else {
        table(&seen)
    };
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(VerifyError::Output(e)),
        Ok(()) | Err(_) => Ok(VerifyOutcome {
            verdict: seen.summary.verdict,
        }),
    }
}

fn say(progress: &mut dyn Write, line: &str) {
    // Nobody reads it: no reason to stop.
    let _ = writeln!(progress, "{line}");
}

fn live(
    args: &VerifyArgs,
    name: &str,
    inventory: &Inventory,
    progress: &mut dyn Write,
) -> Result<Report, VerifyError> {
    let bad_interface = |source: io::Error| VerifyError::Interface {
        name: name.to_owned(),
        source,
    };
    let index = nix::net::if_::if_nametoindex(name).map_err(|e| bad_interface(e.into()))?;
    let (mac, addresses) = addresses_of(name).map_err(bad_interface)?;
    let vip = match args.vip {
        Some(vip) => vip,
        None => the_only(name, &addresses, progress)?,
    };
    if !addresses.iter().any(|a| a.addr == vip.addr) {
        say(
            progress,
            &format!("note: {} is not an address of {name} (yet)", vip.addr),
        );
    }
    let mut capture = Capture::open(IfIndex(index), vip.addr, args.port).map_err(|e| match e {
        CaptureError::NotPermitted { .. } => VerifyError::NotPermitted {
            name: name.to_owned(),
        },
        e => VerifyError::Capture(e),
    })?;
    let mut tracker = Tracker::new(inventory, vip, args.port, mac);
    let begin = Instant::now();
    let start_us = boot_us().map_err(bad_interface)?;
    let mut next_line = Duration::from_secs(1);
    let mut finished = Vec::new();
    say(
        progress,
        &format!(
            "waiting up to {} s for {} cameras to push to {}:{} on {name}",
            args.within.as_secs_f32(),
            inventory.cameras().len(),
            vip.addr,
            args.port
        ),
    );
    while !tracker.verified() {
        let passed = begin.elapsed();
        if passed >= args.within {
            break;
        }
        let wait = args.within.min(next_line).saturating_sub(passed);
        capture
            .read(wait.min(LOOK), BATCH, |f| {
                let direction = if f.outgoing {
                    Direction::Out
                } else {
                    Direction::In
                };
                tracker.observe(f.boot.0, f.bytes, f.original_len, direction);
            })
            .map_err(VerifyError::Capture)?;
        tracker.tick(boot_us().map_err(bad_interface)?);
        // A camera that dials again, or is refused after all, comes back into the filter.
        let done = tracker.finished_addresses();
        if done != finished {
            if let Err(e) = capture.exclude(&done) {
                say(progress, &format!("warning: {e}"));
            }
            finished = done;
        }
        if begin.elapsed() >= next_line {
            next_line += Duration::from_secs(1);
            say(
                progress,
                &progress_line(begin.elapsed(), &tracker.summary()),
            );
        }
    }
    tracker.end();
    say(
        progress,
        &progress_line(begin.elapsed(), &tracker.summary()),
    );
    let dropped = capture.drops().map_err(VerifyError::Capture)?;
    Ok(Report {
        from: name.to_owned(),
        clock: "boot",
        start_us,
        vip,
        port: args.port,
        dropped: Some(dropped),
        damaged: None,
        summary: tracker.summary(),
    })
}

/// The clock that live frames are stamped with.
fn boot_us() -> io::Result<u64> {
    let t = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME)?;
    Ok(t.tv_sec() as u64 * 1_000_000 + t.tv_nsec() as u64 / 1000)
}

/// MAC and IPv4 addresses of an interface.
fn addresses_of(name: &str) -> io::Result<(Option<MacAddr>, Vec<Vip>)> {
    let (mut mac, mut found) = (None, Vec::new());
    for entry in nix::ifaddrs::getifaddrs()?.filter(|e| e.interface_name == name) {
        let Some(address) = entry.address else {
            continue;
        };
        if let Some(link) = address.as_link_addr() {
            mac = link.addr().map(MacAddr).filter(|m| m.is_unicast());
        }
        if let Some(v4) = address.as_sockaddr_in() {
            let mask = entry
                .netmask
                .as_ref()
                .and_then(|m| m.as_sockaddr_in())
                .map(|m| m.ip());
            found.push(Vip {
                addr: v4.ip(),
                prefix: mask.map_or(32, |m| u32::from(m).count_ones() as u8),
            });
        }
    }
    Ok((mac, found))
}

fn the_only(name: &str, found: &[Vip], progress: &mut dyn Write) -> Result<Vip, VerifyError> {
    match found {
        [vip] => {
            say(
                progress,
                &format!("note: no --vip given; taking {vip}, the only address of {name}"),
            );
            Ok(*vip)
        }
        [] => Err(VerifyError::NoVip(format!(
            "{name} has no IPv4 address now"
        ))),
        many => Err(VerifyError::NoVip(format!(
            "{name} has several addresses ({})",
            many.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}

fn from_file(
    args: &VerifyArgs,
    file: &std::path::Path,
    inventory: &Inventory,
    progress: &mut dyn Write,
) -> Result<Report, VerifyError> {
    let vip = match args.vip {
        Some(vip) => vip,
        None => infer_vip(args, file, progress)?,
    };
    let mut tracker = Tracker::new(inventory, vip, args.port, None);
    let contents = pcap::read(file, |f| {
        tracker.observe(f.at_us, f.bytes, f.original_len, f.direction);
    })?;
    if let Some(damage) = &contents.damaged {
        say(
            progress,
            &format!(
                "warning: {}: {damage}; what came before is used",
                file.display()
            ),
        );
    }
    for (what, packets) in &contents.skipped_kinds {
        tracker.skipped(what, *packets);
    }
    tracker.end();
    Ok(Report {
        from: file.display().to_string(),
        clock: "epoch",
        start_us: contents.first_us.unwrap_or(0),
        vip,
        port: args.port,
        dropped: None,
        damaged: contents.damaged,
        summary: tracker.summary(),
    })
}

/// `30s`, `2m`, `1m 30s`; more than nothing, at most a day.
fn parse_within(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("`{text}` is not a time to wait; expected one such as 30s or 2m, at most 24h");
    let signed: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    match Duration::try_from(signed) {
        Ok(d) if !d.is_zero() && d <= Duration::from_secs(86_400) => Ok(d),
        Ok(_) | Err(_) => Err(wrong()),
    }
}
