//! From a refund to the provider's definite word on it. The provider is asked before every attempt but the first, so that
//! no money goes back twice, also when a key of an earlier attempt is forgotten there.

use earlybird_engine::RefundId;

use super::confirming::RETRY_AFTER_MAX;
use super::reference::cancel_key;
use super::under_way::Ticket;
use super::{Cancellation, GatewayError, PaymentRecord, PaymentState, Payments};

/// A definite word on a refund.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RefundWord {
    /// The money went back.
    Done,
    /// It cannot, with the provider's reason.
    Refused(String),
}

/// A refund, without the key of the attempt.
pub(super) struct Repayment {
    pub(super) refund: RefundId,
    pub(super) cancellation: Cancellation,
    /// What is left of the payment after it, in minor units.
    pub(super) balance_after_minor: i64,
}

impl Payments {
    /// Cancels and asks until the word is definite. `asks_first`: an earlier run may have given the money back.
    pub(super) async fn word_on_refund(
        &self,
        repayment: &mut Repayment,
        asks_first: bool,
        ticket: &Ticket,
    ) -> RefundWord {
        if repayment.cancellation.amount_minor == Some(0) {
            return RefundWord::Done;
        }
        let mut pause = self.options.retry_after;
        let mut attempt = 1;
        let mut may_cancel = !asks_first;
        loop {
            if may_cancel {
                let cancellation = &mut repayment.cancellation;
                cancellation.idempotency_key =
                    cancel_key(&cancellation.payment.order_reference, repayment.refund, attempt);
                match self.permitted(self.gateway.cancel(cancellation)).await {
                    Ok(()) => return RefundWord::Done,
                    Err(GatewayError::Declined(reason)) => return RefundWord::Refused(reason),
                    Err(GatewayError::Unknown { is_answered, .. }) => attempt += u32::from(is_answered),
                    Err(GatewayError::Misconfigured(_)) => {}
                }
                metrics::counter!("earlybird_refunds_unknown_total").increment(1);
                ticket.pause(pause).await;
                pause = (pause * 2).min(RETRY_AFTER_MAX);
            }
            // Without an answer to the question nothing is sent again.
            may_cancel = match self.permitted(self.gateway.find(&repayment.cancellation.payment)).await {
                Ok(Some(record)) if repayment.is_done(&record) => return RefundWord::Done,
                Ok(_) => true,
                Err(_) => {
                    ticket.pause(pause).await;
                    pause = (pause * 2).min(RETRY_AFTER_MAX);
                    false
                }
            };
        }
    }
}

impl Repayment {
    /// Whether the provider's record has it. Ours are told by their reason; where the provider does not tell reasons, what is
    /// left of the payment must do.
    fn is_done(&self, record: &PaymentRecord) -> bool {
        match &record.state {
            // All of it is with the buyer, by whoever's doing.
            PaymentState::Cancelled | PaymentState::AwaitingDeposit(_) => true,
            PaymentState::Open | PaymentState::Dead(_) => false,
            PaymentState::Captured => {
                let reason = &self.cancellation.reason;
                let is_told = record.cancels.iter().all(|cancel| !cancel.reason.is_empty());
                let is_there = record.cancels.iter().any(|cancel| cancel.reason == *reason);
                is_there || (!is_told && record.balance_minor <= self.balance_after_minor)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payments::{CancelRecord, PaymentName};

    fn repayment() -> Repayment {
        let cancellation = Cancellation {
            payment: PaymentName { order_reference: "order-1".into(), payment_key: "key".into() },
            amount_minor: Some(300),
            currency: "KRW".into(),
            reason: "refund 2".into(),
            idempotency_key: String::new(),
        };
        Repayment { refund: RefundId(2), cancellation, balance_after_minor: 400 }
    }

    #[track_caller]
    fn check(state: PaymentState, balance_minor: i64, reasons: &[&str], expected: bool) {
        let cancel = |reason: &&str| CancelRecord {
            transaction_key: "t".into(),
            amount_minor: 300,
            reason: (*reason).to_owned(),
        };
        let record = PaymentRecord {
            payment: repayment().cancellation.payment,
            state,
            amount_minor: 1_000,
            balance_minor,
            currency: "KRW".into(),
            cancels: reasons.iter().map(cancel).collect(),
        };
        assert_eq!(repayment().is_done(&record), expected, "{record:?}");
    }

    #[test]
    fn a_refund_is_told_by_its_reason() {
        check(PaymentState::Captured, 700, &["refund 1"], false);
        check(PaymentState::Captured, 400, &["refund 1", "refund 2"], true);
        check(PaymentState::Captured, 400, &["refund 1", "by hand"], false);
        check(PaymentState::Cancelled, 0, &["by hand"], true);
    }

    #[test]
    fn without_reasons_the_balance_decides() {
        check(PaymentState::Captured, 700, &[""], false);
        check(PaymentState::Captured, 400, &["", ""], true);
    }
}
