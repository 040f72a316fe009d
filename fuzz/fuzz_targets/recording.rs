//! Any text as a recording of a switch: what is read is written and read the same, and a switch that answers with it is
//! shown, and its changes are planned, without a panic.
#![no_main]

mod paused;

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use standin::switch::change::plan_change;
use standin::switch::recording::Recording;
use standin::switch::{ChangeRequest, Operation, Profile};
use standin::types::VlanId;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(recording) = Recording::parse("x", text) else {
        return;
    };
    let written = recording.text();
    // What no tag can say is not written; all else must come back.
    if let Ok(again) = Recording::parse("x", &written) {
        assert_eq!(again.text(), written);
    }
    let profile = Profile::find("generic-qbridge", None).expect("the built-in profile is whole");
    let switch = recording.switch("s", profile);
    paused::run(async {
        let ports = switch.port_table().await.unwrap_or_default();
        for port in ports.iter().take(2) {
            for operation in [
                Operation::PortOff,
                Operation::SetAccessVlan(VlanId(20)),
                Operation::TrunkRemove(VlanId(10)),
            ] {
                let within = Duration::from_secs(3);
                let request = ChangeRequest::new(operation, Some(&port.if_name), within);
                // A refusal is an answer too.
                let _ = plan_change(&switch, &request).await;
            }
        }
    });
});
