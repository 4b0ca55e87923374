//! Whether the node may be sent calls.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::node::Node;

/// How often the store is asked whether it is there.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// What a node is doing.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Starting,
    /// Serving; the store last answered then, and said whether there is anything that the node owns.
    Serving {
        heard: Instant,
        owns: bool,
    },
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
    /// Another node has taken over all that it owned.
    Replaced,
}

impl fmt::Display for NotReady {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => formatter.write_str("starting"),
            Self::Draining => formatter.write_str("draining"),
            Self::Replaced => formatter.write_str("another node has taken over"),
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
        match *self.stage.lock() {
            Stage::Starting => Err(NotReady::Starting),
            Stage::Draining => Err(NotReady::Draining),
            Stage::Serving { owns: false, .. } => Err(NotReady::Replaced),
            Stage::Serving { heard, .. } => match heard.elapsed() {
                silence if silence > self.store_silence_max => Err(NotReady::StoreSilent(silence)),
                _ => Ok(()),
            },
        }
    }

    /// The node serves, and its store is there.
    pub fn serving(&self) {
        *self.stage.lock() = Stage::Serving { heard: Instant::now(), owns: true };
    }

    /// The node shuts down, for good.
    pub fn draining(&self) {
        *self.stage.lock() = Stage::Draining;
    }

    /// Asks the store again and again whether it is there and what the node owns, as long as the node serves.
    pub async fn watch_store(self: Arc<Self>, node: Arc<Node>) {
        let mut interval = tokio::time::interval(PROBE_EVERY);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let answered = node.check_ownership().await;
            let mut stage = self.stage.lock();
            let (heard, owns) = match &mut *stage {
                // The store may answer before the servers are up.
                Stage::Starting => continue,
                Stage::Serving { heard, owns } => (heard, owns),
                Stage::Draining => return,
            };
            match answered {
                Ok(buckets) => (*heard, *owns) = (Instant::now(), buckets > 0),
                Err(error) => tracing::debug!(%error, "the store does not answer"),
            }
            metrics::gauge!("earlybird_store_silence_seconds").set(heard.elapsed().as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_ready_between_start_and_drain() {
        let readiness = Readiness::new(Duration::from_secs(60));
        assert_eq!(readiness.check(), Err(NotReady::Starting));
        readiness.serving();
        assert_eq!(readiness.check(), Ok(()));
        readiness.draining();
        assert_eq!(readiness.check(), Err(NotReady::Draining));
    }

    #[test]
    fn a_silent_store_makes_it_unready() {
        let readiness = Readiness::new(Duration::ZERO);
        readiness.serving();
        std::thread::yield_now();
        assert!(matches!(readiness.check(), Err(NotReady::StoreSilent(_))));
    }
}
