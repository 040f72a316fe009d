//! The control socket: how the commands talk to the daemon.
//!
//! A client connects, writes one line, reads lines until one is the last:
//!
//! ```text
//! -> {"v":1,"command":"takeover","peer":"cctv","args":{}}
//! <- {"v":1,"event":"progress","data":{...}}          any number of these
//! <- {"v":1,"event":"result","code":0,"data":{...}}   or
//! <- {"v":1,"event":"error","code":2,"message":"there is no peer `cctw`"}
//! ```
//!
//! `code` is the exit code of the command ([`crate::exit`] has the table). The socket is 0660, root and one
//! group. A line is at most 64 KiB; a client that is slow, silent or talks nonsense gets an error and is cut off.

mod client;
mod server;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use client::{CallError, Replies, call};
pub use server::{Call, ControlError, Listener, ReplyTo, serve};

/// Version of the protocol.
pub const VERSION: u32 = 1;
/// Longest line in either direction, in bytes with its line end; a reply may be longer.
pub const LONGEST_LINE: usize = 64 * 1024;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Version of the protocol, [`VERSION`].
    pub v: u32,
    /// Name of the command, such as `status`.
    pub command: String,
    /// The peer that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Further arguments; null or an object.
    #[serde(default)]
    pub args: Value,
}

impl Request {
    /// A request of this version.
    pub fn new(command: &str, peer: Option<&str>, args: Value) -> Self {
        Request {
            v: VERSION,
            command: command.to_owned(),
            peer: peer.map(str::to_owned),
            args,
        }
    }
}

/// What the daemon answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Reply {
    /// Something happened on the way; more follows.
    Progress {
        /// What.
        data: Value,
    },
    /// The end.
    Result {
        /// Exit code for the command.
        code: u8,
        /// What it prints.
        data: Value,
    },
    /// The end: it could not be done.
    Error {
        /// Exit code for the command.
        code: u8,
        /// Why, for a person.
        message: String,
    },
}

impl Reply {
    /// True if nothing follows.
    pub fn is_last(&self) -> bool {
        match self {
            Reply::Progress { .. } => false,
            Reply::Result { .. } | Reply::Error { .. } => true,
        }
    }

    fn line(&self) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            v: u32,
            #[serde(flatten)]
            reply: &'a Reply,
        }
        let line = Line {
            v: VERSION,
            reply: self,
        };
        // Values have text keys and finite numbers only, so this cannot fail.
        let mut text = serde_json::to_string(&line).unwrap_or_default();
        text.push('\n');
        text
    }
}
