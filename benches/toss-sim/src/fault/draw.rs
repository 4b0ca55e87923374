//! Chance, repeatable: what becomes of a call follows from the seed, the payment, and how often it was called for, and
//! not from the order in which calls happen to come.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use rand_distr::{Distribution as _, LogNormal};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Behaviour, Fault, Operation, Shares};
use crate::code::ErrorCode;
use crate::ids::PaymentKey;

/// What is said to a buyer whose card is declined.
const DECLINES: [ErrorCode; 4] = [
    ErrorCode::REJECT_CARD_PAYMENT,
    ErrorCode::REJECT_CARD_COMPANY,
    ErrorCode::EXCEED_MAX_DAILY_PAYMENT_COUNT,
    ErrorCode::INVALID_CARD_EXPIRATION,
];

/// What is said when something broke.
const ERRORS: [ErrorCode; 4] = [
    ErrorCode::PROVIDER_ERROR,
    ErrorCode::FAILED_INTERNAL_SYSTEM_PROCESSING,
    ErrorCode::FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING,
    ErrorCode::COMMON_ERROR,
];

/// The luck of one call.
#[derive(Debug)]
pub struct Luck(SmallRng);

impl Luck {
    /// Of the call of a payment after so many others of its kind.
    #[must_use]
    pub fn of(seed: u64, operation: Operation, payment: &PaymentKey, calls_before: u32) -> Self {
        let call = u64::from(calls_before) << 8 | operation as u64;
        Self(SmallRng::seed_from_u64(xxh3_64_with_seed(payment.as_str().as_bytes(), seed) ^ call))
    }

    /// How long the call takes.
    pub fn latency(&mut self, behaviour: &Behaviour) -> Duration {
        let median_ms = behaviour.latency_median_ms;
        if median_ms == 0.0 {
            return Duration::ZERO;
        }
        // Checked settings make a distribution.
        let latency_ms = LogNormal::new(median_ms.ln(), behaviour.latency_sigma)
            .map_or(median_ms, |distribution| distribution.sample(&mut self.0));
        Duration::from_secs_f64(latency_ms / 1_000.0)
    }

    /// What goes wrong, if anything does.
    pub fn fault(&mut self, behaviour: &Behaviour, operation: Operation) -> Option<Fault> {
        let shares = match operation {
            Operation::Confirm => behaviour.shares,
            Operation::Cancel => Shares { decline: 0.0, ..behaviour.shares },
            Operation::Find => Shares { error: behaviour.find_error, ..Shares::default() },
        };
        let (decline, error) = (self.one_of(&DECLINES), self.one_of(&ERRORS));
        let mut drawn: f64 = self.0.random();
        for (share, fault) in [
            (shares.decline, Fault::Error(decline)),
            (shares.silent, Fault::Silent),
            (shares.silent_done, Fault::SilentDone),
            (shares.reset, Fault::Reset),
            (shares.reset_done, Fault::ResetDone),
            (shares.error, Fault::Error(error)),
            (shares.error_done, Fault::ErrorDone(error)),
        ] {
            if drawn < share {
                return Some(fault);
            }
            drawn -= share;
        }
        None
    }

    fn one_of(&mut self, codes: &[ErrorCode]) -> ErrorCode {
        codes[self.0.random_range(0..codes.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws, of so many payments.
    const DRAWS: u32 = 100_000;

    fn luck(number: u32) -> Luck {
        Luck::of(7, Operation::Confirm, &format!("key-{number}").as_str().into(), 0)
    }

    #[test]
    fn shares_are_kept() {
        let shares = Shares {
            decline: 0.01,
            silent_done: 0.005,
            error: 0.003,
            error_done: 0.002,
            ..Shares::default()
        };
        let behaviour = Behaviour { shares, ..Behaviour::default() };
        let drawn = |name: &str| {
            let faults = (0..DRAWS).filter_map(|number| luck(number).fault(&behaviour, Operation::Confirm));
            faults.filter(|fault| fault.name() == name).count() as f64 / f64::from(DRAWS)
        };
        for (name, share) in
            [("decline", 0.01), ("silent-done", 0.005), ("error", 0.003), ("error-done", 0.002)]
        {
            assert!((drawn(name) - share).abs() < share / 3.0, "{name}: {}", drawn(name));
        }
        assert!(drawn("reset") == 0.0);
    }

    #[test]
    fn half_of_the_calls_take_no_longer_than_the_median() {
        let behaviour = Behaviour { latency_median_ms: 50.0, latency_sigma: 0.5, ..Behaviour::default() };
        let quick = (0..DRAWS).filter(|number| luck(*number).latency(&behaviour).as_millis() < 50).count();
        assert!((quick as f64 / f64::from(DRAWS) - 0.5).abs() < 0.01, "{quick}");
    }

    #[test]
    fn the_same_seed_brings_the_same_luck() {
        let behaviour = Behaviour { latency_median_ms: 50.0, ..Behaviour::default() };
        assert_eq!(luck(1).latency(&behaviour), luck(1).latency(&behaviour));
        assert_ne!(luck(1).latency(&behaviour), luck(2).latency(&behaviour));
    }
}
