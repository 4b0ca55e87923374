//! The payment provider.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::check::Checks;
use super::value::{duration, secret};
use crate::payments::{PaymentsOptions, Provider, TossOptions};

/// Longest file that is taken for a secret key.
const SECRET_BYTES_MAX: u64 = 4_096;

/// The payment provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaymentsConfig {
    /// Which one.
    pub gateway: Gateway,
    /// Calls to it at once; more wait.
    pub concurrency_max: usize,
    /// First pause before it is asked again about a payment whose outcome is unknown; doubled each time, up to 30 s.
    #[serde(with = "duration")]
    pub retry_after: Duration,
    /// How often the orders are compared with the provider's books; each time those of twice as long.
    #[serde(with = "duration")]
    pub reconcile_every: Duration,
    /// Refunds that the cancellation of a performance begins in a second at most.
    pub cancellation_refunds_per_second_max: usize,
    /// Toss Payments.
    pub toss: TossConfig,
}

/// A payment provider by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gateway {
    /// None: holds cannot be paid.
    Off,
    /// Toss Payments.
    Toss,
}

/// Toss Payments: how to reach it, and as whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TossConfig {
    /// Where it is.
    pub base_url: String,
    /// File with the shop's secret key; a line end at its end is not part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_file: Option<PathBuf>,
    /// The shop's secret key itself, for those who have it in a variable. It is never shown.
    #[serde(skip_serializing_if = "Option::is_none", with = "secret")]
    pub secret_key: Option<SecretString>,
    /// How long a connection may take.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// How long an answer may take, its connection included; after it the outcome is unknown, and asked for.
    #[serde(with = "duration")]
    pub read_timeout: Duration,
}

impl Default for PaymentsConfig {
    fn default() -> Self {
        let options = PaymentsOptions::default();
        Self {
            gateway: Gateway::Off,
            concurrency_max: options.concurrency_max,
            retry_after: options.retry_after,
            reconcile_every: options.reconcile_every,
            cancellation_refunds_per_second_max: options.cancellation_refunds_per_second_max,
            toss: TossConfig::default(),
        }
    }
}

impl Default for TossConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.tosspayments.com".to_owned(),
            secret_key_file: None,
            secret_key: None,
            connect_timeout: Duration::from_secs(3),
            read_timeout: Duration::from_secs(30),
        }
    }
}

impl PartialEq for TossConfig {
    fn eq(&self, other: &Self) -> bool {
        let key = |config: &Self| config.secret_key.as_ref().map(|key| key.expose_secret().to_owned());
        let rest = |config: &Self| {
            (
                config.base_url.clone(),
                config.secret_key_file.clone(),
                config.connect_timeout,
                config.read_timeout,
            )
        };
        rest(self) == rest(other) && key(self) == key(other)
    }
}

impl PaymentsConfig {
    pub(super) fn check(&self, checks: &mut Checks) {
        checks.number("payments.concurrency_max", self.concurrency_max, 1, 100_000);
        checks.span_ms("payments.retry_after", self.retry_after, 1, 30_000);
        checks.span_s("payments.reconcile_every", self.reconcile_every, 60, 7 * 86_400);
        let per_second = self.cancellation_refunds_per_second_max;
        checks.number("payments.cancellation_refunds_per_second_max", per_second, 1, 10_000);
        self.toss.check(self.gateway == Gateway::Toss, checks);
    }

    /// What payments are started with. Reads the file of the secret key.
    ///
    /// # Errors
    /// The file cannot be read, or has no key in it.
    pub fn options(&self) -> anyhow::Result<PaymentsOptions> {
        let provider = match self.gateway {
            Gateway::Off => Provider::Off,
            Gateway::Toss => Provider::Toss(Box::new(self.toss.options(self.concurrency_max)?)),
        };
        Ok(PaymentsOptions {
            provider,
            concurrency_max: self.concurrency_max,
            retry_after: self.retry_after,
            reconcile_every: self.reconcile_every,
            cancellation_refunds_per_second_max: self.cancellation_refunds_per_second_max,
        })
    }
}

impl TossConfig {
    fn check(&self, is_used: bool, checks: &mut Checks) {
        checks.span_ms("payments.toss.connect_timeout", self.connect_timeout, 1, 60_000);
        checks.span_ms("payments.toss.read_timeout", self.read_timeout, 1, 120_000);
        if Url::parse(&self.base_url).is_err() {
            checks.fault("payments.toss.base_url", "is no URL, such as https://api.tosspayments.com");
        }
        match (&self.secret_key_file, &self.secret_key) {
            (Some(_), Some(_)) => {
                checks.fault("payments.toss.secret_key", "is given twice: in secret_key_file as well");
            }
            (None, None) if is_used => checks.fault(
                "payments.toss.secret_key_file",
                "is needed when payments.gateway is \"toss\", or payments.toss.secret_key",
            ),
            _ => {}
        }
    }

    fn options(&self, connections_idle_max: usize) -> anyhow::Result<TossOptions> {
        Ok(TossOptions {
            base_url: self.base_url.parse()?,
            secret_key: self.read_key()?,
            connect_timeout: self.connect_timeout,
            read_timeout: self.read_timeout,
            connections_idle_max,
        })
    }

    fn read_key(&self) -> anyhow::Result<SecretString> {
        let Some(path) = &self.secret_key_file else {
            return Ok(self.secret_key.clone().unwrap_or_default());
        };
        read_secret(path).with_context(|| format!("payments.toss.secret_key_file {}", path.display()))
    }
}

/// Reads a secret from a file; the end of its line does not belong to it.
pub(super) fn read_secret(path: &Path) -> anyhow::Result<SecretString> {
    anyhow::ensure!(std::fs::metadata(path)?.len() <= SECRET_BYTES_MAX, "too large for a key");
    let text = std::fs::read_to_string(path)?;
    Ok(text.trim_end_matches(['\r', '\n']).into())
}
