//! Take free seats out of the sale, all or nothing.

use smallvec::smallvec;

use super::Events;
use crate::{Event, Rejection, SeatIndex, SeatList, Seats, State};

pub(super) fn decide(state: &State, seats: &Seats) -> Result<Events, Rejection> {
    let is_claimed = |seat: &SeatIndex| !state.seats.is_free(*seat);
    let claimed: SeatList = seats.iter().copied().filter(is_claimed).collect();
    if !claimed.is_empty() {
        return Err(Rejection::SeatNotFree(claimed));
    }
    Ok(smallvec![Event::Blocked { seats: seats.clone() }])
}
