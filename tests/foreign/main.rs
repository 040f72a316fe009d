//! What others wrote: switches, name servers, web servers, services, agents. What is not installed is skipped, and said.

mod alert;
mod endpoint_dns;
mod endpoint_http;
mod endpoint_powerdns;
mod endpoint_support;
mod health;
mod names;
mod ssh_openssh;
mod ssh_site;
mod step_compose;
mod switch_bridge;
mod switch_des;
mod switch_fake;
mod switch_ovs;
mod switch_snmpd;
mod switch_snmpsim;
mod switch_vtysh;

#[path = "../support/steps_support/mod.rs"]
mod steps_support;
