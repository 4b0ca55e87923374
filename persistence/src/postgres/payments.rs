//! Payments on PostgreSQL: beside the journal, so that no webhook delays an append.

use async_trait::async_trait;

use super::{PostgresStore, on};
use crate::error::StoreError;
use crate::ids::{HoldId, OrderId, PerformanceId, UnixMillis};
use crate::payment_queries::postgres as queries;
use crate::payments::{DepositAccountRow, PaymentStore, RefundAccount, WebhookRow};
use crate::wait::answer_within;

#[async_trait]
impl PaymentStore for PostgresStore {
    async fn take_webhook(&self, webhook: &WebhookRow) -> Result<bool, StoreError> {
        on!(self.workers, |connection| queries::take_webhook(connection, webhook))
    }

    async fn settle_webhook(&self, transmission_id: &str) -> Result<(), StoreError> {
        on!(self.workers, |connection| queries::settle_webhook(connection, transmission_id))
    }

    async fn open_webhooks(
        &self,
        after: Option<&WebhookRow>,
        limit: usize,
    ) -> Result<Vec<WebhookRow>, StoreError> {
        on!(self.readers, |connection| queries::open_webhooks(connection, after, limit))
    }

    async fn forget_webhooks(&self, before: UnixMillis) -> Result<u64, StoreError> {
        on!(self.workers, |connection| queries::forget_webhooks(connection, before))
    }

    async fn put_deposit_account(&self, account: &DepositAccountRow) -> Result<(), StoreError> {
        on!(self.workers, |connection| queries::put_deposit_account(connection, account))
    }

    async fn deposit_account(
        &self,
        performance: &PerformanceId,
        order: OrderId,
    ) -> Result<Option<DepositAccountRow>, StoreError> {
        on!(self.readers, |connection| queries::deposit_account(connection, performance, order))
    }

    async fn latest_deposit_account(
        &self,
        order_reference: &str,
    ) -> Result<Option<DepositAccountRow>, StoreError> {
        on!(self.readers, |connection| queries::latest_deposit_account(connection, order_reference))
    }

    async fn put_refund_account(
        &self,
        performance: &PerformanceId,
        order: OrderId,
        account: &RefundAccount,
    ) -> Result<(), StoreError> {
        on!(self.workers, |connection| queries::put_refund_account(connection, performance, order, account))
    }

    async fn refund_account(
        &self,
        performance: &PerformanceId,
        order: OrderId,
    ) -> Result<Option<RefundAccount>, StoreError> {
        on!(self.readers, |connection| queries::refund_account(connection, performance, order))
    }

    async fn forget_refund_account(
        &self,
        performance: &PerformanceId,
        order: OrderId,
        account: &RefundAccount,
    ) -> Result<(), StoreError> {
        on!(self.workers, |connection| queries::forget_refund_account(
            connection,
            performance,
            order,
            account
        ))
    }

    async fn orders_of_payment(
        &self,
        payment_key: &str,
        hold: HoldId,
        limit: usize,
    ) -> Result<Vec<(PerformanceId, OrderId)>, StoreError> {
        on!(self.readers, |connection| queries::orders_of_payment(connection, payment_key, hold, limit))
    }
}
