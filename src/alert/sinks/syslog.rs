//! `kind = "syslog"`: a syslog server, RFC 5424 over UDP or TCP.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use crate::alert::{Bulletin, Kind, Kit, Refusal, Sink, Status};
use crate::config::Section;
use crate::endpoint::resolve;
use crate::endpoint::syslog::{Carrier, Message, send};
use crate::rt;
use crate::takeover::action::Level;

pub(super) const KIND: Kind = Kind {
    name: "syslog",
    read,
};

/// Name of our structured data. The number is that of examples (RFC 5612): standin has none of its own.
const ELEMENT: &str = "standin@32473";

/// Facilities by their usual names (RFC 5424, table 1).
const FACILITIES: [(&str, u8); 13] = [
    ("user", 1),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
    ("kern", 0),
];

struct Syslog {
    host: String,
    port: u16,
    carrier: Carrier,
    facility: u8,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn Sink>> {
    let help = "the server, such as server = \"192.168.1.9\"";
    let host = section.required_text("server", help);
    let port = section.number("port", 514, (1, 65_535));
    let carriers = [("udp", Carrier::Udp), ("tcp", Carrier::Tcp)];
    let carrier = section.choice("transport", &carriers);
    let facility = section.choice("facility", &FACILITIES);
    Some(Arc::new(Syslog {
        host: host?,
        port: u16::try_from(port).ok()?,
        carrier: carrier.unwrap_or(Carrier::Udp),
        facility: facility.unwrap_or(3),
    }))
}

/// RFC 5424, table 2.
fn severity(bulletin: &Bulletin) -> u8 {
    const NOTICE: u8 = 5;
    match (bulletin.status(), bulletin.level) {
        (Status::Resolved | Status::Test, _) => NOTICE,
        (Status::Firing | Status::Once, Level::Critical) => 2,
        (Status::Firing | Status::Once, Level::Warning) => 4,
        (Status::Firing | Status::Once, Level::Info) => 6,
    }
}

fn rendered(b: &Bulletin, facility: u8, node: &str) -> String {
    let mut data = vec![
        ("status", b.status().word().to_owned()),
        ("key", b.key.clone()),
        ("level", crate::alert::level_word(b.level).to_owned()),
        ("since", b.since()),
        ("count", b.count.to_string()),
        ("do", b.next.clone()),
    ];
    if !b.peer.is_empty() {
        data.insert(2, ("peer", b.peer.clone()));
    }
    data.extend(b.until().map(|until| ("until", until)));
    let message = Message {
        facility,
        severity: severity(b),
        time: &rt::wall_text(),
        host: node,
        id: &b.key,
        data: (ELEMENT, &data),
        text: &b.text,
    };
    message.render()
}

impl Sink for Syslog {
    fn target(&self) -> String {
        let carrier = match self.carrier {
            Carrier::Udp => "udp",
            Carrier::Tcp => "tcp",
        };
        format!("{}:{} over {carrier}", self.host, self.port)
    }

    fn check<'a>(&'a self, _: &'a Kit) -> BoxFuture<'a, Result<String, String>> {
        async move {
            let at = resolve::first(&self.host, self.port).await?;
            Ok(format!(
                "it is at {at}; nothing was sent (standin alert test)"
            ))
        }
        .boxed()
    }

    fn send<'a>(
        &'a self,
        kit: &'a Kit,
        bulletin: &'a Bulletin,
    ) -> BoxFuture<'a, Result<String, Refusal>> {
        async move {
            let line = rendered(bulletin, self.facility, &kit.node);
            send(self.carrier, (&self.host, self.port), &line, kit.within).await?;
            Ok(match self.carrier {
                Carrier::Udp => "sent; UDP does not tell whether it was taken".to_owned(),
                Carrier::Tcp => "sent; the connection was taken".to_owned(),
            })
        }
        .boxed()
    }
}
