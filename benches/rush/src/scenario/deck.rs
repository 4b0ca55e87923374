//! The seats of one session of a loop: some are kept by a holder for the whole run, the others change hands.

use std::collections::VecDeque;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::seats_of;
use crate::ids::Seat;

/// Share of the seats that are kept, where a loop both holds and is refused.
const KEPT_SHARE: f64 = 0.5;

/// What is to be asked for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// A seat that somebody keeps: it will be refused.
    Kept(Seat),
    /// A seat that is free.
    Free(Seat),
}

/// The seats of a session.
pub(super) struct Deck {
    kept: Vec<Seat>,
    free: VecDeque<Seat>,
    reject_share: f64,
    rng: SmallRng,
}

impl Deck {
    /// The seats of session `index` of `sessions`, in a house of `capacity`.
    pub(super) fn new(index: usize, sessions: usize, capacity: u32, reject_share: f64) -> Deck {
        let mut kept: Vec<Seat> = seats_of(index, sessions, capacity).collect();
        let keep = match reject_share {
            share if share <= 0.0 => 0,
            share if share >= 1.0 => kept.len(),
            _ => (kept.len() as f64 * KEPT_SHARE).ceil() as usize,
        };
        let free = kept.split_off(keep).into();
        Deck { kept, free, reject_share, rng: SmallRng::seed_from_u64(index as u64) }
    }

    /// The seats to be held before the run, and kept.
    pub(super) fn kept(&self) -> &[Seat] {
        &self.kept
    }

    /// What to ask for next; nothing when a free seat is due and none is at hand.
    pub(super) fn draw(&mut self) -> Option<Wish> {
        if self.rng.random_bool(self.reject_share) && !self.kept.is_empty() {
            let index = self.rng.random_range(0..self.kept.len());
            return Some(Wish::Kept(self.kept[index]));
        }
        self.free.pop_front().map(Wish::Free)
    }

    /// A seat is free again.
    pub(super) fn put_back(&mut self, seat: Seat) {
        self.free.push_back(seat);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn churn_keeps_nothing_and_reject_keeps_all() {
        let mut churn = Deck::new(1, 4, 12, 0.0);
        assert_eq!(churn.kept(), []);
        assert_eq!(churn.draw(), Some(Wish::Free(Seat(1))));
        let mut reject = Deck::new(0, 4, 12, 1.0);
        assert_eq!(reject.kept(), [Seat(0), Seat(4), Seat(8)]);
        assert!(matches!(reject.draw(), Some(Wish::Kept(_))));
    }

    #[test]
    fn a_mix_has_its_share() {
        let mut deck = Deck::new(0, 1, 100, 0.9);
        let mut kept = 0;
        for _ in 0..10_000 {
            match deck.draw() {
                Some(Wish::Kept(_)) => kept += 1,
                Some(Wish::Free(seat)) => deck.put_back(seat),
                None => {}
            }
        }
        assert!((8_900..9_100).contains(&kept), "{kept}");
    }

    #[test]
    fn a_seat_that_is_out_is_not_drawn_again() {
        let mut deck = Deck::new(0, 1, 1, 0.0);
        assert_eq!(deck.draw(), Some(Wish::Free(Seat(0))));
        assert_eq!(deck.draw(), None);
        deck.put_back(Seat(0));
        assert_eq!(deck.draw(), Some(Wish::Free(Seat(0))));
    }
}
