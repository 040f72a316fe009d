//! What verification sees of the wire: an `AF_PACKET` socket with a kernel filter (classic BPF).
//!
//! The filter passes ARP, and TCP to and from the service, both directions. The media of a hundred cameras is thousands
//! of frames each millisecond; a camera whose media was seen is excluded, so that only what begins
//! and ends its connections still passes, and what our server says to it.

pub mod filter;

use std::io::{self, IoSliceMut};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::time::{ClockId, clock_gettime};
use socket2::Socket;

use self::filter::{assemble, filter};
use crate::sys;
use crate::types::{BootTime, IfIndex};

/// Receive buffer, bytes: a reader that is frozen for a second loses nothing at 20,000 SYN/s (measured).
pub const RECEIVE_BUFFER: usize = 8 << 20;
/// Room for any frame: segments that the card or the kernel merges are up to 64 KiB.
const FRAME: usize = 66 << 10;

/// Why frames cannot be captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// No CAP_NET_RAW.
    #[error(
        "capturing on interface {interface} needs CAP_NET_RAW: run as root, or give the program that capability"
    )]
    NotPermitted {
        /// Kernel index.
        interface: IfIndex,
    },
    /// The socket could not be made.
    #[error("cannot capture on interface {interface}: {source}; check that it exists (ip link)")]
    Open {
        /// Kernel index.
        interface: IfIndex,
        /// Why.
        source: io::Error,
    },
    /// The kernel refused the filter.
    #[error("the kernel refused the capture filter with {excluded} excluded addresses: {source}")]
    Filter {
        /// How many addresses it excludes.
        excluded: usize,
        /// Why.
        source: io::Error,
    },
    /// The interface is gone for good.
    #[error(
        "interface {interface} was removed while it was captured on; start again when it is back"
    )]
    Gone {
        /// Kernel index.
        interface: IfIndex,
    },
    /// Reading failed.
    #[error("cannot read captured frames of interface {interface}: {source}")]
    Read {
        /// Kernel index.
        interface: IfIndex,
        /// Why.
        source: io::Error,
    },
}

/// A captured frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When the kernel saw it, microseconds since the epoch (`CLOCK_REALTIME`).
    pub real_us: u64,
    /// The same moment since boot.
    pub boot: BootTime,
    /// From the Ethernet header on.
    pub bytes: &'a [u8],
    /// Its length on the wire.
    pub original_len: usize,
    /// This machine sent it.
    pub outgoing: bool,
}

/// An open capture. Made for an OS thread of its own; reading blocks.
#[derive(Debug)]
pub struct Capture {
    socket: Socket,
    interface: IfIndex,
    vip: Ipv4Addr,
    port: u16,
    buffer: Vec<u8>,
    timeout: Option<Duration>,
    drops: u64,
}

