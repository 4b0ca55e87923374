//! From a charge to the provider's definite word on it.
//!
//! ```text
//!  ┌─► confirm ──captured, declined, an account to pay into──► word
//!  │      │ unknown
//!  │      ▼
//!  │   ask ──captured, if not in that sum, dead, cancelled, an account to pay into──► word
//!  │      │ never heard of, still open, no answer
//!  └──────┴ pause: a webhook ends it, or time, twice as long each time
//! ```

use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::{OrderId, OrderStateName, RefundState, State};
use tokio::time::Instant;

use super::reference::confirm_key;
use super::returning::is_nobodys;
use super::under_way::{Task, Ticket};
use super::{Charge, Confirmation, Deposit, GatewayError, PaymentRecord, PaymentState, Payments};
use crate::shard::Shard;

/// Longest pause between two questions to the provider.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// A payment that the provider answers about, and has never heard of for so long, is none: the buyer brought a key that does
/// not exist. Longer than any call takes, so that none of ours is still on its way to the provider.
const UNHEARD_OF_MAX: Duration = Duration::from_secs(60);

/// Why an order is declined that was sent with a payment of another sum.
pub(super) const ANOTHER_AMOUNT: &str = "PAYMENT_OF_ANOTHER_AMOUNT";

/// Attempts without an answer under one key. The provider captures a payment key once, whatever the idempotency keys, so
/// another key does no harm; and one that the provider holds for busy for ever would end nothing.
const UNANSWERED_PER_KEY: u32 = 2;

/// A definite word on a charge.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// The money is ours.
    Captured,
    /// Money was captured, and it is not what the order costs: another amount or currency, or part of it has gone back.
    CapturedOtherwise(Box<PaymentRecord>),
    /// No money has moved, with the provider's reason.
    Declined(String),
    /// The buyer is to pay into an account.
    AwaitingDeposit(Deposit),
}

/// A charge, without the key of the attempt.
pub(super) struct Bill {
    pub(super) order: OrderId,
    pub(super) charge: Charge,
}

impl Payments {
    /// Confirms and asks until the word is definite; none when it is not this node's to ask any more. `asks_first`: the charge
    /// may have been made by an earlier run.
    pub(super) async fn word_on(&self, bill: &mut Bill, asks_first: bool, ticket: &Ticket) -> Option<Word> {
        if bill.charge.amount_minor == 0 {
            // Nothing to capture, and no provider takes a charge of nothing.
            return Some(Word::Captured);
        }
        let mut pause = self.options.retry_after;
        let (mut answered, mut unanswered) = (0, 0);
        let mut silent_until = Instant::now();
        if asks_first && let Ok(Heard::Word(word)) = self.ask(&bill.charge).await {
            return Some(word);
        }
        loop {
            let attempt = 1 + answered + unanswered / UNANSWERED_PER_KEY;
            bill.charge.idempotency_key =
                confirm_key(&bill.charge.payment.order_reference, bill.order, attempt);
            let is_answered = match self.permitted(self.gateway.confirm(&bill.charge)).await {
                Ok(Confirmation::Captured) => return Some(Word::Captured),
                Ok(Confirmation::AwaitingDeposit(deposit)) => return Some(Word::AwaitingDeposit(deposit)),
                Err(GatewayError::Declined(reason)) => return Some(Word::Declined(reason)),
                Err(GatewayError::Unknown { is_answered, .. }) => is_answered,
                Err(GatewayError::Misconfigured(_)) => false,
            };
            metrics::counter!("earlybird_payments_unknown_total").increment(1);
            if is_answered {
                answered += 1
            } else {
                unanswered += 1
            }
            match self.ask(&bill.charge).await {
                Ok(Heard::Word(word)) => return Some(word),
                Ok(Heard::Nothing) if is_answered && silent_until.elapsed() >= UNHEARD_OF_MAX => {
                    return Some(Word::Declined("NOT_FOUND_PAYMENT".to_owned()));
                }
                Ok(Heard::Nothing) if is_answered => {}
                Ok(Heard::Nothing | Heard::Open) | Err(_) => silent_until = Instant::now(),
            }
            ticket.pause(pause).await;
            pause = (pause * 2).min(RETRY_AFTER_MAX);
            if !self.is_due(ticket.task()).await {
                return None;
            }
        }
    }

    /// Whether a task is still to be done, and by this node: while it waited, the performance may have gone to another node,
    /// which ended it, and even come back.
    pub(super) async fn is_due(&self, task: &Task) -> bool {
        let is_due = |state: &State| match task {
            Task::Payment(_, order) => is_in(state, *order, OrderStateName::Paying),
            Task::Reversion(_, order) => is_in(state, *order, OrderStateName::Paid),
            Task::Return(_, order) => is_nobodys(state, *order),
            Task::Refund(_, refund) => {
                state.refund(*refund).is_some_and(|refund| *refund.state == RefundState::Pending)
            }
        };
        let look = |shard: &Arc<Shard>| shard.read(is_due).then_some(());
        matches!(self.on_shard(task.performance(), look).await, Ok(Some(())))
    }

