//! A refund to an account: the account is kept before the refund is decided, so that a crash between the two leaves no refund
//! without one.
//!
//! Invariant: it is kept only for whoever may have the refund now, and no longer than until the refund is settled.

use std::time::Instant;

use earlybird_engine::{Action, Command, OrderId, RefundBy, State, Timestamp};
use earlybird_persistence as store;
use earlybird_persistence::RefundAccount;

use super::Ingress;
use super::status::Problem;
use crate::failpoint::die_at;
use crate::reply::{Failure, Reply};
use crate::shard::Shard;

impl Ingress {
    /// Begins a refund to an account, or lets one go on that waits for an account.
    ///
    /// # Errors
    /// The account cannot be kept. What the shard says is in the reply.
    pub(super) async fn refund_to_account(
        &self,
        shard: &Shard,
        command: Command,
        account: RefundAccount,
        expires_at: Instant,
    ) -> Result<Reply, Problem> {
        let now = self.node.clock.now();
        let Action::BeginRefund { order, .. } = &command.action else { return Err(Problem::mismatch()) };
        let order = *order;
        // Else the shard says why not, or what it said to the same request before.
        let is_kept = shard.read(|state| is_to_be_kept(state, now, &command.action));
        let (performance, row) = (shard.performance().id.clone(), store::OrderId(order.0));
        if is_kept {
            let keeping = self.node.store.put_refund_account(&performance, row, &account);
            tokio::time::timeout_at(expires_at.into(), keeping)
                .await
                .map_err(|_| Problem::deadline_exceeded())??;
            die_at("refund-account-kept");
        }
        let reply = shard.call(command, Some(expires_at)).await;
        let is_under_way = |state: &State| state.pending_refunds().any(|refund| refund.order == order);
        let is_definite = matches!(reply, Ok(_) | Err(Failure::Rejected(_)));
        if is_kept && is_definite && !shard.read(is_under_way) {
            // When this fails, the next refund of the order takes its place.
            drop(self.node.store.forget_refund_account(&performance, row, &account).await);
        }
        Ok(reply)
    }
}

/// Whether the refund would be accepted as things are.
fn is_to_be_kept(state: &State, now: Timestamp, action: &Action) -> bool {
    let Action::BeginRefund { by, order, seats, .. } = action else { return false };
    let order: OrderId = *order;
    let owns = |state: &State| match by {
        RefundBy::Buyer(buyer) => state.order(order).is_some_and(|view| view.buyer == buyer),
        RefundBy::Admin { .. } => true,
        RefundBy::Cancellation => false,
    };
    let waits = seats.is_empty() && state.refund_without_asker(order).is_some() && owns(state);
    waits || state.quote_refund(now, by, order, seats).is_ok()
}
