//! `kind = "rtsp"`: a streaming server answers `OPTIONS`.

use std::net::{IpAddr, SocketAddrV4};
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use super::{HealthCheck, Kind, Kit, Looked, target};
use crate::config::Section;
use crate::detect::rtmp::From;
use crate::detect::rtsp::{RtspFault, options};

pub(super) const KIND: Kind = Kind { name: "rtsp", read };

/// RTSP's port (IANA: rtsp).
const PORT: u16 = 554;

struct Rtsp {
    at: SocketAddrV4,
    path: String,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn HealthCheck>> {
    let at = target::read(section, Some(PORT));
    let path = section.text("path").unwrap_or_else(|| "/".to_owned());
    if !path.starts_with('/') || path.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let what = format!("`{path}` is no path of a stream");
        section.refuse("path", what, "such as path = \"/live/cam1\"");
    }
    Some(Arc::new(Rtsp { at: at?, path }))
}

impl HealthCheck for Rtsp {
    fn what(&self) -> String {
        format!("RTSP {}{}", self.at, self.path)
    }

    fn asks(&self) -> Option<IpAddr> {
        Some((*self.at.ip()).into())
    }

    fn look<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Looked> {
        async move {
            let dialled = kit.wire.dial(self.at, &From::Anywhere);
            match options(dialled, self.at, &self.path, kit.within).await {
                Ok(a) if a.status == 200 => {
                    Looked::Good(format!("answers OPTIONS in {} ms", a.took.as_millis()))
                }
                // It wants a password, and so it lives (RFC 2326, 11): what it streams needs one, which is not ours to know.
                Ok(a) if a.status == 401 => Looked::Good(format!(
                    "answers OPTIONS in {} ms, and wants a password",
                    a.took.as_millis()
                )),
                Ok(a) => Looked::Bad(format!(
                    "{} answers OPTIONS with {} {}",
                    self.at, a.status, a.reason
                )),
                Err(RtspFault::Dial(fault)) => target::not_connected(self.at, &fault),
                Err(e) => Looked::Bad(e.to_string()),
            }
        }
        .boxed()
    }
}