    /// Asks what became of a charge.
    pub(super) async fn ask(&self, charge: &Charge) -> Result<Heard, GatewayError> {
        let record = self.permitted(self.gateway.find(&charge.payment)).await?;
        record.map_or(Ok(Heard::Nothing), |record| heard(charge, record))
    }

    /// Runs a call to the provider when there is room for one more.
    pub(super) async fn permitted<T>(
        &self,
        call: impl Future<Output = Result<T, GatewayError>>,
    ) -> Result<T, GatewayError> {
        // The semaphore is never closed; without a permit the call is merely not counted.
        let _permit = self.permits.acquire().await.ok();
        let started = Instant::now();
        let outcome = call.await;
        metrics::histogram!("earlybird_provider_seconds").record(started.elapsed());
        self.outage.note(&outcome);
        outcome
    }
}

fn is_in(state: &State, order: OrderId, wanted: OrderStateName) -> bool {
    state.order(order).is_some_and(|order| order.state == wanted)
}

/// What the provider's record says of a charge.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something definite.
    Word(Word),
    /// It may still be confirmed.
    Open,
    /// The provider never heard of it.
    Nothing,
}

fn heard(charge: &Charge, record: PaymentRecord) -> Result<Heard, GatewayError> {
    // The provider confirms a payment for the order and the amount that its window was opened with, and for no other: this
    // charge can never be made.
    if record.payment.order_reference != charge.payment.order_reference {
        return Ok(declined("PAYMENT_OF_ANOTHER_ORDER"));
    }
    if record.payment != charge.payment {
        return Err(record.mismatch(charge));
    }
    let is_same_sum = record.amount_minor == charge.amount_minor && record.currency == charge.currency;
    Ok(match record.state {
        // Whatever it was to cost, nothing of it is here.
        PaymentState::Cancelled => declined("CANCELED"),
        PaymentState::Dead(reason) => declined(&reason),
        PaymentState::Open if !is_same_sum => declined(ANOTHER_AMOUNT),
        PaymentState::Open => Heard::Open,
        PaymentState::Captured if record.is_all_of(charge.amount_minor, &charge.currency) => {
            Heard::Word(Word::Captured)
        }
        PaymentState::Captured => Heard::Word(Word::CapturedOtherwise(Box::new(record))),
        // Its time will be over, or somebody pays into it: either decides.
        PaymentState::AwaitingDeposit(_) if !is_same_sum => return Err(record.mismatch(charge)),
        PaymentState::AwaitingDeposit(deposit) => Heard::Word(Word::AwaitingDeposit(deposit)),
    })
}

fn declined(reason: &str) -> Heard {
    Heard::Word(Word::Declined(reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payments::PaymentName;

    fn charge() -> Charge {
        Charge {
            payment: PaymentName { order_reference: "order-1".into(), payment_key: "key".into() },
            amount_minor: 1_000,
            currency: "KRW".into(),
            idempotency_key: String::new(),
        }
    }

    fn record(state: PaymentState) -> PaymentRecord {
        PaymentRecord {
            payment: charge().payment,
            state,
            amount_minor: 1_000,
            balance_minor: 1_000,
            currency: "KRW".into(),
            cancels: Vec::new(),
        }
    }

    #[track_caller]
    fn check(record: PaymentRecord, expected: Option<&Heard>) {
        assert_eq!(heard(&charge(), record).ok().as_ref(), expected);
    }

    #[test]
    fn a_record_of_the_charge_decides() {
        check(record(PaymentState::Captured), Some(&Heard::Word(Word::Captured)));
        check(record(PaymentState::Open), Some(&Heard::Open));
        check(record(PaymentState::Cancelled), Some(&declined("CANCELED")));
        check(record(PaymentState::Dead("EXPIRED".into())), Some(&declined("EXPIRED")));
    }

    #[test]
    fn a_record_of_something_else_never_captures() {
        let captured = || record(PaymentState::Captured);
        for otherwise in [
            PaymentRecord { amount_minor: 10, balance_minor: 10, ..captured() },
            PaymentRecord { currency: "USD".into(), ..captured() },
            // Part of it has gone back.
            PaymentRecord { balance_minor: 999, ..captured() },
        ] {
            let word = Word::CapturedOtherwise(Box::new(otherwise.clone()));
            check(otherwise, Some(&Heard::Word(word)));
        }
        let mut other_key = captured();
        other_key.payment.payment_key = "another".into();
        check(other_key, None);
        let mut other_order = captured();
        other_order.payment.order_reference = "order-2".into();
        check(other_order, Some(&declined("PAYMENT_OF_ANOTHER_ORDER")));
        let cheap = |state| PaymentRecord { amount_minor: 10, ..record(state) };
        check(cheap(PaymentState::Open), Some(&declined("PAYMENT_OF_ANOTHER_AMOUNT")));
        // Nothing of it is here, whatever it was to cost.
        check(cheap(PaymentState::Cancelled), Some(&declined("CANCELED")));
        check(cheap(PaymentState::Dead("EXPIRED".into())), Some(&declined("EXPIRED")));
    }
}
