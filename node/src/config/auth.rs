//! Who may call.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check::Checks;
use super::value::{duration, text};
use super::{ClientAuth, Config};

/// Who may call. Off by default: the caller is then trusted, as a frontend on the same machine is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether every call needs a JWT.
    pub enabled: bool,
    /// `iss` that a token must have.
    #[serde(with = "text")]
    pub issuer: String,
    /// `aud` that a token must have.
    #[serde(with = "text")]
    pub audience: String,
    /// File with the secret of HS256 tokens, at least 32 bytes; a line end at its end is not part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hs256_secret_file: Option<PathBuf>,
    /// File with the public keys of RS256 tokens, a JWK set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_file: Option<PathBuf>,
    /// By how much the clocks of the issuer and of this node may differ.
    #[serde(with = "duration")]
    pub leeway: Duration,
    /// Allows to serve others than this machine without checking who calls.
    pub allow_insecure: bool,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            issuer: String::new(),
            audience: String::new(),
            hs256_secret_file: None,
            jwks_file: None,
            leeway: Duration::from_secs(10),
            allow_insecure: false,
        }
    }
}

impl AuthConfig {
    pub(super) fn check(&self, config: &Config, checks: &mut Checks) {
        checks.span_ms("auth.leeway", self.leeway, 0, 300_000);
        if self.enabled {
            if self.issuer.is_empty() {
                checks.fault("auth.issuer", "is needed when auth.enabled is true");
            }
            if self.audience.is_empty() {
                checks.fault("auth.audience", "is needed when auth.enabled is true");
            }
            if self.hs256_secret_file.is_none() && self.jwks_file.is_none() {
                checks.fault("auth.enabled", "needs auth.hs256_secret_file, auth.jwks_file or both");
            }
        } else if !self.allow_insecure
            && config.tls.client_auth != ClientAuth::Required
            && !config.grpc.listen.ip().is_loopback()
        {
            checks.fault(
                "grpc.listen",
                format!(
                    "{} can be reached from other machines, and nothing checks who calls: set auth.enabled, or \
                     tls.client_auth = \"required\", or accept that with auth.allow_insecure = true (--insecure)",
                    config.grpc.listen
                ),
            );
        }
    }
}
