//! What has arrived at one end of a simulated wire and was not read yet.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::Notify;

/// A queue with one reader, who may also look without waiting.
pub struct Inbox<T> {
    queue: Mutex<VecDeque<T>>,
    news: Notify,
}

impl<T> Inbox<T> {
    /// An empty one, and the way into it, which it does not outlive.
    pub fn new() -> (Arc<Inbox<T>>, Weak<Inbox<T>>) {
        let inbox = Arc::new(Inbox {
            queue: Mutex::default(),
            news: Notify::new(),
        });
        let way = Arc::downgrade(&inbox);
        (inbox, way)
    }

    pub fn put(&self, what: T) {
        self.queue.lock().unwrap().push_back(what);
        self.news.notify_one();
    }

    pub fn try_take(&self) -> Option<T> {
        self.queue.lock().unwrap().pop_front()
    }

    pub async fn take(&self) -> T {
        loop {
            if let Some(first) = self.try_take() {
                return first;
            }
            self.news.notified().await;
        }
    }
}

/// Puts it into every inbox that is still read; the others are forgotten.
pub fn put_into_all<T: Clone>(ways: &mut Vec<Weak<Inbox<T>>>, what: &T) {
    ways.retain(|way| {
        way.upgrade().is_some_and(|inbox| {
            inbox.put(what.clone());
            true
        })
    });
}
