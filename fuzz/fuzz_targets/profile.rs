//! Any text as a switch profile; what is accepted renders without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use standin::switch::Profile;
use standin::switch::render::{PortNumbers, Renderer, Scene};
use standin::types::IfIndex;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(profile) = Profile::parse("x", "x.toml", text) else {
        return;
    };
    let scene = Scene {
        port: Some(PortNumbers {
            if_name: "ge-0/0/7".into(),
            if_index: IfIndex(7),
            bridge_port: Some(3),
        }),
        new: Some(20),
        old: vec![10],
        ..Scene::default()
    };
    for name in profile.snmp.ops.keys() {
        if let Ok(op) = Renderer::new(&profile, name, &scene) {
            let _ = (op.instances(), op.steps(), op.proofs());
        }
    }
});
