//! LLDP neighbours as recordings of real switches have them; skipped, and said so, where the recordings are not.

use std::path::Path;

use standin::switch::Profile;
use standin::switch::read::lldp::neighbours;
use standin::switch::recording::Recording;

#[tokio::test]
async fn neighbours_are_on_ports_that_the_switch_has() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/snmprec");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("SKIPPED: there are no recordings in {}", folder.display());
        return;
    };
    let mut seen = 0;
    for path in entries.flatten().map(|e| e.path()) {
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        let recording = Recording::parse(&path.display().to_string(), &text).unwrap();
        let profile = Profile::find("generic-qbridge", None).unwrap();
        let switch = recording.switch("recording", profile);
        let ports = switch.port_table().await.unwrap();
        for n in neighbours(&switch).await.unwrap() {
            println!("{} {n:?}", path.file_stem().unwrap().display());
            // Not every agent numbers its ports so that they can be told; a name that is told must be right.
            let Some(name) = n.if_name else { continue };
            assert!(ports.iter().any(|p| p.if_name == name), "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen} neighbours are on a known port");
}
