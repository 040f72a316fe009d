//! The daemon and its adapters against the real kernel, in namespaces. Most of them need root.

mod daemon_kernel;
mod daemon_restart;
mod lab;
mod net_lab;
mod service_systemd;
mod verify_live;

#[expect(dead_code, reason = "each layer needs a part of it")]
#[path = "../support/switch_agent/mod.rs"]
mod switch_agent;
#[expect(dead_code, reason = "each layer needs a part of it")]
#[path = "../support/verify_support/mod.rs"]
mod verify_support;
