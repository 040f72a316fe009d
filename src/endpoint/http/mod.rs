//! Telling another server over HTTP, and reading back that it holds.
//!
//! One connection for each request, no proxy, no redirect that was not asked for, and a deadline for each phase. What is
//! asked for is an [`Action`]: a request, and the request that reads back; texts in them are templates over facts.

mod action;
mod client;
mod error;
mod exchange;
mod request;
mod statuses;
mod template;
mod url;

pub use action::{Action, Done, Limits, perform, read_value, send};
pub(in crate::endpoint) use client::tls_of;
pub use client::{Auth, Client, ClientIdentity, Settings, Trust};
pub use error::{Fault, HttpError, Phase};
pub(in crate::endpoint) use error::{chain, tls_error, tls_fault};
pub use exchange::{Response, exchange};
pub use request::{ReadBack, Rendered, Request, holds};
pub use statuses::Statuses;
pub use template::{Form, LONGEST, Template};
pub use url::Url;
