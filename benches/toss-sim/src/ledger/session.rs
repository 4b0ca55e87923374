//! A buyer in the provider's window.

use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Ledger;
use crate::code::ErrorCode;
use crate::ids::{OrderId, PaymentKey};
use crate::payment::{Method, Payment, Status};
use crate::time::shown;

/// Name of the shop.
const MERCHANT: &str = "tosssim";
/// Version of the objects.
const VERSION: &str = "2022-11-16";

/// What a buyer has chosen in the window.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Session {
    /// The provider's name of the payment.
    pub payment_key: PaymentKey,
    /// The shop's name of the order.
    pub order_id: OrderId,
    /// What it costs, in units of the currency.
    pub amount: i64,
    /// ISO 4217 code.
    #[serde(default = "won")]
    pub currency: String,
    /// How the buyer pays.
    #[serde(default)]
    pub method: Method,
    /// Whether the buyer is through: `READY` if not, `IN_PROGRESS` if so.
    #[serde(default = "yes")]
    pub is_authenticated: bool,
}

pub(super) fn won() -> String {
    "KRW".to_owned()
}

fn yes() -> bool {
    true
}

impl Ledger {
    /// Opens a payment.
    ///
    /// # Errors
    /// [`ErrorCode::INVALID_REQUEST`] when a field has a wrong form, [`ErrorCode::ALREADY_PROCESSED_PAYMENT`] when there is
    /// a payment of this key.
    pub fn open(&mut self, session: Session, now: OffsetDateTime) -> Result<&Payment, ErrorCode> {
        if !session.payment_key.is_valid() || !session.order_id.is_valid() || session.amount <= 0 {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        if self.payments.contains_key(&session.payment_key) {
            return Err(ErrorCode::ALREADY_PROCESSED_PAYMENT);
        }
        let payment = Payment {
            m_id: MERCHANT.to_owned(),
            version: VERSION.to_owned(),
            payment_key: session.payment_key,
            order_id: session.order_id,
            order_name: "tickets".to_owned(),
            currency: session.currency,
            method: session.method,
            status: if session.is_authenticated { Status::InProgress } else { Status::Ready },
            total_amount: session.amount,
            balance_amount: session.amount,
            requested_at: shown(now),
            approved_at: None,
            last_transaction_key: None,
            secret: format!("ps_{}", Uuid::new_v4().simple()),
            virtual_account: None,
            cancels: None,
            failure: None,
            is_partial_cancelable: true,
        };
        Ok(self.record(payment, None))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{LIVES, key, ledger_with, moment, order, session};
    use super::*;

    #[test]
    fn a_payment_opens_once() {
        let mut ledger = ledger_with(&[session("key-1", "order-1", 100)]);
        let again = ledger.open(session("key-1", "order-2", 100), moment(1));
        assert_eq!(again.err(), Some(ErrorCode::ALREADY_PROCESSED_PAYMENT));
        let wrong = ledger.open(session("key-2", "order-2", 0), moment(1));
        assert_eq!(wrong.err(), Some(ErrorCode::INVALID_REQUEST));
    }

    #[test]
    fn a_payment_that_is_not_confirmed_expires() {
        let mut ledger = ledger_with(&[session("key-1", "order-1", 100)]);
        let mut waiting = session("key-2", "order-2", 100);
        waiting.is_authenticated = false;
        ledger.open(waiting, moment(0)).expect("it opens");
        for (minutes, first, second) in [
            (9, Status::InProgress, Status::Ready),
            (10, Status::Expired, Status::Ready),
            (30, Status::Expired, Status::Expired),
        ] {
            let now = moment(minutes * 60);
            assert_eq!(ledger.by_key(&key("key-1"), now, &LIVES).expect("a payment").status, first);
            assert_eq!(ledger.by_order(&order("order-2"), now, &LIVES).expect("a payment").status, second);
        }
    }
}
