//! At the start every switch is asked at once: a silent one costs its time once, not once for each peer.

use std::time::Duration;

use super::fencing::Fencing;
use crate::rt::{self, Join, Lane, timeout};
use crate::takeover::event::FenceRead;
use crate::types::Epoch;

/// A switch is waited for this long, before its fences count as unknown.
const WITHIN: Duration = Duration::from_secs(2);

/// What the switches say of one peer's fence.
pub(super) struct Read {
    /// The fence, with its ports where the journal's were confirmed.
    pub fencing: Fencing,
    /// What stands of it.
    pub fence: FenceRead,
    /// The highest epoch in a tag of ours on it.
    pub tagged: Option<Epoch>,
}

/// A reading that is under way.
pub(super) struct FirstRead {
    unread: Fencing,
    task: Join<Read>,
}

impl FirstRead {
    /// Begins; `confirm`: ports that the journal has are confirmed first.
    pub fn begin(fencing: Fencing, confirm: bool, slow: &Lane) -> FirstRead {
        let unread = fencing.clone();
        let task = slow.spawn(async move { read(fencing, confirm).await });
        FirstRead { unread, task }
    }

    /// Its end.
    pub async fn end(self) -> Read {
        self.task.await.unwrap_or(Read {
            fencing: self.unread,
            fence: FenceRead::Unknown,
            tagged: None,
        })
    }
}

async fn read(mut fencing: Fencing, confirm: bool) -> Read {
    if confirm && let Ok(answers) = timeout(WITHIN, fencing.confirm_kept()).await {
        for answer in answers {
            fencing.adopt(answer, &[], rt::boot());
        }
    }
    let fence = timeout(WITHIN, fencing.read()).await;
    let fence = fence.unwrap_or(FenceRead::Unknown);
    let tagged = match fence {
        FenceRead::Present => timeout(WITHIN, fencing.tagged_epoch()).await.ok().flatten(),
        FenceRead::Absent | FenceRead::Foreign | FenceRead::Unknown => None,
    };
    Read {
        fencing,
        fence,
        tagged,
    }
}
