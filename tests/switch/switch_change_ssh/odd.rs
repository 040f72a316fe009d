//! What command lines do now and then: a row that a log line tears, a show that does not know the port, one question more.

use standin::switch::{ChangeError, SwitchError};
use standin::types::VlanId;

use super::*;
use crate::cli_model::Faults;

#[tokio::test]
async fn a_row_that_a_log_line_tears_is_looked_for_once_more() {
    let torn = |torn| Faults {
        torn,
        ..Faults::default()
    };
    let [access, ..] = Family::Ios.ports();
    let model = Model::start(Family::Ios, torn(1)).await;
    let port = over(&model).port(access).await.unwrap();
    assert_eq!(port.if_name, access);
    assert_eq!(model.with(|s| s.faults.torn), 0, "it was torn");

    // Twice is no accident: it is said, and nothing is taken for the port's state.
    let model = Model::start(Family::Ios, torn(2)).await;
    let error = over(&model).port(access).await.unwrap_err();
    assert!(matches!(error, SwitchError::NotShown { .. }), "{error}");
}

#[tokio::test]
async fn a_port_that_one_of_several_shows_does_not_know_is_read_from_the_others() {
    let model = Model::start(
        Family::Ios,
        Faults {
            untold: Some("switchport"),
            ..Faults::default()
        },
    )
    .await;
    let [access, ..] = Family::Ios.ports();
    let port = over(&model).port(access).await.unwrap();
    assert_eq!(port.if_name, access);
    assert!(
        !model.with(|s| s
            .truth
            .lines
            .iter()
            .filter(|(_, l)| l.contains("switchport"))
            .count()
            == 0),
        "it was asked"
    );
}

#[tokio::test]
async fn a_second_question_at_saving_is_answered() {
    for confirms in [false, true] {
        let model = Model::start(
            Family::Ios,
            Faults {
                confirms,
                ..Faults::default()
            },
        )
        .await;
        let [access, ..] = Family::Ios.ports();
        model.with(|s| s.truth.running.ports.get_mut(access).unwrap().up = false);
        let request = ChangeRequest::new(Operation::Save, None, WITHIN);
        let done = change(&over(&model), request).await;
        let saved = model.with(|s| s.truth.startup == s.truth.running);
        assert!(saved, "confirms {confirms}: {:?}", word(&done));
        assert!(!model.with(|s| s.faults.confirms), "it was asked");
    }
}

/// What makes an access port of a port that was none cannot be taken back: hybrid, of a private VLAN. It can be shut all
/// the same.
#[tokio::test]
async fn a_port_that_is_neither_access_port_nor_trunk_is_put_into_no_vlan() {
    for (family, is) in [
        (Family::Ios, "private-vlan host"),
        (Family::Comware, "hybrid"),
        (Family::Vrp, "hybrid"),
    ] {
        let model = Model::start(family, Faults::default()).await;
        let [access, ..] = family.ports();
        model.with(|s| s.truth.running.ports.get_mut(access).unwrap().neither = true);
        let before = model.with(|s| s.truth.running.clone());
        for (operation, guard) in [
            (Operation::SetAccessVlan(VlanId(20)), "access-port"),
            (Operation::TrunkAllow(VlanId(20)), "trunk-port"),
        ] {
            let request = ChangeRequest::new(operation, Some(access), WITHIN);
            match change(&over(&model), request).await {
                Err(ChangeError::Guarded { guard: g, .. }) => {
                    assert_eq!(g.name(), guard);
                    assert!(g.to_string().contains(is), "{family:?}: {g}");
                }
                other => panic!("{family:?}: {operation}: {:?}", word(&other)),
            }
            assert_eq!(model.with(|s| s.truth.running.clone()), before);
        }
        let request = ChangeRequest::new(Operation::PortOff, Some(access), WITHIN);
        let done = change(&over(&model), request).await;
        assert!(
            !model.with(|s| s.truth.running.ports[access].up),
            "{:?}",
            word(&done)
        );
    }
}
