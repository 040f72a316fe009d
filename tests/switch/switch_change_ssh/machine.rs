//! A port that is shut over SSH is proven as a fence is: where its machine is learned afterwards counts.

use standin::types::MacAddr;

use super::*;
use crate::cli_model::Faults;

/// As Cisco writes it, and as it is.
const MACHINE: (&str, MacAddr) = ("0200.0000.0001", MacAddr([2, 0, 0, 0, 0, 1]));

async fn shut(hangs_on: &[usize], expected_mac: Option<MacAddr>) -> (&'static str, String) {
    let names = Family::Ios.ports();
    let model = Model::start(Family::Ios, Faults::default()).await;
    model.with(|s| {
        let ports = hangs_on.iter().map(|p| names[*p]).collect();
        s.truth.machine = Some((MACHINE.0, ports));
    });
    let request = ChangeRequest {
        expected_mac,
        ..ChangeRequest::new(Operation::PortOff, Some(names[0]), WITHIN)
    };
    let done = change(&over(&model), request).await;
    let is_up = model.with(|s| s.truth.running.ports[names[0]].up);
    assert!(!is_up, "the port itself is down: {:?}", word(&done));
    word(&done)
}

#[tokio::test]
async fn a_port_is_not_proven_off_over_ssh_while_its_machine_is_learned_elsewhere() {
    let (ended, said) = shut(&[0, 2], Some(MACHINE.1)).await;
    assert_eq!(ended, "unclear", "{said}");
    let why = "is learned behind core:Gi1/0/3 since this one was shut";
    assert!(said.contains(why), "{said}");

    // Where it hangs on this port alone, and where no machine is named, it is about the port alone.
    let (ended, said) = shut(&[0], Some(MACHINE.1)).await;
    assert_eq!(ended, "proven", "{said}");
    let (ended, said) = shut(&[0, 2], None).await;
    assert_eq!(ended, "proven", "{said}");
}
