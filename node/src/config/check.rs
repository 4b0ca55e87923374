//! Checks of values that are well-formed: every one that fails is reported, not only the first.

use std::time::Duration;

use super::Config;

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// Key and message of each fault.
    pub(super) faults: Vec<(&'static str, String)>,
}

impl Checks {
    /// Checks all of a configuration.
    pub(super) fn of(config: &Config) -> Self {
        let mut checks = Self::default();
        config.node.check(&mut checks);
        config.cluster.check(config, &mut checks);
        config.tls.check(&mut checks);
        config.grpc.check(&mut checks);
        config.http.check(&mut checks);
        config.store.check(&mut checks);
        config.shard.check(&mut checks);
        config.lane.check(&mut checks);
        config.payments.check(&mut checks);
        config.coupons.check(&mut checks);
        config.jobs.check(&mut checks);
        config.auth.check(config, &mut checks);
        config.log.check(&mut checks);
        checks
    }

    /// `key` is wrong.
    pub(super) fn fault(&mut self, key: &'static str, message: impl Into<String>) {
        self.faults.push((key, message.into()));
    }

    /// `value` must be from `min` to `max`.
    pub(super) fn number(&mut self, key: &'static str, value: usize, min: usize, max: usize) {
        if !(min..=max).contains(&value) {
            self.fault(key, format!("{value} is out of range: {min} to {max} is accepted"));
        }
    }

    /// `value` must be from `min_ms` to `max_ms`.
    pub(super) fn span_ms(&mut self, key: &'static str, value: Duration, min_ms: u64, max_ms: u64) {
        let (min, max) = (Duration::from_millis(min_ms), Duration::from_millis(max_ms));
        if !(min..=max).contains(&value) {
            let [value, min, max] = [value, min, max].map(humantime::format_duration);
            self.fault(key, format!("{value} is out of range: {min} to {max} is accepted"));
        }
    }

    /// `value` must be from `min_s` to `max_s`.
    pub(super) fn span_s(&mut self, key: &'static str, value: Duration, min_s: u64, max_s: u64) {
        self.span_ms(key, value, min_s * 1000, max_s * 1000);
    }
}
