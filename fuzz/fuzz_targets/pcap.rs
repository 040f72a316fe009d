//! Any bytes as a capture file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use standin::verify::{pcap, wire};

fuzz_target!(|data: &[u8]| {
    let _ = pcap::read_from("file", data, |f| {
        assert!(f.original_len >= f.bytes.len());
        wire::parse(f.bytes, f.original_len);
    });
});
