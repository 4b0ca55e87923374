//! The seat map as watchers see it: immutable snapshots and coalesced deltas, made once and shared by all.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use earlybird_engine::{Counts, Millis, SeatIndex, State, Timestamp};
use earlybird_proto::encode_seat_changes;
use parking_lot::Mutex;
use tokio::sync::broadcast;

/// Deltas are published at most so often,
const PUBLISH_EVERY_MS_MIN: u64 = 100;
/// and, however much there is to tell, at least so often.
const PUBLISH_EVERY_MS_MAX: u64 = 1_000;
/// What the watchers of one performance are sent together, in bytes a millisecond: thousands of watchers of a seat map that
/// changes everywhere would otherwise take the node from those who buy.
const FEED_BYTES_PER_MS: u64 = 32_000;
/// Deltas kept for watchers that fall behind or come back: six seconds of a busy sale. Whoever missed more starts over.
const DELTAS_KEPT: usize = 64;

/// The state of all seats at one version.
#[derive(Debug)]
pub struct SeatMapSnapshot {
    /// Grows by one with every publication.
    pub version: u64,
    /// Tells activations of the shard apart: versions compare only within one.
    pub generation: u64,
    /// One byte a seat: the number of its [`earlybird_engine::SeatStatus`].
    pub states: Bytes,
    /// How many seats are in each state.
    pub counts: Counts,
}

/// What changed from one version to the next.
#[derive(Debug)]
pub struct SeatMapDelta {
    /// Applies to this version.
    pub from_version: u64,
    /// The version after it.
    pub version: u64,
    /// Seats that changed and their new states, encoded once for all who watch: see [`encode_seat_changes`].
    pub changes: Bytes,
}

/// One message to a watcher.
#[derive(Clone, Debug)]
pub enum SeatMapUpdate {
    /// Start over from this.
    Snapshot(Arc<SeatMapSnapshot>),
    /// Apply this.
    Delta(Arc<SeatMapDelta>),
}

/// The publisher, shared by the shard's actor and its readers.
pub(super) struct SeatMapFeed {
    current: ArcSwap<SeatMapSnapshot>,
    recent: Mutex<VecDeque<Arc<SeatMapDelta>>>,
    /// From one publication to the next.
    pause_ms: AtomicU64,
    /// None once the shard is closed.
    sender: Mutex<Option<broadcast::Sender<Arc<SeatMapDelta>>>>,
}

impl SeatMapFeed {
    pub(super) fn new(state: &State, generation: u64) -> Self {
        let states = (0..state.capacity()).map(|seat| status_byte(state, seat)).collect();
        let first = SeatMapSnapshot { version: 1, generation, states, counts: state.counts() };
        Self {
            current: ArcSwap::from_pointee(first),
            recent: Mutex::new(VecDeque::with_capacity(DELTAS_KEPT)),
            pause_ms: AtomicU64::new(PUBLISH_EVERY_MS_MIN),
            sender: Mutex::new(Some(broadcast::Sender::new(DELTAS_KEPT))),
        }
    }

    pub(super) fn current(&self) -> Arc<SeatMapSnapshot> {
        self.current.load_full()
    }

    /// Publishes the seats that changed; `changed` may name a seat several times, or one that is as it was.
    pub(super) fn publish(&self, state: &State, changed: &mut Vec<SeatIndex>) {
        changed.sort_unstable();
        changed.dedup();
        let before = self.current.load_full();
        changed.retain(|seat| before.states[seat.as_usize()] != status_byte(state, seat.0));
        if changed.is_empty() {
            return;
        }
        let mut states = before.states.to_vec();
        for seat in changed.iter() {
            states[seat.as_usize()] = status_byte(state, seat.0);
        }
        let version = before.version + 1;
        let delta = Arc::new(SeatMapDelta {
            from_version: before.version,
            version,
            changes: encode_seat_changes(changed.iter().map(|seat| (seat.0, states[seat.as_usize()]))),
        });
        changed.clear();
        // Under one lock with `watch`, so that a watcher gets every delta after its snapshot and none twice.
        let mut recent = self.recent.lock();
        self.current.store(Arc::new(SeatMapSnapshot {
            version,
            generation: before.generation,
            states: states.into(),
            counts: state.counts(),
        }));
        if recent.len() == DELTAS_KEPT {
            recent.pop_front();
        }
        recent.push_back(Arc::clone(&delta));
        if let Some(sender) = &*self.sender.lock() {
            self.pause_ms.store(pause_ms(delta.changes.len(), sender.receiver_count()), Ordering::Relaxed);
            // Without watchers there is nobody to tell.
            drop(sender.send(delta));
        }
    }

