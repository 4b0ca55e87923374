//! The provider has paid a refund: its seats are free.

use super::Events;
use crate::promote::free_and_offer;
use crate::state::orders::{Order, Refund};
use crate::{Event, RefundId, RefundState, Rejection, State, Timestamp};

pub(super) fn decide(state: &State, now: Timestamp, id: RefundId) -> Result<Events, Rejection> {
    let (refund, order) = pending_refund(state, id)?;
    let refunded = Event::Refunded { refund: id, order: refund.order };
    Ok(free_and_offer(state, now, refunded, &refund.seats, Some(order.buyer)))
}

/// The refund and its order, if the provider has not answered yet.
pub(super) fn pending_refund(state: &State, id: RefundId) -> Result<(&Refund, &Order), Rejection> {
    let refund = state.orders.find_refund(id).ok_or(Rejection::RefundNotFound)?;
    let order = state.orders.find(refund.order).expect("a refund is of an order");
    match refund.state {
        RefundState::Pending => Ok((refund, order)),
        RefundState::Completed | RefundState::Failed(_) => Err(Rejection::OrderState(order.state)),
    }
}
