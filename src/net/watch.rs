//! What happens to this machine's links and addresses, as it happens.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::{Handle, MulticastGroup};

use super::address::AddressState;
use super::link::LinkState;
use super::netlink::{NetlinkError, Notice};
use crate::rt::{self, Instant, timeout_at};
use crate::types::IfIndex;

/// Nothing for so long after a loss means that the backlog has been read.
const QUIET: Duration = Duration::from_millis(20);

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetEvent {
    /// An interface appeared or changed: carrier, up, name, MAC. Also comes when nothing we show
    /// has changed: compare.
    Link(LinkState),
    /// An interface is gone.
    LinkGone(IfIndex),
    /// An IPv4 address appeared or was renewed, by us or by others.
    AddressSet(AddressState),
    /// An IPv4 address was removed or has expired.
    AddressGone(AddressState),
    /// Events were lost: read everything anew. Comes twice: at once, and when the backlog is read.
    Resync,
}

/// A stream of [`NetEvent`]s, from the moment it was opened.
pub struct Watch {
    notices: Pin<Box<dyn Stream<Item = Notice> + Send>>,
    // Set after a loss: when the second Resync is due, unless something comes before.
    backlog_read: Option<Instant>,
    // The connection's task ends when the last handle is gone.
    _handle: Handle,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watch {
    /// Subscribes; runs a task on the current tokio runtime until dropped. Needs no privilege. Read
    /// the present state *after* opening it, so that nothing falls in between.
    ///
    /// # Errors
    /// [`NetlinkError`] when the kernel refuses the socket.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open() -> Result<Self, NetlinkError> {
        let groups = [MulticastGroup::Link, MulticastGroup::Ipv4Ifaddr];
        let (connection, handle, messages) =
            rtnetlink::new_multicast_connection(&groups).map_err(|source| NetlinkError {
                doing: "subscribe to link and address events".to_owned(),
                source,
            })?;
        rt::spawn(connection);
        let notices = messages.map(|(message, _)| Notice::from(message.payload));
        Ok(Watch {
            notices: Box::pin(notices),
            backlog_read: None,
            _handle: handle,
        })
    }

    /// Waits for the next change; `None` when the connection has broken: open another and read
    /// everything anew. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Option<NetEvent> {
        loop {
            let next = self.notices.next();
            let notice = match self.backlog_read {
                None => next.await?,
                Some(at) => match timeout_at(at, next).await {
                    Ok(notice) => notice?,
                    Err(_quiet) => {
                        self.backlog_read = None;
                        return Some(NetEvent::Resync);
                    }
                },
            };
            // Until its queue has been read to the end the kernel drops more events and does not
            // say so again: what is read at the first Resync may already be outdated.
            if matches!(notice, Notice::Lost) || self.backlog_read.is_some() {
                self.backlog_read = Some(Instant::now() + QUIET);
            }
            if let Some(event) = event(notice) {
                return Some(event);
            }
        }
    }
}

fn event(notice: Notice) -> Option<NetEvent> {
    use RouteNetlinkMessage as M;
    let message = match notice {
        Notice::Lost => return Some(NetEvent::Resync),
        Notice::Other => return None,
        Notice::Message(message) => message,
    };
    match message {
        M::NewLink(m) => Some(NetEvent::Link(LinkState::from_message(&m))),
        M::DelLink(m) => Some(NetEvent::LinkGone(IfIndex(m.header.index))),
        M::NewAddress(m) => AddressState::from_message(&m).map(NetEvent::AddressSet),
        M::DelAddress(m) => AddressState::from_message(&m).map(NetEvent::AddressGone),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_events_ask_for_a_resync() {
        assert_eq!(event(Notice::Lost), Some(NetEvent::Resync));
        assert_eq!(event(Notice::Other), None);
    }
}
