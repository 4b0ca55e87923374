//! Orders of a hold that were sent with one key, the later ones after the earlier were declined, are one payment at the
//! provider: whose is its money?

use earlybird_engine::{OrderId, OrderStateName};

use super::PaymentRecord;
use super::compare::OrderFacts;

/// The one that the provider's record is to be compared with: the one that has the money; else the one that is being paid;
/// else the newest of those that were declined and are of the captured sum; else the newest.
pub(super) fn owner(
    mut orders: Vec<(OrderId, OrderFacts)>,
    record: Option<&PaymentRecord>,
) -> Option<(OrderId, OrderFacts)> {
    let is_fit = |facts: &OrderFacts| record.is_some_and(|record| facts.is_all_captured(record));
    // The last of the highest, and so the newest.
    let best = (0..orders.len()).max_by_key(|&place| {
        let (_, facts) = &orders[place];
        match facts.state {
            OrderStateName::Paid | OrderStateName::Refunding | OrderStateName::Refunded => 3,
            OrderStateName::Paying => 2,
            OrderStateName::Declined => u8::from(is_fit(facts)),
        }
    })?;
    Some(orders.swap_remove(best))
}

#[cfg(test)]
mod tests {
    use OrderStateName::{Declined, Paid, Paying, Refunded, Refunding};

    use super::*;
    use crate::payments::{PaymentName, PaymentState};

    /// The orders are numbered from 1; the record is of 150.
    #[track_caller]
    fn check(orders: &[(OrderStateName, i64)], expected: u64) {
        let payment = PaymentName { order_reference: "order-1".into(), payment_key: "key".into() };
        let facts = |&(state, amount_minor): &(OrderStateName, i64)| OrderFacts {
            payment: payment.clone(),
            state,
            amount_minor,
            refunded_minor: 0,
            currency: "KRW".into(),
            is_deposit: false,
            is_reverted: false,
        };
        let record = PaymentRecord {
            payment: payment.clone(),
            state: PaymentState::Captured,
            amount_minor: 150,
            balance_minor: 150,
            currency: "KRW".into(),
            cancels: Vec::new(),
        };
        let orders = (1..).map(OrderId).zip(orders.iter().map(facts)).collect();
        assert_eq!(owner(orders, Some(&record)).map(|(order, _)| order), Some(OrderId(expected)));
    }

    #[test]
    fn the_money_is_whose_who_has_it_or_whose_sum_it_is() {
        check(&[(Declined, 200)], 1);
        check(&[(Declined, 150), (Declined, 200)], 1);
        check(&[(Declined, 150), (Declined, 150), (Declined, 200)], 2);
        check(&[(Declined, 200), (Declined, 300)], 2);
        check(&[(Declined, 150), (Paying, 200)], 2);
        for state in [Paid, Refunding, Refunded] {
            check(&[(state, 150), (Declined, 150)], 1);
            check(&[(state, 150), (Paying, 150)], 1);
        }
    }

    #[test]
    fn without_an_order_there_is_none() {
        assert_eq!(owner(Vec::new(), None), None);
    }
}
