//! What the tests of the books share.

use std::time::Duration;

use time::OffsetDateTime;

use super::{CancelRequest, ConfirmRequest, Ledger, Lives, Session};
use crate::ids::{OrderId, PaymentKey};
use crate::payment::Method;

pub(super) const LIVES: Lives = Lives {
    authenticate_within: Duration::from_secs(1_800),
    confirm_within: Duration::from_secs(600),
    deposit_within: Duration::from_secs(3_600),
    cancel_takes: Duration::ZERO,
};

/// So many seconds after an arbitrary moment.
pub(super) fn moment(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).expect("a time")
}

pub(super) fn key(text: &str) -> PaymentKey {
    text.into()
}

pub(super) fn order(text: &str) -> OrderId {
    text.into()
}

pub(super) fn session(payment_key: &str, order_id: &str, amount: i64) -> Session {
    Session {
        payment_key: key(payment_key),
        order_id: order(order_id),
        amount,
        currency: "KRW".to_owned(),
        method: Method::Card,
        is_authenticated: true,
    }
}

pub(super) fn ledger_with(sessions: &[Session]) -> Ledger {
    let mut ledger = Ledger::in_memory();
    for session in sessions {
        ledger.open(session.clone(), moment(0)).expect("it opens");
    }
    ledger
}

pub(super) fn confirmation(payment_key: &str, order_id: &str, amount: i64) -> ConfirmRequest {
    ConfirmRequest { payment_key: key(payment_key), order_id: order(order_id), amount }
}

pub(super) fn cancellation(cancel_amount: Option<i64>) -> CancelRequest {
    CancelRequest { cancel_reason: "cannot come".to_owned(), cancel_amount, refund_receive_account: None }
}
