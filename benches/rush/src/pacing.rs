//! When requests are due: a burst at the opening, then a tail that decays.
//!
//! ```text
//! rate │▇▇▇▇
//!      │▇▇▇▇▅▅▄▄▃▃▃▂▂▂▂▁▁▁▁▁
//!      └────┴───────────────► time
//!        burst            duration
//! ```
//!
//! The curve is given by its inverse: request number → moment, in closed form. So nothing is kept per request, every
//! request has one intended moment, and lanes share the curve by taking every n-th number.

use std::time::Duration;

/// How much lower the rate of the tail is at its end than at its beginning: `e^TAIL_DECAY`.
const TAIL_DECAY: f64 = 2.0;

/// An arrival curve of a known number of requests.
#[derive(Clone, Copy, Debug)]
pub struct Curve {
    requests: f64,
    burst_requests: f64,
    burst_s: f64,
    tail_s: f64,
}

impl Curve {
    /// A curve of `requests` over `duration`, `burst_share` (0 to 1) of them in the first `burst`, evenly.
    pub fn new(requests: u64, duration: Duration, burst: Duration, burst_share: f64) -> Curve {
        let burst_s = burst.as_secs_f64().min(duration.as_secs_f64());
        let tail_s = duration.as_secs_f64() - burst_s;
        let requests = requests as f64;
        // Without a tail everything is in the burst, and the other way round.
        let share = match (burst_s > 0.0, tail_s > 0.0) {
            (_, false) => 1.0,
            (false, true) => 0.0,
            (true, true) => burst_share,
        };
        Curve { requests, burst_requests: requests * share, burst_s, tail_s }
    }

    /// When request `number` (from 0) is due, after the opening.
    pub fn due(&self, number: u64) -> Duration {
        // The middle of the request's share of the integral, so that neither end of the curve is favoured.
        let position = number as f64 + 0.5;
        Duration::from_secs_f64(if position < self.burst_requests {
            self.burst_s * position / self.burst_requests
        } else {
            self.burst_s + self.tail_s * self.tail_time(position)
        })
    }

    /// The share of the tail's time at which the integral of its rate reaches `position`.
    fn tail_time(&self, position: f64) -> f64 {
        let tail_requests = self.requests - self.burst_requests;
        if tail_requests <= 0.0 {
            return 1.0;
        }
        let share = ((position - self.burst_requests) / tail_requests).clamp(0.0, 1.0);
        let whole = 1.0 - (-TAIL_DECAY).exp();
        (-(1.0 - share * whole).ln() / TAIL_DECAY).clamp(0.0, 1.0)
    }

    /// The number of requests.
    pub fn requests(&self) -> u64 {
        self.requests as u64
    }

    /// From the opening to the last request.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.burst_s + self.tail_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn count_in(curve: &Curve, from: Duration, to: Duration) -> u64 {
        (0..curve.requests()).filter(|&n| (from..to).contains(&curve.due(n))).count() as u64
    }

    #[test]
    fn the_whole_integrates_to_the_total_and_the_burst_to_its_share() {
        let curve = Curve::new(200_000, 300 * S, 10 * S, 0.2);
        assert_eq!(count_in(&curve, Duration::ZERO, 301 * S), 200_000);
        assert_eq!(count_in(&curve, Duration::ZERO, 10 * S), 40_000);
    }

    #[test]
    fn the_burst_is_even_and_the_tail_decays() {
        let curve = Curve::new(200_000, 300 * S, 10 * S, 0.2);
        assert_eq!(count_in(&curve, Duration::ZERO, S), 4_000);
        assert_eq!(count_in(&curve, 9 * S, 10 * S), 4_000);
        let slices: Vec<u64> = (1..30).map(|i| count_in(&curve, i * 10 * S, (i + 1) * 10 * S)).collect();
        assert!(slices.windows(2).all(|pair| pair[0] > pair[1]), "{slices:?}");
        let ratio = slices[0] as f64 / slices[28] as f64;
        assert!((5.0..8.0).contains(&ratio), "the tail falls by e^2 less what the slices average: {ratio}");
    }

    #[test]
    fn moments_never_go_back_and_stay_within_the_duration() {
        let curve = Curve::new(50_000, 60 * S, 2 * S, 0.5);
        let moments: Vec<Duration> = (0..50_000).map(|n| curve.due(n)).collect();
        assert!(moments.windows(2).all(|pair| pair[0] <= pair[1]));
        assert!(moments[49_999] <= 60 * S);
    }

    #[test]
    fn a_curve_without_burst_or_without_tail_is_whole() {
        let all_tail = Curve::new(1_000, 10 * S, Duration::ZERO, 0.2);
        assert_eq!(count_in(&all_tail, Duration::ZERO, 11 * S), 1_000);
        let all_burst = Curve::new(1_000, 10 * S, 10 * S, 0.2);
        assert_eq!(count_in(&all_burst, Duration::ZERO, 5 * S), 500);
    }
}
