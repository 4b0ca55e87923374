//! Begin to pay a hold. It is not bound to a sale phase: who holds seats may pay for them.

use smallvec::smallvec;

use super::Events;
use super::release_hold::usable_hold;
use crate::state::holds::Hold;
use crate::{BuyerId, CouponUse, Event, HoldId, LimitKind, Rejection, State, Timestamp};

/// What the caller sends along with the hold.
pub(super) struct Payment<'c> {
    /// What the caller believes that it costs after the discount, in minor units.
    pub(super) amount_minor: i64,
    /// The provider's key for the payment.
    pub(super) payment_key: &'c str,
    /// The coupon that was reserved for it.
    pub(super) coupon: Option<&'c CouponUse>,
}

/// Where nothing is left to pay, there is nobody to ask: the seats are sold in the same entry.
pub(super) fn decide(
    state: &State,
    now: Timestamp,
    buyer: &BuyerId,
    id: HoldId,
    payment: &Payment<'_>,
) -> Result<Events, Rejection> {
    let hold = usable_hold(state, now, buyer, id)?;
    let amount_minor = amount_of(state, hold, payment)?;
    let max = state.settings.limits.payment_attempts_max;
    if hold.payments >= max {
        return Err(Rejection::LimitReached { limit: LimitKind::PaymentAttempts, max: u64::from(max) });
    }
    let (order, payment_key) = (state.orders.next_order_id(), payment.payment_key.into());
    let coupon = payment.coupon.cloned();
    let mut events = smallvec![Event::PaymentBegun { order, hold: id, amount_minor, payment_key, coupon }];
    if amount_minor == 0 {
        events.push(Event::PaymentConfirmed { order });
    }
    Ok(events)
}

/// Prices and discounts are the server's; a client's amount is only compared.
fn amount_of(state: &State, hold: &Hold, payment: &Payment<'_>) -> Result<i64, Rejection> {
    let price_minor = state.price_of(&hold.seats)?;
    let discount_minor = payment.coupon.map_or(0, |coupon| coupon.discount_minor);
    if !(0..=price_minor).contains(&discount_minor) {
        return Err(Rejection::InvalidDiscount { discount_minor, price_minor });
    }
    let expected_minor = price_minor - discount_minor;
    if payment.amount_minor != expected_minor {
        let currency = state.settings.currency.clone();
        return Err(Rejection::AmountMismatch { expected_minor, discount_minor, currency });
    }
    Ok(expected_minor)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, layout, settings};
    use crate::{Action, CouponUse, HoldId, LimitKind, Limits, Millis, OrderId, OrderStateName, Rejection};
    use crate::{SeatIndex, SeatStatus};

    fn pay(buyer: &str, hold: HoldId, amount_minor: i64) -> Action {
        Action::BeginPayment {
            buyer: buyer.into(),
            hold,
            amount_minor,
            payment_key: "key".into(),
            coupon: None,
        }
    }

    fn pay_with_coupon(hold: HoldId, amount_minor: i64, discount_minor: i64) -> Action {
        let coupon = Some(CouponUse { coupon: "c-1".into(), discount_minor });
        Action::BeginPayment { buyer: "ann".into(), hold, amount_minor, payment_key: "key".into(), coupon }
    }

    #[test]
    fn makes_an_order_of_what_the_seats_cost() {
        let mut stage = Stage::new(Limits::default());
        let hold = stage.hold("ann", &[1, 2]);
        stage.pass(Millis(599_999));
        stage.must(pay("ann", hold, 200));
        let order = stage.state.order(OrderId(1)).expect("it was made");
        assert_eq!((order.amount_minor, order.state, order.hold), (200, OrderStateName::Paying, hold));
        assert_eq!((order.seats, order.seats_left), (&[SeatIndex(1), SeatIndex(2)][..], &[][..]));
        assert_eq!(stage.state.seat_status(SeatIndex(2)), Some(SeatStatus::Paying));
        assert_eq!(stage.act(pay("ann", hold, 200)), Err(Rejection::PaymentInProgress(OrderId(1))));
    }

    #[test]
    fn only_compares_the_amount_of_the_client() {
        let mut stage = Stage::new(Limits::default());
        let hold = stage.hold("ann", &[1, 2]);
        let currency = "KRW".into();
        let mismatch = Rejection::AmountMismatch { expected_minor: 200, discount_minor: 0, currency };
        assert_eq!(stage.act(pay("ann", hold, 199)), Err(mismatch));
        assert_eq!(stage.act(pay("ben", hold, 200)), Err(Rejection::NotHolder));
        assert_eq!(stage.act(pay("ann", HoldId(2), 200)), Err(Rejection::HoldNotFound));
    }

    /// I4.
    #[test]
    fn is_too_late_at_the_deadline() {
        let mut stage = Stage::new(Limits::default());
        let hold = stage.hold("ann", &[1]);
        stage.pass(Millis(600_000));
        assert_eq!(stage.act(pay("ann", hold, 100)), Err(Rejection::HoldExpired));
    }

    #[test]
    fn knows_when_a_sum_is_too_large() {
        let mut settings = settings(Limits::default());
        settings.price_minor_by_category = vec![i64::MAX];
        let mut stage = Stage::with(layout(&[&[10]]), settings);
        let hold = stage.hold("ann", &[1, 2]);
        assert_eq!(stage.act(pay("ann", hold, 0)), Err(Rejection::AmountOverflow));
    }

    #[test]
    fn takes_the_discount_off_the_price() {
        let mut stage = Stage::new(Limits::default());
        let hold = stage.hold("ann", &[1, 2]);
        let currency = "KRW".into();
        let mismatch = Rejection::AmountMismatch { expected_minor: 150, discount_minor: 50, currency };
        assert_eq!(stage.act(pay_with_coupon(hold, 200, 50)), Err(mismatch));
        for wrong in [-1, 201, i64::MIN, i64::MAX] {
            let invalid = Rejection::InvalidDiscount { discount_minor: wrong, price_minor: 200 };
            assert_eq!(stage.act(pay_with_coupon(hold, 0, wrong)), Err(invalid));
        }
        stage.must(pay_with_coupon(hold, 150, 50));
        let order = stage.state.order(OrderId(1)).expect("it was made");
        assert_eq!(order.coupon.map(|coupon| (&*coupon.coupon, coupon.discount_minor)), Some(("c-1", 50)));
        assert_eq!((order.amount_minor, order.state), (150, OrderStateName::Paying));
    }

    #[test]
    fn sells_at_once_where_nothing_is_left_to_pay() {
        let mut stage = Stage::new(Limits::default());
        let hold = stage.hold("ann", &[1, 2]);
        assert_eq!(stage.must(pay_with_coupon(hold, 0, 200)).len(), 2);
        let order = stage.state.order(OrderId(1)).expect("it was made");
        assert_eq!((order.amount_minor, order.state), (0, OrderStateName::Paid));
        assert_eq!(stage.state.seat_status(SeatIndex(2)), Some(SeatStatus::Sold));
    }

    /// I13: each declined payment leaves an order behind.
    #[test]
    fn is_limited_in_attempts() {
        let mut stage = Stage::new(Limits { payment_attempts_max: 2, ..Limits::default() });
        let hold = stage.hold("ann", &[1]);
        for order in [1, 2] {
            stage.must(pay("ann", hold, 100));
            stage.must(Action::DeclinePayment { order: OrderId(order), reason: "no cover".into() });
        }
        let reached = Rejection::LimitReached { limit: LimitKind::PaymentAttempts, max: 2 };
        assert_eq!(stage.act(pay("ann", hold, 100)), Err(reached));
    }
}
