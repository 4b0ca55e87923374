//! One payment, one refund: from the provider's word to the journal.

use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::{Action, Command, OrderId, OrderStateName, RefundId, RefundState, State};
use earlybird_persistence::PerformanceId;

use super::{
    Cancellation, Charge, Confirmation, GatewayError, PaymentState, Payments, RefundSettled, Settled,
};
use crate::directory::ActivateError;
use crate::reply::{Failure, Unavailable};
use crate::shard::Shard;

/// Longest pause between two questions to the provider.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// Longest pause between two attempts at a shard: a look at the memory of this process, and when the store is back after a
/// long outage, whoever has paid must not wait on (L1).
const SHARD_RETRY_AFTER_MAX: Duration = Duration::from_secs(2);

/// A definite word of the provider.
enum Word {
    Done,
    No(String),
}

impl Payments {
    pub(super) async fn run_payment(&self, performance: &PerformanceId, order: OrderId) {
        let look = |shard: &Arc<Shard>| shard.read(|state| charge(performance, state, order));
        let Some(charge) = self.on_shard(performance, look).await else { return };
        // An order that was found PAYING may have been captured by an earlier run of the node: `confirm` may be repeated.
        let word = self.confirm_until_definite(charge).await;
        let action = match word {
            Word::Done => Action::ConfirmPayment { order },
            Word::No(reason) => Action::DeclinePayment { order, reason: reason.into() },
        };
        self.note(performance, action).await;
    }

    pub(super) async fn run_refund(&self, performance: &PerformanceId, refund: RefundId) {
        let look = |shard: &Arc<Shard>| shard.read(|state| cancellation(performance, state, refund));
        let Some(cancellation) = self.on_shard(performance, look).await else { return };
        let word = self.cancel_until_definite(cancellation).await;
        let action = match word {
            Word::Done => Action::CompleteRefund { refund },
            Word::No(reason) => Action::FailRefund { refund, reason: reason.into() },
        };
        self.note(performance, action).await;
    }

