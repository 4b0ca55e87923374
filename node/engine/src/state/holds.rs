//! Holds and offers that live.

use super::buyers::BuyerSlot;
use super::key_index::KeyIndex;
use super::orders::OrderSlot;
use super::slab::Slab;
use crate::{HoldId, Seats, Timestamp};

/// Where a hold is stored, so that a seat names its hold in four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HoldSlot(pub(crate) u32);

/// A buyer's claim on seats until a deadline.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) id: HoldId,
    pub(crate) buyer: BuyerSlot,
    pub(crate) extensions: u32,
    pub(crate) seats: Seats,
    pub(crate) deadline: Timestamp,
    pub(crate) created_at: Timestamp,
    /// The order whose payment is awaited; the hold cannot lapse while there is one.
    pub(crate) paying: Option<OrderSlot>,
    /// Whether it was made by an offer to a waiter.
    pub(crate) is_offer: bool,
    /// Payments of it that have begun: as many as there are orders of it.
    pub(crate) payments: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Holds {
    records: Slab<Hold>,
    index: KeyIndex,
    /// The number of the last hold that was accepted.
    accepted: u64,
    /// Numbers up to here may have been given out by a run whose last entries were lost: not given again. No part of the
    /// canonical state, since it only matters to what is decided next.
    burnt: u64,
}

impl Holds {
    pub(crate) fn new(seed: u64, accepted: u64) -> Self {
        Self { records: Slab::new(), index: KeyIndex::new(seed), accepted, burnt: 0 }
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted
    }

    /// The hold that would be accepted after `more` others.
    pub(crate) fn next_id(&self, more: u64) -> HoldId {
        HoldId(self.accepted.max(self.burnt) + 1 + more)
    }

    /// Skips so many numbers.
    pub(crate) fn burn(&mut self, numbers: u64) {
        self.burnt = self.accepted + numbers;
    }

    pub(crate) fn slot_of(&self, id: HoldId) -> Option<HoldSlot> {
        self.index.find(&id, |slot| self.records.get(slot).id == id).map(HoldSlot)
    }

    pub(crate) fn find(&self, id: HoldId) -> Option<&Hold> {
        self.slot_of(id).map(|slot| self.get(slot))
    }

    /// Accepts the next hold.
    pub(crate) fn accept(&mut self, hold: Hold) -> HoldSlot {
        assert!(hold.id.0 > self.accepted, "holds are numbered in the order of acceptance");
        self.accepted = hold.id.0;
        self.insert(hold)
    }

    /// Stores a hold that was accepted before, from a snapshot.
    pub(crate) fn insert(&mut self, hold: Hold) -> HoldSlot {
        let id = hold.id;
        let slot = self.records.insert(hold);
        let records = &self.records;
        self.index.insert(&id, slot, |other| &records.get(other).id);
        HoldSlot(slot)
    }

    pub(crate) fn remove(&mut self, slot: HoldSlot) -> Hold {
        let hold = self.records.remove(slot.0);
        self.index.remove(&hold.id, slot.0);
        hold
    }

    pub(crate) fn get(&self, slot: HoldSlot) -> &Hold {
        self.records.get(slot.0)
    }

    pub(crate) fn get_mut(&mut self, slot: HoldSlot) -> &mut Hold {
        self.records.get_mut(slot.0)
    }

    /// All holds, in no meaningful order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (HoldSlot, &Hold)> {
        self.records.iter().map(|(slot, hold)| (HoldSlot(slot), hold))
    }

    /// Records and keys, which are as many.
    pub(crate) fn lengths(&self) -> (usize, usize) {
        (self.records.len(), self.index.len())
    }
}
