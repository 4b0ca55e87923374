//! Looks at one order and at the provider's record of its payment, and sets right what can be.

use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::{OrderId, OrderView, RefundReason, State};
use earlybird_persistence as store;
use earlybird_persistence::{PerformanceId, StoreError, UnixMillis, WebhookRow};

use super::compare::{Difference, DifferenceKind, OrderFacts, Verdict};
use super::reference::order_reference;
use super::shards::NotOurs;
use super::under_way::Task;
use super::{GatewayError, PaymentName, Payments, twins};
use crate::shard::Shard;

/// How long a review waits for what it has set going.
const REPAIR_MAX: Duration = Duration::from_secs(20);

/// What a review found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reviewed {
    /// Both sides agree, or there is no such order here.
    Agrees,
    /// They differed, and this set it right. The order is the one whose money it is: one of the same payment.
    Repaired(OrderId, Difference),
    /// They differ.
    Differs(OrderId, Difference),
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
        let (order, found) = match self.verdict(performance, order).await? {
            Ok((_, Verdict::Agree)) => return Ok(Reviewed::Agrees),
            Ok((order, Verdict::Differ(difference))) => (order, difference),
            Err(NotOurs) => return Ok(Reviewed::NotOurs),
        };
        if !repairs || !found.kind.is_repairable() {
            return Ok(Reviewed::Differs(order, found));
        }
        metrics::counter!("earlybird_payments_repaired_total", "kind" => found.kind.as_str()).increment(1);
        tracing::info!(%performance, %order, kind = %found.kind, "setting an order right");
        // What this sets going goes on when the wait ends.
        drop(tokio::time::timeout(REPAIR_MAX, self.repair(performance, order, found.kind)).await);
        Ok(match self.verdict(performance, order).await? {
            Ok((_, Verdict::Agree)) => Reviewed::Repaired(order, found),
            Ok((order, Verdict::Differ(difference))) => Reviewed::Differs(order, difference),
            Err(NotOurs) => Reviewed::NotOurs,
        })
    }

    /// Lets the node that owns the performance look at an order, also after a crash, as if the provider had told of it.
    ///
    /// # Errors
    /// The store does not answer.
    pub(super) async fn leave_to_owner(
        &self,
        performance: &PerformanceId,
        order: OrderId,
    ) -> Result<(), StoreError> {
        let received_at = UnixMillis(self.clock.now().0);
        let transmission_id = format!("review:{performance}:{order}:{}", received_at.0).into();
        let (performance, order) = (performance.clone(), store::OrderId(order.0));
        let row = WebhookRow { transmission_id, performance, order, received_at };
        self.store.take_webhook(&row).await.map(drop)
    }

    /// What the provider's record of an order's payment says, and of which order.
    async fn verdict(
        &self,
        performance: &PerformanceId,
        order: OrderId,
    ) -> Result<Result<(OrderId, Verdict), NotOurs>, GatewayError> {
        // What is not durable yet may be looked at: all that follows from it goes through the journal, behind it.
        let look = |shard: &Arc<Shard>| shard.read(|state| facts(performance, state, order));
        let orders = match self.on_shard(performance, look).await {
            Ok(orders) => orders.unwrap_or_default(),
            Err(NotOurs) => return Ok(Err(NotOurs)),
        };
        let Some((_, any)) = orders.first() else { return Ok(Ok((order, Verdict::Agree))) };
        let record = self.permitted(self.gateway.find(&any.payment)).await?;
        let verdict = match twins::owner(orders, record.as_ref()) {
            Some((owner, facts)) => (owner, facts.compare(record.as_ref())),
            None => (order, Verdict::Agree),
        };
        Ok(Ok(verdict))
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
            DifferenceKind::CapturedOtherwise => {
                self.join(Task::Return(performance.clone(), order)).await;
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

/// What our side says of the orders that are one payment at the provider, this one among them; none when there is no such
/// order.
fn facts(performance: &PerformanceId, state: &State, order: OrderId) -> Option<Vec<(OrderId, OrderFacts)>> {
    let facts = |view: OrderView<'_>| OrderFacts {
        payment: PaymentName {
            order_reference: order_reference(performance, view.hold),
            payment_key: view.payment_key.to_owned(),
        },
        state: view.state,
        amount_minor: view.amount_minor,
        refunded_minor: view.refunded_minor,
        currency: state.settings().currency.to_string(),
        is_deposit: view.deposit_deadline.is_some(),
        is_reverted: state.refunds_of(view.order).any(|it| it.reason == RefundReason::DepositReverted),
    };
    Some(state.orders_of_payment(order).map(|view| (view.order, facts(view))).collect())
}
