//! Begin to refund an order or some of its seats. The seats stay sold until the provider has agreed (I2).

use smallvec::smallvec;

use super::{Events, refund_account};
use crate::promote::free_and_offer;
use crate::state::orders::Order;
use crate::{Event, OrderId, RefundBy, RefundQuote, Rejection, SeatIndex, State, Timestamp};

/// What is wished.
pub(super) struct Wish<'a> {
    pub(super) by: &'a RefundBy,
    pub(super) seats: &'a [SeatIndex],
    pub(super) note: &'a str,
    pub(super) to_account: bool,
}

pub(super) fn decide(
    state: &State,
    now: Timestamp,
    id: OrderId,
    wish: &Wish<'_>,
) -> Result<Events, Rejection> {
    if let Some(events) = refund_account::given(state, id, wish)? {
        return Ok(events);
    }
    let quote = state.quote_refund(now, wish.by, id, wish.seats)?;
    let order = state.orders.find(id).ok_or(Rejection::OrderNotFound)?;
    refund_account::require(order, &quote, wish)?;
    Ok(refund(state, now, id, order, quote, wish.note))
}

/// The events of a refund. One of nothing needs nobody's word: it is completed in the same entry.
pub(super) fn refund(
    state: &State,
    now: Timestamp,
    id: OrderId,
    order: &Order,
    quote: RefundQuote,
    note: &str,
) -> Events {
    let RefundQuote { seats, paid_minor: _, fee_minor, amount_minor, reason } = quote;
    let refund = state.orders.next_refund_id();
    let completion = (amount_minor == 0).then(|| {
        let refunded = Event::Refunded { refund, order: id };
        free_and_offer(state, now, refunded, &seats, Some(order.buyer))
    });
    let note = note.into();
    let mut events: Events =
        smallvec![Event::RefundBegun { refund, order: id, seats, amount_minor, fee_minor, reason, note }];
    events.extend(completion.into_iter().flatten());
    events
}

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, layout, offers, refund_all, seats, settings};
    use crate::{Action, CouponUse, Event, Limits, Millis, OrderId, OrderStateName, RefundBy, RefundFee};
    use crate::{RefundId, RefundPolicy, RefundReason, Rejection, SeatIndex, SeatStatus, Timestamp};

    const ADMIN: RefundBy = RefundBy::Admin { fee_minor: 0 };

    fn refund(by: RefundBy, order: u64, named: &[u32]) -> Action {
        Action::BeginRefund {
            by,
            order: OrderId(order),
            seats: seats(named),
            note: "ill".into(),
            to_account: false,
        }
    }

    fn ann() -> RefundBy {
        RefundBy::Buyer("ann".into())
    }

    #[test]
    fn gives_back_what_the_seats_cost_and_keeps_them_sold() {
        let mut stage = Stage::new(Limits::default());
        let order = stage.buy("ann", &[1, 2, 3]);
        let event = Event::RefundBegun {
            refund: RefundId(1),
            order,
            seats: seats(&[3, 1]),
            amount_minor: 200,
            fee_minor: 0,
            reason: RefundReason::Buyer,
            note: "ill".into(),
        };
        assert_eq!(stage.must(refund(ann(), 1, &[3, 1])), [event]);
        assert_eq!(stage.state.seat_status(SeatIndex(3)), Some(SeatStatus::Sold));
        let refunding = Rejection::OrderState(OrderStateName::Refunding);
        assert_eq!(stage.act(refund(ann(), 1, &[2])), Err(refunding));
    }

    #[test]
    fn no_seats_means_all_that_are_left() {
        let mut stage = Stage::new(Limits::default());
        stage.buy("ann", &[1, 2, 3]);
        stage.must(refund(ADMIN, 1, &[2]));
        stage.must(Action::CompleteRefund { refund: RefundId(1) });
        stage.must(refund(ADMIN, 1, &[]));
        assert_eq!(stage.state.refund(RefundId(2)).map(|refund| refund.seats), Some(&*seats(&[1, 3])));
    }

    #[test]
    fn is_for_the_buyer_of_a_paid_order() {
        let mut stage = Stage::new(Limits::default());
        assert_eq!(stage.act(refund(ADMIN, 1, &[])), Err(Rejection::OrderNotFound));
        stage.begin_payment("ann", &[1]);
        assert_eq!(stage.act(refund(ADMIN, 1, &[])), Err(Rejection::OrderState(OrderStateName::Paying)));
        stage.must(Action::ConfirmPayment { order: OrderId(1) });
        assert_eq!(stage.act(refund(RefundBy::Buyer("ben".into()), 1, &[])), Err(Rejection::NotHolder));
        let foreign = Rejection::SeatNotInOrder(smallvec::smallvec![SeatIndex(2)]);
        assert_eq!(stage.act(refund(ann(), 1, &[1, 2])), Err(foreign));
        assert_eq!(stage.act(refund(RefundBy::Cancellation, 1, &[])), Err(Rejection::RefundNotAllowed));
    }

    /// Three seats of 100 for 200 in all, refunded one by one: the last unit is not lost.
    #[test]
    fn spreads_a_discount_over_the_seats_to_the_last_unit() {
        let mut stage = Stage::new(Limits::default());
        let hold = stage.hold("ann", &[1, 2, 3]);
        stage.must(Action::BeginPayment {
            buyer: "ann".into(),
            hold,
            amount_minor: 200,
            payment_key: "key".into(),
            coupon: Some(CouponUse { coupon: "c".into(), discount_minor: 100 }),
        });
        stage.must(Action::ConfirmPayment { order: OrderId(1) });
        let back = [1, 2, 3].map(|seat| {
            stage.must(refund(ann(), 1, &[seat]));
            stage.must(Action::CompleteRefund { refund: RefundId(seat.into()) });
            stage.state.refund(RefundId(seat.into())).map_or(0, |refund| refund.amount_minor)
        });
        assert_eq!(back, [67, 67, 66]);
    }

    fn with_policy(refunds: RefundPolicy) -> Stage {
        let mut settings = settings(Limits::default());
        settings.refunds = refunds;
        let mut stage = Stage::with(layout(&[&[10]]), settings);
        stage.buy("ann", &[1, 2]);
        stage
    }

    #[test]
    fn binds_buyers_to_the_policy_and_administrators_to_nothing() {
        let mut stage = with_policy(RefundPolicy { buyers_may_refund: false, ..RefundPolicy::default() });
        assert_eq!(stage.act(refund(ann(), 1, &[])), Err(Rejection::RefundNotAllowed));
        let closed_at = Timestamp(stage.now.0 + 10);
        let mut stage = with_policy(RefundPolicy { closes_at: Some(closed_at), ..RefundPolicy::default() });
        stage.pass(Millis(9));
        assert!(stage.decide(refund(ann(), 1, &[])).is_ok());
        stage.pass(Millis(1));
        let passed = Rejection::RefundDeadlinePassed { closed_at };
        assert_eq!(stage.act(refund(ann(), 1, &[])), Err(passed));
        for fee_minor in [-1, 201, i64::MIN] {
            let invalid = Rejection::InvalidFee { fee_minor, paid_minor: 200 };
            assert_eq!(stage.act(refund(RefundBy::Admin { fee_minor }, 1, &[])), Err(invalid));
        }
        stage.must(refund(RefundBy::Admin { fee_minor: 30 }, 1, &[]));
        assert_eq!(stage.state.refund(RefundId(1)).map(|refund| refund.amount_minor), Some(170));
    }

    #[test]
    fn keeps_the_fee_of_the_policy() {
        let fee = RefundFee::BasisPoints(1_500);
        let mut stage = with_policy(RefundPolicy { fee, ..RefundPolicy::default() });
        stage.must(refund(ann(), 1, &[2]));
        stage.must(Action::CompleteRefund { refund: RefundId(1) });
        let order = stage.state.order(OrderId(1)).expect("it is kept");
        assert_eq!((order.refunded_minor, order.fees_minor), (85, 15));
    }

    #[test]
    fn completes_a_refund_of_nothing_at_once() {
        let fee = RefundFee::PerSeatMinor(100);
        let mut stage = with_policy(RefundPolicy { fee, ..RefundPolicy::default() });
        stage.wait("ben", 2);
        assert_eq!(offers(&stage.must(refund_all(ann(), 1))), [("ben", 2)]);
        assert_eq!(stage.state.order(OrderId(1)).map(|order| order.state), Some(OrderStateName::Refunded));
        assert_eq!(stage.state.pending_refunds().count(), 0);
    }
}
