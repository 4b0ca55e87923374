//! What each seat is claimed for, and everything that is counted by it.

use super::free_map::FreeMap;
use super::holds::HoldSlot;
use super::orders::OrderSlot;
use crate::{Counts, Layout, SeatIndex, SeatStatus};

/// The one claim on a seat (I1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Free,
    Held(HoldSlot),
    Paying(HoldSlot),
    Sold(OrderSlot),
    Blocked,
}

impl Claim {
    pub(crate) fn status(self) -> SeatStatus {
        match self {
            Self::Free => SeatStatus::Free,
            Self::Held(_) => SeatStatus::Held,
            Self::Paying(_) => SeatStatus::Paying,
            Self::Sold(_) => SeatStatus::Sold,
            Self::Blocked => SeatStatus::Blocked,
        }
    }
}

/// Claims by seat; the only place that changes one, so that counts and the free map always agree (I11).
#[derive(Clone, Debug)]
pub(crate) struct SeatTable {
    claims: Box<[Claim]>,
    counts: [u32; SeatStatus::KINDS],
    free_map: FreeMap,
}

impl SeatTable {
    /// All seats free.
    pub(crate) fn new(layout: &Layout) -> Self {
        let mut counts = [0; SeatStatus::KINDS];
        counts[SeatStatus::Free as usize] = layout.seats.len() as u32;
        let claims = vec![Claim::Free; layout.seats.len()].into_boxed_slice();
        Self { claims, counts, free_map: FreeMap::new(layout) }
    }

    pub(crate) fn claim(&self, seat: SeatIndex) -> Claim {
        self.claims[seat.as_usize()]
    }

    pub(crate) fn find(&self, seat: SeatIndex) -> Option<Claim> {
        self.claims.get(seat.as_usize()).copied()
    }

    pub(crate) fn is_free(&self, seat: SeatIndex) -> bool {
        self.claim(seat) == Claim::Free
    }

    pub(crate) fn set(&mut self, seat: SeatIndex, claim: Claim) {
        let place = &mut self.claims[seat.as_usize()];
        let (old, new) = (place.status(), claim.status());
        *place = claim;
        self.counts[old as usize] -= 1;
        self.counts[new as usize] += 1;
        match (old == SeatStatus::Free, new == SeatStatus::Free) {
            (true, false) => self.free_map.take(seat),
            (false, true) => self.free_map.give_back(seat),
            _ => {}
        }
    }

    pub(crate) fn free_map(&self) -> &FreeMap {
        &self.free_map
    }

    pub(crate) fn capacity(&self) -> u32 {
        self.claims.len() as u32
    }

    pub(crate) fn counts(&self, waiters: u32) -> Counts {
        let [free, held, paying, sold, blocked] = self.counts;
        Counts { free, held, paying, sold, blocked, waiters }
    }

    /// All claims, by seat.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SeatIndex, Claim)> {
        (0..).map(SeatIndex).zip(self.claims.iter().copied())
    }
}
