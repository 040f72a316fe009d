//! Notifications of switches, off the fast path: which switch sent one, how many came, and what the loop is told.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::hub::{Input, Tx};
use super::switches::{auth_algorithm, priv_algorithm};
use crate::config::{Config, Secrets};
use crate::rt::{self, Instant, Join, Lane, sleep};
use crate::switch::snmp::traps::{LinkTrap, NotTaken, TrapRules, TrapUser, Traps};
use crate::types::BootTime;

/// A socket that cannot be opened (its address is not here yet) is tried again after this.
const OPEN_AGAIN: Duration = Duration::from_secs(10);
/// What was not taken is counted up, and perhaps said, this often.
const COUNT: Duration = Duration::from_secs(1);
/// It is said at most this often.
const SAY: Duration = Duration::from_secs(60);
/// So many notifications a second reach the loop, and so many at once: anybody can send more.
const PER_SECOND: u32 = 100;

/// What is listened for, and which switch each sender is.
#[derive(Clone)]
pub struct Setup {
    rules: TrapRules,
    /// Addresses of the switches with their names in the configuration.
    names: Vec<(IpAddr, String)>,
}

/// From the configuration; `None` while nothing is received.
pub fn setup(config: &Config, secrets: &Secrets) -> Option<Setup> {
    let traps = config.traps.as_ref()?;
    let secret = secrets.traps.as_ref()?;
    let names: Vec<(IpAddr, String)> = config
        .switches
        .values()
        .map(|s| (IpAddr::V4(*s.address.ip()), s.name.clone()))
        .collect();
    let user = traps.user.as_ref().and_then(|usm| {
        let (with, pass) = (usm.auth.as_ref()?.0, secret.auth.clone()?);
        let privacy = usm.privacy.as_ref().zip(secret.privacy.clone());
        Some(TrapUser {
            user: usm.user.clone(),
            auth: (auth_algorithm(with), pass),
            privacy: privacy.map(|((with, _), pass)| (priv_algorithm(*with), pass)),
        })
    });
    Some(Setup {
        rules: TrapRules {
            listen: traps.listen.into(),
            community: secret.community.clone(),
            user,
            state_dir: config.node.state_dir.clone(),
            from: names.iter().map(|(address, _)| *address).collect(),
        },
        names,
    })
}

/// What `status` says of them.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// About a link, from a switch of ours, with the right community or user.
    pub received: u64,
    /// The others.
    pub not_taken: NotTaken,
    /// The last one that was received: switch, what, and when.
    pub last: Option<(String, LinkTrap, BootTime)>,
    /// Why nothing can be received now.
    pub fault: Option<String>,
}

/// The receiver, and what it has heard.
pub struct Service {
    listen: String,
    heard: Arc<Mutex<Heard>>,
    task: Join<()>,
}

impl Service {
    /// Starts to receive on `slow`, after `before` (that of the old configuration) has let go of its socket.
    pub fn start(setup: Setup, tx: Tx, slow: &Lane, before: Option<Service>) -> Service {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (listen, theirs) = (setup.rules.listen.to_string(), heard.clone());
        let task = slow.spawn(async move {
            if let Some(before) = before {
                before.task.abort();
                let _ = before.task.await;
            }
            receive(setup, &tx, &theirs).await;
        });
        Service {
            listen,
            heard,
            task,
        }
    }

    /// Ends it.
    pub fn stop(self) {
        self.task.abort();
    }

    /// Address and port.
    pub fn listen(&self) -> &str {
        &self.listen
    }

    /// What came so far.
    pub fn heard(&self) -> Heard {
        locked(&self.heard).clone()
    }
}

fn locked(heard: &Mutex<Heard>) -> std::sync::MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn receive(setup: Setup, tx: &Tx, heard: &Mutex<Heard>) {
    let traps = open(&setup.rules, heard).await;
    tracing::info!(
        "notifications of switches are received on {}",
        traps.local_addr()
    );
    let (mut said, mut said_at) = (0, None::<Instant>);
    let mut allowed = Allowed::new(Instant::now());
    let mut count = rt::interval(COUNT);
    // Kept over the ticks: a future that is dropped may take a datagram with it.
    let next = traps.next();
    tokio::pin!(next);
    loop {
        tokio::select! {
            biased;
            // First: it is due once a second, and notifications may come without an end.
            _ = count.tick() => {
                let not_taken = traps.not_taken();
                if not_taken.count > said && said_at.is_none_or(|at| at.elapsed() >= SAY) {
                    say(&not_taken, said);
                    (said, said_at) = (not_taken.count, Some(Instant::now()));
                }
                locked(heard).not_taken = not_taken;
            }
            trap = &mut next => {
                next.set(traps.next());
                take(&setup, trap, &mut allowed, tx, heard);
            }
        }
        if tx.is_closed() {
            return;
        }
    }
}

/// Tries until it can listen.
async fn open(rules: &TrapRules, heard: &Mutex<Heard>) -> Traps {
    loop {
        match Traps::open(rules.clone()).await {
            Ok(traps) => {
                locked(heard).fault = None;
                return traps;
            }
            Err(e) => {
                let fault = Some(e.to_string());
                if locked(heard).fault != fault {
                    tracing::error!(
                        "{e}; without them ports are read every detect.switch-poll only; tried again every {} s",
                        OPEN_AGAIN.as_secs()
                    );
                    locked(heard).fault = fault;
                }
            }
        }
        sleep(OPEN_AGAIN).await;
    }
}

