//! What a daemon says, against what is so.

use serde_json::Value;

use crate::camera::Camera;
use crate::judge::{Judge, alarmed};
use crate::rules::*;
use crate::world::{VIP, World};

impl Judge {
    pub fn verdict(&mut self, world: &World, i: usize, said: &Value, now: u64) {
        let verified = said["verdict"] == "verified";
        if verified && !self.of[i].verified {
            self.verified += 1;
            let since = self.of[i].claimed;
            let not = |at: Option<u64>| at.is_none_or(|at| at < since);
            let missing = world.cameras.iter().find(|c| not(c.served[i]));
            self.ledger
                .check(Rule::Verdict, missing.is_none(), now, || {
                    format!("verified, and {missing:?} was not served since {since}")
                });
        }
        self.of[i].verified = verified;
        self.of[i].active = said["state"] == "active";
    }

    /// R4 and R5.
    pub fn beliefs(&mut self, world: &mut World, i: usize, said: &Value, now: u64) {
        let silent = world.silent || world.dark || world.slow > 0 || !world.cuts.is_empty();
        let rests = said["state"] == "standby" || said["state"] == "active";
        let m = &world.machines[i];
        let (carrier, has) = (m.carrier, m.has(VIP.addr));
        let ours = m.addresses.iter().any(|h| h.ours && h.until > now);
        // An owner whose cameras are back needs none either.
        // An empty table cannot be taken off without `nft`; what it closes opens by its own timeout.
        let closed = m.tables.values().any(|until| *until > now);
        let gate = closed || !m.tables.is_empty() && !m.no_nft;
        let over = said["state"] == "active" && gate;
        let plug = world.machines[1 - i].plug;
        let open = world.switch.port(plug).admin == 1;
        let reached = open && world.machines[1 - i].cable && world.machines[1 - i].power;
        let dumb = world.machines[1 - i].frozen;
        let owner = said["owner"] == true;
        let standby = said["state"] == "standby" && !owner;
        let forgotten = !open
            && said["fence"].is_null()
            && !alarmed(said)
            && said["left"] == Value::Array(Vec::new());
        let fence = if silent {
            FENCE_TOLD_SILENT
        } else {
            FENCE_TOLD
        };
        let unread = self
            .silent_since
            .is_some_and(|at| now - at > FENCE_TOLD_SILENT);
        // An address that could not be put there is tried again, and soon is.
        let keys = said["alarms"].as_array();
        let stands = |key| keys.is_some_and(|all| all.iter().any(|a| a["key"] == key));
        let waits = stands("not-claimed");
        // An owner says that the address is on its interface, unless it says that the kernel refuses it; then it is there for as
        // long as it lives, and that is not said for longer than it is so.
        let refused = owner && stands("address");
        let takes = carrier && !m.no_address && m.name == "eth0" && m.has(m.own);
        let steps = said["steps"].as_array().map_or(0, Vec::len);
        let undone = said["steps"].as_array().into_iter().flatten();
        let undone = undone.filter(|s| s["state"] != "done").count();
        // An interface that was made anew under another name is not there, and that is told while it is so.
        let gone = keys.is_some_and(|all| {
            all.iter().any(|a| {
                a["level"] == "critical"
                    && a["key"]
                        .as_str()
                        .is_some_and(|k| k.starts_with("interface "))
            })
        });
        let link = match gone {
            true => m.name == "eth0",
            false => said["carrier"] != carrier,
        };
        let all = [
            (Rule::Belief, link, KNOWN, "its link"),
            (
                Rule::Belief,
                rests && owner != has && !refused,
                KNOWN,
                "its address",
            ),
            (
                Rule::Belief,
                refused && has && takes,
                KNOWN,
                "that its address is refused",
            ),
            (
                Rule::Belief,
                said["fence"] == "proven" && reached && !alarmed(said) && !dumb,
                fence,
                "its fence",
            ),
            (
                Rule::Belief,
                said["fence"] == "proven" && reached && dumb && !silent,
                PAST_TOLD,
                "its fence, past which a machine hangs that says nothing",
            ),
            (
                Rule::Belief,
                said["fence"] == "proven" && unread,
                LOOK,
                "a fence that nobody can read",
            ),
            (
                Rule::Belief,
                waits && takes,
                TRIED_AGAIN,
                "that it cannot claim",
            ),
            (
                Rule::NothingLeft,
                over || standby && (ours || gate || forgotten),
                LEFT,
                "nothing that is left",
            ),
            (
                Rule::NothingLeft,
                said["state"] == "standby" && !owner && steps > 0 && !alarmed(said),
                LEFT,
                "no step that is left",
            ),
            (
                Rule::Verdict,
                said["verdict"] == "verified" && undone > 0,
                LOOK,
                "verified with a step that is not done",
            ),
        ];
        for (n, (rule, wrong, within, what)) in all.into_iter().enumerate() {
            let of = &mut self.of[i];
            let awake = of.stalled_until + LOOK < now;
            of.wrong[n] = (wrong && awake).then(|| of.wrong[n].unwrap_or(now));
            let fine = of.wrong[n].is_none_or(|since| now - since < within);
            self.ledger.check(rule, fine, now, || {
                format!("machine {i} says {what} wrongly: {said}")
            });
        }
    }

    /// R8 and R14.
    pub fn kept(&mut self, world: &mut World, i: usize, said: &Value, now: u64) {
        if let Some(since) = self.of[i].held {
            let what =
                || format!("machine {i} was held since {since}, durably, and is not: {said}");
            self.ledger
                .check(Rule::Durable, said["hold"] == true, now, what);
        }
        if let Some(by) = self.of[i].back_by
            && now > by
        {
            self.of[i].back_by = None;
            let state = said["state"].as_str().unwrap_or_default();
            let fine =
                world.heard(i, VIP.addr) && (state == "active" || state.starts_with("taking"));
            self.ledger.check(Rule::Restart, fine, now, || {
                format!("machine {i} owned when its daemon ended, and does not: {said}")
            });
        }
    }

    /// R12.
    pub fn caches(&mut self, world: &mut World, i: usize, now: u64) {
        let of = &mut self.of[i];
        let Some(since) = of.heard_since.map(|h| h.max(of.claimed)) else {
            return;
        };
        if of.caches_checked || now - since < CACHES || world.loss > 0 || world.delay > 0 {
            return;
        }
        of.caches_checked = true;
        let mac = world.machines[i].mac;
        let wrong = |c: &&Camera| c.on && c.knows.is_some_and(|m| m != mac);
        let bad = world.cameras.iter().find(wrong);
        // Where two are heard the cameras are torn, which R1 is about.
        let fine = bad.is_none() || self.two.is_some();
        self.ledger.check(Rule::Caches, fine, now, || {
            format!("machine {i} owns since {since}, and {bad:?} believes in another one")
        });
    }
}
