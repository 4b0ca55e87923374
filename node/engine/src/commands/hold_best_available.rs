//! Hold the best seats that are free together.

use smallvec::smallvec;

use super::Events;
use super::hold::{held, require_room};
use crate::best_available::{Wish, choose};
use crate::{BuyerId, Grade, Rejection, State, Timestamp};

pub(super) fn decide(
    state: &State,
    now: Timestamp,
    buyer: &BuyerId,
    grade: Option<&Grade>,
    wish: &Wish,
) -> Result<Events, Rejection> {
    state.settings.open_phase(now, grade)?;
    let free = state.seats.free_map().free_count(wish.category, wish.zone);
    if free < wish.count {
        return Err(Rejection::NotEnoughSeats { free });
    }
    // Before the search, which is the dear part. Enough free seats always make a choice, so the order does not show.
    require_room(state, buyer, wish.count)?;
    let choice = choose(state, wish).ok_or(Rejection::NotEnoughSeats { free })?;
    Ok(smallvec![held(state, now, buyer, choice.seats, Some(choice.together))])
}
