//! What a store keeps of payments beside the orders: the provider's words, and the accounts that buyers pay into.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::ids::{HoldId, OrderId, PerformanceId, UnixMillis};

/// Something that the provider has told of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRow {
    /// The provider's name of the telling; a repeat has the same.
    pub transmission_id: Box<str>,
    /// The performance of the order.
    pub performance: PerformanceId,
    /// The order.
    pub order: OrderId,
    /// When it first came.
    pub received_at: UnixMillis,
}

/// The account that the buyer of an order is to pay into.
#[derive(Clone, PartialEq, Eq)]
pub struct DepositAccountRow {
    /// The performance of the order.
    pub performance: PerformanceId,
    /// The order.
    pub order: OrderId,
    /// The order's name at the provider.
    pub order_reference: Box<str>,
    /// The bank's code.
    pub bank_code: Box<str>,
    /// The number of the account.
    pub account_number: Box<str>,
    /// What the provider's word of a deposit comes with.
    pub secret: Box<str>,
    /// Until when it is to be paid.
    pub deadline: UnixMillis,
}

impl std::fmt::Debug for DepositAccountRow {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DepositAccountRow")
            .field("performance", &self.performance)
            .field("order", &self.order)
            .field("order_reference", &self.order_reference)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// The account of a buyer that a refund goes to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RefundAccount {
    /// The bank's code.
    pub bank_code: Box<str>,
    /// The number of the account.
    pub account_number: Box<str>,
    /// Whose it is.
    pub holder_name: Box<str>,
}

impl std::fmt::Debug for RefundAccount {
    /// Nothing of it: it is the buyer's, and logs are read by many.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefundAccount").finish_non_exhaustive()
    }
}

/// Payments beside the orders. None of it is fenced: it holds the provider's words, which are true whoever writes them down.
#[async_trait]
pub trait PaymentStore {
    /// Keeps what the provider has told, unless it came before or two tellings of the order wait to be looked at already.
    /// Returns whether it was kept; once this has returned, it is durable.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it may be kept all the same; do it again.
    async fn take_webhook(&self, webhook: &WebhookRow) -> Result<bool, StoreError>;

    /// Notes that something told was looked at.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: do it again.
    async fn settle_webhook(&self, transmission_id: &str) -> Result<(), StoreError>;

    /// Up to `limit` tellings that nobody has looked at, oldest first, those behind the row `after`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn open_webhooks(
        &self,
        after: Option<&WebhookRow>,
        limit: usize,
    ) -> Result<Vec<WebhookRow>, StoreError>;

    /// Forgets tellings from before that time that were looked at. Returns how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn forget_webhooks(&self, before: UnixMillis) -> Result<u64, StoreError>;

    /// Keeps the account of an order, in place of an earlier one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: do it again.
    async fn put_deposit_account(&self, account: &DepositAccountRow) -> Result<(), StoreError>;

    /// The account of an order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn deposit_account(
        &self,
        performance: &PerformanceId,
        order: OrderId,
    ) -> Result<Option<DepositAccountRow>, StoreError>;

    /// The account of the latest order that has this name at the provider.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn latest_deposit_account(
        &self,
        order_reference: &str,
    ) -> Result<Option<DepositAccountRow>, StoreError>;

    /// Keeps the account that a refund of an order goes to, in place of an earlier one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: do it again.
    async fn put_refund_account(
        &self,
        performance: &PerformanceId,
        order: OrderId,
        account: &RefundAccount,
    ) -> Result<(), StoreError>;

    /// The account that a refund of an order goes to.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn refund_account(
        &self,
        performance: &PerformanceId,
        order: OrderId,
    ) -> Result<Option<RefundAccount>, StoreError>;

    /// Deletes this account of an order, and no other that has taken its place.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: do it again.
    async fn forget_refund_account(
        &self,
        performance: &PerformanceId,
        order: OrderId,
        account: &RefundAccount,
    ) -> Result<(), StoreError>;

    /// Up to `limit` orders with this payment key that pay a hold of this number, newest first. More than one when a buyer
    /// tried again with a key that had been declined, also at another performance.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn orders_of_payment(
        &self,
        payment_key: &str,
        hold: HoldId,
        limit: usize,
    ) -> Result<Vec<(PerformanceId, OrderId)>, StoreError>;
}
