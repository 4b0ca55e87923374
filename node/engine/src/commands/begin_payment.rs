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
