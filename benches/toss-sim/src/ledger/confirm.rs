//! `POST /v1/payments/confirm`: the shop says that the order stands; money moves.

use serde::Deserialize;
use time::OffsetDateTime;

use super::session::won;
use super::{Ledger, Lives, Session};
use crate::code::ErrorCode;
use crate::ids::{OrderId, PaymentKey};
use crate::payment::{Failure, Method, Payment, Status, VirtualAccount};
use crate::time::shown;

/// What the shop confirms.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmRequest {
    /// The provider's name of the payment.
    pub payment_key: PaymentKey,
    /// The shop's name of the order.
    pub order_id: OrderId,
    /// What the shop believes it costs, in units of the currency.
    pub amount: i64,
}

impl Ledger {
    /// Opens the payment as though the buyer had just been through the window, unless it is there.
    ///
    /// # Errors
    /// A field has a wrong form.
    pub fn open_unless_known(
        &mut self,
        request: &ConfirmRequest,
        method: Method,
        now: OffsetDateTime,
    ) -> Result<(), ErrorCode> {
        if self.payments.contains_key(&request.payment_key) {
            return Ok(());
        }
        let session = Session {
            payment_key: request.payment_key.clone(),
            order_id: request.order_id.clone(),
            amount: request.amount,
            currency: won(),
            method,
            is_authenticated: true,
        };
        self.open(session, now).map(drop)
    }

    /// Captures the money, or issues the virtual account that it is to be paid into; or, when there is a `decline`, refuses.
    ///
    /// # Errors
    /// Why not: the decline, or what is wrong with the request.
    pub fn confirm(
        &mut self,
        request: &ConfirmRequest,
        decline: Option<ErrorCode>,
        now: OffsetDateTime,
        lives: &Lives,
    ) -> Result<&Payment, ErrorCode> {
        let mut payment = self.confirmable(request, now, lives)?.clone();
        // An order is paid for once: whatever else was opened for it comes to nothing.
        let decline =
            if self.is_paid_for(&payment) { Some(ErrorCode::ALREADY_PROCESSED_PAYMENT) } else { decline };
        if let Some(code) = decline {
            payment.status =
                if code == ErrorCode::NOT_FOUND_PAYMENT_SESSION { Status::Expired } else { Status::Aborted };
            payment.failure = Some(Failure { code, message: code.message().to_owned() });
            self.record(payment, None);
            return Err(code);
        }
        if payment.method == Method::VirtualAccount {
            payment.status = Status::WaitingForDeposit;
            payment.virtual_account = Some(VirtualAccount {
                account_number: format!("X{:013}", self.payments.len()),
                bank_code: "20".to_owned(),
                due_date: shown(now + lives.deposit_within),
                expired: false,
            });
            return Ok(self.record(payment, None));
        }
        payment.status = Status::Done;
        payment.approved_at = Some(shown(now));
        let transaction = self.moved(&mut payment, request.amount, now);
        Ok(self.record(payment, Some(transaction)))
    }

    fn confirmable(
        &mut self,
        request: &ConfirmRequest,
        now: OffsetDateTime,
        lives: &Lives,
    ) -> Result<&Payment, ErrorCode> {
        let payment =
            self.by_key(&request.payment_key, now, lives).ok_or(ErrorCode::NOT_FOUND_PAYMENT_SESSION)?;
        match payment.status {
            Status::InProgress => {}
            Status::Ready | Status::Expired => return Err(ErrorCode::NOT_FOUND_PAYMENT_SESSION),
            _ => return Err(ErrorCode::ALREADY_PROCESSED_PAYMENT),
        }
        if payment.order_id != request.order_id || payment.total_amount != request.amount {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        Ok(payment)
    }

    /// Whether another payment of its order was captured, or waits for its deposit.
    fn is_paid_for(&self, payment: &Payment) -> bool {
        let known = self.by_order.get(&payment.order_id).and_then(|key| self.payments.get(key));
        known.is_some_and(|known| {
            known.payment_key != payment.payment_key
                && (known.is_captured() || known.status == Status::WaitingForDeposit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{LIVES, confirmation, key, ledger_with, moment, order, session};
    use super::*;

    fn check(ledger: &mut Ledger, request: &ConfirmRequest, expected: Result<Status, ErrorCode>) {
        let result = ledger.confirm(request, None, moment(5), &LIVES).map(|payment| payment.status);
        assert_eq!(result, expected, "{request:?}");
    }

    #[test]
    fn money_is_captured_once_for_a_payment_and_once_for_an_order() {
        let mut ledger = ledger_with(&[session("key-1", "order-1", 100), session("key-2", "order-1", 100)]);
        check(&mut ledger, &confirmation("key-1", "order-1", 100), Ok(Status::Done));
        let again = Err(ErrorCode::ALREADY_PROCESSED_PAYMENT);
        check(&mut ledger, &confirmation("key-1", "order-1", 100), again);
        check(&mut ledger, &confirmation("key-2", "order-1", 100), again);
        assert_eq!(ledger.totals().captured_amount, 100);
        let shown = ledger.by_order(&order("order-1"), moment(5), &LIVES).expect("a payment");
        assert_eq!(shown.payment_key, key("key-1"), "the captured one");
        assert_eq!(shown.balance_amount, 100);
    }

    #[test]
    fn what_is_confirmed_must_be_what_the_buyer_saw() {
        let mut ledger = ledger_with(&[session("key-1", "order-1", 100)]);
        let wrong = Err(ErrorCode::INVALID_REQUEST);
        check(&mut ledger, &confirmation("key-1", "order-1", 99), wrong);
        check(&mut ledger, &confirmation("key-1", "order-2", 100), wrong);
        let unknown = Err(ErrorCode::NOT_FOUND_PAYMENT_SESSION);
        check(&mut ledger, &confirmation("key-9", "order-9", 100), unknown);
        check(&mut ledger, &confirmation("key-1", "order-1", 100), Ok(Status::Done));
    }

    #[test]
    fn a_declined_payment_is_over_and_the_order_may_be_paid_by_another() {
        let mut ledger = ledger_with(&[session("key-1", "order-1", 100)]);
        let confirmation_1 = confirmation("key-1", "order-1", 100);
        let decline = Some(ErrorCode::REJECT_CARD_PAYMENT);
        let declined = ledger.confirm(&confirmation_1, decline, moment(5), &LIVES).err();
        assert_eq!(declined, decline);
        check(&mut ledger, &confirmation_1, Err(ErrorCode::ALREADY_PROCESSED_PAYMENT));
        let shown = ledger.by_key(&key("key-1"), moment(5), &LIVES).expect("a payment");
        assert_eq!(shown.status, Status::Aborted);
        assert_eq!(shown.failure.as_ref().map(|failure| failure.code), decline);
        ledger.open(session("key-2", "order-1", 100), moment(5)).expect("it opens");
        check(&mut ledger, &confirmation("key-2", "order-1", 100), Ok(Status::Done));
    }
}
