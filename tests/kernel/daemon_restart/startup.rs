//! A start with switches that are silent costs their time once.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::daemon_restart::site::alone;

#[test]
fn twelve_silent_switches_are_waited_for_at_once() {
    alone(async |mut site| {
        // Sockets that nobody reads: silent, and not refused.
        let silent: Vec<UdpSocket> = (0..12)
            .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
            .collect();
        let mut more = String::new();
        for (n, socket) in silent.iter().enumerate() {
            let address = socket.local_addr().unwrap().to_string();
            more += &site.switch(&format!("s{n}"), &address);
            more += &format!(
                "[peer.p{n}]\nkind = \"agentless\"\nvip = \"192.0.2.{}/24\"\ninterface = \"d0\"\nmac = \"02:00:00:00:01:{n:02}\"\n\
                 [[peer.p{n}.fence]]\nswitch = \"s{n}\"\nports = [\"ge1\"]\npersist = false\n\
                 [peer.p{n}.detect]\nprobe-interval = \"1s\"\nsuspect-after = \"2s\"\n\
                 [peer.p{n}.verify]\ncameras = \"cameras.csv\"\n",
                100 + n
            );
        }
        site.write(|text| text + &more);
        let began = Instant::now();
        site.start().await;
        let took = began.elapsed();
        assert!(took < Duration::from_secs(6), "{took:?}");
        assert_eq!(site.status().await["peers"].as_array().unwrap().len(), 13);
    });
}
