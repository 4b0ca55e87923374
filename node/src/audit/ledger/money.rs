//! What the orders and refunds of a journal add up to.

use earlybird_engine::OrderStateName;

use super::Ledger;
use super::orders::{Order, RefundOutcome};
use crate::audit::report::MoneySum;

impl Ledger {
    /// The money that moved.
    pub(in crate::audit) fn money(&self) -> MoneySum {
        // What the bank took back was never there.
        let captured = |order: &Order| order.amount_minor.saturating_sub(order.reverted_minor);
        let is_charged = |order: &&Order| {
            let is_open = matches!(order.state, OrderStateName::Paying | OrderStateName::Declined);
            !is_open && captured(order) > 0
        };
        let charged = self.orders.iter().filter(is_charged);
        let completed = self.refunds.iter().filter(|refund| refund.outcome == RefundOutcome::Completed);
        MoneySum {
            currency_code: self.settings.currency.to_string(),
            payments: charged.clone().count() as u64,
            captured_minor: sum(charged.map(captured)),
            refunded_minor: sum(completed.map(|refund| refund.amount_minor)),
        }
    }
}

/// A journal that was tampered with may have amounts beyond all bounds.
fn sum(amounts: impl Iterator<Item = i64>) -> i64 {
    amounts.fold(0, i64::saturating_add)
}