impl Capture {
    /// Captures on one interface what concerns `vip` and TCP `port`, from the first frame on through the filter.
    ///
    /// # Errors
    /// [`CaptureError::NotPermitted`] without CAP_NET_RAW; [`CaptureError::Open`] if there is no such interface.
    pub fn open(interface: IfIndex, vip: Ipv4Addr, port: u16) -> Result<Capture, CaptureError> {
        let open = |source: io::Error| match source.kind() {
            io::ErrorKind::PermissionDenied => CaptureError::NotPermitted { interface },
            _ => CaptureError::Open { interface, source },
        };
        let program = assemble(&filter(vip, port, &[]));
        let socket = sys::packet_socket(sys::ETHERTYPE_ALL, interface.0, &program, RECEIVE_BUFFER)
            .map_err(open)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).map_err(|e| open(e.into()))?;
        socket.set_nonblocking(false).map_err(open)?;
        Ok(Capture {
            socket,
            interface,
            vip,
            port,
            buffer: vec![0; FRAME],
            timeout: None,
            drops: 0,
        })
    }

    /// Of these addresses passes only what begins or ends a connection and what we say, and all of the others. The kernel swaps
    /// the filter at once: no frame is lost, none passes unfiltered. More addresses than a filter can hold (over
    /// 2000) are not excluded; they cost time, not truth.
    ///
    /// # Errors
    /// [`CaptureError::Filter`]; the former filter stays.
    pub fn exclude(&mut self, addresses: &[Ipv4Addr]) -> Result<(), CaptureError> {
        let program = assemble(&filter(self.vip, self.port, addresses));
        self.socket
            .attach_filter(&program)
            .map_err(|source| CaptureError::Filter {
                excluded: addresses.len(),
                source,
            })
    }

    /// Frames that passed the filter and found the receive buffer full, since the capture was opened.
    ///
    /// # Errors
    /// [`CaptureError::Read`].
    pub fn drops(&mut self) -> Result<u64, CaptureError> {
        let (_, drops) = sys::packet_drops(&self.socket).map_err(|source| CaptureError::Read {
            interface: self.interface,
            source,
        })?;
        self.drops += u64::from(drops);
        Ok(self.drops)
    }

    /// Waits up to `timeout` for a frame, then hands over what is there, at most `most` frames. Returns how many; 0
    /// after the timeout, a signal, or when the link went down (a capture outlives that).
    ///
    /// # Errors
    /// [`CaptureError::Gone`] if the interface was removed; [`CaptureError::Read`].
    pub fn read(
        &mut self,
        timeout: Duration,
        most: usize,
        mut each: impl FnMut(Frame<'_>),
    ) -> Result<usize, CaptureError> {
        let interface = self.interface;
        let failed = |e: Errno| CaptureError::Read {
            interface,
            source: e.into(),
        };
        if self.timeout != Some(timeout) {
            // Zero would mean for ever.
            let at_least = timeout.max(Duration::from_millis(1));
            self.socket
                .set_read_timeout(Some(at_least))
                .map_err(|source| CaptureError::Read { interface, source })?;
            self.timeout = Some(timeout);
        }
        let mut control = nix::cmsg_space!(libc::timespec);
        let mut offset = None;
        let mut count = 0;
        while count < most {
            let mut iov = [IoSliceMut::new(&mut self.buffer)];
            // Waits for the first frame only. MSG_TRUNC: tell the true length of a frame that is too long.
            let wait = if count == 0 {
                MsgFlags::empty()
            } else {
                MsgFlags::MSG_DONTWAIT
            };
            let flags = wait | MsgFlags::MSG_TRUNC;
            let message = match recvmsg::<LinkAddr>(
                self.socket.as_raw_fd(),
                &mut iov,
                Some(&mut control),
                flags,
            ) {
                Ok(message) => message,
                Err(Errno::EAGAIN | Errno::EINTR) => break,
                // Told once when the link goes down; frames come again when it is up.
                Err(Errno::ENETDOWN) => {
                    // nix 0.31 answers an empty name where it should answer an error.
                    let name = nix::net::if_::if_indextoname(interface.0);
                    if name.is_ok_and(|n| !n.is_empty()) {
                        break;
                    }
                    return Err(CaptureError::Gone { interface });
                }
                Err(e) => return Err(failed(e)),
            };
            // Asked after the wait: the epoch clock may have been set meanwhile.
            let since_epoch_at_boot = match offset {
                Some(offset) => offset,
                None => *offset.insert(
                    micros(ClockId::CLOCK_REALTIME).map_err(failed)?
                        - micros(ClockId::CLOCK_BOOTTIME).map_err(failed)?,
                ),
            };
            let stamp = message.cmsgs().map_err(failed)?.find_map(|c| match c {
                ControlMessageOwned::ScmTimestampns(t) => {
                    Some(i128::from(t.tv_sec()) * 1_000_000 + i128::from(t.tv_nsec()) / 1000)
                }
                _ => None,
            });
            let real = match stamp {
                Some(stamp) => stamp,
                None => micros(ClockId::CLOCK_REALTIME).map_err(failed)?,
            };
            let outgoing = message
                .address
                .is_some_and(|a| a.pkttype() == libc::PACKET_OUTGOING);
            let original_len = message.bytes;
            let unsigned = |n: i128| u64::try_from(n).unwrap_or(0);
            each(Frame {
                real_us: unsigned(real),
                boot: BootTime(unsigned(real - since_epoch_at_boot)),
                bytes: &self.buffer[..original_len.min(FRAME)],
                original_len,
                outgoing,
            });
            count += 1;
        }
        Ok(count)
    }
}

fn micros(clock: ClockId) -> Result<i128, Errno> {
    let t = clock_gettime(clock)?;
    Ok(i128::from(t.tv_sec()) * 1_000_000 + i128::from(t.tv_nsec()) / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 101);

    #[test]
    fn without_the_capability_or_the_interface_the_error_says_so() {
        match Capture::open(IfIndex(999_999), VIP, 1935) {
            Err(CaptureError::NotPermitted { .. }) => {}
            Err(e @ CaptureError::Open { .. }) => {
                assert!(e.to_string().contains("interface 999999"), "{e}");
            }
            other => panic!("{other:?}"),
        }
    }
}
