//! The books in short, for whoever compares them with others.

use serde::{Deserialize, Serialize};

use super::Ledger;
use crate::ids::{OrderId, PaymentKey};
use crate::payment::{Payment, Status};

/// Sums over payments. Amounts are in units of the currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Payments that were ever opened.
    pub payments: u64,
    /// Those whose money was captured, whether or not it went back.
    pub captured: u64,
    /// Those that were declined.
    pub aborted: u64,
    /// Those that nobody has confirmed, yet or in time.
    pub unconfirmed: u64,
    /// Those that wait for a deposit.
    pub waiting_for_deposit: u64,
    /// What was captured.
    pub captured_amount: i64,
    /// What of that went back.
    pub refunded_amount: i64,
    /// What of it is left.
    pub balance_amount: i64,
}

/// A payment in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The shop's name of the order.
    pub order_id: OrderId,
    /// The provider's name of the payment.
    pub payment_key: PaymentKey,
    /// Where it is in its life.
    pub status: Status,
    /// What was captured, in units of the currency.
    pub captured_amount: i64,
    /// What of that went back.
    pub refunded_amount: i64,
}

impl Totals {
    fn add(&mut self, payment: &Payment) {
        self.payments += 1;
        self.captured += u64::from(payment.is_captured());
        self.captured_amount += payment.captured_amount();
        self.refunded_amount += payment.refunded_amount();
        self.balance_amount = self.captured_amount - self.refunded_amount;
        match payment.status {
            Status::Aborted => self.aborted += 1,
            Status::Ready | Status::InProgress | Status::Expired => self.unconfirmed += 1,
            Status::WaitingForDeposit => self.waiting_for_deposit += 1,
            Status::Done | Status::Canceled | Status::PartialCanceled => {}
        }
    }
}

impl Ledger {
    /// The sums over all payments.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.payments.values().for_each(|payment| totals.add(payment));
        totals
    }

    /// All payments in short, by order and payment.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = self.payments.values().map(Line::from).collect();
        lines.sort_unstable_by(|a, b| (&a.order_id, &a.payment_key).cmp(&(&b.order_id, &b.payment_key)));
        lines
    }
}

impl From<&Payment> for Line {
    fn from(payment: &Payment) -> Self {
        Self {
            order_id: payment.order_id.clone(),
            payment_key: payment.payment_key.clone(),
            status: payment.status,
            captured_amount: payment.captured_amount(),
            refunded_amount: payment.refunded_amount(),
        }
    }
}
