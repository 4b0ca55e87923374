//! A run over time: what each tick counted, gathered into points.

use std::time::Duration;

use crate::limits::TICK;
use crate::onsale::view::Counts;
use crate::report::Point;
use crate::stats::{Interval, point_length};

/// Gathers ticks into points.
pub(super) struct Series {
    length: Duration,
    begun: Duration,
    gathered: Interval,
    points: Vec<Point>,
}

impl Series {
    /// A series for a run of about `duration`.
    pub(super) fn new(duration: Duration) -> Series {
        let length = point_length(duration, TICK);
        Series { length, begun: Duration::ZERO, gathered: Interval::default(), points: Vec::new() }
    }

    /// Adds what a tick that ended `elapsed` after the opening counted.
    pub(super) fn add(&mut self, elapsed: Duration, tick: &mut Interval, seats: Counts) {
        tick_into(tick, &mut self.gathered);
        if elapsed.saturating_sub(self.begun) >= self.length {
            self.end_point(elapsed, seats);
        }
    }

    fn end_point(&mut self, elapsed: Duration, seats: Counts) {
        let length_s = (elapsed - self.begun).as_secs_f64();
        let gathered = std::mem::take(&mut self.gathered);
        let rate = |count: u64| count as f64 / length_s;
        self.points.push(Point {
            at_s: elapsed.as_secs_f64(),
            ok_per_s: rate(gathered.ok),
            rejected_per_s: rate(gathered.rejected),
            errors_per_s: rate(gathered.errors),
            retried_per_s: rate(gathered.retried),
            p50_ms: gathered.latency.quantile_ms(0.5),
            p99_ms: gathered.latency.quantile_ms(0.99),
            p999_ms: gathered.latency.quantile_ms(0.999),
            seats,
        });
        self.begun = elapsed;
    }

    /// Ends the last point.
    pub(super) fn finish(mut self, elapsed: Duration, seats: Counts) -> (Vec<Point>, Duration) {
        if elapsed > self.begun && self.gathered.answers() > 0 {
            self.end_point(elapsed, seats);
        }
        (self.points, self.length)
    }
}

fn tick_into(tick: &mut Interval, gathered: &mut Interval) {
    gathered.latency.add(&tick.latency);
    gathered.ok += tick.ok;
    gathered.rejected += tick.rejected;
    gathered.errors += tick.errors;
    gathered.retried += tick.retried;
    *tick = Interval::default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_points_of_rates() {
        let mut series = Series::new(Duration::from_secs(48));
        let seats = Counts { free: 1, ..Counts::default() };
        for tick in 1..=5_u32 {
            let mut counted = Interval { ok: 10, ..Interval::default() };
            series.add(TICK * tick, &mut counted, seats);
            assert_eq!(counted.ok, 0);
        }
        let (points, length) = series.finish(TICK * 5, seats);
        assert_eq!(length, TICK * 2);
        assert_eq!(points.iter().map(|p| p.ok_per_s.round()).collect::<Vec<_>>(), [100.0, 100.0, 100.0]);
    }
}
