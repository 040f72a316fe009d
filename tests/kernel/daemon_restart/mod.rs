//! The daemon itself, in a network of its own beside a switch in this process: what SIGHUP, a restart, a log that nobody
//! reads, and a disk that is full make of it.

mod bond;
mod bond_kept;
mod bond_site;
mod check;
mod disk;
mod levels;
mod log;
mod reload;
mod site;
mod startup;
mod traffic;
