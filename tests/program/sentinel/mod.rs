//! No secret is in anything that comes out: every command of `standin switch` and `profile`, `check`, `plan`, `status`
//! and `report`, against switches that answer, refuse, break and repeat what they were told, and the daemon and the
//! library with every log line there is.
//!
//! All secrets contain one word. It is looked for as it is, in hexadecimal, in base64 at each of its three alignments,
//! and as a list of bytes.

mod commands;
mod daemon;
mod forms;
mod library;
mod site;
