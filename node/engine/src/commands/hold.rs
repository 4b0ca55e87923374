//! Hold seats that the buyer chose.

use smallvec::smallvec;

use super::Events;
use crate::state::seats::Claim;
use crate::{BuyerId, Event, Grade, LimitKind, Rejection, SeatIndex, SeatList, Seats, State, Timestamp};

pub(super) fn decide(
    state: &State,
    now: Timestamp,
    buyer: &BuyerId,
    grade: Option<&Grade>,
    seats: &Seats,
) -> Result<Events, Rejection> {
    state.settings.open_phase(now, grade)?;
    require_free(state, seats)?;
    require_room(state, buyer, seats.len() as u32)?;
    Ok(smallvec![held(state, now, buyer, seats.clone(), None)])
}

/// The event of a new hold of free seats.
pub(super) fn held(
    state: &State,
    now: Timestamp,
    buyer: &BuyerId,
    seats: Seats,
    together: Option<bool>,
) -> Event {
    let limits = &state.settings.limits;
    let deadline = now.plus(limits.hold_ttl_ms.min(limits.hold_total_ms_max));
    Event::Held { hold: state.holds.next_id(0), buyer: buyer.clone(), seats, deadline, together }
}

/// The buyer may claim so many seats more.
pub(super) fn require_room(state: &State, buyer: &BuyerId, more: u32) -> Result<(), Rejection> {
    let max = state.settings.limits.seats_per_buyer_max;
    if state.buyers.claims_of(buyer).saturating_add(more) > max {
        return Err(Rejection::LimitReached { limit: LimitKind::SeatsPerBuyer, max: u64::from(max) });
    }
    Ok(())
}

/// Names all seats that are taken, or else all that are blocked.
fn require_free(state: &State, seats: &[SeatIndex]) -> Result<(), Rejection> {
    if seats.iter().all(|&seat| state.seats.is_free(seat)) {
        return Ok(());
    }
    let claimed = |is_wanted: fn(Claim) -> bool| -> SeatList {
        seats.iter().copied().filter(|&seat| is_wanted(state.seats.claim(seat))).collect()
    };
    let taken = claimed(|claim| !matches!(claim, Claim::Free | Claim::Blocked));
    if !taken.is_empty() {
        return Err(Rejection::SeatTaken(taken));
    }
    Err(Rejection::SeatBlocked(claimed(|claim| claim == Claim::Blocked)))
}
