//! Joining and leaving waitlists: a seat's queue and a buyer's tickets change together.

use super::State;
use super::buyers::{BuyerSlot, Wait};
use super::waitlist::Waitlist;
use crate::{BuyerId, SeatIndex};

/// The waitlists of all seats. A seat without waiters pays one pointer.
#[derive(Clone, Debug)]
pub(crate) struct Waitlists {
    by_seat: Box<[Option<Box<Waitlist>>]>,
    waiters: u32,
}

impl Waitlists {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { by_seat: vec![None; capacity].into_boxed_slice(), waiters: 0 }
    }

    pub(crate) fn find(&self, seat: SeatIndex) -> Option<&Waitlist> {
        self.by_seat.get(seat.as_usize())?.as_deref()
    }

    /// Waiters of all seats together.
    pub(crate) fn waiters(&self) -> u32 {
        self.waiters
    }

    /// The waitlists that have waiters, by seat.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SeatIndex, &Waitlist)> {
        (0..)
            .map(SeatIndex)
            .zip(&self.by_seat)
            .filter_map(|(seat, waitlist)| Some((seat, waitlist.as_deref()?)))
    }
}

impl State {
    /// Queues the buyer, and returns their place, counted from 1.
    pub(crate) fn join_waitlist(&mut self, seat: SeatIndex, name: &BuyerId) -> u32 {
        let slot = self.buyers.intern(name);
        let waitlist = self.waitlists.by_seat[seat.as_usize()].get_or_insert_default();
        let ticket = waitlist.push(slot);
        self.waitlists.waiters += 1;
        let buyer = self.buyers.get_mut(slot);
        assert!(buyer.wait_of(seat).is_none(), "a buyer waits once for a seat");
        buyer.waits.push(Wait { seat, ticket });
        waitlist.len()
    }

    /// Takes the buyer out of the queue. Their record stays, even if nothing else refers to it.
    pub(crate) fn leave_waitlist(&mut self, seat: SeatIndex, slot: BuyerSlot) {
        let waits = &mut self.buyers.get_mut(slot).waits;
        let place = waits.iter().position(|wait| wait.seat == seat).expect("who leaves a waitlist is in it");
        let Wait { ticket, .. } = waits.swap_remove(place);
        let home = &mut self.waitlists.by_seat[seat.as_usize()];
        let waitlist = home.as_deref_mut().expect("a seat with waiters has a waitlist");
        waitlist.remove(ticket);
        self.waitlists.waiters -= 1;
        if waitlist.len() == 0 {
            *home = None;
        } else if waitlist.needs_compaction() {
            let buyers = &mut self.buyers;
            waitlist.compact(|waiter, ticket| {
                let wait = buyers.get_mut(waiter).waits.iter_mut().find(|wait| wait.seat == seat);
                wait.expect("a live ticket is its buyer's").ticket = ticket;
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Stage;
    use crate::{Action, Limits, SeatIndex};

    /// Enough leave for their places to be renumbered, more than once; everybody else keeps theirs.
    #[test]
    fn positions_survive_a_renumbering() {
        let mut stage = Stage::new(Limits::default());
        stage.hold("ann", &[1]);
        let names: Vec<String> = (0..400).map(|number| format!("waiter-{number}")).collect();
        names.iter().for_each(|name| stage.wait(name, 1));
        let (stayed, left): (Vec<_>, Vec<_>) = (0..).zip(&names).partition(|(number, _)| number % 10 == 0);
        for (_, name) in left {
            stage.must(Action::LeaveWaitlist { buyer: name.as_str().into(), seat: SeatIndex(1) });
        }
        assert_eq!(stage.state.waiter_count(SeatIndex(1)), 40);
        for (place, (_, name)) in (1..).zip(stayed) {
            let position = stage.state.waitlist_position(&name.as_str().into(), SeatIndex(1));
            assert_eq!(position, Some(place), "{name}");
        }
    }
}
