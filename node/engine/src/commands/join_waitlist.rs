//! Queue for a seat.

use smallvec::smallvec;

use super::Events;
use crate::state::seats::Claim;
use crate::{BuyerId, Event, Grade, LimitKind, Limits, Rejection, SeatIndex, State, Timestamp};

pub(super) fn decide(
    state: &State,
    now: Timestamp,
    name: &BuyerId,
    grade: Option<&Grade>,
    seat: SeatIndex,
) -> Result<Events, Rejection> {
    if !state.settings.open_phase(now, grade)?.waitlist_open {
        return Err(Rejection::WaitlistNotOpen);
    }
    let limits = &state.settings.limits;
    let slot = state.buyers.slot_of(name);
    let buyer = slot.map(|slot| state.buyers.get(slot));
    let holder = match state.seats.claim(seat) {
        // Who has as many seats as they may cannot hold it, but may wait until they can.
        Claim::Free if buyer.map_or(0, |buyer| buyer.claims) < limits.seats_per_buyer_max => {
            return Err(Rejection::SeatFree);
        }
        Claim::Free => None,
        Claim::Blocked => return Err(Rejection::SeatBlocked(smallvec![seat])),
        Claim::Held(hold) | Claim::Paying(hold) => Some(state.holds.get(hold).buyer),
        Claim::Sold(order) => state.orders.find(order.into()).map(|order| order.buyer),
    };
    if holder.is_some() && holder == slot {
        return Err(Rejection::AlreadyHolder);
    }
    if buyer.is_some_and(|buyer| buyer.wait_of(seat).is_some()) {
        return Err(Rejection::AlreadyWaiting);
    }
    check_limits(limits, buyer.map_or(0, |buyer| buyer.waits.len()), state.waiter_count(seat))?;
    Ok(smallvec![Event::WaitlistJoined { seat, buyer: name.clone() }])
}

fn check_limits(limits: &Limits, waits_of_buyer: usize, waiters_of_seat: u32) -> Result<(), Rejection> {
    if waits_of_buyer >= limits.waitlist_entries_per_buyer_max as usize {
        let max = u64::from(limits.waitlist_entries_per_buyer_max);
        return Err(Rejection::LimitReached { limit: LimitKind::WaitlistEntriesPerBuyer, max });
    }
    if waiters_of_seat >= limits.waiters_per_seat_max {
        let max = u64::from(limits.waiters_per_seat_max);
        return Err(Rejection::LimitReached { limit: LimitKind::WaitersPerSeat, max });
    }
    Ok(())
}
