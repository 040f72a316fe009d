//! `kind = "rtmp"`: a media server completes an RTMP handshake.

use std::net::{IpAddr, SocketAddrV4};
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use super::{HealthCheck, Kind, Kit, Looked, target};
use crate::config::Section;
use crate::detect::rtmp::{From, RtmpFault, handshake_by};

pub(super) const KIND: Kind = Kind { name: "rtmp", read };

/// RTMP's port (IANA: macromedia-fcs).
const PORT: u16 = 1935;

struct Rtmp {
    at: SocketAddrV4,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn HealthCheck>> {
    let at = target::read(section, Some(PORT))?;
    Some(Arc::new(Rtmp { at }))
}

impl HealthCheck for Rtmp {
    fn what(&self) -> String {
        format!("RTMP {}", self.at)
    }

    fn asks(&self) -> Option<IpAddr> {
        Some((*self.at.ip()).into())
    }

    fn look<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Looked> {
        async move {
            let dialled = kit.wire.dial(self.at, &From::Anywhere);
            match handshake_by(dialled, self.at, kit.within).await {
                Ok(took) => {
                    Looked::Good(format!("completes a handshake in {} ms", took.as_millis()))
                }
                Err(e @ RtmpFault::Local { .. }) => Looked::NotAsked(e.to_string()),
                // No route of ours is our own fault; a machine that answers no ARP is not.
                Err(RtmpFault::Unreachable { addr, source })
                    if !matches!(
                        source.raw_os_error(),
                        Some(libc::EHOSTUNREACH | libc::EHOSTDOWN)
                    ) =>
                {
                    Looked::NotAsked(format!("cannot ask {addr} from here: {source}"))
                }
                Err(e) => Looked::Bad(e.to_string()),
            }
        }
        .boxed()
    }
}
