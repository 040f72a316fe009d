//! `kind = "tcp"`: a server takes the connection, and says what it is to say first. Without `greeting` that proves little: the
//! kernel of a hung server takes connections for it.

use std::net::{IpAddr, SocketAddrV4};
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::io::AsyncReadExt;

use super::{HealthCheck, Kind, Kit, Looked, target};
use crate::config::Section;
use crate::detect::rtmp::From;
use crate::rt::{self, Instant};

pub(super) const KIND: Kind = Kind { name: "tcp", read };

const LONGEST_GREETING: usize = 200;

struct Tcp {
    at: SocketAddrV4,
    greeting: Option<String>,
}

fn read(section: &mut Section<'_, '_>) -> Option<Arc<dyn HealthCheck>> {
    let at = target::read(section, None);
    let greeting = section.text("greeting").filter(|g| !g.is_empty());
    if let Some(long) = greeting.as_ref().filter(|g| g.len() > LONGEST_GREETING) {
        let what = format!("{} bytes are too many", long.len());
        section.refuse(
            "greeting",
            what,
            format!("at most {LONGEST_GREETING}: how it begins is enough"),
        );
    }
    Some(Arc::new(Tcp { at: at?, greeting }))
}

impl HealthCheck for Tcp {
    fn what(&self) -> String {
        format!("TCP {}", self.at)
    }

    fn asks(&self) -> Option<IpAddr> {
        Some((*self.at.ip()).into())
    }

    fn look<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Looked> {
        async move {
            let (begun, at) = (Instant::now(), self.at);
            let deadline = begun + kit.within;
            let late = |what: &str| {
                Looked::Bad(format!("{at} {what} within {} ms", kit.within.as_millis()))
            };
            let mut stream =
                match rt::timeout_at(deadline, kit.wire.dial(at, &From::Anywhere)).await {
                    Err(_) => return late("does not take the connection"),
                    Ok(Err(fault)) => return target::not_connected(at, &fault),
                    Ok(Ok(stream)) => stream,
                };
            let Some(greeting) = &self.greeting else {
                let took = begun.elapsed().as_millis();
                return Looked::Good(format!("takes the connection in {took} ms"));
            };
            let wanted = greeting.as_bytes();
            let mut said = vec![0; wanted.len()];
            let mut got = 0;
            while got < wanted.len() && wanted.starts_with(&said[..got]) {
                match rt::timeout_at(deadline, stream.read(&mut said[got..])).await {
                    Err(_) => {
                        let what = format!(
                            "takes the connection, and says only {got} of {} bytes of its greeting",
                            wanted.len()
                        );
                        return late(&what);
                    }
                    Ok(Ok(n @ 1..)) => got += n,
                    Ok(Ok(_) | Err(_)) => {
                        return Looked::Bad(format!(
                            "{at} closes the connection after {got} bytes"
                        ));
                    }
                }
            }
            let heard = String::from_utf8_lossy(&said[..got]).into_owned();
            match wanted == &said[..got] {
                true => Looked::Good(format!(
                    "says {heard:?} after {} ms",
                    begun.elapsed().as_millis()
                )),
                false => Looked::Bad(format!(
                    "{at} says {heard:?} where {greeting:?} was expected"
                )),
            }
        }
        .boxed()
    }
}
