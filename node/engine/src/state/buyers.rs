//! Buyers as the engine knows them: a record for whoever has a hold, an order or a place in a waitlist, and no longer.

use smallvec::SmallVec;

use super::holds::HoldSlot;
use super::key_index::KeyIndex;
use super::slab::Slab;
use crate::{BuyerId, SeatIndex};

/// A buyer's record, so that holds and waitlists store four bytes rather than a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BuyerSlot(pub(crate) u32);

/// What the engine remembers of a buyer.
#[derive(Clone, Debug)]
pub(crate) struct Buyer {
    pub(crate) name: BuyerId,
    /// Seats held, being paid or bought.
    pub(crate) claims: u32,
    /// Orders of any state that name the buyer: they keep the record.
    pub(crate) orders: u32,
    pub(crate) holds: SmallVec<[HoldSlot; 4]>,
    /// At most `waitlist_entries_per_buyer_max`, so it is searched by a scan.
    pub(crate) waits: Vec<Wait>,
}

/// A buyer's place in the waitlist of a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) seat: SeatIndex,
    /// Where in the waitlist: see [`super::waitlist::Waitlist`].
    pub(crate) ticket: u64,
}

impl Buyer {
    pub(crate) fn wait_of(&self, seat: SeatIndex) -> Option<Wait> {
        self.waits.iter().find(|wait| wait.seat == seat).copied()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Buyers {
    records: Slab<Buyer>,
    index: KeyIndex,
}

impl Buyers {
    pub(crate) fn new(seed: u64) -> Self {
        Self { records: Slab::new(), index: KeyIndex::new(seed) }
    }

    pub(crate) fn slot_of(&self, name: &BuyerId) -> Option<BuyerSlot> {
        self.index.find(name, |slot| self.records.get(slot).name == *name).map(BuyerSlot)
    }

    pub(crate) fn find(&self, name: &BuyerId) -> Option<&Buyer> {
        self.slot_of(name).map(|slot| self.get(slot))
    }

    /// Seats that the buyer has held, being paid or bought.
    pub(crate) fn claims_of(&self, name: &BuyerId) -> u32 {
        self.find(name).map_or(0, |buyer| buyer.claims)
    }

    /// The record of `name`, made if there is none.
    pub(crate) fn intern(&mut self, name: &BuyerId) -> BuyerSlot {
        if let Some(slot) = self.slot_of(name) {
            return slot;
        }
        let name = name.clone();
        let slot = self.records.insert(Buyer {
            name,
            claims: 0,
            orders: 0,
            holds: SmallVec::new(),
            waits: Vec::new(),
        });
        let records = &self.records;
        self.index.insert(&records.get(slot).name, slot, |other| &records.get(other).name);
        BuyerSlot(slot)
    }

    /// Forgets the buyer if nothing refers to them any more.
    pub(crate) fn forget_unused(&mut self, slot: BuyerSlot) {
        let buyer = self.get(slot);
        if buyer.holds.is_empty() && buyer.orders == 0 && buyer.waits.is_empty() {
            assert_eq!(buyer.claims, 0, "claims come from holds and orders, and there are none");
            let forgotten = self.records.remove(slot.0);
            self.index.remove(&forgotten.name, slot.0);
        }
    }

    pub(crate) fn get(&self, slot: BuyerSlot) -> &Buyer {
        self.records.get(slot.0)
    }

    pub(crate) fn get_mut(&mut self, slot: BuyerSlot) -> &mut Buyer {
        self.records.get_mut(slot.0)
    }

    /// All records, in no meaningful order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (BuyerSlot, &Buyer)> {
        self.records.iter().map(|(slot, buyer)| (BuyerSlot(slot), buyer))
    }

    /// Records and keys, which are as many.
    pub(crate) fn lengths(&self) -> (usize, usize) {
        (self.records.len(), self.index.len())
    }

    /// The record of a slot that may be vacant: for checks.
    pub(crate) fn find_slot(&self, slot: BuyerSlot) -> Option<&Buyer> {
        self.records.find(slot.0)
    }
}
