//! Any bytes as a camera list.
#![no_main]

use libfuzzer_sys::fuzz_target;
use standin::verify::Inventory;

fuzz_target!(|data: &[u8]| {
    match Inventory::parse("list", data) {
        Ok(inventory) => assert!(!inventory.cameras().is_empty()),
        Err(problems) => assert!(!problems.is_empty()),
    }
});
