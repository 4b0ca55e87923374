//! Which order a payment at the provider belongs to.

use earlybird_engine::OrderId;
use earlybird_persistence::{PerformanceId, StoreError};

use super::reference::{hold_of, order_reference};
use super::{PaymentName, Payments};

/// Orders that one payment key may have brought about and that are looked at. Every hold has its number among those of its
/// performance, so it takes as many performances or declined attempts to have more.
const ORDERS_MAX: usize = 1_000;

impl Payments {
    /// The order of a payment, by both of its names: buyers bring the keys, and one may bring another's or their own again,
    /// which must not hide the order that it belongs to. The newest, when a hold was paid again with a key that had been
    /// declined.
    pub(super) async fn order_of(
        &self,
        payment: &PaymentName,
    ) -> Result<Option<(PerformanceId, OrderId)>, StoreError> {
        let Some(hold) = hold_of(&payment.order_reference) else { return Ok(None) };
        let number = earlybird_persistence::HoldId(hold.0);
        let orders = self.store.orders_of_payment(&payment.payment_key, number, ORDERS_MAX).await?;
        let found = orders
            .into_iter()
            .find(|(performance, _)| order_reference(performance, hold) == payment.order_reference);
        Ok(found.map(|(performance, order)| (performance, OrderId(order.0))))
    }
}
