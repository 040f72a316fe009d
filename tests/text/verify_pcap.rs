//! Capture files, whole and broken, through `standin verify --pcap`.

use std::io;
use std::path::{Path, PathBuf};

use crate::verify_support::*;
use clap::Parser;
use proptest::prelude::*;
use standin::cli::verify::{VerifyArgs, VerifyError, run_to};
use standin::exit::ExitCode;
use standin::verify::pcap::{self, Contents, PcapFileError};
use standin::verify::{Direction, Tracker, Verdict};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: VerifyArgs,
}

fn args(line: &[&str]) -> VerifyArgs {
    let line = ["verify"].iter().chain(line);
    Cli::try_parse_from(line).unwrap().args
}

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Dir(tempfile::tempdir().unwrap())
    }
    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// Runs the command over a file; verdict, standard output, standard error.
fn verify(
    capture: &[u8],
    csv: &str,
    more: &[&str],
) -> Result<(Verdict, String, String), VerifyError> {
    let dir = Dir::new();
    let capture = dir.file("run.pcap", capture);
    let cameras = dir.file("cameras.csv", csv.as_bytes());
    let fixed = [
        "--pcap",
        capture.to_str().unwrap(),
        "--cameras",
        cameras.to_str().unwrap(),
    ];
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let outcome = run_to(&args(&[&fixed[..], more].concat()), &mut out, &mut err)?;
    let text = |b| String::from_utf8(b).unwrap();
    Ok((outcome.verdict, text(out), text(err)))
}

fn two_cameras() -> Vec<At> {
    let mut frames = comes_back(11, 1_700_000_000_000_000, "live", "s1");
    frames.push(At(1_700_000_001_000_000, Wire::new(12, 5000).syn()));
    frames.push(At(1_700_000_001_000_100, Wire::new(12, 5000).reset()));
    frames
}

const CSV: &str = "name,address,stream\nGate,192.168.1.11,s1\nYard,192.168.1.12,\n";

#[test]
fn the_table_says_who_is_back_who_is_missing_whose_fault_and_what_to_do() {
    let (verdict, out, err) = verify(&pcap(&two_cameras(), 1, 65_535), CSV, &[]).unwrap();
    assert_eq!(verdict, Verdict::Degraded);
    for part in [
        "DEGRADED: 1 of 2 cameras are back at 192.168.1.101:1935",
        "Yard    192.168.1.12     -       SYN             MISSING: SYN answered by a reset",
        "Gate    192.168.1.11     s1      media           back after 0.010 s",
        "(fault: our server; Yard): start the media server",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    assert!(err.contains("taking 192.168.1.101/24"), "{err}");
}

#[test]
fn the_json_has_the_summary_and_where_it_came_from() {
    let (_, out, _) = verify(
        &pcap(&two_cameras(), 1, 65_535),
        CSV,
        &["--json", "--vip", "192.168.1.101/24"],
    )
    .unwrap();
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["verdict"], "degraded");
    assert_eq!(json["clock"], "epoch");
    assert_eq!(json["start_us"], 1_700_000_000_000_000u64);
    assert_eq!(json["vip"], "192.168.1.101/24");
    assert_eq!(json["missing"], serde_json::json!(["Yard"]));
    assert_eq!(json["cameras"][1]["fault"], "syn_answered_by_reset");
    assert_eq!(json["cameras"][1]["blame"], "server");
}

#[test]
fn all_kinds_of_capture_files_give_the_same_rungs() {
    let frames = two_cameras();
    let cooked: Vec<_> = frames
        .iter()
        .map(|At(t, f)| At(*t, cooked(f, f[6..12] == OUR_MAC.0)))
        .collect();
    let raw: Vec<_> = frames[1..]
        .iter()
        .map(|At(t, f)| At(*t, f[14..].to_vec()))
        .collect();
    let with_tags = |tags: &[u8]| -> Vec<At> {
        frames
            .iter()
            .map(|At(t, f)| At(*t, [&f[..12], tags, &f[12..]].concat()))
            .collect()
    };
    let tagged = with_tags(&[0x81, 0, 0, 10]);
    let qinq = with_tags(&[0x88, 0xa8, 0, 20, 0x81, 0, 0, 10]);
    let stacked = with_tags(&[0x81, 0, 0, 20, 0x81, 0, 0, 10]);
    let old = with_tags(&[0x91, 0, 0, 20, 0x81, 0, 0, 10]);
    for (what, file) in [
        ("ng", pcapng(&frames)),
        ("cooked", pcap(&cooked, 113, 65_535)),
        ("raw", pcap(&raw, 101, 65_535)),
        ("tagged", pcap(&tagged, 1, 65_535)),
        ("88a8", pcap(&qinq, 1, 65_535)),
        ("8100 twice", pcap(&stacked, 1, 65_535)),
        ("9100", pcap(&old, 1, 65_535)),
    ] {
        let (verdict, out, _) = verify(&file, CSV, &["--json"]).unwrap();
        assert_eq!(verdict, Verdict::Degraded, "{what}");
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            json["cameras"][0]["returned_at_us"], 1_700_000_000_010_000u64,
            "{what}"
        );
        assert_eq!(json["cameras"][1]["rung"], "syn", "{what}");
    }
}

