//! An order beside the provider's record of its payment: do they say the same?

use std::fmt;

use earlybird_engine::OrderStateName;

use super::reference::REVERSION_MARK;
use super::{PaymentName, PaymentRecord, PaymentState};

/// What our side says of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OrderFacts {
    pub(super) payment: PaymentName,
    pub(super) state: OrderStateName,
    pub(super) amount_minor: i64,
    pub(super) refunded_minor: i64,
    pub(super) currency: String,
    /// Whether it was paid, or is to be paid, into a virtual account.
    pub(super) is_deposit: bool,
    /// Whether the bank took the deposit back: then nothing of the payment is ours.
    pub(super) is_reverted: bool,
}

/// What the two sides say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The same; or the settlement that is under way will make it so.
    Agree,
    /// Something else.
    Differ(Difference),
}

/// How an order and the provider's record differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// In what way.
    pub kind: DifferenceKind,
    /// What our side says the provider has of the money, in minor units.
    pub ours_minor: i64,
    /// What the provider has of it, in minor units.
    pub theirs_minor: i64,
}

/// In what way an order and the provider's record differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DifferenceKind {
    /// Captured, and the order is still being paid: its settlement takes that up.
    Unsettled,
    /// Captured, and the order was declined: it gets its seats after all, or its money back.
    CapturedLate,
    /// Captured in another amount or currency than the declined order's, or some of it has gone back: the rest follows.
    CapturedOtherwise,
    /// The bank took the deposit of a paid order back: its seats are freed.
    DepositReverted,
    /// Captured, and there is no order.
    CapturedWithoutOrder,
    /// Paid here, and nothing was captured.
    OrderWithoutCapture,
    /// Another amount or another currency was captured than a paid order's.
    Amount,
    /// The provider gave back more than our side knows of.
    RefundUnknownToUs,
    /// Our side says that more was given back.
    RefundUnknownToProvider,
}

impl DifferenceKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unsettled,
        Self::CapturedLate,
        Self::CapturedOtherwise,
        Self::DepositReverted,
        Self::CapturedWithoutOrder,
        Self::OrderWithoutCapture,
        Self::Amount,
        Self::RefundUnknownToUs,
        Self::RefundUnknownToProvider,
    ];

    /// Its name in reports and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsettled => "UNSETTLED",
            Self::CapturedLate => "CAPTURED_LATE",
            Self::CapturedOtherwise => "CAPTURED_OTHERWISE",
            Self::DepositReverted => "DEPOSIT_REVERTED",
            Self::CapturedWithoutOrder => "CAPTURED_WITHOUT_ORDER",
            Self::OrderWithoutCapture => "ORDER_WITHOUT_CAPTURE",
            Self::Amount => "AMOUNT",
            Self::RefundUnknownToUs => "REFUND_UNKNOWN_TO_US",
            Self::RefundUnknownToProvider => "REFUND_UNKNOWN_TO_PROVIDER",
        }
    }

    /// Whether the node can set it right by itself. The others need somebody who finds out which side is wrong.
    #[must_use]
    pub fn is_repairable(self) -> bool {
        matches!(self, Self::Unsettled | Self::CapturedLate | Self::CapturedOtherwise | Self::DepositReverted)
    }
}

impl fmt::Display for DifferenceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl OrderFacts {
    /// What the provider should have of the money, in minor units.
    fn balance_minor(&self) -> i64 {
        match self.state {
            OrderStateName::Paying | OrderStateName::Declined => 0,
            _ if self.is_reverted => 0,
            OrderStateName::Paid | OrderStateName::Refunding | OrderStateName::Refunded => {
                self.amount_minor.saturating_sub(self.refunded_minor)
            }
        }
    }

    /// Compares it with the provider's record; none when the provider never heard of the payment.
    pub(super) fn compare(&self, record: Option<&PaymentRecord>) -> Verdict {
        let record = record.filter(|record| record.payment == self.payment);
        let theirs_minor = match record {
            Some(record) if record.state == PaymentState::Captured => record.balance_minor,
            _ => 0,
        };
        let differ =
            |kind| Verdict::Differ(Difference { kind, ours_minor: self.balance_minor(), theirs_minor });
        let is_captured = theirs_minor > 0;
        match self.state {
            OrderStateName::Paying if is_captured => differ(DifferenceKind::Unsettled),
            OrderStateName::Declined if record.is_some_and(|record| self.is_all_captured(record)) => {
                differ(DifferenceKind::CapturedLate)
            }
            // No late sale may take another sum for the seats.
            OrderStateName::Declined if is_captured => differ(DifferenceKind::CapturedOtherwise),
            OrderStateName::Paying | OrderStateName::Declined => Verdict::Agree,
            // Nothing was charged, so there is no record. A refund that is under way is for its settlement.
            _ if self.amount_minor == 0 || self.state == OrderStateName::Refunding => Verdict::Agree,
            OrderStateName::Paid | OrderStateName::Refunded | OrderStateName::Refunding => {
                self.compare_paid(record, theirs_minor).map_or(Verdict::Agree, differ)
            }
        }
    }

