//! The provider has captured the money.

use smallvec::smallvec;

use super::Events;
use crate::state::orders::Order;
use crate::{Event, OrderId, OrderStateName, Rejection, State};

/// The deadline plays no part: the payment began before it (I4), and only the provider ends it.
pub(super) fn decide(state: &State, id: OrderId) -> Result<Events, Rejection> {
    paying_order(state, id)?;
    Ok(smallvec![Event::PaymentConfirmed { order: id }])
}

/// The order, if its payment is in progress.
pub(super) fn paying_order(state: &State, id: OrderId) -> Result<&Order, Rejection> {
    let order = state.orders.find(id).ok_or(Rejection::OrderNotFound)?;
    match order.state {
        OrderStateName::Paying => Ok(order),
        other => Err(Rejection::OrderState(other)),
    }
}
