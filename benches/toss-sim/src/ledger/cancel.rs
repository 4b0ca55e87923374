//! `POST /v1/payments/{paymentKey}/cancel`: money goes back, all of it or some.

use serde::Deserialize;
use time::OffsetDateTime;

use super::{Ledger, Lives};
use crate::code::ErrorCode;
use crate::ids::{PaymentKey, TransactionKey};
use crate::payment::{Cancel, CancelStatus, Method, Payment, Status};
use crate::time::shown;

/// Longest `cancelReason`, in characters.
const REASON_CHARS_MAX: usize = 200;
/// Longest number of an account, in digits.
const ACCOUNT_DIGITS_MAX: usize = 20;
/// Longest name of an account's holder, in characters.
const HOLDER_CHARS_MAX: usize = 60;

/// What the shop asks for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelRequest {
    /// Why.
    pub cancel_reason: String,
    /// How much, in units of the currency; none is all that is left.
    pub cancel_amount: Option<i64>,
    /// Where a deposit goes back to.
    pub refund_receive_account: Option<RefundAccount>,
}

/// An account of the buyer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundAccount {
    /// Code of the bank.
    pub bank: String,
    /// Its number.
    pub account_number: String,
    /// Whose it is.
    pub holder_name: String,
}

impl RefundAccount {
    /// Whether there can be such an account.
    fn is_fit(&self) -> bool {
        let Self { bank, account_number, holder_name } = self;
        let is_number = account_number.bytes().all(|byte| byte.is_ascii_digit());
        let is_holder = (1..=HOLDER_CHARS_MAX).contains(&holder_name.chars().count());
        !bank.is_empty() && is_number && (1..=ACCOUNT_DIGITS_MAX).contains(&account_number.len()) && is_holder
    }
}

