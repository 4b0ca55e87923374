//! Accounts that deposits go back to: found before a refund, forgotten after it, and awaited where nobody has named one.
//!
//! ```text
//!  refund ──account kept?──► provider ──► forget the account ──► journal
//!             └ no, or refused ──► awaits an account ──RefundAccountGiven──► refund
//! ```
//!
//! A refund that awaits an account is not under way. Whoever names one keeps it in the store first and begins the refund then,
//! so a refund that ends for want of one looks once more after it has ended: one of the two sees the other.

use std::sync::Arc;

use earlybird_engine::{OrderId, RefundId};
use earlybird_persistence as store;
use earlybird_persistence::{PerformanceId, RefundAccount, StoreError};

use super::Payments;
use super::confirming::RETRY_AFTER_MAX;
use super::under_way::Task;
use crate::shard::Shard;

impl Payments {
    /// Whether a refund that is pending waits for somebody to name an account.
    pub(crate) fn awaits_account(&self, performance: &PerformanceId, refund: RefundId) -> bool {
        self.awaiting_accounts.lock().contains(&(performance.clone(), refund))
    }

    /// Notes that a refund waits for an account.
    pub(super) fn await_account(&self, performance: &PerformanceId, refund: RefundId) {
        tracing::warn!(%performance, %refund, "the refund of a deposit waits for an account that it can go to");
        self.awaiting_accounts.lock().insert((performance.clone(), refund));
    }

    /// The account that a refund goes to, if one was named. It is looked for, so it is not awaited.
    pub(super) async fn take_up_account(
        &self,
        performance: &PerformanceId,
        refund: RefundId,
        order: OrderId,
    ) -> Option<RefundAccount> {
        let order = store::OrderId(order.0);
        let account = self.until_stored(|| self.store.refund_account(performance, order)).await;
        self.awaiting_accounts.lock().remove(&(performance.clone(), refund));
        account
    }

    /// Takes a refund up again that has ended for want of an account, if one was named while it ended.
    pub(super) async fn look_for_account(self: &Arc<Self>, task: Task) {
        let Task::Refund(performance, refund) = &task else { return };
        if !self.awaits_account(performance, *refund) {
            return;
        }
        let look = |shard: &Arc<Shard>| shard.read(|state| Some(state.refund(*refund)?.order));
        let Ok(Some(order)) = self.on_shard(performance, look).await else { return };
        let order = store::OrderId(order.0);
        if self.until_stored(|| self.store.refund_account(performance, order)).await.is_some() {
            drop(self.start(task, true));
        }
    }

    /// Forgets the account that a refund went to.
    pub(super) async fn forget_account(
        &self,
        performance: &PerformanceId,
        order: OrderId,
        account: &RefundAccount,
    ) {
        let order = store::OrderId(order.0);
        self.until_stored(|| self.store.forget_refund_account(performance, order, account)).await;
    }

    /// Asks the store until it answers.
    pub(super) async fn until_stored<T, F>(&self, call: impl Fn() -> F) -> T
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut pause = self.options.retry_after;
        loop {
            match call().await {
                Ok(answer) => return answer,
                Err(error) => {
                    tracing::debug!(%error, "the store does not answer a payment yet; trying again")
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_AFTER_MAX);
        }
    }
}
