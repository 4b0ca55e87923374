//! From a refund to the provider's definite word on it. The provider is asked before every attempt but the first, so that
//! no money goes back twice, also when a key of an earlier attempt is forgotten there.

use earlybird_engine::{OrderId, RefundId, Sequence};

use super::confirming::RETRY_AFTER_MAX;
use super::reference::cancel_key;
use super::under_way::Ticket;
use super::{CancelState, Cancellation, GatewayError, PaymentRecord, PaymentState, Payments};

/// What is said when the provider needs an account and was given none.
const ACCOUNT_REFUSED: &str = "INVALID_REFUND_ACCOUNT_INFO";
/// What the provider says of an account that it cannot pay into, or when it was given none.
const ACCOUNT_REFUSALS: [&str; 5] = [
    ACCOUNT_REFUSED,
    "INVALID_REFUND_ACCOUNT_NUMBER",
    "INVALID_BANK",
    "FORBIDDEN_BANK_REFUND_REQUEST",
    "REFUND_REJECTED",
];

/// A definite word on a refund.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RefundWord {
    /// The money went back.
    Done,
    /// The bank took it back before, and the account is open to be paid into again.
    Reverted,
    /// It cannot, with the provider's reason.
    Refused(String),
    /// It cannot until somebody names an account.
    AccountNeeded,
}

/// Where a refund stands, by the provider's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Done,
    /// As [`RefundWord::Reverted`].
    Reverted,
    /// Nothing may be sent until the record says more.
    UnderWay,
    /// It may be sent.
    Open,
}

/// A refund, without the key of the attempt.
pub(super) struct Repayment {
    pub(super) refund: RefundId,
    pub(super) order: OrderId,
    /// The last entry that changed the order: the one that an account was named by, if one was.
    pub(super) changed_by: Sequence,
    pub(super) cancellation: Cancellation,
    /// Whether the provider asks for an account, as far as is known.
    pub(super) needs_account: bool,
    /// Whether somebody asked for it, who hears that an account is refused. Else it waits for another.
    pub(super) is_asked_for: bool,
    /// What is left of the payment after it, in minor units.
    pub(super) balance_after_minor: i64,
}

impl Payments {
    /// Cancels and asks until the word is definite; none when it is not this node's to ask any more. `asks_first`: an earlier run
    /// may have given the money back.
    pub(super) async fn word_on_refund(
        &self,
        repayment: &mut Repayment,
        asks_first: bool,
        ticket: &Ticket,
    ) -> Option<RefundWord> {
        if repayment.cancellation.amount_minor == Some(0) {
            return Some(RefundWord::Done);
        }
        let mut pause = self.options.retry_after;
        let mut attempt = 1;
        let lacks_account = repayment.needs_account && repayment.cancellation.refund_account.is_none();
        let mut may_cancel = !asks_first && !lacks_account;
        loop {
            if may_cancel {
                let cancellation = &mut repayment.cancellation;
                let named_by = cancellation.refund_account.as_ref().map(|_| repayment.changed_by);
                let reference = &cancellation.payment.order_reference;
                cancellation.idempotency_key = cancel_key(reference, repayment.refund, named_by, attempt);
                match self.permitted(self.gateway.cancel(cancellation)).await {
                    Ok(()) => return Some(RefundWord::Done),
                    Err(GatewayError::Declined(reason))
                        if ACCOUNT_REFUSALS.contains(&&*reason) && !repayment.is_asked_for =>
                    {
                        return Some(RefundWord::AccountNeeded);
                    }
                    Err(GatewayError::Declined(reason)) => return Some(RefundWord::Refused(reason)),
                    Err(GatewayError::Unknown { is_answered, .. }) => attempt += u32::from(is_answered),
                    Err(GatewayError::Misconfigured(_)) => {}
                }
                metrics::counter!("earlybird_refunds_unknown_total").increment(1);
                ticket.pause(pause).await;
                pause = (pause * 2).min(RETRY_AFTER_MAX);
                if !self.is_due(ticket.task()).await {
                    return None;
                }
            }
            let found = self.permitted(self.gateway.find(&repayment.cancellation.payment)).await;
            match found.map(|record| record.map_or(Standing::Open, |record| repayment.standing(&record))) {
                Ok(Standing::Done) => return Some(RefundWord::Done),
                Ok(Standing::Reverted) => return Some(RefundWord::Reverted),
                Ok(Standing::Open) if lacks_account && repayment.is_asked_for => {
                    return Some(RefundWord::Refused(ACCOUNT_REFUSED.to_owned()));
                }
                Ok(Standing::Open) if lacks_account => return Some(RefundWord::AccountNeeded),
                Ok(Standing::Open) => may_cancel = true,
                // Without a definite answer to the question nothing is sent again.
                Ok(Standing::UnderWay) | Err(_) => {
                    may_cancel = false;
                    ticket.pause(pause).await;
                    pause = (pause * 2).min(RETRY_AFTER_MAX);
                    if !self.is_due(ticket.task()).await {
                        return None;
                    }
                }
            }
        }
    }
}

