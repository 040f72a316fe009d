//! Whoever reads the log may stop: the daemon goes on.

use std::io::Read as _;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::daemon_restart::site::{alarm, alone};

/// A pipe into which nothing fits any more.
fn full_pipe() -> (OwnedFd, OwnedFd) {
    let (read, write) = nix::unistd::pipe().unwrap();
    fcntl(&write, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while nix::unistd::write(&write, &[b'.'; 4096]).is_ok() {}
    while nix::unistd::write(&write, b".").is_ok() {}
    fcntl(&write, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    fcntl(&write, FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC)).unwrap();
    (read, write)
}

#[test]
fn a_log_that_nobody_reads_stops_nothing_and_status_says_so() {
    alone(async |mut site| {
        site.filter = Some("trace".to_owned());
        let (read, write) = full_pipe();
        assert!(read.as_raw_fd() > 0);
        site.start_with(write.into()).await;
        site.take_over().await;
        assert_eq!(site.shut(), ["ge1"]);
        let status = site
            .status_where("told", |s| alarm(s, "log").is_some())
            .await;
        let said = alarm(&status, "log").unwrap();
        assert!(said.contains("nobody"), "{said}");
        // Somebody reads again.
        let mut reader = std::fs::File::from(read);
        let mut some = vec![0; 1 << 16];
        std::thread::spawn(move || while reader.read(&mut some).is_ok_and(|n| n > 0) {});
        site.status_where("over", |s| alarm(s, "log").is_none())
            .await;
    });
}
