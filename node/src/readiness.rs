//! Whether the node may be sent calls.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// When the store last answered.
#[derive(Debug)]
pub struct Heard(Mutex<Instant>);

impl Default for Heard {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Heard {
    /// It has just answered.
    pub fn note(&self) {
        *self.0.lock() = Instant::now();
    }

    /// For how long it has not.
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.0.lock().elapsed()
    }
}

/// What a node is doing.
#[derive(Debug)]
enum Stage {
    Starting,
    /// Serving, as long as the store answers.
    Serving(Arc<Heard>),
    Draining,
}

/// Why the node is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// It has not started yet.
    Starting,
    /// It is shutting down.
    Draining,
    /// The store has been silent for so long.
    StoreSilent(Duration),
}

impl fmt::Display for NotReady {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => formatter.write_str("starting"),
            Self::Draining => formatter.write_str("draining"),
            Self::StoreSilent(silence) => {
                write!(formatter, "the store has been silent for {} s", silence.as_secs())
            }
        }
    }
}

/// The node's readiness, shared by all who ask.
#[derive(Debug)]
pub struct Readiness {
    stage: Mutex<Stage>,
    store_silence_max: Duration,
}

impl Readiness {
    /// A node that starts. It will be called unready when its store is silent for longer than `store_silence_max`.
    #[must_use]
    pub fn new(store_silence_max: Duration) -> Self {
        Self { stage: Mutex::new(Stage::Starting), store_silence_max }
    }

    /// Whether calls may be sent.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), NotReady> {
        match &*self.stage.lock() {
            Stage::Starting => Err(NotReady::Starting),
            Stage::Draining => Err(NotReady::Draining),
            Stage::Serving(heard) => match heard.silence() {
                silence if silence > self.store_silence_max => Err(NotReady::StoreSilent(silence)),
                _ => Ok(()),
            },
        }
    }

    /// The node serves; `heard` is when its store last answered.
    pub fn serving(&self, heard: Arc<Heard>) {
        *self.stage.lock() = Stage::Serving(heard);
    }

    /// The node shuts down, for good.
    pub fn draining(&self) {
        *self.stage.lock() = Stage::Draining;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_ready_between_start_and_drain() {
        let readiness = Readiness::new(Duration::from_secs(60));
        assert_eq!(readiness.check(), Err(NotReady::Starting));
        readiness.serving(Arc::default());
        assert_eq!(readiness.check(), Ok(()));
        readiness.draining();
        assert_eq!(readiness.check(), Err(NotReady::Draining));
    }

    #[test]
    fn a_silent_store_makes_it_unready() {
        let readiness = Readiness::new(Duration::ZERO);
        readiness.serving(Arc::default());
        std::thread::yield_now();
        assert!(matches!(readiness.check(), Err(NotReady::StoreSilent(_))));
    }
}