impl Ledger {
    /// Gives money back. `is_account_needed`: whether a deposit goes back only to an account that is named.
    ///
    /// # Errors
    /// Why not.
    pub fn cancel(
        &mut self,
        key: &PaymentKey,
        request: &CancelRequest,
        is_account_needed: bool,
        now: OffsetDateTime,
        lives: &Lives,
    ) -> Result<&Payment, ErrorCode> {
        let reason_chars = request.cancel_reason.chars().count();
        if reason_chars == 0 || reason_chars > REASON_CHARS_MAX {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let payment = self.by_key(key, now, lives).ok_or(ErrorCode::NOT_FOUND_PAYMENT)?.clone();
        match payment.status {
            Status::Done | Status::PartialCanceled => {}
            Status::WaitingForDeposit => return self.cancel_unpaid(payment, request, now),
            Status::Canceled => return Err(ErrorCode::ALREADY_CANCELED_PAYMENT),
            _ => return Err(ErrorCode::NOT_CANCELABLE_PAYMENT),
        }
        let is_deposit = payment.method == Method::VirtualAccount;
        let is_known = request.refund_receive_account.as_ref().is_some_and(RefundAccount::is_fit);
        if is_deposit && is_account_needed && !is_known {
            return Err(ErrorCode::INVALID_REFUND_ACCOUNT_INFO);
        }
        let amount = request.cancel_amount.unwrap_or(payment.balance_amount);
        if amount <= 0 || amount > payment.balance_amount {
            return Err(ErrorCode::NOT_CANCELABLE_AMOUNT);
        }
        Ok(self.give_back(payment, amount, &request.cancel_reason, now, lives))
    }

    /// A virtual account that has no money is closed; none moves.
    fn cancel_unpaid(
        &mut self,
        mut payment: Payment,
        request: &CancelRequest,
        now: OffsetDateTime,
    ) -> Result<&Payment, ErrorCode> {
        if request.cancel_amount.is_some_and(|amount| amount != payment.total_amount) {
            return Err(ErrorCode::NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT);
        }
        payment.status = Status::Canceled;
        payment.balance_amount = 0;
        let cancel = Cancel {
            transaction_key: TransactionKey::from(format!("closed-{}", payment.payment_key).as_str()),
            cancel_reason: request.cancel_reason.clone(),
            cancel_amount: payment.total_amount,
            canceled_at: shown(now),
            cancel_status: CancelStatus::Done,
            refundable_amount: 0,
        };
        payment.cancels.get_or_insert_default().push(cancel);
        Ok(self.record(payment, None))
    }

    fn give_back(
        &mut self,
        mut payment: Payment,
        amount: i64,
        reason: &str,
        now: OffsetDateTime,
        lives: &Lives,
    ) -> &Payment {
        payment.balance_amount -= amount;
        payment.status = if payment.balance_amount == 0 { Status::Canceled } else { Status::PartialCanceled };
        let transaction = self.moved(&mut payment, -amount, now);
        let is_there = lives.cancel_takes.is_zero();
        let cancel = Cancel {
            transaction_key: transaction.transaction_key.clone(),
            cancel_reason: reason.to_owned(),
            cancel_amount: amount,
            canceled_at: shown(now),
            cancel_status: if is_there { CancelStatus::Done } else { CancelStatus::InProgress },
            refundable_amount: payment.balance_amount,
        };
        payment.cancels.get_or_insert_default().push(cancel);
        self.record(payment, Some(transaction))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{LIVES, cancellation, confirmation, key, ledger_with, moment, session};
    use super::*;

    fn paid() -> Ledger {
        let mut ledger = ledger_with(&[session("key-1", "order-1", 100)]);
        ledger.confirm(&confirmation("key-1", "order-1", 100), None, moment(0), &LIVES).expect("captured");
        ledger
    }

    fn check(ledger: &mut Ledger, amount: Option<i64>, expected: Result<(Status, i64), ErrorCode>) {
        let result = ledger.cancel(&key("key-1"), &cancellation(amount), true, moment(1), &LIVES);
        assert_eq!(result.map(|payment| (payment.status, payment.balance_amount)), expected, "{amount:?}");
    }

    #[test]
    fn money_goes_back_in_parts_and_never_more_than_came() {
        let mut ledger = paid();
        check(&mut ledger, Some(30), Ok((Status::PartialCanceled, 70)));
        for amount in [71, 0, -1] {
            check(&mut ledger, Some(amount), Err(ErrorCode::NOT_CANCELABLE_AMOUNT));
        }
        check(&mut ledger, Some(50), Ok((Status::PartialCanceled, 20)));
        check(&mut ledger, None, Ok((Status::Canceled, 0)));
        check(&mut ledger, None, Err(ErrorCode::ALREADY_CANCELED_PAYMENT));
        let payment = ledger.by_key(&key("key-1"), moment(1), &LIVES).expect("a payment");
        let cancels = payment.cancels.as_ref().expect("cancels");
        assert_eq!(cancels.iter().map(|cancel| cancel.cancel_amount).collect::<Vec<_>>(), [30, 50, 20]);
        assert_eq!(cancels.iter().map(|cancel| cancel.refundable_amount).collect::<Vec<_>>(), [70, 20, 0]);
        let totals = ledger.totals();
        assert_eq!((totals.captured_amount, totals.refunded_amount, totals.balance_amount), (100, 100, 0));
    }

    #[test]
    fn money_is_on_its_way_for_its_time() {
        let mut ledger = paid();
        let lives = Lives { cancel_takes: std::time::Duration::from_secs(5), ..LIVES };
        let status = |payment: &Payment| payment.cancels.as_ref().expect("cancels")[0].cancel_status;
        let cancelled = ledger.cancel(&key("key-1"), &cancellation(None), true, moment(1), &lives);
        assert_eq!(status(cancelled.expect("it goes back")), CancelStatus::InProgress);
        for (second, expected) in [(5, CancelStatus::InProgress), (6, CancelStatus::Done)] {
            let payment = ledger.by_key(&key("key-1"), moment(second), &lives).expect("a payment");
            assert_eq!((payment.status, status(payment)), (Status::Canceled, expected));
        }
    }

    #[test]
    fn only_captured_money_goes_back() {
        let mut ledger = ledger_with(&[session("key-1", "order-1", 100)]);
        check(&mut ledger, None, Err(ErrorCode::NOT_CANCELABLE_PAYMENT));
        let unknown = ledger.cancel(&key("key-9"), &cancellation(None), true, moment(0), &LIVES);
        assert_eq!(unknown.err(), Some(ErrorCode::NOT_FOUND_PAYMENT));
    }
}
