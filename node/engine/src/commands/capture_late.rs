//! The provider has captured the money of an order that was declined: the same seats if they are to be had, else the
//! money goes back. One or the other is decided at once, and both show in the order (I3). It goes back, too, when the coupon
//! that it was priced with is not to be had any more: what was paid is not what the seats cost without it (I14).

use smallvec::smallvec;

use super::Events;
use super::begin_refund::refund;
use crate::state::orders::Order;
use crate::{Event, OrderId, OrderStateName, RefundQuote, RefundReason, Rejection, Seats, State, Timestamp};

pub(super) fn decide(
    state: &State,
    now: Timestamp,
    id: OrderId,
    has_coupon: bool,
) -> Result<Events, Rejection> {
    let order = state.orders.find(id).ok_or(Rejection::OrderNotFound)?;
    if order.state != OrderStateName::Declined {
        return Err(Rejection::OrderState(order.state));
    }
    if is_another_orders(state, id) {
        return Err(Rejection::OrderState(order.state));
    }
    if (has_coupon || order.coupon.is_none()) && are_seats_left(state, now, order) {
        return Ok(sell(state, id, order));
    }
    let quote = RefundQuote {
        seats: Seats::new(),
        paid_minor: order.amount_minor,
        fee_minor: 0,
        amount_minor: order.amount_minor,
        reason: RefundReason::LateCapture,
    };
    Ok(refund(state, now, id, order, quote, ""))
}

/// Whether the money is that of another order of the same hold. The provider has one payment for a key: when an order was
/// declined and the next was sent with the same key, what was captured is what the next one was paid with.
fn is_another_orders(state: &State, id: OrderId) -> bool {
    state.orders_of_payment(id).any(|twin| twin.order != id && twin.state != OrderStateName::Declined)
}

/// Whether nobody else has one of the seats: they are free, or the hold of the order lives on and is not used otherwise.
fn are_seats_left(state: &State, now: Timestamp, order: &Order) -> bool {
    if state.cancelled_at.is_some() {
        return false;
    }
    match state.holds.find(order.hold) {
        Some(hold) => hold.paying.is_none() && now < hold.deadline,
        None => order.seats.iter().all(|&seat| state.seats.is_free(seat)),
    }
}

