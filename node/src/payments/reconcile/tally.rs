//! The provider's transactions of a window, summed for each payment.

use std::collections::HashMap;

use super::ReconcileError;
use crate::payments::{Direction, PaymentName, Payments, Transaction, Window};

/// Transactions of one page.
const PAGE_TRANSACTIONS: usize = 1_000;
/// Payments compared at once: about 200 bytes each.
const PAYMENTS_MAX: usize = 1_000_000;

/// What moved for one payment, in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) currency: String,
    pub(super) captured_minor: i64,
    pub(super) cancelled_minor: i64,
}

/// All of them, by payment.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    by_payment: HashMap<PaymentName, Tally>,
    captured_minor: i128,
    cancelled_minor: i128,
}

impl Tally {
    pub(super) fn balance_minor(&self) -> i64 {
        self.captured_minor.saturating_sub(self.cancelled_minor)
    }
}

impl Tallies {
    pub(super) fn len(&self) -> usize {
        self.by_payment.len()
    }

    /// Captured and given back.
    pub(super) fn sums(&self) -> (i128, i128) {
        (self.captured_minor, self.cancelled_minor)
    }

    /// Takes the tally of a payment away: whoever took it answers for it.
    pub(super) fn take(&mut self, payment: &PaymentName) -> Option<Tally> {
        self.by_payment.remove(payment)
    }

    /// Those that nobody took.
    pub(super) fn rest(self) -> impl Iterator<Item = (PaymentName, Tally)> {
        self.by_payment.into_iter()
    }

    fn add(&mut self, transaction: Transaction) {
        let Transaction { payment, direction, amount_minor, currency, .. } = transaction;
        let tally = self.by_payment.entry(payment).or_default();
        tally.currency = currency;
        let (sum, all) = match direction {
            Direction::Captured => (&mut tally.captured_minor, &mut self.captured_minor),
            Direction::Cancelled => (&mut tally.cancelled_minor, &mut self.cancelled_minor),
        };
        *sum = sum.saturating_add(amount_minor);
        *all += i128::from(amount_minor);
    }
}

impl Payments {
    /// What moved in the window.
    pub(super) async fn tallies(&self, window: Window) -> Result<Tallies, ReconcileError> {
        let mut tallies = Tallies::default();
        let mut after: Option<String> = None;
        loop {
            let call = self.gateway.transactions(window, after.as_deref(), PAGE_TRANSACTIONS);
            let page = self.permitted(call).await?;
            let is_last = page.len() < PAGE_TRANSACTIONS;
            let last = page.last().map(|transaction| transaction.transaction_key.clone());
            // The provider's times are to the second, so its window is a little wider.
            let is_inside = |transaction: &Transaction| (window.from..window.to).contains(&transaction.at);
            page.into_iter().filter(is_inside).for_each(|transaction| tallies.add(transaction));
            if tallies.len() > PAYMENTS_MAX {
                return Err(ReconcileError::TooMany(PAYMENTS_MAX));
            }
            if is_last || last.is_none() || last == after {
                return Ok(tallies);
            }
            after = last;
        }
    }
}

#[cfg(test)]
mod tests {
    use earlybird_engine::Timestamp;

    use super::*;

    fn payment(order_reference: &str, payment_key: &str) -> PaymentName {
        PaymentName { order_reference: order_reference.into(), payment_key: payment_key.into() }
    }

    #[test]
    fn movements_of_a_payment_add_up() {
        let mut tallies = Tallies::default();
        for (reference, key, direction, amount_minor) in [
            ("order", "a", Direction::Captured, 1_000),
            ("order", "b", Direction::Captured, 400),
            ("order", "a", Direction::Cancelled, 300),
            ("other", "a", Direction::Captured, 100),
            ("order", "a", Direction::Cancelled, 200),
        ] {
            tallies.add(Transaction {
                transaction_key: "t".into(),
                payment: payment(reference, key),
                direction,
                amount_minor,
                currency: "KRW".into(),
                at: Timestamp(1),
            });
        }
        assert_eq!((tallies.len(), tallies.sums()), (3, (1_500, 500)));
        let tally = tallies.take(&payment("order", "a")).expect("it moved");
        assert_eq!((tally.captured_minor, tally.cancelled_minor, tally.balance_minor()), (1_000, 500, 500));
        assert_eq!(tallies.take(&payment("order", "a")), None);
        assert_eq!(tallies.rest().count(), 2);
    }
}
