//! `[traps]`: where linkDown and linkUp notifications of the switches are received, and whose are taken.

use std::path::PathBuf;

use serde::Deserialize;

use super::schema::{AuthProtocol, PrivProtocol};
use super::text::{self, TrapAddress};

/// `[traps]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Traps {
    /// Address and UDP port to listen on; empty: nothing is received.
    #[serde(deserialize_with = "text::or_empty")]
    pub listen: Option<TrapAddress>,
    /// File with the community of version 1 and 2c notifications; not given: none of them are taken.
    pub community_file: Option<PathBuf>,
    /// User of version 3 notifications; empty: none of them are taken.
    pub user: String,
    /// Authentication protocol of that user.
    pub auth: AuthProtocol,
    /// File with its authentication pass phrase. Required with a user.
    pub auth_file: Option<PathBuf>,
    /// Privacy protocol of that user.
    #[serde(rename = "priv")]
    pub privacy: PrivProtocol,
    /// File with its privacy pass phrase; not given: no encryption.
    pub priv_file: Option<PathBuf>,
}

impl Default for Traps {
    fn default() -> Self {
        Traps {
            listen: None,
            community_file: None,
            user: String::new(),
            auth: AuthProtocol::Sha256,
            auth_file: None,
            privacy: PrivProtocol::Aes128,
            priv_file: None,
        }
    }
}
