//! A switch without a network, and a clock that nobody waits for: for the targets that give a switch's answers.

use std::sync::Arc;
use std::time::Duration;

use standin::switch::snmp::Snmp;
use standin::switch::{Credentials, Profile, Switch, SwitchTarget};

/// A switch of the built-in profile generic-qbridge that answers as `agent` does.
pub fn switch(credentials: Credentials, agent: impl Snmp + 'static) -> Switch {
    let profile = Profile::find("generic-qbridge", None).expect("the built-in profile is whole");
    let target = SwitchTarget {
        name: "s".into(),
        address: ([127, 0, 0, 1], 1).into(),
        local: None,
        profile: Arc::new(profile),
        credentials,
        timeout: Duration::from_millis(1),
        retries: 0,
        ssh: None,
        prefer: Vec::new(),
        oper_staleness: Some(Duration::ZERO),
        uplinks: Vec::new(),
        own_ports: Vec::new(),
    };
    Switch::over(target, Box::new(agent))
}

/// Runs it to its end; every pause is over at once.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime
        .expect("a runtime without IO can be made")
        .block_on(future)
}