impl Repayment {
    /// What the provider's record says of it. Ours are told by their reason; where the provider does not tell reasons, what is
    /// left of the payment must do.
    fn standing(&self, record: &PaymentRecord) -> Standing {
        let reason = &self.cancellation.reason;
        let ours = || record.cancels.iter().filter(|cancel| cancel.reason == *reason);
        let has = |state| ours().any(|cancel| cancel.state == state);
        match &record.state {
            PaymentState::Cancelled | PaymentState::Captured if has(CancelState::UnderWay) => {
                Standing::UnderWay
            }
            PaymentState::Cancelled | PaymentState::Captured if has(CancelState::Done) => Standing::Done,
            // All of it is with the buyer, by whoever's doing.
            PaymentState::Cancelled if ours().next().is_none() => Standing::Done,
            PaymentState::AwaitingDeposit(_) => Standing::Reverted,
            PaymentState::Captured => {
                let is_told = record.cancels.iter().all(|cancel| !cancel.reason.is_empty());
                let is_less = record.balance_minor <= self.balance_after_minor;
                if !is_told && is_less { Standing::Done } else { Standing::Open }
            }
            PaymentState::Cancelled | PaymentState::Open | PaymentState::Dead(_) => Standing::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payments::{CancelRecord, Deposit, PaymentName};

    fn repayment() -> Repayment {
        let cancellation = Cancellation {
            payment: PaymentName { order_reference: "order-1".into(), payment_key: "key".into() },
            amount_minor: Some(300),
            currency: "KRW".into(),
            reason: "refund 2".into(),
            idempotency_key: String::new(),
            refund_account: None,
        };
        Repayment {
            refund: RefundId(2),
            order: OrderId(1),
            changed_by: Sequence(1),
            cancellation,
            needs_account: false,
            is_asked_for: true,
            balance_after_minor: 400,
        }
    }

    fn check(state: PaymentState, balance_minor: i64, reasons: &[&str], expected: bool) {
        let cancels: Vec<_> = reasons.iter().map(|reason| (*reason, CancelState::Done)).collect();
        check_standing(
            state,
            balance_minor,
            &cancels,
            if expected { Standing::Done } else { Standing::Open },
        );
    }

    #[track_caller]
    fn check_standing(
        state: PaymentState,
        balance_minor: i64,
        cancels: &[(&str, CancelState)],
        expected: Standing,
    ) {
        let cancel = |(reason, state): &(&str, CancelState)| CancelRecord {
            transaction_key: "t".into(),
            amount_minor: 300,
            reason: (*reason).to_owned(),
            state: *state,
        };
        let record = PaymentRecord {
            payment: repayment().cancellation.payment,
            state,
            amount_minor: 1_000,
            balance_minor,
            currency: "KRW".into(),
            cancels: cancels.iter().map(cancel).collect(),
        };
        assert_eq!(repayment().standing(&record), expected, "{record:?}");
    }

    #[test]
    fn a_refund_is_told_by_its_reason() {
        check(PaymentState::Captured, 700, &["refund 1"], false);
        check(PaymentState::Captured, 400, &["refund 1", "refund 2"], true);
        check(PaymentState::Captured, 400, &["refund 1", "by hand"], false);
        check(PaymentState::Cancelled, 0, &["by hand"], true);
    }

    /// Money that is on its way must not be sent a second time; an attempt that is over may be followed by another.
    #[test]
    fn a_refund_that_has_not_arrived_is_waited_for() {
        use CancelState::{Done, Failed, UnderWay};
        for state in [PaymentState::Captured, PaymentState::Cancelled] {
            let check = |cancels: &[_], expected| check_standing(state.clone(), 400, cancels, expected);
            check(&[("refund 2", UnderWay)], Standing::UnderWay);
            check(&[("refund 2", Failed), ("refund 2", UnderWay)], Standing::UnderWay);
            check(&[("refund 2", Failed)], Standing::Open);
            check(&[("refund 2", Failed), ("refund 2", Done)], Standing::Done);
            check(&[("refund 1", UnderWay), ("refund 2", Done)], Standing::Done);
        }
    }

    #[test]
    fn a_deposit_that_the_bank_took_back_leaves_its_account_open() {
        let (bank_code, account_number, secret) = Default::default();
        let deposit = Deposit { deadline: None, bank_code, account_number, secret };
        check_standing(PaymentState::AwaitingDeposit(deposit), 1_000, &[], Standing::Reverted);
    }

    #[test]
    fn without_reasons_the_balance_decides() {
        check(PaymentState::Captured, 700, &[""], false);
        check(PaymentState::Captured, 400, &["", ""], true);
    }
}
