//! Evidence that a peer lives: one file per kind.

pub mod beat_socket;
pub mod heartbeat;
pub mod icmp;
pub mod rtmp;
pub mod rtsp;
