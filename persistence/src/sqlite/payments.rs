//! Payments on SQLite.

use async_trait::async_trait;

use super::SqliteStore;
use crate::error::StoreError;
use crate::ids::{HoldId, OrderId, PerformanceId, UnixMillis};
use crate::payment_queries::sqlite as queries;
use crate::payments::{DepositAccountRow, PaymentStore, RefundAccount, WebhookRow};

#[async_trait]
impl PaymentStore for SqliteStore {
    async fn take_webhook(&self, webhook: &WebhookRow) -> Result<bool, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::take_webhook(&mut connection, webhook)).await
    }

    async fn settle_webhook(&self, transmission_id: &str) -> Result<(), StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::settle_webhook(&mut connection, transmission_id)).await
    }

    async fn open_webhooks(
        &self,
        after: Option<&WebhookRow>,
        limit: usize,
    ) -> Result<Vec<WebhookRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::open_webhooks(&mut connection, after, limit)).await
    }

    async fn forget_webhooks(&self, before: UnixMillis) -> Result<u64, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::forget_webhooks(&mut connection, before)).await
    }

    async fn put_deposit_account(&self, account: &DepositAccountRow) -> Result<(), StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::put_deposit_account(&mut connection, account)).await
    }

    async fn deposit_account(
        &self,
        performance: &PerformanceId,
        order: OrderId,
    ) -> Result<Option<DepositAccountRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::deposit_account(&mut connection, performance, order)).await
    }

    async fn latest_deposit_account(
        &self,
        order_reference: &str,
    ) -> Result<Option<DepositAccountRow>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::latest_deposit_account(&mut connection, order_reference)).await
    }

    async fn put_refund_account(
        &self,
        performance: &PerformanceId,
        order: OrderId,
        account: &RefundAccount,
    ) -> Result<(), StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::put_refund_account(&mut connection, performance, order, account)).await
    }

    async fn refund_account(
        &self,
        performance: &PerformanceId,
        order: OrderId,
    ) -> Result<Option<RefundAccount>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::refund_account(&mut connection, performance, order)).await
    }

    async fn forget_refund_account(
        &self,
        performance: &PerformanceId,
        order: OrderId,
        account: &RefundAccount,
    ) -> Result<(), StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::forget_refund_account(&mut connection, performance, order, account)).await
    }

    async fn orders_of_payment(
        &self,
        payment_key: &str,
        hold: HoldId,
        limit: usize,
    ) -> Result<Vec<(PerformanceId, OrderId)>, StoreError> {
        let mut connection = self.reader().await?;
        self.answer(queries::orders_of_payment(&mut connection, payment_key, hold, limit)).await
    }
}
