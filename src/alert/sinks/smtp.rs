//! `kind = "smtp"`: mail, which a night operator understands without this program's manual.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use futures_util::future::{BoxFuture, FutureExt};
use sha2::{Digest, Sha256};

use crate::alert::{Bulletin, Kind, Kit, Refusal, Sink, Status};
use crate::config::{SecretForm, Section, secret_file};
use crate::endpoint::http::Trust;
use crate::endpoint::resolve;
use crate::endpoint::smtp::{Mail, Security, Server, hand_over, is_address};
use crate::rt;
use crate::takeover::action::Level;

pub(super) const KIND: Kind = Kind { name: "smtp", read };

/// Characters of a subject's sentence.
const SUBJECT: usize = 120;

struct Smtp {
    host: String,
    port: u16,
    connect: Option<SocketAddr>,
    security: Security,
    authorities: Option<PathBuf>,
    login: Option<(String, PathBuf)>,
    from: String,
    to: Vec<String>,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn Sink>> {
    let host = section.required_text(
        "server",
        "the mail server, such as server = \"mail.example.org\"",
    );
    let security = [
        ("starttls", Security::StartTls),
        ("tls", Security::Tls),
        ("none", Security::None),
    ];
    let security = section.choice("security", &security);
    let security = security.unwrap_or(Security::StartTls);
    let usual = match security {
        Security::StartTls => 587,
        Security::Tls => 465,
        Security::None => 25,
    };
    let port = section.number("port", usual, (1, 65_535));
    let from = section.required_text("from", "an address, such as from = \"standin@example.org\"");
    let to = section.texts("to");
    if to.as_ref().is_none_or(Vec::is_empty) {
        section.refuse(
            "to",
            "nobody gets it",
            "such as to = [\"night@example.org\"]",
        );
    }
    for (key, address) in
        (from.iter().map(|a| ("from", a))).chain(to.iter().flatten().map(|a| ("to", a)))
    {
        if !is_address(address) {
            let what = format!("`{address}` is no address of a mailbox");
            section.refuse(key, what, "such as \"night@example.org\", without a name");
        }
    }
    let user = section.text("user");
    let password = section.path("password-file");
    for (has, other, key, of) in [
        (user.is_some(), password.is_some(), "password-file", "user"),
        (password.is_some(), user.is_some(), "user", "password-file"),
    ] {
        if has && !other {
            section.refuse(
                key,
                format!("`{key}` is missing"),
                format!("`{of}` needs it"),
            );
        }
    }
    if user.is_some() && security == Security::None {
        let help = "`security = \"starttls\"` or \"tls\"";
        section.warn(
            "security",
            "the password goes over the network as it is",
            help,
        );
    }
    let authorities = section.path("ca-file");
    let connect = section.text("connect").and_then(|text| {
        let at = text.parse::<SocketAddr>();
        let help = "such as \"192.168.1.50:587\"";
        at.map_err(|_| {
            section.refuse(
                "connect",
                format!("`{text}` is no address with a port"),
                help,
            )
        })
        .ok()
    });
    Some(Arc::new(Smtp {
        host: host?,
        port: u16::try_from(port).ok()?,
        connect,
        security,
        authorities,
        login: user.zip(password),
        from: from?,
        to: to?,
    }))
}

impl Smtp {
    fn server(&self, node: &str) -> Result<Server, String> {
        let login = match &self.login {
            None => None,
            Some((user, file)) => Some((user.clone(), secret_file(file, SecretForm::Line)?)),
        };
        Ok(Server {
            host: self.host.clone(),
            port: self.port,
            connect: self.connect,
            security: self.security,
            trust: (self.authorities.clone()).map_or_else(Trust::default, Trust::File),
            login,
            hello: node.to_owned(),
        })
    }
}

/// Urgency, whom it is about, and what: as much as a telephone shows.
fn subject(b: &Bulletin, node: &str) -> String {
    let word = match (b.status(), b.level) {
        (Status::Resolved, _) => "OVER",
        (Status::Test, _) => "TEST",
        (Status::Firing | Status::Once, Level::Critical) => "CRITICAL",
        (Status::Firing | Status::Once, Level::Warning) => "WARNING",
        (Status::Firing | Status::Once, Level::Info) => "INFO",
    };
    let what = if b.was.is_empty() || b.until_us.is_none() {
        &b.text
    } else {
        &b.was
    };
    let short: String = what.chars().take(SUBJECT).collect();
    let dots = if short.len() < what.len() { "..." } else { "" };
    format!("{word} {}: {short}{dots}", b.about(node))
}

/// What, since when, what to do now, with which command.
fn body(b: &Bulletin, node: &str) -> String {
    let peer = if b.peer.is_empty() {
        String::new()
    } else {
        format!(" {}", b.peer)
    };
    let mut out = format!("{}\n\n", b.text);
    if b.status() == Status::Resolved && !b.was.is_empty() {
        out += &format!("It was: {}\n\n", b.was);
    }
    match b.until() {
        Some(until) => {
            out += &format!(
                "From {} until {until} (UTC). Nothing has to be done.\n",
                b.since()
            )
        }
        None if b.once => out += &format!("When: {} (UTC)\n", b.since()),
        None => out += &format!("Since: {} (UTC), and it lasts.\n", b.since()),
    }
    if b.status() != Status::Resolved {
        out += &format!("\nWHAT TO DO NOW\n  {}\n", b.next);
        out += &format!(
            "\nOn {node}, type:\n  standin status{peer}      how it is now, and what to do next\n  standin help operate   what each alarm means\n"
        );
    }
    let times = match b.count {
        0 | 1 => String::new(),
        n => format!(", told {n} times"),
    };
    out += &format!("\n-- \nstandin on {node}, alarm `{}`{times}\n", b.key);
    out
}

impl Sink for Smtp {
    fn target(&self) -> String {
        format!("{} by {}:{}", self.to.join(", "), self.host, self.port)
    }

    fn check<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Result<String, String>> {
        async move {
            let server = self.server(&kit.node)?;
            if self.security != Security::None {
                server.tls()?;
            }
            let at = match self.connect {
                Some(at) => at.to_string(),
                None => resolve::first(&self.host, self.port).await?,
            };
            Ok(format!(
                "{} is at {at}; nothing was sent (standin alert test)",
                self.host
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
            let server = self.server(&kit.node)?;
            let host = self.from.rsplit('@').next().unwrap_or("localhost");
            let thread = HEXLOWER.encode(&Sha256::digest(bulletin.id(&kit.node).as_bytes())[..12]);
            let now = i64::try_from(rt::wall_us()).unwrap_or_default();
            let now = jiff::Timestamp::from_microsecond(now).map_err(|e| e.to_string())?;
            let date = jiff::fmt::rfc2822::DateTimePrinter::new();
            let date = date.timestamp_to_string(&now).map_err(|e| e.to_string())?;
            let text = body(bulletin, &kit.node);
            let mail = Mail {
                from: &self.from,
                to: &self.to,
                subject: &subject(bulletin, &kit.node),
                date: &date,
                id: &format!("{thread}.{:x}@{host}", rt::random()),
                thread: &format!("{thread}@{host}"),
                text: &text,
            };
            let handed =
                hand_over(&server, (&self.from, &self.to), &mail.render(), kit.within).await;
            handed.map_err(|fault| Refusal {
                why: fault.why,
                of_this: fault.of_this,
            })
        }
        .boxed()
    }
}
