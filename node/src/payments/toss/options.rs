//! What a connection to the provider needs.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// How to reach the provider, and as whom.
#[derive(Clone, Debug)]
pub struct TossOptions {
    /// Where it is.
    pub base_url: Url,
    /// The shop's secret key; it is in no log and no output.
    pub secret_key: SecretString,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long an answer may take, its connection included; after it the outcome is unknown.
    pub read_timeout: Duration,
    /// Connections that are kept for the next call.
    pub connections_idle_max: usize,
}