    /// Compares an order that was paid.
    fn compare_paid(&self, record: Option<&PaymentRecord>, theirs_minor: i64) -> Option<DifferenceKind> {
        let is_paid = self.state == OrderStateName::Paid;
        match record {
            Some(PaymentRecord { state: PaymentState::AwaitingDeposit(_), .. }) if is_paid => {
                Some(DifferenceKind::DepositReverted)
            }
            Some(record) if is_paid && self.is_deposit && is_closed_empty(record) => {
                Some(DifferenceKind::DepositReverted)
            }
            Some(PaymentRecord { state: PaymentState::Captured | PaymentState::Cancelled, .. }) => {
                self.compare_captured(record?, theirs_minor)
            }
            _ if self.is_reverted => None,
            _ => Some(DifferenceKind::OrderWithoutCapture),
        }
    }

    /// Whether the provider has captured what the order costs, and has all of it.
    pub(super) fn is_all_captured(&self, record: &PaymentRecord) -> bool {
        record.is_all_of(self.amount_minor, &self.currency)
    }

    fn is_of_amount(&self, record: &PaymentRecord) -> bool {
        record.amount_minor == self.amount_minor && record.currency == self.currency
    }

    fn compare_captured(&self, record: &PaymentRecord, theirs_minor: i64) -> Option<DifferenceKind> {
        if !self.is_of_amount(record) {
            return Some(DifferenceKind::Amount);
        }
        match theirs_minor.cmp(&self.balance_minor()) {
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Less => Some(DifferenceKind::RefundUnknownToUs),
            std::cmp::Ordering::Greater => Some(DifferenceKind::RefundUnknownToProvider),
        }
    }
}

