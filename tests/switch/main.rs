//! Switches in the process of the test, over SNMP and SSH, that lie, delay, forget and drop.

mod change_table;
mod daemon_auto;
mod port_move;
mod preflight_ssh;
mod ssh_cli;
mod switch_auto;
mod switch_change;
mod switch_change_ssh;
mod switch_fence;
mod switch_odd;
mod switch_traps;

#[path = "../support/cli_model/mod.rs"]
mod cli_model;
#[path = "../support/ssh_server/mod.rs"]
mod ssh_server;
#[path = "../support/switch_agent/mod.rs"]
mod switch_agent;
