//! The provider has captured the money.

use smallvec::smallvec;

use super::Events;
use super::begin_refund::refund;
use crate::state::orders::Order;
use crate::{Event, OrderId, OrderStateName, RefundQuote, RefundReason, Rejection, State, Timestamp};

/// The deadline plays no part: the payment began before it (I4), and only the provider ends it. Where the performance was
/// cancelled meanwhile, the money turns round in the same entry.
pub(super) fn decide(state: &State, now: Timestamp, id: OrderId) -> Result<Events, Rejection> {
    let order = paying_order(state, id)?;
    let mut events = smallvec![Event::PaymentConfirmed { order: id }];
    if state.cancelled_at.is_some() {
        let quote = RefundQuote {
            seats: order.seats.clone(),
            paid_minor: order.amount_minor,
            fee_minor: 0,
            amount_minor: order.amount_minor,
            reason: RefundReason::PerformanceCancelled,
        };
        events.extend(refund(state, now, id, order, quote, ""));
    }
    Ok(events)
}

/// The order, if its payment is in progress.
pub(super) fn paying_order(state: &State, id: OrderId) -> Result<&Order, Rejection> {
    let order = state.orders.find(id).ok_or(Rejection::OrderNotFound)?;
    match order.state {
        OrderStateName::Paying => Ok(order),
        other => Err(Rejection::OrderState(other)),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Stage;
    use crate::{Action, HoldId, Limits, Millis, OrderId, OrderStateName, Rejection, SeatClaim, SeatIndex};

    fn confirm(order: u64) -> Action {
        Action::ConfirmPayment { order: OrderId(order) }
    }

    #[test]
    fn sells_the_seats_however_late_the_answer_comes() {
        let mut stage = Stage::new(Limits::default());
        let order = stage.begin_payment("ann", &[1, 2]);
        stage.pass(Millis(10_000_000));
        stage.must(confirm(1));
        assert_eq!(stage.state.seat_claim(SeatIndex(2)), Some(SeatClaim::Order(order)));
        assert_eq!(stage.state.hold(HoldId(1)), None);
        let view = stage.state.order(order).expect("it was paid");
        assert_eq!(
            (view.state, view.paid_at, view.seats_left.len()),
            (OrderStateName::Paid, Some(stage.now), 2)
        );
        assert_eq!(stage.state.claims_of(&"ann".into()), 2);
    }

    #[test]
    fn comes_once() {
        let mut stage = Stage::new(Limits::default());
        assert_eq!(stage.act(confirm(1)), Err(Rejection::OrderNotFound));
        assert_eq!(stage.act(confirm(0)), Err(Rejection::OrderNotFound));
        stage.buy("ann", &[1]);
        assert_eq!(stage.act(confirm(1)), Err(Rejection::OrderState(OrderStateName::Paid)));
    }
}
