//! What payments and refunds came to, as whoever waits for them is told.

use earlybird_engine::{OrderId, OrderStateName, RefundId, RefundState, State};

use super::{RefundSettled, Settled};
use crate::shard::Shard;

/// What the payment of an order came to. What is decided and not durable yet is not known: the shard refuses a second
/// confirmation while the first still waits for the store, so a settlement may end before its outcome is on disk (I3).
pub(super) fn payment_outcome(shard: &Shard, order: OrderId) -> Settled {
    let committed = shard.committed();
    shard.read(|state| match state.order(order).filter(|view| view.last_sequence <= committed) {
        Some(view) => match view.state {
            // Captured too late for its seats: the buyer has none, and the order says what became of the money.
            OrderStateName::Refunding | OrderStateName::Refunded
                if view.captured_late && view.paid_at.is_none() =>
            {
                Settled::Declined { reason: view.decline_reason.unwrap_or_default().to_owned() }
            }
            OrderStateName::Paid | OrderStateName::Refunding | OrderStateName::Refunded => Settled::Paid,
            OrderStateName::Declined => {
                Settled::Declined { reason: view.decline_reason.unwrap_or_default().to_owned() }
            }
            OrderStateName::Paying if view.deposit_deadline.is_some() => Settled::AwaitingDeposit,
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
