//! The daemon while its own side of the network changes under it, in network namespaces that each test makes for
//! itself. Needs root. `STANDIN_BIN` names another binary than the one just built.

mod addresses;
mod cameras;
mod elsewhere;
mod gates;
mod killed;
mod links;
mod own_faults;
mod site;
mod wire;
mod words;
