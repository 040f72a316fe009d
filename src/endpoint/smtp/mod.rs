//! Handing a mail to a server (RFC 5321): plain, with STARTTLS (RFC 3207) or TLS from the first byte (RFC 8314), with or
//! without a password (RFC 4954). One mail, one connection, one deadline for all of it.

mod mail;
mod session;

pub use mail::{Mail, is_address};
pub use session::{Fault, Security, Server, hand_over};
