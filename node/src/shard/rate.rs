//! How much a performance is asked for.

use std::time::{Duration, Instant};

/// After so long, what was measured before counts for less than half.
const HALF_LIFE: Duration = Duration::from_secs(5);
/// Measured over shorter spans, a rate would be chance.
const SPAN_MIN: Duration = Duration::from_millis(200);

/// A rate that forgets: an exponentially weighted mean, measured whenever it is asked for.
#[derive(Debug)]
pub(super) struct Rate {
    measured_at: Instant,
    count: u64,
    per_second: f64,
}

impl Rate {
    pub(super) fn new() -> Self {
        Self { measured_at: Instant::now(), count: 0, per_second: 0.0 }
    }

    /// The rate, when there were `count` in all by `now`.
    pub(super) fn at(&mut self, now: Instant, count: u64) -> f64 {
        let span = now.saturating_duration_since(self.measured_at);
        if span >= SPAN_MIN {
            let fresh = count.saturating_sub(self.count) as f64 / span.as_secs_f64();
            let kept = 0.5_f64.powf(span.as_secs_f64() / HALF_LIFE.as_secs_f64());
            self.per_second = self.per_second * kept + fresh * (1.0 - kept);
            (self.measured_at, self.count) = (now, count);
        }
        self.per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_follows_what_comes_and_forgets_what_came() {
        let mut rate = Rate::new();
        let began = rate.measured_at;
        assert_eq!(rate.at(began, 1_000), 0.0, "there is no rate of a moment");
        for second in 1..=60 {
            rate.at(began + Duration::from_secs(second), second * 100);
        }
        assert!((rate.per_second - 100.0).abs() < 1.0, "{rate:?}");
        rate.at(began + Duration::from_secs(65), 6_000);
        assert!((rate.per_second - 50.0).abs() < 1.0, "half is forgotten: {rate:?}");
    }
}
