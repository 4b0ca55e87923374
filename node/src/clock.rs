//! The node's clock: the store's clock at start plus monotonic time.
//!
//! Deadlines are absolute and persisted, so every node must count from the same clock; the clock of the machine may be
//! minutes off, or jump. The store's clock is read at start and again from time to time; a difference is taken up
//! slowly, and time never goes backwards. Between two readings time is counted on a clock that goes on while the machine
//! sleeps: what was to lapse meanwhile lapses when it wakes.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use earlybird_engine::Timestamp;
use earlybird_persistence::{Store, StoreError};
use rustix::time::{ClockId, clock_gettime};

/// How often the store's clock is read.
pub const RESYNCHRONISE_EVERY: Duration = Duration::from_secs(10);
/// How much of a difference is taken up at each reading: half a percent of the interval, as NTP's slewing does.
const SLEW_MS_MAX: i64 = 50;

/// Time in milliseconds since the Unix epoch.
#[derive(Debug)]
pub struct Clock {
    started: Duration,
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
        Ok(Self { started: uptime(), base_ms: AtomicI64::new(base_ms), floor_ms: AtomicU64::new(0) })
    }

    /// Now. Never less than any time shown before.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let ms = self.base_ms.load(Ordering::Relaxed) + millis(uptime().saturating_sub(self.started));
        let ms = u64::try_from(ms).unwrap_or(0);
        Timestamp(self.floor_ms.fetch_max(ms, Ordering::Relaxed).max(ms))
    }

    /// Makes sure that time goes on after `at`: what a journal holds was decided in the past.
    pub fn not_before(&self, at: Timestamp) {
        self.floor_ms.fetch_max(at.0, Ordering::Relaxed);
    }

    /// Reads the store's clock again and takes up a little of the difference. Returns the difference in milliseconds,
    /// positive when the store is ahead.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn resynchronise(&self, store: &dyn Store) -> Result<i64, StoreError> {
        let before = Instant::now();
        let store_ms = i64::try_from(store.now().await?.0).unwrap_or(i64::MAX) + millis(before.elapsed() / 2);
        let own_ms = self.base_ms.load(Ordering::Relaxed) + millis(uptime().saturating_sub(self.started));
        let offset_ms = store_ms - own_ms;
        self.base_ms.fetch_add(offset_ms.clamp(-SLEW_MS_MAX, SLEW_MS_MAX), Ordering::Relaxed);
        Ok(offset_ms)
    }
}

/// Since the machine was started, its sleep included.
pub(crate) fn uptime() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    let time = clock_gettime(clock);
    // Neither part is ever negative on these clocks.
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_difference_is_taken_up_slowly_and_time_never_goes_back() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("clock.db").display());
        let store = earlybird_persistence::open(&url).await.expect("the store opens");
        for off_by_ms in [300_000, -300_000] {
            let clock = Clock::start(&*store).await.expect("the store has a clock");
            clock.base_ms.fetch_add(off_by_ms, Ordering::Relaxed);
            let (shown, base_ms) = (clock.now(), clock.base_ms.load(Ordering::Relaxed));
            let offset_ms = clock.resynchronise(&*store).await.expect("the store has a clock");
            assert!((offset_ms + off_by_ms).abs() < 10_000, "the difference is told: {offset_ms}");
            let taken_up = clock.base_ms.load(Ordering::Relaxed) - base_ms;
            assert_eq!(taken_up, -off_by_ms.signum() * SLEW_MS_MAX);
            assert!(clock.now() >= shown);
        }
        store.close().await;
    }
}
