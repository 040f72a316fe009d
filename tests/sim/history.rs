//! What the judge has seen of one machine.

/// How one machine was so far.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// It has the address; since when.
    pub owns: bool,
    pub claimed: u64,
    /// When somebody took the address off it last, and when its daemon last lived.
    pub taken_off: u64,
    pub lived: u64,
    /// When a person last ordered a takeover of it.
    pub ordered: Option<u64>,
    /// It has the address and is heard without a break since then.
    pub heard_since: Option<u64>,
    pub caches_checked: bool,
    /// It owns and all is well with it and with the way from the other one.
    pub well_since: Option<u64>,
    pub verified: bool,
    pub active: bool,
    /// Its daemon answered when it was last asked.
    pub answers: bool,
    /// It gets no processor, or its disk hangs, until then.
    pub stalled_until: u64,
    /// What it believes is not so, since when: link, address, fence, that it is read, what it waits for, what is left.
    pub wrong: [Option<u64>; 10],
    /// A hold was told to be durable; and one was ended, as far as anybody asked.
    pub held: Option<u64>,
    pub freed: u64,
    /// Its file names a port for its peer on which nobody is; it may write that one, because nothing of its own was in
    /// place since.
    pub names_other: bool,
    pub may_write_other: bool,
    /// It holds the address, or is about to, or hands it back.
    pub in_place: bool,
    /// It said when it was last asked that it is the owner.
    pub says_owner: bool,
    /// Its daemon was there and had its processor without a break since then.
    pub runs_since: Option<u64>,
    /// Nothing of the cameras' network reaches it, with its link up, since then.
    pub alone_since: Option<u64>,
    /// It ended while it owned, and is to be back by then.
    pub back_by: Option<u64>,
    pub frames: (u64, u64),
}
