//! A payment into a virtual account: the buyer pays within hours or days, or not at all.
//!
//! ```text
//!  an account to pay into ──► kept in the store ──► shard: AwaitDeposit, committed ──► parked
//!      parked ──webhook, an hour, the deadline──► ask ──paid──► ConfirmPayment
//!                                                  │ dead, closed ──► DeclinePayment
//!                                                  │ deadline passed, performance cancelled ──► close the account, and ask again
//!                                                  └ still waiting, no answer ──► parked
//!
//!  the bank took it back ──► close the account ──closed──► RevertDeposit
//!                                   └ paid again ──► the order stays paid
//! ```
//!
//! Invariant: an order that awaits a deposit is declined, and one whose deposit was taken back loses its seats, only once
//! nothing can be paid into its account any more.

use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::{Action, OrderId, OrderStateName, Rejection, Timestamp};
use earlybird_persistence as store;
use earlybird_persistence::{DepositAccountRow, PerformanceId, UnixMillis};

use super::confirming::{Bill, Heard, RETRY_AFTER_MAX, Word};
use super::reference::{REVERSION_MARK, deposit_close_key};
use super::settlement::bill;
use super::shards::Noted;
use super::under_way::{Stage, Ticket};
use super::{Cancellation, Deposit, GatewayError, Payments};
use crate::failpoint::die_at;
use crate::shard::Shard;

/// How often an account is asked about although nobody has told anything: webhooks can be lost.
const ASK_EVERY: Duration = Duration::from_secs(3_600);
/// Deadline of an account of which the provider does not tell one: the performance's own is sooner.
const NO_DEADLINE: Timestamp = Timestamp(i64::MAX as u64);

/// What a buyer may do with an account.
enum Awaited {
    /// Pay into it.
    Deposit,
    /// Nothing: the performance takes no virtual accounts.
    NotAllowed,
    /// The order is not ours to settle any more.
    Over,
}

impl Payments {
    /// Waits for the deposit; returns the definite word, or none when the order is not ours to settle any more.
    pub(super) async fn word_on_deposit(
        &self,
        performance: &PerformanceId,
        bill: &Bill,
        deposit: Deposit,
        ticket: &Ticket,
    ) -> Option<Word> {
        die_at("deposit-issued");
        match self.await_deposit(performance, bill, deposit).await {
            Awaited::Deposit => {}
            Awaited::NotAllowed => {
                return self.close_account(bill, "VIRTUAL_ACCOUNT_NOT_ALLOWED", ticket).await;
            }
            Awaited::Over => return None,
        }
        die_at("deposit-awaited");
        ticket.set_stage(Stage::Parked);
        let mut pause = ASK_EVERY;
        loop {
            let (deadline, reason) = self.deposit_deadline(performance, bill).await?;
            let left = Duration::from_millis(deadline.0.saturating_sub(self.clock.now().0));
            if left.is_zero() {
                ticket.set_stage(Stage::Working);
                return self.close_account(bill, reason, ticket).await;
            }
            ticket.pause(left.min(pause)).await;
            match self.ask(&bill.charge).await {
                Ok(Heard::Word(Word::AwaitingDeposit(_)) | Heard::Open | Heard::Nothing) => pause = ASK_EVERY,
                // Whoever gave the hint that led to the question gives no other.
                Err(_) if pause == ASK_EVERY => pause = self.options.retry_after,
                Err(_) => pause = (pause * 2).min(RETRY_AFTER_MAX),
                Ok(Heard::Word(word)) => {
                    ticket.set_stage(Stage::Working);
                    return Some(word);
                }
            }
        }
    }

    /// Keeps the account and notes that the order waits for it.
    async fn await_deposit(&self, performance: &PerformanceId, bill: &Bill, deposit: Deposit) -> Awaited {
        let deadline = deposit.deadline.unwrap_or(NO_DEADLINE);
        self.keep_account(performance, bill, deposit, deadline).await;
        match self.note(performance, Action::AwaitDeposit { order: bill.order, deadline }).await {
            Noted::Rejected(Rejection::VirtualAccountNotAllowed) => Awaited::NotAllowed,
            Noted::Done | Noted::Rejected(Rejection::DepositAwaited { .. }) => Awaited::Deposit,
            Noted::Rejected(_) | Noted::NotOurs => Awaited::Over,
        }
    }

