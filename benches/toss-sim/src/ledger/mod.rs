//! What the provider has in its books: payments, and every movement of money. One file for each thing that changes them.
//!
//! *Invariant:* of a payment, what was captured less what went back is its balance, and it is never below 0; of the
//! payments of an order, one at most is captured.

mod cancel;
mod confirm;
mod deposit;
mod file;
mod query;
mod session;
#[cfg(test)]
mod testing;
mod totals;

use std::collections::VecDeque;
use std::path::Path;

use foldhash::HashMap;
use time::OffsetDateTime;

use crate::idempotency::KeptAnswer;
use crate::ids::{OrderId, PaymentKey, TransactionKey};
use crate::payment::{Cancel, CancelStatus, Payment, Status, Transaction};
use crate::time::shown;

pub use cancel::{CancelRequest, RefundAccount};
pub use confirm::ConfirmRequest;
pub use file::FileError;
pub use query::{PAGE_TRANSACTIONS_MAX, Window};
pub use session::Session;
pub use totals::{Line, Totals};

use file::{Entry, LedgerFile};

/// The books.
#[derive(Default)]
pub struct Ledger {
    payments: HashMap<PaymentKey, Payment>,
    /// The payment that an order is known by: the one that was captured or waits for its deposit, else the last.
    by_order: HashMap<OrderId, PaymentKey>,
    /// In the order in which they happened.
    transactions: Vec<Transaction>,
    /// Where a transaction is among them.
    positions: HashMap<TransactionKey, usize>,
    file: Option<LedgerFile>,
}

impl Ledger {
    /// Books that are kept in memory alone.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Books that are kept in a file as well: what it has is read, what comes is added. Returns the answers that were
    /// given under idempotency keys, too.
    ///
    /// # Errors
    /// The file cannot be read or written, or has a line that is none of its own.
    pub fn in_file(path: &Path) -> Result<(Self, VecDeque<KeptAnswer>), FileError> {
        let mut ledger = Self::default();
        let mut answers = VecDeque::new();
        let file = LedgerFile::open(path, |entry| match entry {
            Entry::Payment { payment, transaction } => {
                ledger.enter(*payment, transaction.map(|boxed| *boxed))
            }
            Entry::Answer(answer) => answers.push_back(answer),
        })?;
        ledger.file = Some(file);
        Ok((ledger, answers))
    }

    /// Puts an answer into the file, if there is one.
    pub fn keep_answer(&mut self, answer: &KeptAnswer) {
        if let Some(file) = &mut self.file {
            file.append(&Entry::Answer(answer.clone()));
        }
    }

    /// The payment of this key, as it is now.
    pub fn by_key(&mut self, key: &PaymentKey, now: OffsetDateTime, lives: &Lives) -> Option<&Payment> {
        self.lapse(key, now, lives);
        self.finish_cancels(key, now, lives);
        self.payments.get(key)
    }

    /// The payment of this order, as it is now.
    pub fn by_order(&mut self, order: &OrderId, now: OffsetDateTime, lives: &Lives) -> Option<&Payment> {
        let key = self.by_order.get(order)?.clone();
        self.by_key(&key, now, lives)
    }

    /// Every change goes through here: to the books and to the file.
    fn record(&mut self, payment: Payment, transaction: Option<Transaction>) -> &Payment {
        let key = payment.payment_key.clone();
        if let Some(file) = &mut self.file {
            let (payment, transaction) = (Box::new(payment.clone()), transaction.clone().map(Box::new));
            file.append(&Entry::Payment { payment, transaction });
        }
        self.enter(payment, transaction);
        &self.payments[&key]
    }

    fn enter(&mut self, payment: Payment, transaction: Option<Transaction>) {
        if let Some(transaction) = transaction {
            self.positions.insert(transaction.transaction_key.clone(), self.transactions.len());
            self.transactions.push(transaction);
        }
        let known = self.by_order.get(&payment.order_id).and_then(|key| self.payments.get(key));
        let is_settled = |known: &Payment| known.is_captured() || known.status == Status::WaitingForDeposit;
        if !known.is_some_and(|known| is_settled(known) && known.payment_key != payment.payment_key) {
            self.by_order.insert(payment.order_id.clone(), payment.payment_key.clone());
        }
        self.payments.insert(payment.payment_key.clone(), payment);
    }

    /// Money moved: `payment` is as it is afterwards.
    fn moved(&self, payment: &mut Payment, amount: i64, now: OffsetDateTime) -> Transaction {
        let key = TransactionKey::from(format!("txsim{:010}", self.transactions.len() + 1).as_str());
        payment.last_transaction_key = Some(key.clone());
        Transaction {
            m_id: payment.m_id.clone(),
            transaction_key: key,
            payment_key: payment.payment_key.clone(),
            order_id: payment.order_id.clone(),
            method: payment.method,
            use_escrow: false,
            status: payment.status,
            transaction_at: shown(now),
            currency: payment.currency.clone(),
            amount,
        }
    }

    /// Ends a payment whose time is over.
    fn lapse(&mut self, key: &PaymentKey, now: OffsetDateTime, lives: &Lives) {
        let Some(payment) = self.payments.get(key) else { return };
        let is_over = match payment.status {
            Status::Ready => now >= payment.requested_at + lives.authenticate_within,
            Status::InProgress => now >= payment.requested_at + lives.confirm_within,
            Status::WaitingForDeposit => {
                payment.virtual_account.as_ref().is_some_and(|account| now >= account.due_date)
            }
            _ => false,
        };
        if is_over {
            let mut payment = payment.clone();
            payment.status = Status::Expired;
            if let Some(account) = &mut payment.virtual_account {
                account.expired = true;
            }
            self.record(payment, None);
        }
    }

    /// Money that was on its way back for its time has arrived.
    fn finish_cancels(&mut self, key: &PaymentKey, now: OffsetDateTime, lives: &Lives) {
        let Some(payment) = self.payments.get(key) else { return };
        let is_over = |cancel: &Cancel| {
            cancel.cancel_status == CancelStatus::InProgress && now >= cancel.canceled_at + lives.cancel_takes
        };
        if payment.cancels.iter().flatten().any(is_over) {
            let mut payment = payment.clone();
            for cancel in payment.cancels.iter_mut().flatten().filter(|cancel| is_over(cancel)) {
                cancel.cancel_status = CancelStatus::Done;
            }
            self.record(payment, None);
        }
    }
}

/// How long a payment may stay as it is.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// From the window's opening to the buyer's authentication.
    pub authenticate_within: std::time::Duration,
    /// From there to the shop's confirmation.
    pub confirm_within: std::time::Duration,
    /// From there to the deposit, for a virtual account.
    pub deposit_within: std::time::Duration,
    /// From a refund to its arrival.
    pub cancel_takes: std::time::Duration,
}
