//! Put blocked seats back into the sale, all or nothing.

use super::Events;
use crate::promote::free_and_offer;
use crate::state::seats::Claim;
use crate::{Event, Rejection, SeatIndex, SeatList, Seats, State, Timestamp};

pub(super) fn decide(state: &State, now: Timestamp, seats: &Seats) -> Result<Events, Rejection> {
    let is_not_blocked = |seat: &SeatIndex| state.seats.claim(*seat) != Claim::Blocked;
    let others: SeatList = seats.iter().copied().filter(is_not_blocked).collect();
    if !others.is_empty() {
        return Err(Rejection::SeatNotBlocked(others));
    }
    Ok(free_and_offer(state, now, Event::Unblocked { seats: seats.clone() }, seats, None))
}