#[test]
fn a_file_that_ends_early_is_used_as_far_as_it_goes_and_that_is_said() {
    for file in [pcap(&two_cameras(), 1, 65_535), pcapng(&two_cameras())] {
        let (verdict, out, err) = verify(&file[..file.len() - 100], CSV, &[]).unwrap();
        assert_eq!(verdict, Verdict::Degraded);
        assert!(out.contains("back after"));
        assert!(
            err.contains("the file ends within a packet; what came before is used"),
            "{err}"
        );
    }
    let mut file = pcap(&two_cameras(), 1, 65_535);
    file.extend([0xff; 60]);
    let (verdict, _, err) = verify(&file, CSV, &[]).unwrap();
    assert_eq!(verdict, Verdict::Degraded);
    assert!(err.contains("warning"), "{err}");
}

#[test]
fn files_that_are_no_captures_are_refused_with_what_they_are() {
    for (bytes, want) in [
        (&b""[..], "it is empty"),
        (b"name,address\n", "another kind of file"),
        (&[0x1f, 0x8b, 8, 0, 0], "gunzip"),
        (
            &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0],
            "header is damaged or incomplete",
        ),
        (
            &[0x0a, 0x0d, 0x0d, 0x0a, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4],
            "header is damaged or incomplete",
        ),
        (&pcap(&two_cameras(), 105, 65_535), "link type 105"),
    ] {
        let err = verify(bytes, CSV, &[]).unwrap_err();
        assert!(err.to_string().contains(want), "{want}: {err}");
        assert_eq!(err.exit_code(), ExitCode::BadData);
    }
    let missing = pcap::read(Path::new("/nonexistent.pcap"), |_| {}).unwrap_err();
    assert!(
        missing
            .to_string()
            .contains("cannot read the capture /nonexistent.pcap")
    );
}

#[test]
fn a_capture_without_a_dial_needs_the_address_named() {
    let file = pcap(&[At(1, receipt(11))], 1, 65_535);
    let err = verify(&file, CSV, &[]).unwrap_err();
    assert!(err.to_string().contains("no SYN to TCP port 1935"), "{err}");
    let (verdict, ..) = verify(&file, CSV, &["--vip", "192.168.1.101/24"]).unwrap();
    assert_eq!(verdict, Verdict::Failed);
}

#[test]
fn a_broken_camera_list_is_told_in_full() {
    let err = verify(&pcap(&[], 1, 65_535), "name,address\nA,1.2.3\nB,x\n", &[]).unwrap_err();
    assert_eq!(err.to_string().lines().count(), 2);
    assert_eq!(err.exit_code(), ExitCode::BadData);
}

#[test]
fn an_interface_that_does_not_exist_is_named() {
    let dir = Dir::new();
    let cameras = dir.file("cameras.csv", CSV.as_bytes());
    let a = args(&[
        "--interface",
        "nosuch0",
        "--cameras",
        cameras.to_str().unwrap(),
    ]);
    let err = run_to(&a, &mut io::sink(), &mut io::sink()).unwrap_err();
    assert!(err.to_string().contains("nosuch0"), "{err}");
    assert_eq!(err.exit_code(), ExitCode::Unavailable);
}

#[test]
fn the_command_line_wants_exactly_one_source_and_a_sensible_time() {
    for line in [
        &["--cameras", "x"][..],
        &["--cameras", "x", "--interface", "a", "--pcap", "b"],
        &["--interface", "a"],
        &["--cameras", "x", "--pcap", "b", "--within", "0s"],
        &["--cameras", "x", "--pcap", "b", "--within", "-5s"],
        &["--cameras", "x", "--pcap", "b", "--within", "soon"],
        &["--cameras", "x", "--pcap", "b", "--port", "0"],
        &["--cameras", "x", "--pcap", "b", "--vip", "192.168.1.301/24"],
    ] {
        let line = ["verify"].iter().chain(line);
        assert!(Cli::try_parse_from(line).is_err());
    }
    assert_eq!(
        args(&["--cameras", "x", "--pcap", "b", "--within", "2m"])
            .within
            .as_secs(),
        120
    );
}

