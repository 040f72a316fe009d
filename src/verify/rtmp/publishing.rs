//! What the server made of a publish: requests of the client, answers of the server, matched by their numbers.
//!
//! A publish is accepted by `onStatus` `NetStream.Publish.Start` (section 7.2.2.6 of RTMP) and refused by `onStatus`
//! with level `error` or by `_error`; the last answer counts. An `_error` for something beside it refuses nothing:
//! servers without `FCPublish`, `releaseStream` or `_checkbw` answer those so and take the stream.

use super::amf::Command;

/// Requests whose answers are waited for.
const MOST_ASKED: usize = 32;
/// Codes that mean the stream was not taken, whatever level they come with.
const REFUSALS: [&str; 6] = [
    "NetStream.Publish.BadName",
    "NetStream.Publish.Denied",
    "NetStream.Publish.Rejected",
    "NetStream.Publish.Failed",
    "NetStream.Record.NoAccess",
    "NetConnection.Connect.Rejected",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// Without which nothing can be published: `connect`, `createStream`, `publish`.
    Needed,
    Publish,
    Beside,
}

/// Requests and answers of one connection. Times are those of the frames, microseconds.
#[derive(Debug, Default)]
pub struct Publishing {
    asked: Vec<(u64, Asked)>,
    /// When the last publish was sent.
    pub asked_at: Option<u64>,
    /// When it was accepted.
    pub accepted_at: Option<u64>,
    refused: Option<String>,
    /// An `_error` for a request that was not seen.
    stray: Option<String>,
    /// `FCPublish` or the like was refused.
    beside: Option<String>,
    /// An answer of the server is in the capture and cannot be read.
    pub unread: bool,
}

impl Publishing {
    /// Takes a command of the client. True if a publish begins anew after a refusal: media before it proves nothing.
    pub fn client(&mut self, at: u64, command: &Command) -> bool {
        let (transaction, asked) = match command {
            Command::Connect { transaction, .. } | Command::CreateStream { transaction } => {
                (*transaction, Asked::Needed)
            }
            Command::Publish { transaction, .. } => (*transaction, Asked::Publish),
            Command::Aside { transaction, .. } | Command::Other { transaction } => {
                (*transaction, Asked::Beside)
            }
            Command::Result { .. }
            | Command::Error { .. }
            | Command::Status { .. }
            | Command::Unread => return false,
        };
        if self.asked.len() >= MOST_ASKED {
            self.asked.remove(0);
        }
        self.asked.push((transaction, asked));
        if asked != Asked::Publish {
            return false;
        }
        // A capture may have the answer to the first one before it.
        let anew = self.asked_at.is_some() && self.refused.take().is_some();
        if anew {
            self.accepted_at = None;
        }
        self.asked_at = Some(at);
        anew
    }

    /// Takes a command of the server.
    pub fn server(&mut self, at: u64, command: Command) {
        match command {
            Command::Result { transaction } => {
                if self.answered(transaction) == Some(Asked::Publish) {
                    self.accepted(at);
                }
            }
            Command::Error { transaction, words } => match self.answered(transaction) {
                Some(Asked::Needed | Asked::Publish) => self.refused = Some(words),
                Some(Asked::Beside) => self.beside = Some(words),
                None => self.stray = Some(words),
            },
            Command::Status { level, code, words } => {
                let code = code.as_deref().unwrap_or("");
                // A camera may play a stream too (intercom): that one's failure is not its own stream's.
                if code.starts_with("NetStream.Play") && self.asked_at.is_some() {
                    return;
                }
                if level.as_deref() == Some("error") || REFUSALS.contains(&code) {
                    self.refused = Some(words);
                } else if matches!(code, "NetStream.Publish.Start" | "NetStream.Record.Start") {
                    self.accepted(at);
                }
            }
            Command::Unread => self.unread = true,
            Command::Connect { .. }
            | Command::Publish { .. }
            | Command::Aside { .. }
            | Command::CreateStream { .. }
            | Command::Other { .. } => {}
        }
    }

    fn accepted(&mut self, at: u64) {
        self.accepted_at.get_or_insert(at);
        self.refused = None;
        self.unread = false;
    }

    fn answered(&mut self, transaction: u64) -> Option<Asked> {
        let at = self.asked.iter().position(|(t, _)| *t == transaction)?;
        Some(self.asked.remove(at).1)
    }

    /// Why the server did not take the stream, in its words.
    pub fn refusal(&self) -> Option<&str> {
        let stray = || self.stray.as_deref().filter(|_| self.accepted_at.is_none());
        self.refused.as_deref().or_else(stray)
    }

    /// What was refused beside a publish that was never answered.
    pub fn beside(&self) -> Option<&str> {
        self.beside
            .as_deref()
            .filter(|_| self.accepted_at.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(level: &str, code: &str) -> Command {
        Command::Status {
            level: Some(level.into()),
            code: Some(code.into()),
            words: code.into(),
        }
    }

    fn publish(transaction: u64) -> Command {
        Command::Publish {
            stream: "s".into(),
            transaction,
        }
    }

    fn error(transaction: u64) -> Command {
        Command::Error {
            transaction,
            words: format!("error {transaction}"),
        }
    }

    #[test]
    fn an_error_refuses_what_it_answers_and_only_connect_create_and_publish_matter() {
        let beside = || Command::Aside {
            stream: "s".into(),
            transaction: 3,
        };
        let mut p = Publishing::default();
        p.client(1, &beside());
        p.client(2, &publish(5));
        p.server(3, error(3));
        assert_eq!((p.refusal(), p.beside()), (None, Some("error 3")));
        p.server(4, status("status", "NetStream.Publish.Start"));
        assert_eq!((p.refusal(), p.beside()), (None, None));
        for command in [
            Command::Connect {
                app: "live".into(),
                transaction: 5,
            },
            Command::CreateStream { transaction: 5 },
            publish(5),
        ] {
            let mut p = Publishing::default();
            p.client(1, &command);
            p.server(2, error(5));
            assert_eq!(p.refusal(), Some("error 5"), "{command:?}");
        }
        let mut p = Publishing::default();
        p.client(1, &Command::Other { transaction: 9 });
        p.server(2, error(9));
        assert_eq!(p.refusal(), None, "_checkbw");
        p.server(3, error(77));
        assert_eq!(
            p.refusal(),
            Some("error 77"),
            "its request is not in the capture"
        );
    }

    #[test]
    fn the_last_answer_counts_and_a_new_publish_waits_for_its_own() {
        let mut p = Publishing::default();
        assert!(!p.client(1, &publish(5)));
        p.server(2, status("error", "NetStream.Publish.BadName"));
        assert!(p.refusal().is_some());
        assert!(p.client(3, &publish(6)), "begins anew");
        assert_eq!((p.refusal(), p.accepted_at), (None, None));
        p.server(4, status("status", "NetStream.Publish.Start"));
        assert_eq!(p.accepted_at, Some(4));
        // Some servers say it with another level.
        p.server(5, status("status", "NetStream.Publish.Denied"));
        assert_eq!(p.refusal(), Some("NetStream.Publish.Denied"));
    }

    #[test]
    fn a_failed_play_is_no_refusal_of_what_is_published() {
        let mut p = Publishing::default();
        p.server(1, status("error", "NetStream.Play.StreamNotFound"));
        assert!(p.refusal().is_some(), "a player that is refused is told");
        let mut p = Publishing::default();
        p.client(1, &publish(5));
        p.server(2, status("error", "NetStream.Play.StreamNotFound"));
        assert_eq!(p.refusal(), None);
    }
}
