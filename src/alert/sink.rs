//! What every sink can be asked.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::Bulletin;
use crate::host::Programs;

/// What a sink works with.
#[derive(Clone)]
pub struct Kit {
    /// This node's name.
    pub node: String,
    /// Time for one try; it is dropped after that.
    pub within: Duration,
    /// What is run.
    pub programs: Arc<dyn Programs>,
}

/// Why something was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In words, with what to do.
    pub why: String,
    /// It is about this one alert: others may be taken.
    pub of_this: bool,
}

impl From<String> for Refusal {
    /// Nothing is taken there now.
    fn from(why: String) -> Refusal {
        Refusal {
            why,
            of_this: false,
        }
    }
}

/// Somebody who is told. A future that is dropped leaves nothing running.
pub trait Sink: Send + Sync {
    /// Where it goes, without secrets.
    fn target(&self) -> String;

    /// Whether it could be told, without telling it anything: what was seen, or what is in the way.
    fn check<'a>(&'a self, kit: &'a Kit) -> BoxFuture<'a, Result<String, String>>;

    /// Tells it; what it answered.
    fn send<'a>(
        &'a self,
        kit: &'a Kit,
        bulletin: &'a Bulletin,
    ) -> BoxFuture<'a, Result<String, Refusal>>;

    /// What stands is told again after this, where it is not as configured.
    fn again(&self) -> Option<Duration> {
        None
    }
}