/// The sale. Whoever waits for a free seat, since they had all seats that they may have, waits no more once it is theirs.
fn sell(state: &State, id: OrderId, order: &Order) -> Events {
    let mut events: Events = smallvec![Event::LateSold { order: id }];
    let buyer = state.buyers.get(order.buyer);
    let waits = order.seats.iter().filter(|&&seat| buyer.wait_of(seat).is_some());
    events.extend(waits.map(|&seat| Event::WaitlistLeft { seat, buyer: buyer.name.clone() }));
    events
}

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, hold};
    use crate::{
        Action, CouponUse, HoldId, Limits, Millis, OrderId, OrderStateName, RefundId, RefundReason, Rejection,
    };
    use crate::{SeatClaim, SeatIndex};

    const CAPTURE: Action = Action::CaptureLate { order: OrderId(1), has_coupon: false };

    /// Ann's payment for seats 1 and 2 was declined after so long.
    fn declined_after(limits: Limits, span_ms: u64) -> Stage {
        let mut stage = Stage::new(limits);
        stage.begin_payment("ann", &[1, 2]);
        stage.pass(Millis(span_ms));
        stage.must(Action::DeclinePayment { order: OrderId(1), reason: "no cover".into() });
        stage
    }

    #[track_caller]
    fn assert_sold(stage: &Stage) {
        let order = stage.state.order(OrderId(1)).expect("it is kept");
        assert_eq!(
            (order.state, order.captured_late, order.seats_left.len()),
            (OrderStateName::Paid, true, 2)
        );
        assert_eq!(stage.state.seat_claim(SeatIndex(2)), Some(SeatClaim::Order(OrderId(1))));
        assert_eq!(stage.state.counts().sold, 2);
    }

    #[track_caller]
    fn assert_refunding(stage: &Stage) {
        let order = stage.state.order(OrderId(1)).expect("it is kept");
        assert_eq!((order.state, order.captured_late), (OrderStateName::Refunding, true));
        let refund = stage.state.refunds_of(OrderId(1)).last().expect("it began");
        assert_eq!((refund.amount_minor, refund.seats.len()), (200, 0));
        assert_eq!(refund.reason, RefundReason::LateCapture);
    }

    #[test]
    fn sells_seats_that_are_free() {
        let mut stage = declined_after(Limits::default(), 600_000);
        stage.must(CAPTURE);
        assert_sold(&stage);
        assert_eq!(stage.act(CAPTURE), Err(Rejection::OrderState(OrderStateName::Paid)));
    }

    #[test]
    fn sells_seats_that_the_hold_still_has() {
        let mut stage = declined_after(Limits::default(), 100);
        stage.must(CAPTURE);
        assert_sold(&stage);
        assert_eq!(stage.state.hold(HoldId(1)), None);
    }

    #[test]
    fn gives_the_money_back_when_somebody_else_has_a_seat() {
        let mut stage = declined_after(Limits::default(), 600_000);
        stage.must(hold("ben", &[2]));
        stage.must(CAPTURE);
        assert_refunding(&stage);
        stage.must(Action::CompleteRefund { refund: RefundId(1) });
        let order = stage.state.order(OrderId(1)).expect("it is kept");
        assert_eq!((order.state, order.refunded_minor), (OrderStateName::Refunded, 200));
        assert_eq!(stage.act(CAPTURE), Err(Rejection::OrderState(OrderStateName::Refunded)));
    }

    /// I5: the seats of a lapsed hold are on their way to somebody else.
    #[test]
    fn gives_the_money_back_when_the_hold_has_lapsed_or_is_paid_again() {
        let mut stage = declined_after(Limits::default(), 100);
        stage.pass(Millis(600_000));
        stage.must(CAPTURE);
        assert_refunding(&stage);
        let mut stage = paid_again_with("another key");
        stage.must(CAPTURE);
        assert_refunding(&stage);
    }

    /// Two orders sent with one key are one payment at the provider: giving back the first's would take the second's.
    #[test]
    fn leaves_the_money_of_another_order_alone() {
        let mut stage = paid_again_with("key");
        assert_eq!(stage.act(CAPTURE), Err(Rejection::OrderState(OrderStateName::Declined)));
        stage.must(Action::ConfirmPayment { order: OrderId(2) });
        assert_eq!(stage.act(CAPTURE), Err(Rejection::OrderState(OrderStateName::Declined)));
    }

    /// The money of the first is on its way back when the second is sent with its key: it pays nothing.
    #[test]
    fn money_that_goes_back_pays_no_other_order() {
        let mut stage = declined_after(Limits::default(), 100);
        pay_again(&mut stage, "another key");
        stage.must(CAPTURE);
        assert!(!stage.state.is_payment_returned(OrderId(2)));
        stage.must(Action::DeclinePayment { order: OrderId(2), reason: "no cover".into() });
        pay_again(&mut stage, "key");
        assert!(stage.state.is_payment_returned(OrderId(3)));
        let of_key: Vec<_> = stage.state.orders_of_payment(OrderId(3)).map(|order| order.order).collect();
        assert_eq!(of_key, [OrderId(1), OrderId(3)]);
        stage.must(Action::CompleteRefund { refund: RefundId(1) });
        assert!(stage.state.is_payment_returned(OrderId(3)));
    }

    fn paid_again_with(payment_key: &str) -> Stage {
        let mut stage = declined_after(Limits::default(), 100);
        pay_again(&mut stage, payment_key);
        stage
    }

    fn pay_again(stage: &mut Stage, payment_key: &str) {
        stage.must(Action::BeginPayment {
            buyer: "ann".into(),
            hold: HoldId(1),
            amount_minor: 200,
            payment_key: payment_key.into(),
            coupon: None,
        });
    }

    /// I14.
    #[test]
    fn gives_the_money_back_when_the_coupon_is_gone() {
        for has_coupon in [false, true] {
            let mut stage = Stage::new(Limits::default());
            let hold = stage.hold("ann", &[1, 2]);
            stage.must(Action::BeginPayment {
                buyer: "ann".into(),
                hold,
                amount_minor: 150,
                payment_key: "key".into(),
                coupon: Some(CouponUse { coupon: "c-1".into(), discount_minor: 50 }),
            });
            stage.must(Action::DeclinePayment { order: OrderId(1), reason: "no cover".into() });
            stage.must(Action::CaptureLate { order: OrderId(1), has_coupon });
            let order = stage.state.order(OrderId(1)).expect("it is kept");
            let state = if has_coupon { OrderStateName::Paid } else { OrderStateName::Refunding };
            assert_eq!((order.state, order.captured_late), (state, true));
            let refund = stage.state.refunds_of(OrderId(1)).last().map(|refund| refund.amount_minor);
            assert_eq!(refund, (!has_coupon).then_some(150));
        }
    }

    #[test]
    fn may_be_tried_again_when_the_provider_refuses() {
        let mut stage = declined_after(Limits::default(), 600_000);
        stage.must(hold("ben", &[2]));
        stage.must(CAPTURE);
        stage.must(Action::FailRefund { refund: RefundId(1), reason: "closed account".into() });
        assert_eq!(stage.state.order(OrderId(1)).map(|order| order.state), Some(OrderStateName::Declined));
        stage.must(CAPTURE);
        assert_refunding(&stage);
    }

    #[test]
    fn takes_a_buyer_out_of_the_queue_of_what_they_get() {
        let mut stage = declined_after(Limits { seats_per_buyer_max: 2, ..Limits::default() }, 600_000);
        stage.hold("ann", &[5, 6]);
        stage.wait("ann", 1);
        stage.must(CAPTURE);
        assert_sold(&stage);
        assert_eq!(stage.state.waiter_count(SeatIndex(1)), 0);
    }

    #[test]
    fn is_for_orders_that_were_declined() {
        let mut stage = Stage::new(Limits::default());
        assert_eq!(stage.act(CAPTURE), Err(Rejection::OrderNotFound));
        stage.begin_payment("ann", &[1]);
        assert_eq!(stage.act(CAPTURE), Err(Rejection::OrderState(OrderStateName::Paying)));
    }
}