/// Whether nothing is in a virtual account, and nothing can be paid into it: its time was over, or we have closed it, after
/// the bank had taken the deposit back.
fn is_closed_empty(record: &PaymentRecord) -> bool {
    match record.state {
        PaymentState::Dead(_) => true,
        PaymentState::Cancelled => record.cancels.iter().all(|cancel| cancel.reason == REVERSION_MARK),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payments::{CancelRecord, CancelState, Deposit};

    fn facts(state: OrderStateName, refunded_minor: i64) -> OrderFacts {
        OrderFacts {
            payment: PaymentName { order_reference: "order-1".into(), payment_key: "key".into() },
            state,
            amount_minor: 1_000,
            refunded_minor,
            currency: "KRW".into(),
            is_deposit: false,
            is_reverted: false,
        }
    }

    fn record(state: PaymentState, balance_minor: i64) -> PaymentRecord {
        PaymentRecord {
            payment: facts(OrderStateName::Paid, 0).payment,
            state,
            amount_minor: 1_000,
            balance_minor,
            currency: "KRW".into(),
            cancels: Vec::new(),
        }
    }

    fn awaiting() -> PaymentRecord {
        let (bank_code, account_number, secret) = Default::default();
        record(
            PaymentState::AwaitingDeposit(Deposit { deadline: None, bank_code, account_number, secret }),
            1_000,
        )
    }

    #[track_caller]
    fn check(facts: &OrderFacts, record: impl Into<Option<PaymentRecord>>, expected: Option<DifferenceKind>) {
        let record = record.into();
        let found = match facts.compare(record.as_ref()) {
            Verdict::Agree => None,
            Verdict::Differ(difference) => Some(difference.kind),
        };
        assert_eq!(found, expected, "{facts:?} {record:?}");
    }

    #[test]
    fn orders_without_money_agree_unless_it_was_captured() {
        let captured = || Some(record(PaymentState::Captured, 1_000));
        for (state, kind, otherwise) in [
            (OrderStateName::Paying, DifferenceKind::Unsettled, DifferenceKind::Unsettled),
            (OrderStateName::Declined, DifferenceKind::CapturedLate, DifferenceKind::CapturedOtherwise),
        ] {
            check(&facts(state, 0), captured(), Some(kind));
            let more = PaymentRecord { amount_minor: 1_001, ..record(PaymentState::Captured, 1_001) };
            check(&facts(state, 0), more, Some(otherwise));
            let dollars = PaymentRecord { currency: "USD".into(), ..record(PaymentState::Captured, 1_000) };
            check(&facts(state, 0), dollars, Some(otherwise));
            // Some of it went back already.
            check(&facts(state, 0), Some(record(PaymentState::Captured, 400)), Some(otherwise));
            check(&facts(state, 0), None, None);
            check(&facts(state, 0), Some(record(PaymentState::Open, 1_000)), None);
            check(&facts(state, 0), Some(record(PaymentState::Cancelled, 0)), None);
            check(&facts(state, 0), Some(awaiting()), None);
        }
    }

    #[test]
    fn paid_orders_agree_to_the_last_unit() {
        let paid = |refunded_minor| facts(OrderStateName::Paid, refunded_minor);
        let captured = |balance_minor| Some(record(PaymentState::Captured, balance_minor));
        check(&paid(0), captured(1_000), None);
        check(&paid(300), captured(700), None);
        check(&paid(300), captured(1_000), Some(DifferenceKind::RefundUnknownToProvider));
        check(&paid(0), captured(999), Some(DifferenceKind::RefundUnknownToUs));
        check(&paid(0), Some(record(PaymentState::Cancelled, 0)), Some(DifferenceKind::RefundUnknownToUs));
        check(&paid(0), None, Some(DifferenceKind::OrderWithoutCapture));
        check(
            &paid(0),
            Some(record(PaymentState::Dead("EXPIRED".into()), 0)),
            Some(DifferenceKind::OrderWithoutCapture),
        );
        check(&paid(0), Some(awaiting()), Some(DifferenceKind::DepositReverted));
        let dollars = PaymentRecord { currency: "USD".into(), ..record(PaymentState::Captured, 1_000) };
        check(&paid(0), Some(dollars), Some(DifferenceKind::Amount));
        check(&OrderFacts { amount_minor: 0, ..paid(0) }, None, None);
    }

    #[test]
    fn refunded_orders_agree_when_nothing_is_left() {
        let refunded = facts(OrderStateName::Refunded, 1_000);
        check(&refunded, Some(record(PaymentState::Cancelled, 0)), None);
        check(
            &refunded,
            Some(record(PaymentState::Captured, 400)),
            Some(DifferenceKind::RefundUnknownToProvider),
        );
        // A fee was kept.
        let with_fee = facts(OrderStateName::Refunded, 900);
        check(&with_fee, Some(record(PaymentState::Captured, 100)), None);
    }

    #[test]
    fn a_reverted_deposit_is_nobodys_money_here() {
        let reverted = OrderFacts { is_reverted: true, ..facts(OrderStateName::Refunded, 0) };
        check(&reverted, Some(awaiting()), None);
        check(&reverted, Some(record(PaymentState::Dead("EXPIRED".into()), 0)), None);
        check(
            &reverted,
            Some(record(PaymentState::Captured, 1_000)),
            Some(DifferenceKind::RefundUnknownToProvider),
        );
    }

    /// The account is closed before the order is told, so a crash may come between the two.
    #[test]
    fn an_account_that_was_closed_after_the_bank_took_its_deposit_is_reverted() {
        let closed = |reason: &str| PaymentRecord {
            cancels: vec![CancelRecord {
                transaction_key: "t".into(),
                amount_minor: 1_000,
                reason: reason.into(),
                state: CancelState::Done,
            }],
            ..record(PaymentState::Cancelled, 0)
        };
        let paid = OrderFacts { is_deposit: true, ..facts(OrderStateName::Paid, 0) };
        check(&paid, closed(REVERSION_MARK), Some(DifferenceKind::DepositReverted));
        check(&paid, closed("by hand"), Some(DifferenceKind::RefundUnknownToUs));
        let expired = record(PaymentState::Dead("EXPIRED".into()), 0);
        check(&paid, expired, Some(DifferenceKind::DepositReverted));
        let reverted =
            OrderFacts { is_reverted: true, ..OrderFacts { state: OrderStateName::Refunded, ..paid } };
        check(&reverted, closed(REVERSION_MARK), None);
    }

    #[test]
    fn a_record_of_another_payment_is_none() {
        let mut other = record(PaymentState::Captured, 1_000);
        other.payment.payment_key = "another".into();
        check(&facts(OrderStateName::Declined, 0), Some(other), None);
    }
}
