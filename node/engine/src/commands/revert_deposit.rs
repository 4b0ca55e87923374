//! The bank has taken a deposit back: the order is refunded with nothing, since nothing is there, and its seats are free.

use super::Events;
use super::begin_refund::refund;
use crate::{Event, OrderId, OrderStateName, RefundQuote, RefundReason, Rejection, State, Timestamp};

pub(super) fn decide(state: &State, now: Timestamp, id: OrderId, note: &str) -> Result<Events, Rejection> {
    let order = state.orders.find(id).ok_or(Rejection::OrderNotFound)?;
    if order.state != OrderStateName::Paid {
        return Err(Rejection::OrderState(order.state));
    }
    let quote = RefundQuote {
        seats: order.seats_left.clone(),
        paid_minor: 0,
        fee_minor: 0,
        amount_minor: 0,
        reason: RefundReason::DepositReverted,
    };
    let events = refund(state, now, id, order, quote, note);
    // I2: the seats leave the order by a refund and by nothing else.
    assert!(
        matches!(events.get(1), Some(Event::Refunded { .. })),
        "a refund of nothing is completed at once"
    );
    Ok(events)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, offers};
    use crate::{Action, Limits, OrderId, OrderStateName, RefundReason, Rejection, SeatIndex, SeatStatus};

    fn revert() -> Action {
        Action::RevertDeposit { order: OrderId(1), note: "recalled".into() }
    }

    #[test]
    fn frees_and_offers_the_seats_and_pays_nothing_back() {
        let mut stage = Stage::new(Limits::default());
        stage.buy("ann", &[1, 2]);
        stage.wait("ben", 2);
        assert_eq!(offers(&stage.must(revert())), [("ben", 2)]);
        let order = stage.state.order(OrderId(1)).expect("it is kept");
        assert_eq!((order.state, order.refunded_minor), (OrderStateName::Refunded, 0));
        let refund = stage.state.refunds_of(OrderId(1)).next().expect("it shows");
        assert_eq!((refund.reason, refund.note), (RefundReason::DepositReverted, "recalled"));
        assert_eq!(stage.state.seat_status(SeatIndex(1)), Some(SeatStatus::Free));
        assert_eq!(stage.act(revert()), Err(Rejection::OrderState(OrderStateName::Refunded)));
    }

    #[test]
    fn is_for_paid_orders() {
        let mut stage = Stage::new(Limits::default());
        assert_eq!(stage.act(revert()), Err(Rejection::OrderNotFound));
        stage.begin_payment("ann", &[1]);
        assert_eq!(stage.act(revert()), Err(Rejection::OrderState(OrderStateName::Paying)));
    }
}
