//! Begin to pay a hold. It is not bound to a sale phase: who holds seats may pay for them.

use smallvec::smallvec;

use super::Events;
use super::release_hold::usable_hold;
use crate::{BuyerId, Event, HoldId, Rejection, State, Timestamp};

pub(super) fn decide(
    state: &State,
    now: Timestamp,
    buyer: &BuyerId,
    id: HoldId,
    amount_minor: i64,
    payment_key: &str,
) -> Result<Events, Rejection> {
    let hold = usable_hold(state, now, buyer, id)?;
    // Prices are the server's; a client's amount is only compared.
    let expected_minor = state.price_of(&hold.seats)?;
    if amount_minor != expected_minor {
        let currency = state.settings.currency.clone();
        return Err(Rejection::AmountMismatch { expected_minor, currency });
    }
    let order = state.orders.next_order_id();
    Ok(smallvec![Event::PaymentBegun { order, hold: id, amount_minor, payment_key: payment_key.into() }])
}

#[cfg(test)]
mod tests {
    use crate::testing::{Stage, layout, settings};
    use crate::{Action, HoldId, Limits, Millis, OrderId, OrderStateName, Rejection, SeatIndex, SeatStatus};

    fn pay(buyer: &str, hold: HoldId, amount_minor: i64) -> Action {
        Action::BeginPayment { buyer: buyer.into(), hold, amount_minor, payment_key: "key".into() }
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
        let mismatch = Rejection::AmountMismatch { expected_minor: 200, currency: "KRW".into() };
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
}
