//! The node's clock: the store's clock at start plus monotonic time.
//!
//! Deadlines are absolute and persisted, so every node must count from the same clock; the clock of the machine may be
//! minutes off, or jump. The store's clock is read at start and again from time to time; a small difference is taken up
//! slowly, a large one to the future at once, and time never goes backwards.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use earlybird_engine::Timestamp;
use earlybird_persistence::{Store, StoreError};

/// How often the store's clock is read.
pub const RESYNCHRONISE_EVERY: Duration = Duration::from_secs(10);
/// How much of a difference is taken up at each reading: half a percent of the interval, as NTP's slewing does.
const SLEW_MS_MAX: i64 = 50;
/// The store is ahead by more only when this machine's clock has stood still, as it does while the machine sleeps: what was
/// to lapse meanwhile must lapse now, not hours later.
const STEP_MS_MIN: i64 = 1_000;

/// Time in milliseconds since the Unix epoch.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    /// The store's time when `started` was read, slewed since.
    base_ms: AtomicI64,
    /// The latest time that was ever shown.
    floor_ms: AtomicU64,
}

impl Clock {
    /// Reads the store's clock and counts from there.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn start(store: &dyn Store) -> Result<Self, StoreError> {
        let before = Instant::now();
        let store_ms = store.now().await?.0;
        let half_trip = before.elapsed() / 2;
        let base_ms = i64::try_from(store_ms).unwrap_or(i64::MAX) + millis(half_trip);
        Ok(Self { started: Instant::now(), base_ms: AtomicI64::new(base_ms), floor_ms: AtomicU64::new(0) })
    }

    /// Now. Never less than any time shown before.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let ms = self.base_ms.load(Ordering::Relaxed) + millis(self.started.elapsed());
        let ms = u64::try_from(ms).unwrap_or(0);
        Timestamp(self.floor_ms.fetch_max(ms, Ordering::Relaxed).max(ms))
    }

    /// Makes sure that time goes on after `at`: what a journal holds was decided in the past.
    pub fn not_before(&self, at: Timestamp) {
        self.floor_ms.fetch_max(at.0, Ordering::Relaxed);
    }

    /// Reads the store's clock again and takes up a little of the difference, or all of it when the store is far ahead. Returns the difference in milliseconds,
    /// positive when the store is ahead.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn resynchronise(&self, store: &dyn Store) -> Result<i64, StoreError> {
        let before = Instant::now();
        let store_ms = i64::try_from(store.now().await?.0).unwrap_or(i64::MAX) + millis(before.elapsed() / 2);
        let own_ms = self.base_ms.load(Ordering::Relaxed) + millis(self.started.elapsed());
        let offset_ms = store_ms - own_ms;
        let step_ms =
            if offset_ms > STEP_MS_MIN { offset_ms } else { offset_ms.clamp(-SLEW_MS_MAX, SLEW_MS_MAX) };
        self.base_ms.fetch_add(step_ms, Ordering::Relaxed);
        Ok(offset_ms)
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock whose machine slept for `slept_ms`, after one look at the store's.
    async fn woken_after(slept_ms: i64) -> (Clock, u64) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("clock.db").display());
        let store = earlybird_persistence::open(&url).await.expect("the store opens");
        let clock = Clock::start(&*store).await.expect("the store has a clock");
        clock.base_ms.fetch_sub(slept_ms, Ordering::Relaxed);
        let offset_ms = clock.resynchronise(&*store).await.expect("the store has a clock");
        assert!((offset_ms - slept_ms).abs() < 900, "the difference is told: {offset_ms}");
        let store_ms = store.now().await.expect("the store has a clock").0;
        store.close().await;
        (clock, store_ms)
    }

    #[tokio::test]
    async fn a_long_sleep_is_made_up_for_at_once() {
        let (clock, store_ms) = woken_after(300_000).await;
        assert!(clock.now().0.abs_diff(store_ms) < 900);
    }

    #[tokio::test]
    async fn a_clock_that_is_ahead_slows_down_and_never_goes_back() {
        let (clock, store_ms) = woken_after(-300_000).await;
        let shown = clock.now();
        assert!(shown.0.abs_diff(store_ms) > 200_000);
        assert!(clock.now() >= shown);
    }
}
