//! The steps, their order, and what the failure of each means: one list for taking, one for releasing.

mod text;

use std::time::Duration;

use super::policy::Policy;
use crate::types::StepName;

/// One thing that has to be done and proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Start the capture that will see the cameras come back.
    Watch,
    /// Drop SYNs to the service until it completes a handshake.
    Gate,
    /// Start the service.
    Service,
    /// Ask the peer to give the VIP up.
    Yield,
    /// Shut the peer's switch ports and prove them shut.
    Fence,
    /// The VIP is answered by nobody while witnesses answer.
    Silence,
    /// Put the VIP on our interface and read it back.
    Claim,
    /// Move our own switch port into the production VLAN and prove it there (port takeover).
    Rewire,
    /// Wait until spanning tree forwards on it, where the switch tells (port takeover).
    Forward,
    /// Gratuitous ARP and the sweep.
    Announce,
    /// The service completes a handshake; the gate is removed.
    Open,
    /// The cameras come back.
    Verify,
    /// See the repaired peer healthy off the data path, where there is a path.
    Precheck,
    /// Take the VIP off our interface and prove it gone.
    Drop,
    /// Move our own switch port back to the parking VLAN and prove it there (port takeover).
    Park,
    /// Lift the fence and prove it lifted.
    Lift,
    /// The peer answers for the VIP.
    Return,
    /// The directed release sweep.
    Handback,
    /// The peer's service completes a handshake on the VIP and nothing for the VIP arrives here.
    Prove,
    /// A step that the configuration adds (see [`super::recipe`]).
    Site(StepName),
    /// The same taken back.
    Undo(StepName),
}

/// What the failure of a step means, after its last try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// Tell a person and go on with the next step.
    GoOn,
    /// Stay here and try again for ever: a fence that cannot be proven (`hold`), an address that cannot be claimed.
    Hold,
    /// Of a release: stay active, nothing has been given away yet.
    StayActive,
    /// Of a release: fence, prove and claim again.
    Retake,
}

/// Who does the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// An adapter; one `Run` is answered by one `StepEnded`.
    Adapter,
    /// The core itself, from evidence.
    Core,
}

/// One line of the list.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The step.
    pub step: Step,
    /// Who does it.
    pub by: By,
    /// It starts when all of these are done or skipped.
    pub needs: &'static [Step],
    /// How often it is tried.
    pub tries: u32,
    /// Pause before the next try.
    pub pause: Duration,
    /// What its failure means.
    pub on_failure: OnFailure,
}

const fn spec(
    step: Step,
    by: By,
    needs: &'static [Step],
    tries: u32,
    pause_ms: u64,
    on_failure: OnFailure,
) -> Spec {
    Spec {
        step,
        by,
        needs,
        tries,
        pause: Duration::from_millis(pause_ms),
        on_failure,
    }
}

/// Pauses between two tries of a claim grow up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Taking the VIP over, in order.
pub const TAKEOVER: [Spec; 12] = [
    spec(Step::Watch, By::Adapter, &[], 2, 50, OnFailure::GoOn),
    spec(Step::Gate, By::Adapter, &[], 2, 50, OnFailure::GoOn),
    spec(Step::Service, By::Adapter, &[], 2, 500, OnFailure::GoOn),
    spec(Step::Yield, By::Core, &[], 1, 0, OnFailure::GoOn),
    spec(
        Step::Fence,
        By::Adapter,
        &[Step::Yield],
        u32::MAX,
        1000,
        OnFailure::Hold,
    ),
    spec(
        Step::Silence,
        By::Core,
        &[Step::Yield],
        1,
        0,
        OnFailure::Hold,
    ),
    // Nobody serves: what keeps the address from us may pass, and so may what a guard refuses.
    spec(
        Step::Claim,
        By::Adapter,
        &[Step::Watch, Step::Gate, Step::Fence, Step::Silence],
        u32::MAX,
        50,
        OnFailure::Hold,
    ),
    spec(
        Step::Rewire,
        By::Adapter,
        &[Step::Claim],
        u32::MAX,
        1000,
        OnFailure::Hold,
    ),
    // What is announced through a port that does not forward is lost. A port that never forwards is told of by what
    // follows: no camera answers.
    spec(
        Step::Forward,
        By::Adapter,
        &[Step::Rewire],
        1,
        0,
        OnFailure::GoOn,
    ),
    spec(
        Step::Announce,
        By::Adapter,
        &[Step::Claim, Step::Rewire, Step::Forward],
        3,
        100,
        OnFailure::GoOn,
    ),
    spec(
        Step::Open,
        By::Adapter,
        // Not the start command's return: cameras may come as soon as the service serves.
        &[Step::Claim, Step::Gate],
        1,
        0,
        OnFailure::GoOn,
    ),
    spec(
        Step::Verify,
        By::Adapter,
        &[Step::Announce, Step::Watch],
        1,
        0,
        OnFailure::GoOn,
    ),
];

