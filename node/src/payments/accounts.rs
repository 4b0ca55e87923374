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

impl Payments {
    /// Whether the refund of an order that is under way waits for somebody to name an account. Known to the owner.
    pub(crate) fn awaits_account(&self, performance: &PerformanceId, order: OrderId) -> bool {
        self.awaiting_accounts.lock().contains(&(performance.clone(), order))
    }

    /// Notes that the refund of an order waits for an account.
    pub(super) fn await_account(&self, performance: &PerformanceId, order: OrderId) {
        tracing::warn!(%performance, %order, "the refund of a deposit waits for an account that it can go to");
        self.awaiting_accounts.lock().insert((performance.clone(), order));
    }

    /// The account that a refund goes to, if one was named. It is looked for, so it is not awaited.
    pub(super) async fn take_up_account(
        &self,
        performance: &PerformanceId,
        order: OrderId,
    ) -> Option<RefundAccount> {
        let account = self.kept_account(performance, order).await;
        self.awaiting_accounts.lock().remove(&(performance.clone(), order));
        account
    }

    /// Takes the refund of an order up again that has ended for want of an account, if one was named while it ended.
    pub(super) async fn look_for_account(
        self: &Arc<Self>,
        performance: PerformanceId,
        refund: RefundId,
        order: OrderId,
    ) {
        if self.kept_account(&performance, order).await.is_some() {
            drop(self.start(Task::Refund(performance, refund), true));
        }
    }

    async fn kept_account(&self, performance: &PerformanceId, order: OrderId) -> Option<RefundAccount> {
        let order = store::OrderId(order.0);
        self.until_stored(|| self.store.refund_account(performance, order)).await
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