fn take(setup: &Setup, trap: LinkTrap, allowed: &mut Allowed, tx: &Tx, heard: &Mutex<Heard>) {
    let known = setup.names.iter().filter(|(a, _)| *a == trap.from);
    let names: Vec<&String> = known.map(|(_, name)| name).collect();
    {
        let mut heard = locked(heard);
        heard.received += 1;
        if let Some(name) = names.first() {
            heard.last = Some(((*name).clone(), trap, rt::boot()));
        }
    }
    if !allowed.one(Instant::now()) {
        return;
    }
    for name in names {
        // The loop may be gone at the end of the daemon.
        let _ = tx.send(Input::Trap {
            switch: name.clone(),
            if_index: trap.if_index,
        });
    }
}

fn say(not_taken: &NotTaken, said: u64) {
    let new = not_taken.count - said;
    match not_taken.last {
        Some((from, why)) => tracing::warn!(
            "{new} notifications were not taken; one from {from}: {}",
            why.words()
        ),
        None => tracing::warn!(
            "{new} notifications were not taken: their user or its pass phrases are not those of [traps]"
        ),
    }
}

/// How many may still reach the loop.
struct Allowed {
    left: u32,
    since: Instant,
}

impl Allowed {
    fn new(now: Instant) -> Allowed {
        Allowed {
            left: PER_SECOND,
            since: now,
        }
    }

    fn one(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            *self = Allowed::new(now);
        }
        let any = self.left > 0;
        self.left = self.left.saturating_sub(1);
        any
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use secrecy::SecretString;

    use super::*;
    use crate::switch::snmp::traps::Ignored;

    /// An SNMPv2c trap (RFC 3416) of `notification` (5: coldStart...: the last arc of snmpTraps) about ifIndex 7.
    fn trap(community: &str, notification: u8) -> Vec<u8> {
        let tlv = |tag: u8, content: &[u8]| [&[tag, content.len() as u8], content].concat();
        let bind = |oid: &[u8], value: Vec<u8>| tlv(0x30, &[tlv(6, oid), value].concat());
        let binds = [
            bind(&[43, 6, 1, 2, 1, 1, 3, 0], tlv(0x43, &[1, 0])),
            bind(
                &[43, 6, 1, 6, 3, 1, 1, 4, 1, 0],
                tlv(6, &[43, 6, 1, 6, 3, 1, 1, 5, notification]),
            ),
            bind(&[43, 6, 1, 2, 1, 2, 2, 1, 1, 7], tlv(2, &[7])),
        ];
        let pdu = [
            tlv(2, &[1]),
            tlv(2, &[0]),
            tlv(2, &[0]),
            tlv(0x30, &binds.concat()),
        ]
        .concat();
        let message = [tlv(2, &[1]), tlv(4, community.as_bytes()), tlv(0xa7, &pdu)].concat();
        tlv(0x30, &message)
    }

    async fn until(what: impl Fn() -> bool) {
        for _ in 0..1000 {
            if what() {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("not within 10 s");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_switchs_trap_reaches_the_loop_and_everything_else_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        // A port that was free a moment ago; `0` would not tell the senders where to.
        let free = UdpSocket::bind("127.0.0.1:0").unwrap();
        let listen = free.local_addr().unwrap();
        drop(free);
        let core = Ipv4Addr::LOCALHOST.into();
        let setup = Setup {
            rules: TrapRules {
                listen,
                community: Some(SecretString::from("right")),
                user: None,
                state_dir: dir.path().to_path_buf(),
                from: vec![core],
            },
            names: vec![(core, "core".to_owned())],
        };
        let (tx, mut rx) = tokio::sync::mpsc::unbounded_channel();
        let service = Service::start(setup, tx, &Lane::current(), None);
        let (here, elsewhere) = (
            UdpSocket::bind("127.0.0.1:0").unwrap(),
            UdpSocket::bind("127.0.0.9:0").unwrap(),
        );
        // Until the receiver is there nothing is heard.
        until(|| {
            here.send_to(&trap("right", 3), listen).unwrap();
            service.heard().received > 0
        })
        .await;
        let last = service.heard().last.unwrap();
        assert_eq!(
            (last.0.as_str(), last.1.if_index, last.1.up),
            ("core", Some(7), false)
        );
        let Some(Input::Trap { switch, if_index }) = rx.recv().await else {
            panic!("the loop was not told")
        };
        assert_eq!((switch.as_str(), if_index), ("core", Some(7)));
        // What was sent too often above is behind us once something that came later is counted.
        here.send_to(&trap("right", 1), listen).unwrap();
        until(|| service.heard().not_taken.count > 0).await;
        let received = service.heard().received;
        for (socket, message, why) in [
            (&elsewhere, trap("right", 3), Ignored::Foreign),
            (&here, trap("wrong", 3), Ignored::Untrusted),
            (&here, trap("right", 1), Ignored::Other),
        ] {
            let before = service.heard().not_taken.count;
            socket.send_to(&message, listen).unwrap();
            until(|| service.heard().not_taken.count > before).await;
            let (_, last) = service.heard().not_taken.last.unwrap();
            assert_eq!(last, why);
        }
        assert_eq!(service.heard().received, received, "one of them was taken");
    }

    #[test]
    fn a_flood_does_not_reach_the_loop() {
        let begin = Instant::now();
        let mut allowed = Allowed::new(begin);
        let count = |allowed: &mut Allowed, at| (0..1000).filter(|_| allowed.one(at)).count();
        assert_eq!(count(&mut allowed, begin), PER_SECOND as usize);
        let later = begin + Duration::from_millis(1001);
        assert_eq!(count(&mut allowed, later), PER_SECOND as usize);
    }
}
