//! Begin to refund an order or some of its seats. The seats stay sold until the provider has agreed (I2).

use smallvec::smallvec;

use super::Events;
use crate::rejection::require_holder;
use crate::{BuyerId, Event, OrderId, OrderStateName, Rejection, SeatIndex, SeatList, Seats, State};

pub(super) fn decide(
    state: &State,
    asked_by: Option<&BuyerId>,
    id: OrderId,
    seats: &Seats,
) -> Result<Events, Rejection> {
    let order = state.orders.find(id).ok_or(Rejection::OrderNotFound)?;
    if let Some(asked_by) = asked_by {
        require_holder(&state.buyers.get(order.buyer).name, asked_by)?;
    }
    if order.state != OrderStateName::Paid {
        return Err(Rejection::OrderState(order.state));
    }
    let is_foreign = |seat: &SeatIndex| !order.seats_left.contains(seat);
    let foreign: SeatList = seats.iter().copied().filter(is_foreign).collect();
    if !foreign.is_empty() {
        return Err(Rejection::SeatNotInOrder(foreign));
    }
    let seats = if seats.is_empty() { order.seats_left.clone() } else { seats.clone() };
    let amount_minor = state.price_of(&seats)?;
    let refund = state.orders.next_refund_id();
    Ok(smallvec![Event::RefundBegun { refund, order: id, seats, amount_minor }])
}

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, seats};
    use crate::{Action, Event, Limits, OrderId, OrderStateName, RefundId, Rejection, SeatIndex, SeatStatus};

    fn refund(asked_by: Option<&str>, order: u64, named: &[u32]) -> Action {
        Action::BeginRefund { asked_by: asked_by.map(Into::into), order: OrderId(order), seats: seats(named) }
    }

    #[test]
    fn gives_back_what_the_seats_cost_and_keeps_them_sold() {
        let mut stage = Stage::new(Limits::default());
        let order = stage.buy("ann", &[1, 2, 3]);
        let (refund_id, seats_back) = (RefundId(1), seats(&[3, 1]));
        let event = Event::RefundBegun { refund: refund_id, order, seats: seats_back, amount_minor: 200 };
        assert_eq!(stage.must(refund(Some("ann"), 1, &[3, 1])), [event]);
        assert_eq!(stage.state.seat_status(SeatIndex(3)), Some(SeatStatus::Sold));
        let refunding = Rejection::OrderState(OrderStateName::Refunding);
        assert_eq!(stage.act(refund(Some("ann"), 1, &[2])), Err(refunding));
    }

    #[test]
    fn no_seats_means_all_that_are_left() {
        let mut stage = Stage::new(Limits::default());
        stage.buy("ann", &[1, 2, 3]);
        stage.must(refund(None, 1, &[2]));
        stage.must(Action::CompleteRefund { refund: RefundId(1) });
        stage.must(refund(None, 1, &[]));
        assert_eq!(stage.state.refund(RefundId(2)).map(|refund| refund.seats), Some(&*seats(&[1, 3])));
    }

    #[test]
    fn is_for_the_buyer_of_a_paid_order() {
        let mut stage = Stage::new(Limits::default());
        assert_eq!(stage.act(refund(None, 1, &[])), Err(Rejection::OrderNotFound));
        stage.begin_payment("ann", &[1]);
        assert_eq!(stage.act(refund(None, 1, &[])), Err(Rejection::OrderState(OrderStateName::Paying)));
        stage.must(Action::ConfirmPayment { order: OrderId(1) });
        assert_eq!(stage.act(refund(Some("ben"), 1, &[])), Err(Rejection::NotHolder));
        let foreign = Rejection::SeatNotInOrder(smallvec::smallvec![SeatIndex(2)]);
        assert_eq!(stage.act(refund(Some("ann"), 1, &[1, 2])), Err(foreign));
    }
}