struct Closed;
impl io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let dir = Dir::new();
    let capture = dir.file("a.pcap", &pcap(&two_cameras(), 1, 65_535));
    let cameras = dir.file("cameras.csv", CSV.as_bytes());
    let a = args(&[
        "--pcap",
        capture.to_str().unwrap(),
        "--cameras",
        cameras.to_str().unwrap(),
    ]);
    assert_eq!(
        run_to(&a, &mut Closed, &mut Closed).unwrap().exit_code(),
        ExitCode::NotReached
    );
}

fn read(bytes: &[u8]) -> Result<Contents, PcapFileError> {
    let mut tracker = Tracker::new(&cameras(&[11, 12]), vip(), PORT, None);
    pcap::read_from("x", bytes, |f| {
        assert!(f.original_len >= f.bytes.len());
        tracker.observe(f.at_us, f.bytes, f.original_len, f.direction);
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn damaged_files_never_panic_and_never_hang(
        ng in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
        link in prop_oneof![Just(1u32), Just(113), Just(276), Just(101), any::<u32>()],
    ) {
        let frames = &two_cameras()[..8];
        let mut file = if ng { pcapng(frames) } else { pcap(frames, link, 65_535) };
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        file.truncate(cut.index(file.len()) + 1);
        let _ = read(&file);
    }

    #[test]
    fn garbage_after_a_valid_magic_never_panics(
        which in 0usize..3,
        rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let magic = [[0xd4, 0xc3, 0xb2, 0xa1], [0xa1, 0xb2, 0x3c, 0x4d], [0x0a, 0x0d, 0x0d, 0x0a]][which];
        let _ = read(&[&magic[..], &rest].concat());
    }
}

#[test]
fn the_direction_of_a_cooked_frame_is_kept() {
    let frame = Wire::new(11, 4000).syn();
    let mut seen = vec![];
    for out in [false, true] {
        let file = pcap(&[At(1, cooked(&frame, out))], 113, 65_535);
        pcap::read_from("x", &file[..], |f| {
            seen.push((f.direction, f.bytes[12..].to_vec()))
        })
        .unwrap();
    }
    assert_eq!(seen[0], (Direction::In, frame[12..].to_vec()));
    assert_eq!(seen[1].0, Direction::Out);
}

#[test]
fn what_is_not_decoded_is_said_in_text_in_json_and_where_the_address_cannot_be_told() {
    let hidden: Vec<_> = two_cameras()
        .into_iter()
        .map(|At(t, f)| At(t, [&f[..12], &[0x88, 0xe5], &f[12..]].concat()))
        .collect();
    let file = pcap(&hidden, 1, 65_535);
    let err = verify(&file, CSV, &[]).unwrap_err().to_string();
    assert!(
        err.contains("not decoded:") && err.contains("MACsec"),
        "{err}"
    );
    let vip = ["--vip", "192.168.1.101/24"];
    let (verdict, out, _) = verify(&file, CSV, &vip).unwrap();
    assert_eq!(verdict, Verdict::Failed);
    assert!(
        out.contains("WARNING: frames were not decoded") && out.contains("MACsec"),
        "{out}"
    );
    assert!(!out.contains("look at its power"), "{out}");
    let (_, out, _) = verify(&file, CSV, &[&vip[..], &["--json"]].concat()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["not_decoded"][0]["frames"], hidden.len());
    assert_eq!(json["cameras"][0]["detail"], "not_decoded");
}

/// The captures that were handed in with the findings, where they are present.
#[test]
fn the_captures_of_the_findings_are_judged_as_they_must_be() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases");
    let near = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases");
    let Some(dir) = [near, dir].into_iter().find(|d| d.is_dir()) else {
        eprintln!("SKIPPED: ../shared/cases is not present");
        return;
    };
    for (file, list, want, says) in [
        (
            "01-refused-then-media",
            "cams",
            Verdict::Failed,
            "NetStream.Publish.BadName",
        ),
        (
            "02-media-then-refused",
            "cams",
            Verdict::Failed,
            "NetStream.Publish.BadName",
        ),
        (
            "64-nginx-relay-badname",
            "relay",
            Verdict::Failed,
            "Already publishing",
        ),
        (
            "53-publish-then-fcpublish",
            "cams",
            Verdict::Verified,
            "back after",
        ),
        ("11-qinq-88a8", "cams", Verdict::Verified, "back after"),
    ] {
        let capture = std::fs::read(dir.join(format!("{file}.pcap"))).unwrap();
        let csv = std::fs::read_to_string(dir.join(format!("{list}.csv"))).unwrap();
        let (verdict, out, _) = verify(&capture, &csv, &["--vip", "192.168.1.101/24"]).unwrap();
        assert_eq!(verdict, want, "{file}: {out}");
        assert!(out.contains(says), "{file}: {out}");
    }
}
