//! Whether a host is the one that is known, as the SSH library asks about it.

use std::sync::{Arc, Mutex};

use russh::client;
use russh::keys::{PublicKey, PublicKeyOrCertificate};

use super::known_hosts::HostKeyError;

/// Judges a host's key.
pub(super) type Check = Box<dyn Fn(&PublicKey) -> Result<(), HostKeyError> + Send + Sync>;

/// Decides about the host's key; what it decided is left in `verdict`, because the library's errors do not carry it.
pub(super) struct Guard {
    pub(super) check: Check,
    pub(super) verdict: Arc<Mutex<Option<HostKeyError>>>,
}

impl client::Handler for Guard {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        let judged = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => (self.check)(key),
            PublicKeyOrCertificate::Certificate(_) => Err(HostKeyError::Certificate),
        };
        let fine = judged.is_ok();
        if let (Err(problem), Ok(mut verdict)) = (judged, self.verdict.lock()) {
            *verdict = Some(problem);
        }
        Ok(fine)
    }
}