    /// The due time of the next publication after one at `published_at`.
    pub(super) fn next_publication(&self, published_at: Timestamp) -> Timestamp {
        published_at.plus(Millis(self.pause_ms.load(Ordering::Relaxed)))
    }

    pub(super) fn is_watched(&self) -> bool {
        self.sender.lock().as_ref().is_some_and(|sender| sender.receiver_count() > 0)
    }

    /// Ends all watches.
    pub(super) fn close(&self) {
        self.sender.lock().take();
    }
}

fn status_byte(state: &State, seat: u32) -> u8 {
    state.seat_status(SeatIndex(seat)).map_or(0, |status| status as u8)
}

/// A watch of one seat map. Holds no more than its place in the shared deltas.
pub struct SeatMapWatch {
    feed: Arc<super::Shard>,
    /// What to send before the live deltas, last first.
    backlog: Vec<SeatMapUpdate>,
    receiver: Option<broadcast::Receiver<Arc<SeatMapDelta>>>,
}

impl SeatMapWatch {
    /// Begins with the deltas after `resume` (generation and version) when they are all still known, else with a snapshot.
    pub(super) fn new(shard: Arc<super::Shard>, resume: Option<(u64, u64)>) -> Self {
        let feed = &shard.seat_map;
        let recent = feed.recent.lock();
        let receiver = feed.sender.lock().as_ref().map(broadcast::Sender::subscribe);
        let current = feed.current();
        let backlog = missed(&recent, &current, resume)
            .unwrap_or_else(|| vec![SeatMapUpdate::Snapshot(Arc::clone(&current))]);
        drop(recent);
        Self { feed: shard, backlog, receiver }
    }

    /// The next update; none when the shard was closed: resolve the performance again and resume.
    pub async fn next(&mut self) -> Option<SeatMapUpdate> {
        if let Some(update) = self.backlog.pop() {
            return Some(update);
        }
        match self.receiver.as_mut()?.recv().await {
            Ok(delta) => Some(SeatMapUpdate::Delta(delta)),
            Err(broadcast::error::RecvError::Closed) => None,
            Err(broadcast::error::RecvError::Lagged(_)) => {
                *self = Self::new(Arc::clone(&self.feed), None);
                self.backlog.pop()
            }
        }
    }
}

/// The deltas between what a watcher has and what is current, last first; none when some are forgotten.
fn missed(
    recent: &VecDeque<Arc<SeatMapDelta>>,
    current: &SeatMapSnapshot,
    resume: Option<(u64, u64)>,
) -> Option<Vec<SeatMapUpdate>> {
    let (generation, version) = resume?;
    if generation != current.generation || version > current.version {
        return None;
    }
    if version < current.version && recent.front().is_none_or(|oldest| oldest.from_version > version) {
        return None;
    }
    let later = recent.iter().rev().take_while(|delta| delta.from_version >= version);
    Some(later.map(|delta| SeatMapUpdate::Delta(Arc::clone(delta))).collect())
}

/// How long to gather after a delta of so many bytes went to so many watchers.
fn pause_ms(delta_bytes: usize, watchers: usize) -> u64 {
    (delta_bytes as u64 * watchers as u64 / FEED_BYTES_PER_MS)
        .clamp(PUBLISH_EVERY_MS_MIN, PUBLISH_EVERY_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_watchers_of_much_news_are_told_less_often() {
        assert_eq!(pause_ms(200, 2_000), 100);
        assert_eq!(pause_ms(10_000, 2_000), 625);
        assert_eq!(pause_ms(100_000, 100_000), 1_000);
        assert_eq!(pause_ms(10_000, 0), 100);
    }
}
