//! The server that a check asks: `at = "ADDRESS:PORT"`.

use std::net::SocketAddrV4;

use crate::config::Section;
use crate::detect::rtmp::DialFault;

use super::Looked;

/// Reads `at`; `usual` is the port of the protocol, where there is one.
pub(super) fn read(section: &mut Section<'_, '_>, usual: Option<u16>) -> Option<SocketAddrV4> {
    let port = usual.map_or_else(|| ":5432".to_owned(), |p| format!(":{p}"));
    let help = format!("an address and a TCP port, such as at = \"192.168.1.103{port}\"");
    let text = section.required_text("at", &help)?;
    let with_port = match (usual, text.contains(':')) {
        (Some(port), false) => format!("{text}:{port}"),
        (Some(_) | None, _) => text.clone(),
    };
    let at = with_port.parse::<SocketAddrV4>().ok();
    let at = at.filter(|at| at.port() != 0 && !at.ip().is_unspecified());
    if at.is_none() {
        section.refuse(
            "at",
            format!("`{text}` is no IPv4 address with a port"),
            help,
        );
    }
    at
}

/// What the kernel said to a connect: our own fault, or the machine's and the service's.
pub(super) fn not_connected(at: SocketAddrV4, fault: &DialFault) -> Looked {
    match fault {
        DialFault::Here(e) => Looked::NotAsked(format!("cannot ask {at} from here: {e}")),
        DialFault::There(e) => match e.raw_os_error() {
            Some(libc::ECONNREFUSED) => Looked::Bad(format!(
                "{at} refuses the connection: nothing listens there"
            )),
            Some(libc::ECONNRESET | libc::EPIPE) => {
                Looked::Bad(format!("{at} resets the connection"))
            }
            Some(libc::ETIMEDOUT) => Looked::Bad(format!("{at} does not answer")),
            Some(libc::EHOSTUNREACH | libc::EHOSTDOWN) => Looked::Bad(format!(
                "{at} cannot be reached: {e}; the machine or the way to it is down"
            )),
            // No route, no descriptors, our firewall.
            _ => Looked::NotAsked(format!("cannot ask {at} from here: {e}")),
        },
    }
}
