//! Any octets as a known_hosts file: a key that is not in it is never taken for a known one, and adding it is refused or
//! makes it known.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use standin::switch::ssh::known_hosts::{HostKeyError, check, known, trust};

/// A key that no input has: it stands in no corpus.
static KEY: LazyLock<russh::keys::PublicKey> = LazyLock::new(|| {
    russh::keys::parse_public_key_base64(
        "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ",
    )
    .expect("it is a key")
});

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    // In memory where that can be had: every round writes the file.
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    folder.join(format!("standin-fuzz-known-hosts-{}", std::process::id()))
});

fuzz_target!(|data: &[u8]| {
    let Some((choice, text)) = data.split_first() else {
        return;
    };
    let port = if choice % 2 == 0 { 22 } else { 2222 };
    std::fs::write(&*FILE, text).expect("the folder for temporary files can be written to");
    let before = known(&FILE, "core1", port);
    match check(&FILE, "core1", "core1", port, &KEY) {
        Ok(_) => assert!(before.is_ok_and(|keys| keys.contains(&KEY))),
        Err(HostKeyError::File { .. }) => {}
        Err(e) => assert!(!e.to_string().is_empty()),
    }
    if trust(&FILE, "core1", "core1", port, &KEY).is_ok() {
        let after = known(&FILE, "core1", port).expect("what was added to can be read");
        assert!(after.contains(&KEY));
    }
});
