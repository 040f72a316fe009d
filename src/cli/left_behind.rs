//! No daemon answers: what of ours is in this machine's kernel all the same, which fence stands by the journal, and what
//! to type. It only looks. Nothing is taken away by itself: the address may serve cameras, its fence keeps the other
//! machine from it, and a mute keeps this one from answering beside the owner.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::common::{say, say_json};
use crate::daemon::{journal, record};
use crate::host::real::RealPrograms;
use crate::net::address::AddressLife;
use crate::net::gate::CLOSED_FOR;
use crate::net::kernel_view::KernelView;
use crate::net::netlink::Netlink;
use crate::net::{gate, mute, nft};

/// A restart after a crash waits for this.
const WITHIN: Duration = Duration::from_secs(1);

/// One thing that is left.
struct Left {
    kind: &'static str,
    what: String,
    /// They take it away, in this order.
    commands: Vec<String>,
}

/// What was found.
#[derive(Default)]
struct Found {
    left: Vec<Left>,
    /// What could not be read.
    unread: Vec<String>,
}

/// Says it; `state_dir` is where the journal is.
pub async fn tell(state_dir: &Path, as_json: bool) {
    let mut found = Found::default();
    let peers = journaled(state_dir, &mut found);
    found.addresses(&peers).await;
    found.tables().await;
    found.fences(&peers);
    if as_json {
        return say_json(&found.as_json());
    }
    say(&found.words());
}

/// The peers of the journal, with what was last said of each.
fn journaled(state_dir: &Path, found: &mut Found) -> Vec<(String, record::Kept)> {
    let newest_first = journal::files(state_dir).into_iter().rev();
    let mut unread = None;
    let said = newest_first
        .filter_map(|file| match journal::read(&file) {
            Ok(said) => Some(said),
            Err(e) => {
                unread = Some(e.to_string());
                None
            }
        })
        .find(|said| said.records.iter().any(|r| r.kind == record::STATE));
    found.unread.extend(unread);
    let Some(said) = said else {
        return Vec::new();
    };
    let peers = record::peers(&said.records).into_iter();
    peers
        .filter_map(|peer| {
            let (kept, _) = record::last(&said.records, &peer, "")?;
            Some((peer, kept))
        })
        .collect()
}

impl Found {
    /// Addresses with our mark, and those that a peer's takeover has put, or left, here.
    async fn addresses(&mut self, peers: &[(String, record::Kept)]) {
        let view = match Netlink::open() {
            Ok(netlink) => KernelView::read(&netlink).await,
            Err(e) => Err(e),
        };
        let view = match view {
            Ok(view) => view,
            Err(e) => return self.unread.push(e.to_string()),
        };
        let kept: Vec<_> = peers
            .iter()
            .filter(|(_, k)| k.in_place())
            .filter_map(|(_, k)| k.vip)
            .collect();
        for a in &view.addresses {
            if !a.ours && !kept.iter().any(|v| v.addr == a.vip.addr) {
                continue;
            }
            let at = format!("{} is on {}", a.vip, view.name_of(a.ifindex));
            let what = match a.life {
                AddressLife::Forever => {
                    format!("{at}: what it serves goes on, and nobody looks after it")
                }
                AddressLife::For(life) => format!(
                    "{at} for another {} s, for nobody renews it",
                    life.as_secs()
                ),
            };
            let command = format!("ip address del {} dev {}", a.vip, view.name_of(a.ifindex));
            self.left.push(Left {
                kind: "address",
                what,
                commands: vec![command],
            });
        }
    }

    async fn tables(&mut self) {
        let tables = match nft::tables(&RealPrograms, None, WITHIN).await {
            Ok(tables) => tables,
            Err(e) => return self.unread.push(e.to_string()),
        };
        for name in gate::ours(&tables) {
            let lasts = CLOSED_FOR.as_secs();
            self.left.push(Left {
                kind: "gate",
                what: format!("table {name} has kept new connections from the service; the kernel lets them pass within {lasts} s of the daemon's end"),
                commands: vec![format!("nft delete table ip {name}")],
            });
        }
        for name in mute::ours(&tables) {
            let both = ["arp", "ip"].map(|family| format!("{family} {name}"));
            let there = both.iter().filter(|t| tables.contains(*t));
            self.left.push(Left {
                kind: "mute",
                what: format!("table {name} keeps this machine from answering for the parked address, as it must while another may have it"),
                commands: there.map(|t| format!("nft delete table {t}")).collect(),
            });
        }
    }

    fn fences(&mut self, peers: &[(String, record::Kept)]) {
        for (peer, kept) in peers.iter().filter(|(_, k)| k.in_place()) {
            let standing = kept.standing();
            for at in standing
                .levels
                .iter()
                .filter(|l| l.set)
                .flat_map(|l| l.ports())
            {
                self.left.push(Left {
                    kind: "fence",
                    what: format!(
                        "{at} is fenced, as the journal has it: it keeps {peer} off the network"
                    ),
                    commands: vec![format!("standin unfence {at}")],
                });
            }
        }
    }

    fn next(&self) -> &'static str {
        let has = |kind: &str| self.left.iter().any(|l| l.kind == kind);
        if !self.unread.is_empty() {
            "`systemctl start standin`: it looks at all of it, and goes on from there"
        } else if has("address") {
            "`systemctl start standin`: it finds all of this, and goes on from there. If it cannot be started: leave the address as long as the cameras are served here; to give it back by hand, take it away first, then open the port"
        } else if has("mute") && !has("fence") {
            "`systemctl start standin`. Until then nobody stands by, and this machine stays mute; take that away by hand only if the other machine is off"
        } else if has("fence") {
            "`systemctl start standin`: a port is shut, and nobody here has the address. If it cannot be started, and the other machine is well: open the port"
        } else {
            "`systemctl start standin`: until then nobody stands by"
        }
    }

    fn as_json(&self) -> Value {
        let left = self
            .left
            .iter()
            .map(|l| json!({ "kind": l.kind, "what": l.what, "commands": l.commands }));
        json!({
            "ok": false,
            "error": "no daemon answers",
            "left": left.collect::<Vec<_>>(),
            "unread": self.unread,
            "next": self.next(),
        })
    }

    fn words(&self) -> String {
        let mut lines = vec![match self.left.is_empty() {
            true => "no daemon answers; of what is ours nothing was found on this machine, and no fence in its journal".to_owned(),
            false => "no daemon answers; this is left of what is ours, and stays until somebody takes it away:".to_owned(),
        }];
        for left in &self.left {
            lines.push(format!("  {}", left.what));
            lines.extend(
                left.commands
                    .iter()
                    .map(|c| format!("      to take it away: {c}")),
            );
        }
        let unread = self.unread.iter();
        lines.extend(unread.map(|why| format!("  not known: {why}")));
        lines.push(format!("next: {}", self.next()));
        lines.join("\n")
    }
}
