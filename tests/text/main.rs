//! What is written and read as text: configuration, profiles, the manual, captures, and who may import whom.

mod config_problems;
mod config_sample;
mod layering;
mod manual;
mod profiles_parse;
mod switch_golden;
mod switch_neighbours;
mod switch_protections;
mod switch_recordings;
mod verify_pcap;
mod verify_tracker;

#[path = "../support/verify_support/mod.rs"]
mod verify_support;
