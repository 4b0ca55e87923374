//! The commands of a session that have no reply yet.

use std::time::Instant;

use super::routes::RouteIndex;
use crate::ingress::meters::Kind;

/// A command in flight.
#[derive(Clone, Copy)]
pub(super) struct InFlight {
    /// The client's tag.
    pub(super) tag: u64,
    /// Where it went.
    pub(super) route: RouteIndex,
    /// Which method it is.
    pub(super) kind: Kind,
    /// When it was read, if its latency is to be noted.
    pub(super) timed_since: Option<Instant>,
    /// When the client stops waiting.
    pub(super) expires_at: Instant,
}

/// A slab of commands in flight: a reply names its slot.
#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<Option<InFlight>>,
    vacant: Vec<u32>,
}

impl Slots {
    /// Commands in flight.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.vacant.len()
    }

    pub(super) fn insert(&mut self, command: InFlight) -> u32 {
        if let Some(slot) = self.vacant.pop() {
            self.slots[slot as usize] = Some(command);
            return slot;
        }
        self.slots.push(Some(command));
        // The session's bound on commands in flight is far below 2^32.
        (self.slots.len() - 1) as u32
    }

    /// A command in flight; none for a slot that was answered already.
    pub(super) fn get(&self, slot: u32) -> Option<InFlight> {
        self.slots.get(slot as usize).copied().flatten()
    }

    pub(super) fn remove(&mut self, slot: u32) {
        if self.slots.get_mut(slot as usize).and_then(Option::take).is_some() {
            self.vacant.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_reused_and_answered_once() {
        let now = Instant::now();
        let command = |tag| InFlight {
            tag,
            route: RouteIndex::default(),
            kind: Kind::HoldSeats,
            timed_since: None,
            expires_at: now,
        };
        let mut slots = Slots::default();
        let (first, second) = (slots.insert(command(7)), slots.insert(command(8)));
        assert_eq!(slots.len(), 2);
        slots.remove(first);
        slots.remove(first);
        assert_eq!(slots.len(), 1);
        assert!(slots.get(first).is_none());
        assert_eq!(slots.insert(command(9)), first);
        assert_eq!(slots.get(second).map(|command| command.tag), Some(8));
        assert_eq!(slots.slots.len(), 2);
    }
}
