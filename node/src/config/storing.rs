//! The database.

use std::time::Duration;

use earlybird_persistence::StoreOptions;
use serde::{Deserialize, Serialize};
use url::Url;

use super::check::Checks;
use super::value::{duration, text};

/// What stands where a password was.
const MASK: &str = "***";

/// The database.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// `sqlite://path/to/file` or `postgres://user:password@host:port/database`.
    #[serde(with = "text")]
    pub url: String,
    /// Connections for writes (PostgreSQL).
    pub lanes: usize,
    /// Connections for reads (PostgreSQL).
    pub readers: usize,
    /// Connections for members, coupons and jobs (PostgreSQL).
    pub workers: usize,
    /// How long opening a connection may take.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// How long a call waits for a free connection.
    #[serde(with = "duration")]
    pub acquire_timeout: Duration,
    /// How long a call waits for the database's answer.
    #[serde(with = "duration")]
    pub call_timeout: Duration,
    /// How long the database works on a statement.
    #[serde(with = "duration")]
    pub statement_timeout: Duration,
    /// How long a statement waits for a row lock.
    #[serde(with = "duration")]
    pub lock_timeout: Duration,
    /// When the database ends a transaction that its client has forgotten.
    #[serde(with = "duration")]
    pub idle_in_transaction_timeout: Duration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        let options = StoreOptions::default();
        Self {
            url: "sqlite://earlybird.db".into(),
            lanes: options.lanes,
            readers: options.readers,
            workers: options.workers,
            connect_timeout: options.connect_timeout,
            acquire_timeout: options.acquire_timeout,
            call_timeout: options.call_timeout,
            statement_timeout: options.statement_timeout,
            lock_timeout: options.lock_timeout,
            idle_in_transaction_timeout: options.idle_in_transaction_timeout,
        }
    }
}

impl std::fmt::Debug for StoreConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("StoreConfig").field("url", &self.masked_url()).finish_non_exhaustive()
    }
}

impl StoreConfig {
    /// What the store is opened with.
    #[must_use]
    pub fn options(&self) -> StoreOptions {
        StoreOptions {
            lanes: self.lanes,
            readers: self.readers,
            workers: self.workers,
            connect_timeout: self.connect_timeout,
            acquire_timeout: self.acquire_timeout,
            call_timeout: self.call_timeout,
            statement_timeout: self.statement_timeout,
            lock_timeout: self.lock_timeout,
            idle_in_transaction_timeout: self.idle_in_transaction_timeout,
        }
    }

    /// The address, fit to be shown: without its password.
    #[must_use]
    pub fn masked_url(&self) -> String {
        if self.url.starts_with("sqlite:") {
            return self.url.clone();
        }
        // What cannot be understood is not shown at all: the password may be anywhere in it.
        let Ok(mut url) = Url::parse(&self.url) else { return MASK.into() };
        if !self.url.starts_with(&format!("{}://", url.scheme())) {
            return MASK.into();
        }
        if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
            return MASK.into();
        }
        let secret = |name: &str| name.contains("password");
        if url.query_pairs().any(|(name, _)| secret(&name)) {
            let shown: Vec<(String, String)> = url
                .query_pairs()
                .map(|(name, value)| {
                    let value = if secret(&name) { MASK.into() } else { value.into_owned() };
                    (name.into_owned(), value)
                })
                .collect();
            url.query_pairs_mut().clear().extend_pairs(shown);
        }
        url.into()
    }

    pub(super) fn check(&self, checks: &mut Checks) {
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if !known.iter().any(|scheme| self.url.starts_with(scheme)) {
            let accepted =
                "sqlite://path/to/file and postgres://user:password@host:port/database are accepted";
            checks.fault("store.url", accepted);
        }
        checks.number("store.lanes", self.lanes, 1, StoreOptions::CONNECTIONS_MAX);
        checks.number("store.readers", self.readers, 1, StoreOptions::CONNECTIONS_MAX);
        checks.number("store.workers", self.workers, 1, StoreOptions::CONNECTIONS_MAX);
        for (key, span) in [
            ("store.connect_timeout", self.connect_timeout),
            ("store.acquire_timeout", self.acquire_timeout),
            ("store.call_timeout", self.call_timeout),
            ("store.statement_timeout", self.statement_timeout),
            ("store.lock_timeout", self.lock_timeout),
            ("store.idle_in_transaction_timeout", self.idle_in_transaction_timeout),
        ] {
            checks.span_ms(key, span, 1, 600_000);
        }
        if self.statement_timeout >= self.call_timeout || self.lock_timeout >= self.call_timeout {
            checks.fault(
                "store.call_timeout",
                "must be more than store.statement_timeout and store.lock_timeout",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        let config = StoreConfig { url: url.into(), ..StoreConfig::default() };
        assert_eq!(config.masked_url(), expected);
        assert!(!format!("{config:?}").contains("s3cret"));
    }

    #[test]
    fn a_password_is_never_shown() {
        check("postgres://me:s3cret@db:5432/seats", "postgres://me:***@db:5432/seats");
        check("postgres://me@db/seats", "postgres://me@db/seats");
        check("postgres://db/seats?user=me&password=s3cret", "postgres://db/seats?user=me&password=***");
        check("postgres:/ /me:s3cret@", MASK);
        check("s3cret", MASK);
        check("sqlite://a/b.db", "sqlite://a/b.db");
    }
}
