//! The program as it is called, and what it starts.

mod cli_socket;
mod cli_switch;
mod cli_usage;
mod sentinel;
mod service_command;
mod site_steps;

#[expect(dead_code, reason = "each layer needs a part of it")]
#[path = "../support/cli_model/mod.rs"]
mod cli_model;
#[path = "../support/ssh_server/mod.rs"]
mod ssh_server;
#[path = "../support/steps_support/mod.rs"]
mod steps_support;
#[expect(dead_code, reason = "each layer needs a part of it")]
#[path = "../support/switch_agent/mod.rs"]
mod switch_agent;