    async fn confirm_until_definite(&self, mut charge: Charge) -> Word {
        let mut pause = self.options.retry_after;
        loop {
            match self.permitted(self.gateway.confirm(&charge)).await {
                Ok(Confirmation::Captured) => return Word::Done,
                Err(GatewayError::Declined(reason)) => return Word::No(reason),
                Ok(Confirmation::AwaitingDeposit(_)) => {}
                Err(error) => {
                    metrics::counter!("earlybird_payments_unknown_total").increment(1);
                    tracing::warn!(order = charge.order_reference, %error, "asking the provider");
                    charge.attempt += u32::from(is_answered(&error));
                }
            }
            // Never heard of, or only begun: confirming again is safe, it is the same order.
            if let Ok(Some(record)) = self.permitted(self.gateway.find(&charge.order_reference)).await {
                match record.state {
                    PaymentState::Captured => return Word::Done,
                    PaymentState::Dead(reason) => return Word::No(reason),
                    PaymentState::Cancelled => return Word::No("CANCELED".to_owned()),
                    PaymentState::Open | PaymentState::AwaitingDeposit(_) => {}
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_AFTER_MAX);
        }
    }

    async fn cancel_until_definite(&self, mut cancellation: Cancellation) -> Word {
        let mut pause = self.options.retry_after;
        loop {
            match self.permitted(self.gateway.cancel(&cancellation)).await {
                Ok(()) => return Word::Done,
                Err(GatewayError::Declined(reason)) => return Word::No(reason),
                Err(error) => {
                    tracing::warn!(refund = cancellation.refund_reference, %error, "trying again");
                    cancellation.attempt += u32::from(is_answered(&error));
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_AFTER_MAX);
        }
    }

    /// Runs a call to the provider when there is room for one more.
    async fn permitted<T>(&self, call: impl Future<Output = T>) -> T {
        // The semaphore is never closed; without a permit the call is merely not counted.
        let _permit = self.permits.acquire().await.ok();
        call.await
    }

    /// Brings an outcome into the journal, through restarts of the shard and outages of the store.
    async fn note(&self, performance: &PerformanceId, action: Action) {
        let mut pause = self.options.retry_after;
        while let Some(directory) = self.directory.get().and_then(std::sync::Weak::upgrade) {
            let failure = match directory.shard(performance).await {
                // Its new owner found the order in the journal and takes it up.
                Err(ActivateError::Unavailable(Unavailable::NotOwner)) => return,
                Err(error) => format!("{error:?}"),
                Ok(shard) => {
                    drop(directory);
                    match shard.call(Command { request: None, action: action.clone() }, None).await {
                        // Rejected: an earlier attempt, whose answer was lost, has done it.
                        Ok(_) | Err(Failure::Rejected(_)) => return,
                        Err(failure) => format!("{failure:?}"),
                    }
                }
            };
            tracing::warn!(%performance, ?action, failure, "cannot note the provider's word yet; trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(SHARD_RETRY_AFTER_MAX);
        }
    }

    /// Looks at a performance, through restarts; none when there is nothing to do any more.
    async fn on_shard<T>(
        &self,
        performance: &PerformanceId,
        look: impl Fn(&Arc<Shard>) -> Option<T>,
    ) -> Option<T> {
        let mut pause = self.options.retry_after;
        loop {
            let directory = self.directory.get()?.upgrade()?;
            match directory.shard(performance).await {
                Ok(shard) => return look(&shard),
                Err(ActivateError::Unavailable(Unavailable::NotOwner)) => return None,
                Err(error) => {
                    tracing::warn!(%performance, ?error, "cannot look at a payment yet; trying again")
                }
            }
            drop(directory);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(SHARD_RETRY_AFTER_MAX);
        }
    }
}

fn is_answered(error: &GatewayError) -> bool {
    matches!(error, GatewayError::Unknown { is_answered: true, .. })
}

fn charge(performance: &PerformanceId, state: &State, order: OrderId) -> Option<Charge> {
    let view = state.order(order).filter(|view| view.state == OrderStateName::Paying)?;
    Some(Charge {
        order_reference: order_reference(performance, order),
        payment_key: view.payment_key.to_owned(),
        amount_minor: view.amount_minor,
        currency: state.settings().currency.to_string(),
        attempt: 1,
    })
}

fn cancellation(performance: &PerformanceId, state: &State, refund: RefundId) -> Option<Cancellation> {
    let view = state.refund(refund).filter(|view| *view.state == RefundState::Pending)?;
    let order = state.order(view.order)?;
    Some(Cancellation {
        order_reference: order_reference(performance, view.order),
        refund_reference: format!("{performance}-r{refund}"),
        payment_key: order.payment_key.to_owned(),
        amount_minor: view.amount_minor,
        currency: state.settings().currency.to_string(),
        reason: format!("refund {refund}"),
        attempt: 1,
    })
}

/// Our name of an order at the provider, within its 64 characters: the start of the performance's id, a hash of all of it.
fn order_reference(performance: &PerformanceId, order: OrderId) -> String {
    let name = performance.as_str();
    let hash = xxhash_rust::xxh3::xxh3_64(name.as_bytes());
    let start: String = name.chars().take(20).collect();
    format!("{start}-{hash:016x}-{order}")
}

/// What the payment of an order came to. What is decided and not durable yet is not known: the shard refuses a second
/// confirmation while the first still waits for the store, so a settlement may end before its outcome is on disk (I3).
pub(super) fn payment_outcome(shard: &Shard, order: OrderId) -> Settled {
    let committed = shard.committed();
    shard.read(|state| match state.order(order).filter(|view| view.last_sequence <= committed) {
        Some(view) => match view.state {
            OrderStateName::Paid | OrderStateName::Refunding | OrderStateName::Refunded => Settled::Paid,
            OrderStateName::Declined => {
                Settled::Declined { reason: view.decline_reason.unwrap_or_default().to_owned() }
            }
            OrderStateName::Paying => Settled::Unknown,
        },
        None => Settled::Unknown,
    })
}

/// What a refund came to, likewise.
pub(super) fn refund_outcome(shard: &Shard, refund: RefundId) -> RefundSettled {
    let committed = shard.committed();
    let is_durable =
        |state: &State, order| state.order(order).is_some_and(|order| order.last_sequence <= committed);
    shard.read(|state| {
        match state.refund(refund).filter(|view| is_durable(state, view.order)).map(|view| view.state) {
            Some(RefundState::Completed) => RefundSettled::Refunded,
            Some(RefundState::Failed(reason)) => RefundSettled::Failed { reason: reason.to_string() },
            Some(RefundState::Pending) | None => RefundSettled::Unknown,
        }
    })
}
