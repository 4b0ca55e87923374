//! `GET /v1/transactions`: every movement of money in a window of time.

use time::OffsetDateTime;

use super::Ledger;
use crate::code::ErrorCode;
use crate::ids::TransactionKey;
use crate::payment::Transaction;

/// Most transactions of a page.
pub const PAGE_TRANSACTIONS_MAX: usize = 5_000;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Window {
    /// The first moment.
    pub start: OffsetDateTime,
    /// The last moment.
    pub end: OffsetDateTime,
    /// The last transaction of the page before.
    pub starting_after: Option<TransactionKey>,
    /// Transactions of a page.
    pub limit: usize,
}

impl Ledger {
    /// The transactions of a window, oldest first.
    ///
    /// # Errors
    /// [`ErrorCode::INVALID_TRANSACTION_KEY`] when there is none of that key, [`ErrorCode::INVALID_REQUEST`] for a page that
    /// is too long or empty, or a window that ends before it starts.
    pub fn transactions(&self, window: &Window) -> Result<Vec<&Transaction>, ErrorCode> {
        if window.limit == 0 || window.limit > PAGE_TRANSACTIONS_MAX || window.end < window.start {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let first = match &window.starting_after {
            None => 0,
            Some(key) => self.positions.get(key).ok_or(ErrorCode::INVALID_TRANSACTION_KEY)? + 1,
        };
        let is_within = |transaction: &&Transaction| {
            transaction.transaction_at >= window.start && transaction.transaction_at <= window.end
        };
        Ok(self.transactions[first..].iter().filter(is_within).take(window.limit).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{LIVES, confirmation, ledger_with, moment, session};
    use super::*;

    #[test]
    fn transactions_come_in_pages() {
        let mut ledger = ledger_with(&[]);
        for number in 0..10 {
            let (key, order) = (format!("key-{number}"), format!("order-{number}"));
            ledger.open(session(&key, &order, 100), moment(number)).expect("it opens");
            ledger.confirm(&confirmation(&key, &order, 100), None, moment(number), &LIVES).expect("captured");
        }
        let mut window = Window { start: moment(2), end: moment(8), starting_after: None, limit: 3 };
        let mut orders = Vec::new();
        loop {
            let page = ledger.transactions(&window).expect("a page");
            let Some(last) = page.last() else { break };
            window.starting_after = Some(last.transaction_key.clone());
            orders.extend(page.iter().map(|transaction| transaction.order_id.to_string()));
        }
        let expected: Vec<_> = (2..=8).map(|number| format!("order-{number}")).collect();
        assert_eq!(orders, expected);

        let window = Window { starting_after: Some("nothing".into()), ..window };
        assert_eq!(ledger.transactions(&window).err(), Some(ErrorCode::INVALID_TRANSACTION_KEY));
        let window = Window { limit: 5_001, starting_after: None, ..window };
        assert_eq!(ledger.transactions(&window).err(), Some(ErrorCode::INVALID_REQUEST));
    }
}
