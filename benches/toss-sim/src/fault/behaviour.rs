//! How the provider behaves: can be changed while it runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ledger::Lives;

/// Longest time that a setting may have.
const TIME_MS_MAX: u64 = 366 * 24 * 3_600 * 1_000;

/// How the provider behaves. Times are in milliseconds, shares from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Half of all calls take no longer than this.
    pub latency_median_ms: f64,
    /// How much calls differ: the deviation of the latency's logarithm. 0: all take the median.
    pub latency_sigma: f64,
    /// What goes wrong with confirmations and refunds.
    pub shares: Shares,
    /// Share of the questions (GET) that are answered with an error.
    pub find_error: f64,
    /// Whether of two refunds of a payment within a second only the first is done.
    pub forbids_consecutive_cancels: bool,
    /// Whether a payment must have been opened (`POST /sim/sessions`) before it can be confirmed; else confirming opens it.
    pub needs_sessions: bool,
    /// Whether a deposit goes back only to an account that the refund names.
    pub needs_refund_account: bool,
    /// Life of a payment whose buyer is not through the window.
    pub authenticate_within_ms: u64,
    /// Life of a payment that the shop has not confirmed.
    pub confirm_within_ms: u64,
    /// Life of a virtual account that nothing was paid into.
    pub deposit_within_ms: u64,
    /// How long money is on its way back: until then its refund is `IN_PROGRESS`. Counted from the second that it began in.
    pub cancel_takes_ms: u64,
    /// What the shop is told without asking.
    pub webhooks: WebhookBehaviour,
}

/// Shares of the calls that go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shares {
    /// Declined (confirmations only).
    pub decline: f64,
    /// No answer, nothing done.
    pub silent: f64,
    /// No answer, done.
    pub silent_done: f64,
    /// Connection reset, nothing done.
    pub reset: f64,
    /// Connection reset, done.
    pub reset_done: f64,
    /// An error, nothing done.
    pub error: f64,
    /// An error, done.
    pub error_done: f64,
}

/// How webhooks are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookBehaviour {
    /// Where to; none sends none.
    pub url: Option<String>,
    /// How often each is sent.
    pub copies: u32,
    /// Each copy waits up to so long, so that they come out of order.
    pub delay_ms_max: u64,
    /// Share of the webhooks that are never sent.
    pub lose: f64,
    /// How often one that was not received is sent again.
    pub retries_max: u32,
    /// Pause before it is sent again, doubled each time.
    pub retry_after_ms: u64,
}

impl Default for Behaviour {
    /// Prompt and faultless.
    fn default() -> Self {
        Self {
            latency_median_ms: 0.0,
            latency_sigma: 0.3,
            shares: Shares::default(),
            find_error: 0.0,
            forbids_consecutive_cancels: false,
            needs_sessions: false,
            needs_refund_account: true,
            authenticate_within_ms: 30 * 60 * 1_000,
            confirm_within_ms: 10 * 60 * 1_000,
            deposit_within_ms: 7 * 24 * 3_600 * 1_000,
            cancel_takes_ms: 0,
            webhooks: WebhookBehaviour::default(),
        }
    }
}

impl Default for WebhookBehaviour {
    fn default() -> Self {
        Self { url: None, copies: 1, delay_ms_max: 0, lose: 0.0, retries_max: 7, retry_after_ms: 200 }
    }
}

impl Shares {
    pub(super) fn sum(&self) -> f64 {
        self.decline
            + self.silent
            + self.silent_done
            + self.reset
            + self.reset_done
            + self.error
            + self.error_done
    }
}

impl Behaviour {
    /// Checks it.
    ///
    /// # Errors
    /// What is wrong, naming the setting.
    pub fn check(&self) -> Result<(), String> {
        let shares = &self.shares;
        for (name, share) in [
            ("shares.decline", shares.decline),
            ("shares.silent", shares.silent),
            ("shares.silent_done", shares.silent_done),
            ("shares.reset", shares.reset),
            ("shares.reset_done", shares.reset_done),
            ("shares.error", shares.error),
            ("shares.error_done", shares.error_done),
            ("shares", shares.sum()),
            ("find_error", self.find_error),
            ("webhooks.lose", self.webhooks.lose),
        ] {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("{name}: must be from 0 to 1, not {share}"));
            }
        }
        for (name, value, max) in [
            ("latency_median_ms", self.latency_median_ms, 600_000.0),
            ("latency_sigma", self.latency_sigma, 3.0),
        ] {
            if !(0.0..=max).contains(&value) {
                return Err(format!("{name}: must be from 0 to {max}, not {value}"));
            }
        }
        self.check_times()?;
        self.webhooks.check()
    }

    fn check_times(&self) -> Result<(), String> {
        for (name, time_ms) in [
            ("authenticate_within_ms", self.authenticate_within_ms),
            ("confirm_within_ms", self.confirm_within_ms),
            ("deposit_within_ms", self.deposit_within_ms),
            ("cancel_takes_ms", self.cancel_takes_ms),
            ("webhooks.delay_ms_max", self.webhooks.delay_ms_max),
            ("webhooks.retry_after_ms", self.webhooks.retry_after_ms),
        ] {
            if time_ms > TIME_MS_MAX {
                return Err(format!("{name}: must be {TIME_MS_MAX} at most, not {time_ms}"));
            }
        }
        Ok(())
    }

    /// How long payments may stay as they are.
    #[must_use]
    pub fn lives(&self) -> Lives {
        Lives {
            authenticate_within: Duration::from_millis(self.authenticate_within_ms),
            confirm_within: Duration::from_millis(self.confirm_within_ms),
            deposit_within: Duration::from_millis(self.deposit_within_ms),
            cancel_takes: Duration::from_millis(self.cancel_takes_ms),
        }
    }
}

impl WebhookBehaviour {
    fn check(&self) -> Result<(), String> {
        if let Some(text) = &self.url {
            let url = url::Url::parse(text).map_err(|error| format!("webhooks.url: {error}"))?;
            if url.scheme() != "http" {
                return Err("webhooks.url: must begin with http://".to_owned());
            }
        }
        for (name, value, range) in
            [("copies", self.copies, 1..=1_000), ("retries_max", self.retries_max, 0..=16)]
        {
            if !range.contains(&value) {
                let (min, max) = (range.start(), range.end());
                return Err(format!("webhooks.{name}: must be from {min} to {max}, not {value}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_settings_are_named() {
        assert_eq!(Behaviour::default().check(), Ok(()));
        type Spoil = fn(&mut Behaviour);
        let cases: [(&str, Spoil); 6] = [
            ("shares.decline", |it| it.shares.decline = -0.1),
            ("shares", |it| (it.shares.error, it.shares.silent) = (0.6, 0.6)),
            ("find_error", |it| it.find_error = f64::NAN),
            ("latency_median_ms", |it| it.latency_median_ms = f64::INFINITY),
            ("webhooks.url", |it| it.webhooks.url = Some("nowhere".into())),
            ("webhooks.copies", |it| it.webhooks.copies = 0),
        ];
        for (name, spoil) in cases {
            let mut behaviour = Behaviour::default();
            spoil(&mut behaviour);
            let error = behaviour.check().expect_err(name);
            assert!(error.starts_with(&format!("{name}:")), "{error}");
        }
    }
}