    /// Until when the deposit is waited for, and why no longer; none when the order is not ours to settle any more.
    async fn deposit_deadline(
        &self,
        performance: &PerformanceId,
        bill: &Bill,
    ) -> Option<(Timestamp, &'static str)> {
        let look = |shard: &Arc<Shard>| {
            shard.read(|state| {
                // The performance's own deadline may be sooner than the provider's.
                let deadline = state.order(bill.order)?.deposit_deadline?;
                Some(match state.cancelled_at() {
                    Some(_) => (Timestamp(0), "PERFORMANCE_CANCELLED"),
                    None => (deadline, "DEPOSIT_NOT_PAID"),
                })
            })
        };
        self.on_shard(performance, look).await.ok().flatten()
    }

    async fn keep_account(
        &self,
        performance: &PerformanceId,
        bill: &Bill,
        deposit: Deposit,
        deadline: Timestamp,
    ) {
        let row = DepositAccountRow {
            performance: performance.clone(),
            order: store::OrderId(bill.order.0),
            order_reference: bill.charge.payment.order_reference.as_str().into(),
            bank_code: deposit.bank_code.into(),
            account_number: deposit.account_number.into(),
            secret: deposit.secret.into(),
            deadline: UnixMillis(deadline.0),
        };
        self.until_stored(|| self.store.put_deposit_account(&row)).await;
    }

    /// Closes the account of a deposit that the bank took back, and then frees the seats.
    pub(super) async fn run_reversion(&self, performance: &PerformanceId, order: OrderId, ticket: &Ticket) {
        let look =
            |shard: &Arc<Shard>| shard.read(|state| bill(performance, state, order, OrderStateName::Paid));
        let Ok(Some(bill)) = self.on_shard(performance, look).await else { return };
        match self.close_account(&bill, REVERSION_MARK, ticket).await {
            None | Some(Word::Captured | Word::CapturedOtherwise(_)) => return,
            Some(Word::Declined(_) | Word::AwaitingDeposit(_)) => {}
        }
        die_at("reversion-closed");
        let note = "the bank took the deposit back".into();
        self.note(performance, Action::RevertDeposit { order, note }).await;
        die_at("reversion-noted");
    }

    /// Closes the account at the provider; none when it is not this node's to close any more. The deposit may come at the last
    /// moment: then it counts.
    pub(super) async fn close_account(&self, bill: &Bill, reason: &str, ticket: &Ticket) -> Option<Word> {
        let mut attempt = 1;
        let mut pause = self.options.retry_after;
        loop {
            let cancellation = Cancellation {
                payment: bill.charge.payment.clone(),
                amount_minor: None,
                currency: bill.charge.currency.clone(),
                reason: reason.to_owned(),
                idempotency_key: deposit_close_key(&bill.charge.payment.order_reference, bill.order, attempt),
                refund_account: None,
            };
            // It is asked before it is closed, and after: money that is there must not be sent back.
            match self.ask(&bill.charge).await {
                Ok(Heard::Word(Word::Declined(_))) => return Some(Word::Declined(reason.to_owned())),
                Ok(Heard::Word(word @ (Word::Captured | Word::CapturedOtherwise(_)))) => return Some(word),
                Ok(Heard::Word(Word::AwaitingDeposit(_)) | Heard::Open | Heard::Nothing) => {
                    match self.permitted(self.gateway.cancel(&cancellation)).await {
                        Ok(()) => return Some(Word::Declined(reason.to_owned())),
                        Err(GatewayError::Unknown { is_answered: false, .. }) => {}
                        Err(_) => attempt += 1,
                    }
                }
                Err(_) => {}
            }
            ticket.pause(pause).await;
            pause = (pause * 2).min(RETRY_AFTER_MAX);
            if !self.is_due(ticket.task()).await {
                return None;
            }
        }
    }
}
