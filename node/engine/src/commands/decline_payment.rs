//! The provider has declined.

use smallvec::smallvec;

use super::Events;
use super::confirm_payment::paying_order;
use crate::promote::free_and_offer;
use crate::{Event, OrderId, Rejection, State, Timestamp};

/// The deadline of the hold stays what it was: the buyer has the time that is left, or none.
pub(super) fn decide(state: &State, now: Timestamp, id: OrderId, reason: &str) -> Result<Events, Rejection> {
    let order = paying_order(state, id)?;
    let hold = state.holds.find(order.hold).expect("an order in payment has its hold");
    let freed = now >= hold.deadline;
    let declined = Event::PaymentDeclined { order: id, reason: reason.into(), freed };
    if !freed {
        return Ok(smallvec![declined]);
    }
    Ok(free_and_offer(state, now, declined, &hold.seats, Some(hold.buyer)))
}
