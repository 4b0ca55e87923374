//! The seat map as this process sees it: one stream, shared by all buyers.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use earlybird_proto::SeatChanges;
use earlybird_proto::v1::watch_seat_map_response::Update;
use earlybird_proto::v1::{SeatMap, SeatMapDelta, WatchSeatMapRequest};

use crate::connect::{Wire, seating};
use crate::ids::Seat;

/// Number of states of a seat.
const STATES: usize = 5;
/// `SeatState.FREE` on the wire.
const FREE: u8 = 0;
/// `SeatState.HELD` on the wire.
const HELD: u8 = 1;

/// How many seats are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Free.
    pub free: u32,
    /// Held.
    pub held: u32,
    /// Being paid.
    pub paying: u32,
    /// Sold.
    pub sold: u32,
    /// Out of the sale.
    pub blocked: u32,
}

impl Counts {
    /// All of them.
    pub fn total(&self) -> u32 {
        self.free + self.held + self.paying + self.sold + self.blocked
    }
}

/// State of every seat, as last heard. Read without a lock; a reader may see half of a delta, as people do.
#[derive(Debug)]
pub struct View {
    states: Box<[AtomicU8]>,
    counts: [AtomicU32; STATES],
    version: AtomicU64,
    generation: AtomicU64,
}

impl View {
    /// A view of `capacity` seats, all free until heard otherwise.
    pub fn new(capacity: u32) -> View {
        let counts = [const { AtomicU32::new(0) }; STATES];
        counts[usize::from(FREE)].store(capacity, Ordering::Relaxed);
        View {
            states: (0..capacity).map(|_| AtomicU8::new(FREE)).collect(),
            counts,
            version: AtomicU64::new(0),
            generation: AtomicU64::new(0),
        }
    }

    /// Whether a seat looks free.
    pub fn is_free(&self, seat: Seat) -> bool {
        self.states.get(seat.0 as usize).is_some_and(|state| state.load(Ordering::Relaxed) == FREE)
    }

    /// Whether a seat looks held, by a buyer or on offer.
    pub fn is_held(&self, seat: Seat) -> bool {
        self.states.get(seat.0 as usize).is_some_and(|state| state.load(Ordering::Relaxed) == HELD)
    }

    /// The first seat that looks free among `probes` from `from` on, around the end of the house.
    pub fn free_near(&self, from: Seat, probes: u32) -> Option<Seat> {
        let capacity = self.states.len() as u32;
        if self.counts().free == 0 || capacity == 0 {
            return None;
        }
        (0..probes.min(capacity))
            .map(|step| Seat((from.0 + step) % capacity))
            .find(|&seat| self.is_free(seat))
    }

    /// How many seats are in each state.
    pub fn counts(&self) -> Counts {
        let count = |state: usize| self.counts[state].load(Ordering::Relaxed);
        Counts { free: count(0), held: count(1), paying: count(2), sold: count(3), blocked: count(4) }
    }

    fn set(&self, seat: usize, state: u8) {
        let Some(slot) = self.states.get(seat) else { return };
        let before = slot.swap(state, Ordering::Relaxed);
        if let Some(count) = self.counts.get(usize::from(before)) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(count) = self.counts.get(usize::from(state)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn start_over(&self, map: &SeatMap) {
        map.states.iter().enumerate().for_each(|(seat, &state)| self.set(seat, state));
        self.generation.store(map.generation, Ordering::Relaxed);
        self.version.store(map.version, Ordering::Relaxed);
    }

    /// Applies a delta; whether it fitted. One that begins earlier than the view is harmless, one that begins later is not.
    fn apply(&self, delta: &SeatMapDelta) -> bool {
        if delta.from_version > self.version.load(Ordering::Relaxed) {
            return false;
        }
        SeatChanges::new(delta.changes.clone()).for_each(|(seat, state)| self.set(seat as usize, state));
        self.version.store(delta.version, Ordering::Relaxed);
        true
    }

    /// Keeps the view up to date for ever, connecting again whenever the stream ends.
    pub async fn watch(&self, wire: Wire, performance: String) {
        loop {
            let request = WatchSeatMapRequest {
                performance: performance.clone(),
                resume_version: self.version.load(Ordering::Relaxed),
                resume_generation: self.generation.load(Ordering::Relaxed),
            };
            if let Ok(stream) = seating(&wire).watch_seat_map(request).await {
                self.follow(stream.into_inner()).await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn follow(&self, mut stream: tonic::Streaming<earlybird_proto::v1::WatchSeatMapResponse>) {
        while let Ok(Some(message)) = stream.message().await {
            match message.update {
                Some(Update::Snapshot(map)) => self.start_over(&map),
                Some(Update::Delta(delta)) if self.apply(&delta) => {}
                Some(Update::Delta(_)) => {
                    // A gap: begin again with a snapshot rather than show what is not so.
                    self.version.store(0, Ordering::Relaxed);
                    return;
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use earlybird_proto::encode_seat_changes;

    use super::*;

    #[test]
    fn snapshots_and_deltas_keep_the_counts() {
        let view = View::new(4);
        view.start_over(&SeatMap { states: vec![0, 1, 3, 4].into(), version: 7, ..SeatMap::default() });
        assert_eq!(view.counts(), Counts { free: 1, held: 1, paying: 0, sold: 1, blocked: 1 });
        let delta = SeatMapDelta {
            from_version: 7,
            version: 8,
            changes: encode_seat_changes([(0, 1), (1, 0)].into_iter()),
        };
        assert!(view.apply(&delta));
        assert_eq!(view.free_near(Seat(2), 4), Some(Seat(1)));
        assert_eq!(view.counts().total(), 4);
        let gap = SeatMapDelta { from_version: 9, version: 10, ..SeatMapDelta::default() };
        assert!(!view.apply(&gap));
    }
}
