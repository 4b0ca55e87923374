//! Looks at one order and at the provider's record of it, and sets right what can be.

use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::{OrderId, RefundReason, State};
use earlybird_persistence::PerformanceId;

use super::compare::{Difference, DifferenceKind, OrderFacts, Verdict};
use super::reference::order_reference;
use super::shards::NotOurs;
use super::under_way::Task;
use super::{GatewayError, PaymentName, Payments};
use crate::shard::Shard;

/// How long a review waits for what it has set going.
const REPAIR_MAX: Duration = Duration::from_secs(20);

/// What a review found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reviewed {
    /// Both sides agree, or there is no such order here.
    Agrees,
    /// They differed, and this set it right.
    Repaired(Difference),
    /// They differ.
    Differs(Difference),
    /// Another node owns the performance: nothing was compared, and the order is left to its owner.
    NotOurs,
}

impl Payments {
    /// Compares an order with the provider's record; with `repairs`, sets right what can be.
    ///
    /// # Errors
    /// The provider gave no definite answer.
    pub(super) async fn review(
        self: &Arc<Self>,
        performance: &PerformanceId,
        order: OrderId,
        repairs: bool,
    ) -> Result<Reviewed, GatewayError> {
        let found = match self.verdict(performance, order).await? {
            Ok(Verdict::Agree) => return Ok(Reviewed::Agrees),
            Ok(Verdict::Differ(difference)) => difference,
            Err(NotOurs) => return Ok(Reviewed::NotOurs),
        };
        if !repairs || !found.kind.is_repairable() {
            return Ok(Reviewed::Differs(found));
        }
        metrics::counter!("earlybird_payments_repaired_total", "kind" => found.kind.as_str()).increment(1);
        tracing::info!(%performance, %order, kind = %found.kind, "setting an order right");
        // What this sets going goes on when the wait ends.
        drop(tokio::time::timeout(REPAIR_MAX, self.repair(performance, order, found.kind)).await);
        Ok(match self.verdict(performance, order).await? {
            Ok(Verdict::Agree) => Reviewed::Repaired(found),
            Ok(Verdict::Differ(difference)) => Reviewed::Differs(difference),
            Err(NotOurs) => Reviewed::NotOurs,
        })
    }

    async fn verdict(
        &self,
        performance: &PerformanceId,
        order: OrderId,
    ) -> Result<Result<Verdict, NotOurs>, GatewayError> {
        // What is not durable yet may be looked at: all that follows from it goes through the journal, behind it.
        let look = |shard: &Arc<Shard>| shard.read(|state| facts(performance, state, order));
        let facts = match self.on_shard(performance, look).await {
            Ok(Some(facts)) => facts,
            Ok(None) => return Ok(Ok(Verdict::Agree)),
            Err(NotOurs) => return Ok(Err(NotOurs)),
        };
        let record = self.permitted(self.gateway.find(&facts.payment)).await?;
        Ok(Ok(facts.compare(record.as_ref())))
    }

    async fn repair(self: &Arc<Self>, performance: &PerformanceId, order: OrderId, kind: DifferenceKind) {
        match kind {
            DifferenceKind::Unsettled => {
                let task = Task::Payment(performance.clone(), order);
                self.under_way.nudge(&task);
                self.join(task).await;
            }
            DifferenceKind::CapturedLate => {
                self.capture_late(performance, order).await;
                self.join_refund_of(performance, order).await;
            }
            DifferenceKind::DepositReverted => {
                self.join(Task::Reversion(performance.clone(), order)).await;
            }
            _ => {}
        }
    }

    /// Waits for the refund of an order that is under way, if there is one.
    async fn join_refund_of(self: &Arc<Self>, performance: &PerformanceId, order: OrderId) {
        let look = |shard: &Arc<Shard>| {
            shard.read(|state| {
                let pending = state.pending_refunds().find(|refund| refund.order == order);
                Some(pending.map(|refund| refund.refund))
            })
        };
        if let Ok(Some(Some(refund))) = self.on_shard(performance, look).await {
            self.join(Task::Refund(performance.clone(), refund)).await;
        }
    }
}

/// What our side says; none when there is no such order.
fn facts(performance: &PerformanceId, state: &State, order: OrderId) -> Option<OrderFacts> {
    let view = state.order(order)?;
    Some(OrderFacts {
        payment: PaymentName {
            order_reference: order_reference(performance, view.hold),
            payment_key: view.payment_key.to_owned(),
        },
        state: view.state,
        amount_minor: view.amount_minor,
        refunded_minor: view.refunded_minor,
        currency: state.settings().currency.to_string(),
        is_deposit: view.deposit_deadline.is_some(),
        is_reverted: state.refunds_of(order).any(|refund| refund.reason == RefundReason::DepositReverted),
    })
}
