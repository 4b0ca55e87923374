//! What a lane counts: latencies by kind of command and outcome, reasons, retries.
//!
//! A lane has its own, behind a lock that only the reporter ever contends for, once a tick.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::answer::Reason;
use crate::command::Kind;
use crate::limits::SERIES_POINTS_MAX;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Ok,
    /// It was refused as sales go: the seat was taken, the payment declined.
    Rejected,
    /// It was refused as it should not have been, or never answered.
    Error,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Outcome; 3] = [Outcome::Ok, Outcome::Rejected, Outcome::Error];
}

/// Longest latency that a histogram tells apart: ten minutes.
const LATENCY_US_MAX: u64 = 600_000_000;

/// A histogram of latencies in microseconds, precise to 1%.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        // The bounds are constants that the library accepts; its own default is the fallback that needs no panic.
        let histogram = Histogram::new_with_bounds(1, LATENCY_US_MAX, 2);
        Latency(
            histogram.unwrap_or_else(|_| unreachable!("1 < LATENCY_US_MAX and 2 digits are valid bounds")),
        )
    }
}

impl Latency {
    /// Counts one latency.
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    /// Adds all of `other`.
    pub fn add(&mut self, other: &Latency) {
        // Both have the same bounds, so nothing can be out of range.
        let _ = self.0.add(&other.0);
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.0.reset();
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency that `share` (0 to 1) of all do not exceed, in milliseconds; 0 when there are none.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1_000.0
    }

    /// The longest, in milliseconds.
    pub fn max_ms(&self) -> f64 {
        self.0.max() as f64 / 1_000.0
    }
}

/// Counts of one kind of command.
#[derive(Clone, Debug, Default)]
pub struct KindStats {
    /// Latencies by [`Outcome`]; allocated when first used.
    latency: [Option<Box<Latency>>; 3],
    /// Refusals by [`Reason`], then attempts that were busy or unknown.
    pub reasons: Vec<u64>,
    /// Attempts sent again.
    pub retried: u64,
}

impl KindStats {
    /// The latencies of an outcome, if there are any.
    pub fn latency(&self, outcome: Outcome) -> Option<&Latency> {
        self.latency[outcome as usize].as_deref()
    }

    /// How many ended so.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.latency(outcome).map_or(0, Latency::count)
    }

    fn reason_mut(&mut self, reason: Reason) -> &mut u64 {
        if self.reasons.is_empty() {
            self.reasons = vec![0; Reason::ALL.len()];
        }
        &mut self.reasons[reason as usize]
    }

    fn add(&mut self, other: &KindStats) {
        for (mine, theirs) in self.latency.iter_mut().zip(&other.latency) {
            if let Some(theirs) = theirs {
                mine.get_or_insert_default().add(theirs);
            }
        }
        for (&reason, &count) in Reason::ALL.iter().zip(&other.reasons) {
            *self.reason_mut(reason) += count;
        }
        self.retried += other.retried;
    }
}

/// Counts since the reporter last looked.
#[derive(Clone, Debug, Default)]
pub struct Interval {
    /// Latencies of all kinds.
    pub latency: Latency,
    /// Ended well.
    pub ok: u64,
    /// Refused.
    pub rejected: u64,
    /// Failed.
    pub errors: u64,
    /// Sent again.
    pub retried: u64,
}

impl Interval {
    fn take_into(&mut self, other: &mut Interval) {
        if self.latency.count() > 0 {
            other.latency.add(&self.latency);
            self.latency.reset();
        }
        other.ok += std::mem::take(&mut self.ok);
        other.rejected += std::mem::take(&mut self.rejected);
        other.errors += std::mem::take(&mut self.errors);
        other.retried += std::mem::take(&mut self.retried);
    }

    /// All that ended.
    pub fn answers(&self) -> u64 {
        self.ok + self.rejected + self.errors
    }
}

