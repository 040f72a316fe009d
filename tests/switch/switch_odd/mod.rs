//! Switches as the field has them: tables per VLAN, in any order, in part or not at all; agents that are slow, know no
//! GETBULK, or come back as another engine.

mod agent;
mod engine;
mod guards;
mod tables;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agent::{Agent, Wire, int, text};
use secrecy::SecretString;
use standin::switch::{Credentials, Profile, Switch, SwitchTarget};
use standin::types::MacAddr;

pub const IF: [u32; 9] = [1, 3, 6, 1, 2, 1, 2, 2, 1];
pub const IFX: [u32; 10] = [1, 3, 6, 1, 2, 1, 31, 1, 1, 1];
pub const BASE: [u32; 11] = [1, 3, 6, 1, 2, 1, 17, 1, 4, 1, 2];
pub const FDB_1D: [u32; 11] = [1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 2];
pub const FDB: [u32; 13] = [1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1, 2];
pub const FDB_ID: [u32; 13] = [1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1, 3];
pub const VTP: [u32; 15] = [1, 3, 6, 1, 4, 1, 9, 9, 46, 1, 3, 1, 1, 2, 1];
pub const ATTACHED: [u32; 11] = [1, 2, 840, 10006, 300, 43, 1, 2, 1, 1, 13];

pub type Rows = Vec<(Vec<u32>, Wire)>;

pub fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

pub fn row(column: &[u32], index: &[u32], value: Wire) -> (Vec<u32>, Wire) {
    ([column, index].concat(), value)
}

pub fn fdb_row(fdb_id: u32, mac: MacAddr, port: u32) -> (Vec<u32>, Wire) {
    row(
        &FDB,
        &[&[fdb_id][..], &mac.0.map(u32::from)].concat(),
        int(port),
    )
}

/// Interfaces (ifIndex, ifName), all up.
pub fn interfaces(ports: &[(u32, &str)]) -> Rows {
    let mut rows = vec![
        row(
            &[1, 3, 6, 1, 2, 1, 1, 1],
            &[0],
            text("a switch of the field"),
        ),
        row(&[1, 3, 6, 1, 2, 1, 1, 3], &[0], Wire::ticks(500_000)),
        row(&[1, 3, 6, 1, 2, 1, 1, 5], &[0], text("core")),
    ];
    for (i, _) in ports {
        rows.push(row(&IF, &[7, *i], int(1)));
        rows.push(row(&IF, &[8, *i], int(1)));
    }
    for (i, name) in ports {
        rows.push(row(&IFX, &[1, *i], text(name)));
        rows.push(row(&IFX, &[18, *i], text("")));
    }
    rows
}

/// In the order of their OIDs, but for the rows of `column`, which stay as they are.
pub fn sorted(mut rows: Rows, column: Option<&[u32]>) -> Rows {
    rows.sort_by(|(a, _), (b, _)| {
        let both = column.is_some_and(|c| a.starts_with(c) && b.starts_with(c));
        if both {
            std::cmp::Ordering::Equal
        } else {
            a.cmp(b)
        }
    });
    rows
}

/// Eight ports, 201 to 208 with bridge ports 1 to 8; MAC n on port n, and twenty on the last.
pub fn plain() -> Rows {
    let names: Vec<String> = (1..=8).map(|n| format!("Gi1/0/{n}")).collect();
    let ports: Vec<(u32, &str)> = (201..).zip(names.iter().map(String::as_str)).collect();
    let mut rows = interfaces(&ports);
    rows.extend((1..=8).map(|n| row(&BASE, &[n], int(200 + n))));
    rows.push(row(&FDB_ID, &[0, 10], int(1)));
    rows.extend((1..=7).map(|n| fdb_row(1, mac(n), u32::from(n))));
    rows.extend((100..120).map(|n| fdb_row(1, mac(n), 8)));
    rows
}

pub fn one_view(rows: Rows) -> BTreeMap<String, Rows> {
    BTreeMap::from([("private".to_owned(), rows)])
}

pub fn switch(agent: &Agent, profile: &str) -> Switch {
    with(agent, profile, |_| {})
}

pub fn with(agent: &Agent, profile: &str, change: impl FnOnce(&mut SwitchTarget)) -> Switch {
    let mut target = SwitchTarget {
        name: "core".into(),
        address: agent.address,
        local: None,
        profile: Arc::new(Profile::find(profile, None).unwrap()),
        credentials: Credentials::V2c {
            community: SecretString::from("private"),
        },
        timeout: Duration::from_millis(300),
        retries: 2,
        ssh: None,
        prefer: Vec::new(),
        oper_staleness: Some(Duration::ZERO),
        uplinks: Vec::new(),
        own_ports: Vec::new(),
    };
    change(&mut target);
    Switch::new(target)
}
