//! The daemon while its own side of the network changes under it, in network namespaces that each test makes for
//! itself. Needs root. `STANDIN_BIN` names another binary than the one just built.

mod addresses;
mod cameras;
mod elsewhere;
mod gates;
mod killed;
#[expect(dead_code, reason = "shared with net_lab, which needs all of it")]
#[path = "../net_lab/lab.rs"]
mod lab;
mod links;
mod own_faults;
mod site;
#[expect(
    dead_code,
    reason = "one agent for several tests, each of which needs a part of it"
)]
#[path = "../switch_agent/mod.rs"]
mod switch_agent;
mod wire;
mod words;