/// All counts of a lane, or of all lanes.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    kinds: [KindStats; Kind::ALL.len()],
    interval: Interval,
    /// Requests sent for the first time.
    pub sent: u64,
    /// Answers to requests that were already answered on another attempt.
    pub late: u64,
    /// Sessions lost.
    pub disconnects: u64,
}

impl Stats {
    /// Counts of a kind.
    pub fn kind(&self, kind: Kind) -> &KindStats {
        &self.kinds[kind as usize]
    }

    /// Counts a request that ended `latency` after its intended moment.
    pub fn ended(&mut self, kind: Kind, outcome: Outcome, latency: Duration) {
        self.kinds[kind as usize].latency[outcome as usize].get_or_insert_default().record(latency);
        self.interval.latency.record(latency);
        match outcome {
            Outcome::Ok => self.interval.ok += 1,
            Outcome::Rejected => self.interval.rejected += 1,
            Outcome::Error => self.interval.errors += 1,
        }
    }

    /// Counts why a request, or one attempt of it, did not succeed.
    pub fn reason(&mut self, kind: Kind, reason: Reason) {
        *self.kinds[kind as usize].reason_mut(reason) += 1;
    }

    /// Counts an attempt that is sent again.
    pub fn retried(&mut self, kind: Kind) {
        self.kinds[kind as usize].retried += 1;
        self.interval.retried += 1;
    }

    /// Moves what was counted since the last time to `interval`.
    pub fn take_interval(&mut self, interval: &mut Interval) {
        self.interval.take_into(interval);
    }

    /// Adds the counts of another lane, but for its interval.
    pub fn add(&mut self, other: &Stats) {
        for (mine, theirs) in self.kinds.iter_mut().zip(&other.kinds) {
            mine.add(theirs);
        }
        self.sent += other.sent;
        self.late += other.late;
        self.disconnects += other.disconnects;
    }

    /// How many ended with `outcome`, of all kinds.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.kinds.iter().map(|kind| kind.count(outcome)).sum()
    }

    /// How many ended.
    pub fn answers(&self) -> u64 {
        Outcome::ALL.iter().map(|&outcome| self.count(outcome)).sum()
    }
}

/// The length of a point of a time series for a run of about `duration`: whole ticks, few enough points to draw.
pub fn point_length(duration: Duration, tick: Duration) -> Duration {
    let ticks = (duration.as_secs_f64() / tick.as_secs_f64() / f64::from(SERIES_POINTS_MAX)).ceil();
    tick * (ticks as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_add_up() {
        let mut one = Stats::default();
        one.ended(Kind::Hold, Outcome::Ok, Duration::from_millis(2));
        one.reason(Kind::Hold, Reason::SeatTaken);
        let mut all = Stats::default();
        all.add(&one);
        all.add(&one);
        assert_eq!(all.kind(Kind::Hold).count(Outcome::Ok), 2);
        assert_eq!(all.kind(Kind::Hold).reasons[Reason::SeatTaken as usize], 2);
        assert_eq!(all.answers(), 2);
        let p50 = all.kind(Kind::Hold).latency(Outcome::Ok).map(|latency| latency.quantile_ms(0.5));
        assert!(p50.is_some_and(|ms| (1.98..2.02).contains(&ms)), "{p50:?}");
    }

    #[test]
    fn an_interval_is_taken_once() {
        let mut stats = Stats::default();
        stats.ended(Kind::Pay, Outcome::Rejected, Duration::from_micros(50));
        let mut interval = Interval::default();
        stats.take_interval(&mut interval);
        stats.take_interval(&mut interval);
        assert_eq!((interval.rejected, interval.answers(), interval.latency.count()), (1, 1, 1));
    }

    #[test]
    fn points_are_whole_ticks() {
        let tick = Duration::from_millis(100);
        assert_eq!(point_length(Duration::from_secs(60), tick), Duration::from_millis(300));
        assert_eq!(point_length(Duration::from_secs(1), tick), tick);
    }
}
