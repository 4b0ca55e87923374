//! The clock of a run.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::ids::Moment;

/// Counts from the beginning of a run; cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    /// The moment that it is.
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// When `moment` is, for tokio's timers.
    pub fn instant(&self, moment: Moment) -> tokio::time::Instant {
        // A day is longer than any run, and adding `Moment::NEVER` would overflow.
        let offset = Duration::from_nanos(moment.0).min(Duration::from_secs(86_400));
        tokio::time::Instant::from_std(self.start + offset)
    }
}

/// Milliseconds since 1970 by the clock of the machine: for labels and sale phases alone, never for a comparison.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