/// Handing it back, in order.
pub const RELEASE: [Spec; 7] = [
    spec(
        Step::Precheck,
        By::Adapter,
        &[],
        1,
        0,
        OnFailure::StayActive,
    ),
    spec(
        Step::Drop,
        By::Adapter,
        &[Step::Precheck],
        3,
        50,
        OnFailure::StayActive,
    ),
    spec(
        Step::Park,
        By::Adapter,
        &[Step::Drop],
        3,
        200,
        OnFailure::Retake,
    ),
    spec(
        Step::Lift,
        By::Adapter,
        &[Step::Drop, Step::Park],
        3,
        200,
        OnFailure::Retake,
    ),
    spec(
        Step::Return,
        By::Core,
        &[Step::Lift],
        1,
        0,
        OnFailure::Retake,
    ),
    spec(
        Step::Handback,
        By::Adapter,
        &[Step::Return],
        2,
        50,
        OnFailure::Retake,
    ),
    spec(
        Step::Prove,
        By::Adapter,
        &[Step::Handback],
        1,
        0,
        OnFailure::Retake,
    ),
];

/// Of a step that the configuration adds; what counts is its [`super::recipe::SiteSpec`].
static ADDED: Spec = spec(Step::Verify, By::Adapter, &[], 1, 0, OnFailure::GoOn);

/// The line of `step`, whichever list it stands in.
pub fn spec_of(step: Step) -> &'static Spec {
    if let Step::Site(_) | Step::Undo(_) = step {
        return &ADDED;
    }
    TAKEOVER
        .iter()
        .chain(RELEASE.iter())
        .find(|s| s.step == step)
        .expect("every step stands in one of the two lists (tested)")
}

/// The steps whose tasks work on the same thing with another aim: while one still runs, `step` does not start.
pub fn excludes(step: Step) -> &'static [Step] {
    match step {
        Step::Fence => &[Step::Lift],
        Step::Lift => &[Step::Fence],
        Step::Claim => &[Step::Drop],
        Step::Drop => &[Step::Claim, Step::Announce],
        Step::Rewire => &[Step::Park],
        Step::Park => &[Step::Rewire],
        Step::Announce => &[Step::Handback],
        Step::Handback => &[Step::Announce],
        Step::Gate => &[Step::Open],
        Step::Open => &[Step::Gate],
        Step::Watch
        | Step::Service
        | Step::Yield
        | Step::Silence
        | Step::Forward
        | Step::Verify
        | Step::Precheck
        | Step::Return
        | Step::Prove
        // One after the other by themselves: see there.
        | Step::Site(_)
        | Step::Undo(_) => &[],
    }
}

/// Pause before the next try of `spec` after `tries` of them. A claim begins with short ones, which grow.
pub fn pause_after(spec: &Spec, tries: u32) -> Duration {
    match spec.step {
        Step::Claim => (spec.pause * (1 << tries.saturating_sub(1).min(7))).min(LONGEST_PAUSE),
        Step::Watch
        | Step::Gate
        | Step::Service
        | Step::Yield
        | Step::Fence
        | Step::Silence
        | Step::Rewire
        | Step::Forward
        | Step::Announce
        | Step::Open
        | Step::Verify
        | Step::Precheck
        | Step::Drop
        | Step::Park
        | Step::Lift
        | Step::Return
        | Step::Handback
        | Step::Prove
        | Step::Site(_)
        | Step::Undo(_) => spec.pause,
    }
}

/// How long one attempt of `step` may take.
pub fn timeout(step: Step, policy: &Policy) -> Duration {
    match step {
        Step::Watch | Step::Gate => Duration::from_secs(2),
        Step::Service | Step::Open => policy.service_timeout,
        Step::Yield => Duration::from_millis(500),
        Step::Fence | Step::Silence => policy.fence_timeout,
        // A mute goes in as soon as `nft` does it; until then this machine serves.
        Step::Drop if policy.rewire => policy.release_timeout,
        Step::Claim | Step::Announce | Step::Drop => Duration::from_secs(2),
        Step::Rewire | Step::Park => policy.rewire_timeout,
        Step::Forward => policy.forward_within,
        Step::Verify => policy.verify_within,
        Step::Precheck => Duration::from_secs(5),
        Step::Lift | Step::Return | Step::Handback | Step::Prove => policy.release_timeout,
        Step::Site(name) | Step::Undo(name) => policy
            .site
            .iter()
            .find(|spec| spec.name == name)
            .map_or(Duration::ZERO, |spec| spec.within),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_stands_before_the_step_that_needs_it() {
        for list in [&TAKEOVER[..], &RELEASE[..]] {
            for (i, spec) in list.iter().enumerate() {
                for need in spec.needs {
                    assert!(
                        list[..i].iter().any(|s| s.step == *need),
                        "{} needs {need}",
                        spec.step
                    );
                }
            }
        }
    }

    #[test]
    fn the_name_of_each_step_is_read_back() {
        let added: StepName = "http:twin".parse().expect("it is a name");
        let all = TAKEOVER.iter().chain(&RELEASE).map(|s| s.step);
        for step in all.chain([Step::Site(added), Step::Undo(added)]) {
            assert_eq!(step.to_string().parse::<Step>().ok(), Some(step));
        }
        assert!("nonsense".parse::<Step>().is_err());
    }

    #[test]
    fn no_step_stands_in_two_places() {
        let mut all: Vec<Step> = TAKEOVER.iter().chain(&RELEASE).map(|s| s.step).collect();
        let before = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), before);
    }

    #[test]
    fn nothing_is_claimed_before_fence_and_silence() {
        let claim = spec_of(Step::Claim);
        assert!(claim.needs.contains(&Step::Fence) && claim.needs.contains(&Step::Silence));
    }
}
