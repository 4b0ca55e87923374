//! Freeing seats and offering them to their waiters: one decision, so that nobody slips in between.
//!
//! ```text
//!  cause: Released | Expired | PaymentDeclined(freed) | Refunded | Unblocked
//!    │
//!    ├─ for each freed seat, ascending:                         offer it to its first eligible waiter
//!    └─ for each FREE seat that the former owner waits for:     the same, since they may be eligible again
//! ```
//!
//! A waiter is eligible while they have fewer seats than `seats_per_buyer_max`. Waiters who are not are passed over and
//! keep their place. Between entries, therefore, nobody who waits for a free seat is eligible (I7).

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::smallvec;

use crate::commands::Events;
use crate::state::buyers::BuyerSlot;
use crate::{Event, SeatIndex, Seats, State, Timestamp};

/// The events of `cause`, which frees `freed`, and of the offers that follow from it. `former` had the seats; nobody had
/// them if they were blocked.
pub(crate) fn free_and_offer(
    state: &State,
    now: Timestamp,
    cause: Event,
    freed: &[SeatIndex],
    former: Option<BuyerSlot>,
) -> Events {
    let mut promotion = Promotion {
        state,
        deadline: now.plus(state.settings.limits.offer_ttl_ms.min(state.settings.limits.hold_total_ms_max)),
        former: former.map(|slot| (slot, freed.len() as u32)),
        offered: HashMap::with_hasher(FixedState::with_seed(0)),
        events: smallvec![cause],
    };
    if state.waitlists.waiters() == 0 {
        return promotion.events;
    }
    promotion.offer_all(Seats::from_slice(freed));
    if let Some(slot) = former {
        let waits = state.buyers.get(slot).waits.iter().map(|wait| wait.seat);
        // The freed seats are not among these: until now they were claimed by the buyer themselves.
        promotion.offer_all(waits.filter(|&seat| state.seats.is_free(seat)).collect());
    }
    promotion.events
}

/// The state as the events so far leave it, where it differs from `state`: nothing else that decides an offer changes,
/// since each seat is offered once.
struct Promotion<'s> {
    state: &'s State,
    deadline: Timestamp,
    /// Who had the freed seats, and how many these are.
    former: Option<(BuyerSlot, u32)>,
    /// Seats offered to each buyer so far.
    offered: HashMap<BuyerSlot, u32, FixedState>,
    events: Events,
}

impl Promotion<'_> {
    fn offer_all(&mut self, mut seats: Seats) {
        seats.sort_unstable();
        for seat in seats {
            let Some(waitlist) = self.state.waitlists.find(seat) else { continue };
            // Reads at most `waiters_per_seat_max` records, and usually one.
            let Some(slot) = waitlist.iter().find(|&slot| self.is_eligible(slot)) else { continue };
            self.offer(seat, slot);
        }
    }

    fn is_eligible(&self, slot: BuyerSlot) -> bool {
        let freed = self.former.map_or(0, |(former, count)| if former == slot { count } else { 0 });
        let offered = self.offered.get(&slot).copied().unwrap_or(0);
        self.state.buyers.get(slot).claims - freed + offered < self.state.settings.limits.seats_per_buyer_max
    }

    fn offer(&mut self, seat: SeatIndex, slot: BuyerSlot) {
        // Every event after the cause is an offer, so their number is the number of holds accepted by this entry.
        let hold = self.state.holds.next_id(self.events.len() as u64 - 1);
        let buyer = self.state.buyers.get(slot).name.clone();
        self.events.push(Event::Offered { hold, buyer, seat, deadline: self.deadline });
        *self.offered.entry(slot).or_insert(0) += 1;
    }
}
