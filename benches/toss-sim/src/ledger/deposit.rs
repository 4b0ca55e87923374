//! What a bank does to a virtual account: a deposit comes, and may be taken back.

use time::OffsetDateTime;

use super::{Ledger, Lives};
use crate::code::ErrorCode;
use crate::ids::PaymentKey;
use crate::payment::{Method, Payment, Status};
use crate::time::shown;

impl Ledger {
    /// The buyer pays into the account.
    ///
    /// # Errors
    /// There is no such payment, or it does not wait for a deposit.
    pub fn deposit(
        &mut self,
        key: &PaymentKey,
        now: OffsetDateTime,
        lives: &Lives,
    ) -> Result<&Payment, ErrorCode> {
        let mut payment = self.by_key(key, now, lives).ok_or(ErrorCode::NOT_FOUND_PAYMENT)?.clone();
        if payment.status != Status::WaitingForDeposit {
            return Err(ErrorCode::NOT_AVAILABLE_PAYMENT);
        }
        payment.status = Status::Done;
        payment.approved_at = Some(shown(now));
        let amount = payment.total_amount;
        let transaction = self.moved(&mut payment, amount, now);
        Ok(self.record(payment, Some(transaction)))
    }

    /// The bank takes the deposit back.
    ///
    /// # Errors
    /// There is no such payment, it is not a deposit, or some of it went back already.
    pub fn revert(
        &mut self,
        key: &PaymentKey,
        now: OffsetDateTime,
        lives: &Lives,
    ) -> Result<&Payment, ErrorCode> {
        let mut payment = self.by_key(key, now, lives).ok_or(ErrorCode::NOT_FOUND_PAYMENT)?.clone();
        if payment.method != Method::VirtualAccount || payment.status != Status::Done {
            return Err(ErrorCode::NOT_AVAILABLE_PAYMENT);
        }
        payment.status = Status::WaitingForDeposit;
        payment.approved_at = None;
        let amount = payment.total_amount;
        let transaction = self.moved(&mut payment, -amount, now);
        Ok(self.record(payment, Some(transaction)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{LIVES, cancellation, confirmation, key, ledger_with, moment, session};
    use super::super::{CancelRequest, RefundAccount};
    use super::*;

    fn waiting() -> Ledger {
        let mut session = session("key-1", "order-1", 100);
        session.method = Method::VirtualAccount;
        let mut ledger = ledger_with(&[session]);
        let confirmed = ledger.confirm(&confirmation("key-1", "order-1", 100), None, moment(0), &LIVES);
        assert_eq!(confirmed.expect("confirmed").status, Status::WaitingForDeposit);
        ledger
    }

    #[test]
    fn a_deposit_comes_and_goes() {
        let mut ledger = waiting();
        assert_eq!(ledger.totals().captured_amount, 0);
        for _ in 0..2 {
            let paid = ledger.deposit(&key("key-1"), moment(1), &LIVES).expect("paid");
            assert_eq!(paid.status, Status::Done);
            assert_eq!(ledger.totals().captured_amount, 100);
            let reverted = ledger.revert(&key("key-1"), moment(2), &LIVES).expect("reverted");
            assert_eq!(reverted.status, Status::WaitingForDeposit);
            assert_eq!(ledger.totals().captured_amount, 0);
        }
        assert!(ledger.revert(&key("key-1"), moment(3), &LIVES).is_err());
    }

    #[test]
    fn an_account_is_closed_after_its_time_or_by_the_shop() {
        let mut ledger = waiting();
        let late = moment(24 * 3_600);
        assert_eq!(ledger.by_key(&key("key-1"), late, &LIVES).expect("a payment").status, Status::Expired);
        assert!(ledger.deposit(&key("key-1"), late, &LIVES).is_err());

        let mut ledger = waiting();
        let part = ledger.cancel(&key("key-1"), &cancellation(Some(1)), true, moment(1), &LIVES).err();
        assert_eq!(part, Some(ErrorCode::NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT));
        let closed = ledger.cancel(&key("key-1"), &cancellation(None), true, moment(1), &LIVES);
        let closed = closed.expect("closed");
        assert_eq!(closed.status, Status::Canceled);
        assert_eq!(closed.cancels.as_ref().map(|cancels| cancels[0].cancel_amount), Some(100));
        assert!(ledger.deposit(&key("key-1"), moment(2), &LIVES).is_err());
        assert_eq!(ledger.totals().captured_amount, 0);
    }

    #[test]
    fn a_deposit_goes_back_to_an_account_that_is_named() {
        let mut ledger = waiting();
        ledger.deposit(&key("key-1"), moment(1), &LIVES).expect("paid");
        let to = |account_number: &str, holder: &str| {
            let (account_number, holder_name) = (account_number.to_owned(), holder.to_owned());
            let account = RefundAccount { bank: "20".to_owned(), account_number, holder_name };
            CancelRequest { refund_receive_account: Some(account), ..cancellation(Some(40)) }
        };
        for wrong in [cancellation(None), to("", "김토스"), to("1234-5", "김토스"), to("12345", "")] {
            let refused = ledger.cancel(&key("key-1"), &wrong, true, moment(2), &LIVES).err();
            assert_eq!(refused, Some(ErrorCode::INVALID_REFUND_ACCOUNT_INFO), "{wrong:?}");
        }
        ledger.cancel(&key("key-1"), &to("12345", "김토스"), true, moment(2), &LIVES).expect("refunded");
        ledger.cancel(&key("key-1"), &cancellation(None), false, moment(2), &LIVES).expect("refunded");
    }
}
