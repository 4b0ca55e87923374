//! The deadline of a hold or an offer has come.

use super::Events;
use crate::promote::free_and_offer;
use crate::{Event, HoldId, Rejection, State, Timestamp};

pub(super) fn decide(state: &State, now: Timestamp, id: HoldId) -> Result<Events, Rejection> {
    let hold = state.holds.find(id).ok_or(Rejection::HoldNotFound)?;
    if let Some(order) = hold.paying {
        return Err(Rejection::PaymentInProgress(order.into()));
    }
    if now < hold.deadline {
        return Err(Rejection::NotDue);
    }
    Ok(free_and_offer(state, now, Event::Expired { hold: id }, &hold.seats, Some(hold.buyer)))
}
