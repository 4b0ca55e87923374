//! The waitlist of one seat.
//!
//! ```text
//!  tickets   7   8   9  10  11  12        first_ticket = 7
//!  entries  [a] [b] [c] [d] [e] [f]       a queue by ticket
//!  live      1   0   1   1   0   1        one bit each; b and e have left
//! ```
//!
//! A buyer keeps their ticket. Leaving clears a bit: O(1). A position is a count of bits: one machine word for every 64
//! tickets, and no look at the entries. Dead tickets are trimmed from the front, and the rest are renumbered when they
//! are most of the queue.

use std::collections::VecDeque;

use super::buyers::BuyerSlot;

/// Buyers in the order in which they joined.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waitlist {
    first_ticket: u64,
    entries: VecDeque<BuyerSlot>,
    /// Bit `t % 64` of word `t / 64 - first_ticket / 64` tells whether ticket `t` still waits.
    live: VecDeque<u64>,
    live_count: u32,
}

/// A queue with fewer dead tickets is not worth renumbering.
const DEAD_MIN_TO_COMPACT: usize = 64;

impl Waitlist {
    /// Waiters.
    pub(crate) fn len(&self) -> u32 {
        self.live_count
    }

    /// Adds a buyer at the end and returns their ticket.
    pub(crate) fn push(&mut self, buyer: BuyerSlot) -> u64 {
        let ticket = self.first_ticket + self.entries.len() as u64;
        self.entries.push_back(buyer);
        if self.word_of(ticket) == self.live.len() {
            self.live.push_back(0);
        }
        let word = self.word_of(ticket);
        self.live[word] |= 1 << (ticket % 64);
        self.live_count += 1;
        ticket
    }

    /// Takes a live ticket out.
    pub(crate) fn remove(&mut self, ticket: u64) {
        assert!(self.is_live(ticket), "a buyer's ticket is live until they leave by it");
        let word = self.word_of(ticket);
        self.live[word] &= !(1 << (ticket % 64));
        self.live_count -= 1;
        self.trim();
    }

    /// Place of a live ticket, counted from 1.
    pub(crate) fn position(&self, ticket: u64) -> u32 {
        let word = self.word_of(ticket);
        let before: u32 = self.live.iter().take(word).map(|bits| bits.count_ones()).sum();
        let up_to = self.live[word] & (u64::MAX >> (63 - ticket % 64));
        before + up_to.count_ones()
    }

    /// The waiters, first first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = BuyerSlot> {
        self.live_tickets().map(|ticket| self.entries[self.entry_of(ticket)])
    }

    pub(crate) fn is_live(&self, ticket: u64) -> bool {
        let known = ticket >= self.first_ticket && ticket < self.first_ticket + self.entries.len() as u64;
        known && self.live[self.word_of(ticket)] >> (ticket % 64) & 1 == 1
    }

    /// The waiter of a ticket, if it is live: for checks.
    pub(crate) fn buyer_of(&self, ticket: u64) -> Option<BuyerSlot> {
        self.is_live(ticket).then(|| self.entries[self.entry_of(ticket)])
    }

    pub(crate) fn needs_compaction(&self) -> bool {
        let dead = self.entries.len() - self.live_count as usize;
        dead > DEAD_MIN_TO_COMPACT && dead > self.entries.len() / 2
    }

    /// Renumbers the live tickets without gaps, and tells each waiter the new one. Costs as much as the leavings that
    /// made it necessary.
    pub(crate) fn compact(&mut self, mut renumber: impl FnMut(BuyerSlot, u64)) {
        let mut compacted = Self::default();
        for buyer in self.iter() {
            renumber(buyer, compacted.push(buyer));
        }
        *self = compacted;
    }

    fn live_tickets(&self) -> impl Iterator<Item = u64> {
        let first_word_ticket = self.first_ticket / 64 * 64;
        self.live.iter().enumerate().flat_map(move |(word, &bits)| {
            let mut left = bits;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| u64::from(left.trailing_zeros()))?;
                left &= left - 1;
                Some(first_word_ticket + word as u64 * 64 + bit)
            })
        })
    }

    fn trim(&mut self) {
        while !self.entries.is_empty() && !self.is_live(self.first_ticket) {
            self.entries.pop_front();
            self.first_ticket += 1;
            if self.first_ticket.is_multiple_of(64) {
                self.live.pop_front();
            }
        }
    }

    fn word_of(&self, ticket: u64) -> usize {
        (ticket / 64 - self.first_ticket / 64) as usize
    }

    fn entry_of(&self, ticket: u64) -> usize {
        (ticket - self.first_ticket) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joins and leaves in a fixed pseudo-random order, beside a plain list.
    #[test]
    fn agrees_with_a_plain_list() {
        let mut waitlist = Waitlist::default();
        let mut plain: Vec<(BuyerSlot, u64)> = Vec::new();
        let mut compactions = 0;
        for step in 0..20_000_u32 {
            let random = step.wrapping_mul(2_654_435_761).rotate_left(13);
            let grows = step / 2_000 % 2 == 0;
            if plain.is_empty() || (random % 8 < if grows { 6 } else { 2 }) {
                plain.push((BuyerSlot(step), waitlist.push(BuyerSlot(step))));
            } else {
                let (_, ticket) = plain.remove(random as usize / 8 % plain.len());
                waitlist.remove(ticket);
            }
            if waitlist.needs_compaction() {
                compactions += 1;
                waitlist.compact(|buyer, ticket| {
                    plain.iter_mut().find(|(name, _)| *name == buyer).expect("it waits").1 = ticket;
                });
            }
            assert_eq!(waitlist.len() as usize, plain.len());
            if let Some(place) = (random as usize).checked_rem(plain.len()) {
                assert_eq!(waitlist.position(plain[place].1) as usize, place + 1);
                assert_eq!(waitlist.buyer_of(plain[place].1), Some(plain[place].0));
            }
            if step % 64 == 0 {
                assert!(waitlist.iter().eq(plain.iter().map(|(buyer, _)| *buyer)));
            }
        }
        assert!(compactions > 3, "only {compactions} compactions were tried");
    }

    #[test]
    fn an_emptied_queue_starts_again() {
        let mut waitlist = Waitlist::default();
        for round in 0..200 {
            let ticket = waitlist.push(BuyerSlot(round));
            assert_eq!(waitlist.position(ticket), 1);
            waitlist.remove(ticket);
            assert_eq!((waitlist.len(), waitlist.entries.len()), (0, 0));
            assert!(waitlist.live.len() <= 1);
        }
    }
}
