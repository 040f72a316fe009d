//! What one change leaves to the next, and what a switch has beside it: changes one after the other, an armed change and
//! a session of somebody else, a list of VLANs that is too long for a line.

use standin::switch::change::ChangeError;
use standin::switch::{ChangeProof, ChangeRequest, Operation, change};
use standin::types::VlanId;

use crate::change_table::{Asked, at_most};
use crate::cli_model::family::{FAMILIES, Family};
use crate::cli_model::truth::Named;
use crate::cli_model::{Faults, Kind, Model};
use crate::switch_change_ssh::{WITHIN, over};

async fn ask(model: &Model, asked: Asked) -> Result<ChangeProof, ChangeError> {
    let request = ChangeRequest::new(
        asked.operation(),
        Some(asked.port_name(model.family)),
        WITHIN,
    );
    change(&over(model), request).await
}

/// There and back and there again, on one switch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_does_not_stand_in_the_way_of_the_next() {
    let cases = FAMILIES.map(|family| async move {
        let model = Model::start(family, Faults::default()).await;
        for asked in [Asked::Access, Asked::AccessBack, Asked::Access] {
            let done = ask(&model, asked).await;
            assert!(done.is_ok(), "{family:?} {asked:?}: {done:?}");
            model.with(|s| {
                assert!(asked.is_configured(family, &s.truth.running));
                assert!(s.truth.armed.is_none(), "{family:?} {asked:?}");
            });
        }
    });
    at_most(FAMILIES.len(), cases).await;
}

/// Arista keeps a session whose connection broke, and its name.
#[tokio::test]
async fn sessions_of_others_are_left_alone_and_ours_do_not_stay() {
    for line in 0..6 {
        let faults = Faults {
            at: Some((Kind::DropsAfter, line)),
            ..Faults::default()
        };
        let model = Model::start(Family::Eos, faults).await;
        let theirs = |model: &Model| {
            model.with(|s| {
                let pending = |(name, n): (&String, &Named)| {
                    matches!(n, Named::Pending(_)).then(|| name.clone())
                };
                s.truth.named.iter().filter_map(pending).collect::<Vec<_>>()
            })
        };
        model.with(|s| {
            let conf = Named::Pending(s.truth.running.clone());
            s.truth.named.insert("standin".into(), conf);
        });
        let done = ask(&model, Asked::Access).await;
        let lines = model.with(|s| s.truth.lines.clone());
        assert_eq!(theirs(&model), ["standin"], "{line}: {done:?}\n{lines:?}");
        // The fault strikes once.
        let back = ask(&model, Asked::AccessBack).await;
        assert!(back.is_ok(), "{line}: {back:?}");
        assert_eq!(theirs(&model), ["standin"], "{line}: {back:?}");
    }
}

/// Huawei writes 32 characters of a list into a line, and goes on in the next.
#[tokio::test]
async fn a_vlan_in_the_second_line_of_a_list_is_seen() {
    let last = VlanId(3000);
    for ignored in [false, true] {
        let model = Model::start(Family::Vrp, Faults::default()).await;
        let trunk = Asked::Remove.port_name(Family::Vrp);
        let writes = model.with(|s| {
            let port = s.truth.running.ports.get_mut(trunk).unwrap();
            port.allowed.extend((1001..1020).step_by(2));
            port.allowed.insert(last.0);
            if ignored {
                // `system-view`, `interface`, and the line itself.
                s.faults.at = Some((Kind::Ignores, 2));
            }
            port.allowed.clone()
        });
        let request = ChangeRequest::new(Operation::TrunkRemove(last), Some(trunk), WITHIN);
        let done = change(&over(&model), request).await;
        let now = model.with(|s| s.truth.running.ports[trunk].allowed.clone());
        assert_eq!(done.is_ok(), !ignored, "{done:?}");
        assert_eq!(now == writes, ignored, "{now:?}");
        if ignored {
            let struck = model.with(|s| s.struck.clone()).unwrap();
            assert_eq!(struck, "undo port trunk allow-pass vlan 3000");
        }
    }
}

/// An armed change of somebody else takes back what is done meanwhile.
async fn with_an_armed_change(
    asked: Asked,
    done_already: bool,
) -> Result<ChangeProof, ChangeError> {
    // To compile the profiles takes seconds in a debug build: not while the change is armed.
    crate::switch_change_ssh::profile(Family::IosArmed);
    let model = Model::start(Family::IosArmed, Faults::default()).await;
    model.with(|s| {
        s.truth.arm(2);
        if done_already {
            let access = Family::IosArmed.ports()[0];
            s.truth.running.ports.get_mut(access).unwrap().access = 20;
        }
    });
    ask(&model, asked).await
}

#[tokio::test]
async fn nothing_is_proven_under_an_armed_change_of_somebody_else() {
    let off = with_an_armed_change(Asked::Off, false).await.unwrap_err();
    assert!(matches!(off, ChangeError::Unclear { .. }), "{off}");
    assert!(off.to_string().contains("unless it is confirmed"), "{off}");
    // It looks done, and will not be so in a minute.
    let there = with_an_armed_change(Asked::Access, true).await.unwrap_err();
    assert!(there.is_untouched(), "{there}");
    assert!(there.to_string().contains("an armed change"), "{there}");
}
