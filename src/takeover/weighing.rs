//! When a silence is a death: a sequential test, and the loss of the link that it reckons with.

use super::Machine;
use super::action::Level;
use super::event::{Asked, Sent};
use super::questions;
use super::state::{State, Why};
use super::verdict::Cause;
use crate::types::BootTime;
use std::time::Duration;

/// The alarm of a link that loses much.
const LOSSY_LINK: &str = "lossy-link";
/// Per cent of the rounds of the last 60 s from which a link is said to be lossy, and below which it no longer is.
const LOSSY_FROM: u32 = 5;
const LOSSY_UNTIL: u32 = 2;
/// So many rounds must be lost before anything is said.
const LOSSY_LEAST: u32 = 5;

/// Too few witnesses for so long in a burst: we are the isolated one.
const CUT_OFF: Duration = Duration::from_secs(2);

/// What the burst has come to.
pub(super) enum Weighed {
    /// A living peer would not be this silent.
    Proven,
    /// Another round is needed.
    AskOn,
    /// It leads to nothing for now.
    Stopped(Why),
}

impl Machine {
    /// The silence is proven: whatever is lost on the link, it was reckoned with.
    pub(super) fn loss_reckoned_with(&mut self) {
        self.settle(
            LOSSY_LINK,
            "the peer's silence is proven in spite of what the link loses",
        );
    }

    /// What was asked of the network by the last actions.
    pub(super) fn asked(&mut self, now: BootTime, asked: &Asked) {
        self.evidence.asked(now, asked);
        if asked.vip != Some(Sent::Left) {
            return;
        }
        match &mut self.state {
            State::Confirming(c) => {
                c.sent += 1;
                self.evidence.rounds.left(now);
            }
            State::Standby | State::Suspect(_) => self.evidence.rounds.left(now),
            // The peer is away by our doing, or not back yet: that is no loss of the link.
            State::Taking(t) => {
                self.evidence.rounds.left_in_silence(now);
                if let Some(s) = &mut t.silence {
                    s.sent += 1;
                }
            }
            State::Active { .. } | State::Releasing(_) | State::Halted { .. } => {}
        }
    }

    /// Nothing is heard of the peer, and that proves nothing: our own questions do not leave. A suspicion says so.
    pub(super) fn blind(&self, now: BootTime) -> bool {
        let detect = &self.policy.detect;
        let quiet = self.evidence.life() + detect.suspect_after;
        let late = quiet + detect.confirm_limit;
        now >= late || (!self.evidence.carrier && now >= quiet)
    }

    /// What the burst for `cause` has come to, which began at `since` and of which `sent` rounds left.
    pub(super) fn weigh_silence(
        &mut self,
        now: BootTime,
        cause: Cause,
        since: BootTime,
        sent: u32,
    ) -> Weighed {
        let detect = &self.policy.detect;
        if !self.evidence.carrier {
            return Weighed::Stopped(Why::NoCarrier);
        }
        let quiet = self.evidence.life() + detect.suspect_after;
        let over = now >= since.max(quiet) + detect.confirm_limit;
        if sent < detect.confirm_probes {
            return if over {
                Weighed::Stopped(Why::Unasked)
            } else {
                Weighed::AskOn
            };
        }
        // The other causes rest on what the peer said or did, not on its silence.
        if cause != Cause::Dead {
            return Weighed::Proven;
        }
        // A port that went down starts the burst at once; a cable that is back within `suspect_after` ends it.
        let early = now < self.evidence.suspect_at(&self.policy);
        let time = questions::answer_time(detect);
        if !early && self.evidence.witnesses_now.deaf(now, time) {
            return Weighed::Stopped(Why::Isolated);
        }
        let (rounds, probability) = self.evidence.silence(now, &self.policy);
        let witnessed = self.evidence.witnessed(now, detect);
        if !early && witnessed && probability < detect.false_death {
            return Weighed::Proven;
        }
        let cut_off = !early && !witnessed && now >= since + CUT_OFF;
        if !over && !cut_off {
            return Weighed::AskOn;
        }
        if !witnessed {
            return Weighed::Stopped(Why::Isolated);
        }
        if early {
            return Weighed::Stopped(Why::Unasked);
        }
        let loss = self.evidence.loss(now, detect) * 100.0;
        let silent = now.since(self.evidence.life()).as_secs_f64();
        self.tell(
            LOSSY_LINK,
            Level::Critical,
            format!(
                "the peer is silent for {silent:.1} s, {rounds} questions long, but up to {loss:.0} % of what is asked on this link may be lost: a living peer would be this silent with a probability of {probability:.0e}, and detect.false-death wants less than {:.0e}; it is counted on: look at the cables and the error counters of both machines' ports, or order `standin takeover`",
                self.policy.detect.false_death
            ),
        );
        Weighed::Stopped(Why::Lossy)
    }

    /// Says once that the link loses much, with the figure, and when it no longer does.
    pub(super) fn look_at_loss(&mut self, now: BootTime) {
        let (asked, lost) = self.evidence.rounds.history(now);
        let stands = self.alarms.stands(LOSSY_LINK);
        let percent = if stands { LOSSY_UNTIL } else { LOSSY_FROM };
        let lossy = lost >= LOSSY_LEAST && lost * 100 >= asked * percent;
        if lossy && matches!(self.state, State::Standby) {
            self.tell(
                LOSSY_LINK,
                Level::Warning,
                format!(
                    "{lost} of {asked} questions to the peer were not answered in the last minute ({} %): a death is noticed later on such a link; look at the cables and the error counters of both machines' ports",
                    lost * 100 / asked.max(1)
                ),
            );
        } else if stands && asked > 0 && !lossy && matches!(self.state, State::Standby) {
            self.settle(
                LOSSY_LINK,
                "the link to the peer loses next to nothing any more",
            );
        }
    }
}
