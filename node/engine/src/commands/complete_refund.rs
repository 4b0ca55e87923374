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

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, offers, refund_all, seats};
    use crate::{Action, Limits, OrderStateName, RefundBy, RefundId, Rejection, SeatIndex, SeatStatus};

    #[test]
    fn frees_and_offers_the_seats() {
        let mut stage = Stage::new(Limits::default());
        let order = stage.buy("ann", &[1, 2]);
        stage.wait("ben", 1);
        let by = RefundBy::Admin { fee_minor: 0 };
        stage.must(Action::BeginRefund {
            by: by.clone(),
            order,
            seats: seats(&[1]),
            note: "".into(),
            to_account: false,
        });
        let complete = |refund| Action::CompleteRefund { refund: RefundId(refund) };
        assert_eq!(offers(&stage.must(complete(1))), [("ben", 1)]);
        let view = stage.state.order(order).expect("it is kept");
        assert_eq!(
            (view.state, view.refunded_minor, view.seats_left),
            (OrderStateName::Paid, 100, &*seats(&[2]))
        );
        stage.must(refund_all(by, 1));
        stage.must(complete(2));
        let view = stage.state.order(order).expect("it is kept");
        assert_eq!((view.state, view.refunded_minor), (OrderStateName::Refunded, 200));
        assert_eq!(stage.state.seat_status(SeatIndex(2)), Some(SeatStatus::Free));
        assert_eq!(stage.act(complete(2)), Err(Rejection::OrderState(OrderStateName::Refunded)));
        assert_eq!(stage.act(complete(3)), Err(Rejection::RefundNotFound));
    }
}
