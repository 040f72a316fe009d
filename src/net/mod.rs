//! The network of this machine: ARP frames and when to send them, addresses and links by rtnetlink,
//! the gate that drops SYNs, the kernel's own TCP sockets, and the capture that sees the cameras.

pub mod address;
pub mod announce;
pub mod arp;
pub mod arp_socket;
pub mod ask_at_mac;
pub mod budget;
pub mod capture;
pub mod gate;
pub mod kernel_view;
pub mod legs;
pub mod link;
pub mod mute;
pub mod neighbour;
pub mod netlink;
pub mod nft;
pub mod nft_error;
pub mod route;
pub mod sent_syns;
pub mod sockets;
pub mod watch;
pub mod who_answers;
