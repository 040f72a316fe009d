//! Preflight of a switch that is reached by its command line: protections, spanning tree, the right to configure.

use std::sync::Arc;
use std::time::Duration;

use crate::cli_model::family::Family;
use crate::cli_model::{Faults, Model};
use standin::switch::preflight::{Ask, Line, PortAsk, Verdict, preflight};
use standin::switch::{Credentials, Profile, Switch, SwitchTarget};

const PORT: &str = "Gi1/0/1";

fn switch(model: &Model, change: impl FnOnce(&mut SwitchTarget)) -> Switch {
    let mut target = SwitchTarget {
        name: "core".into(),
        address: model.address,
        local: None,
        profile: Arc::new(Profile::find(model.family.profile(), None).unwrap()),
        credentials: Credentials::Off,
        timeout: Duration::from_millis(200),
        retries: 0,
        ssh: Some(model.target()),
        prefer: Vec::new(),
        oper_staleness: None,
        uplinks: Vec::new(),
        own_ports: Vec::new(),
    };
    change(&mut target);
    Switch::new(target)
}

async fn look(model: &Model, change: impl FnOnce(&mut SwitchTarget)) -> Vec<Line> {
    let ask = Ask {
        ports: vec![PortAsk {
            port: PORT.into(),
            whose: "the test's".into(),
            is_fence: true,
            ..PortAsk::default()
        }],
        write: true,
        ..Ask::default()
    };
    preflight(&switch(model, change), &ask).await
}

fn of<'a>(lines: &'a [Line], check: &str) -> (Verdict, &'a str) {
    let line = lines.iter().find(|l| l.check == check);
    let line = line.unwrap_or_else(|| panic!("no line `{check}`: {lines:#?}"));
    (line.verdict, &line.detail)
}

async fn with(more: &[&'static str], inspected: Option<u16>) -> Vec<Line> {
    let model = Model::start(Family::Ios, Faults::default()).await;
    model.with(|s| {
        s.truth.inspected = inspected;
        s.truth.running.ports.get_mut(PORT).unwrap().more = more.to_vec();
    });
    let before = model.with(|s| s.truth.running.clone());
    let lines = look(&model, |_| {}).await;
    model.with(|s| {
        assert_eq!(s.truth.running, before, "preflight changed something");
        assert_eq!(s.truth.lock, None, "the configuration is still locked");
    });
    lines
}

#[tokio::test]
async fn a_port_without_protections_is_ok_and_nothing_is_not_known() {
    let lines = with(&[], None).await;
    for check in [
        "arp-inspection",
        "source-guard",
        "port-security",
        "dot1x",
        "stp",
        "mapping",
        "ports",
        "may-write",
    ] {
        assert_eq!(of(&lines, check).0, Verdict::Ok, "{check}: {lines:#?}");
    }
    assert!(of(&lines, "arp-inspection").1.contains("not inspected"));
    assert!(of(&lines, "may-write").1.contains("`config`"));
}

#[tokio::test]
async fn every_protection_that_is_on_is_a_warning_with_what_to_do() {
    let on = [
        "ip arp inspection limit rate 40",
        "ip verify source",
        "switchport port-security",
        "authentication port-control auto",
    ];
    let lines = with(&on, Some(10)).await;
    for check in ["arp-inspection", "source-guard", "port-security", "dot1x"] {
        assert_eq!(of(&lines, check).0, Verdict::Warning, "{check}: {lines:#?}");
        let line = lines.iter().find(|l| l.check == check).unwrap();
        assert!(!line.todo.is_empty(), "{line:?}");
    }
    let (_, detail) = of(&lines, "arp-inspection");
    assert!(detail.contains("40 ARP a second"), "{detail}");

    let unlimited = with(&[], Some(10)).await;
    let (verdict, detail) = of(&unlimited, "arp-inspection");
    assert_eq!(verdict, Verdict::Warning);
    assert!(detail.contains("15 ARP a second"), "{detail}");

    let trusted = with(&["ip arp inspection trust"], Some(10)).await;
    assert_eq!(of(&trusted, "arp-inspection").0, Verdict::Ok);
}

#[tokio::test]
async fn what_the_command_line_does_not_show_stays_not_known_and_who_may_not_configure_has_failed()
{
    let model = Model::start(Family::Ios, Faults::default()).await;
    let lines = look(&model, |t| {
        let text = Profile::built_in_text("cisco-ios").unwrap();
        let text = text.replace(
            "show running-config interface {port}",
            "show nothing {port}",
        );
        t.profile = Arc::new(Profile::parse("cisco-ios", "cisco-ios.toml", &text).unwrap());
    })
    .await;
    for check in ["arp-inspection", "source-guard", "port-security", "dot1x"] {
        let (verdict, detail) = of(&lines, check);
        assert_eq!(verdict, Verdict::NotKnown, "{lines:#?}");
        // Why, in the words of the switch.
        assert!(detail.contains("Invalid input"), "{check}: {detail}");
    }

    let locked = Faults {
        locked: usize::MAX,
        ..Faults::default()
    };
    let model = Model::start(Family::Ios, locked).await;
    let lines = look(&model, |_| {}).await;
    let (verdict, detail) = of(&lines, "may-write");
    assert_eq!(verdict, Verdict::Failed);
    assert!(detail.contains("locked by process"), "{detail}");
}

#[tokio::test]
async fn a_show_of_the_state_outweighs_a_configuration_that_does_not_have_it() {
    let model = Model::start(Family::Ios, Faults::default()).await;
    let lines = look(&model, |t| {
        let text = Profile::built_in_text("cisco-ios").unwrap();
        let more = r#"
[ssh.show.protections_state]
mode = "exec"
send = "show interfaces status"
row = '^(?<port>\S+)\s.*\b(?<dot1x>connected|notconnect|disabled)\b'
map = { dot1x = { connected = "on" } }

[ssh.show.protections_odd]
mode = "exec"
send = "show interfaces status"
row = '^(?<port>\S+)\s.*\b(?<source_guard>connected)\b'

[ssh.show.protections_vlan]"#;
        let text = text.replace("\n[ssh.show.protections_vlan]", more);
        // Without the configuration's own word there is only the odd one, which is not explained.
        let text = text.replace("source_guard = '^\\s*(ip verify source)'\n", "");
        let text = text.replace("source_guard = { \"*\" = \"on\" }\n", "");
        t.profile = Arc::new(Profile::parse("cisco-ios", "cisco-ios.toml", &text).unwrap());
    })
    .await;
    assert_eq!(of(&lines, "dot1x").0, Verdict::Warning, "{lines:#?}");
    let (verdict, detail) = of(&lines, "source-guard");
    assert_eq!(verdict, Verdict::NotKnown, "{lines:#?}");
    assert!(detail.contains("`connected`"), "{detail}");
    assert_eq!(of(&lines, "port-security").0, Verdict::Ok, "{lines:#?}");
}
