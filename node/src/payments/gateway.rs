//! What a payment provider is to earlybird.

use async_trait::async_trait;

/// A payment to be captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Our name of the order at the provider: unique over all performances, 6 to 64 of letters, digits, `-` and `_`.
    pub order_reference: String,
    /// The provider's key, which the buyer's browser brought.
    pub payment_key: String,
    /// Minor units.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
}

/// A refund to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// The charge that it gives back.
    pub order_reference: String,
    /// Unique among the refunds of the order: the key that keeps a retry from paying twice.
    pub refund_reference: String,
    /// The provider's key of the payment.
    pub payment_key: String,
    /// Minor units.
    pub amount_minor: i64,
}

/// What the provider knows of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderRecord {
    /// The money was captured.
    Captured,
    /// The provider declined it for good.
    Declined(String),
    /// The provider never heard of it.
    NotFound,
}

/// Why the provider did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// A definite no.
    #[error("declined: {0}")]
    Declined(String),
    /// A time-out, or an answer that says nothing definite: ask before doing anything else.
    #[error("outcome unknown: {0}")]
    Unknown(String),
}

/// A payment provider. All calls may be repeated with the same references and have one effect.
#[async_trait]
pub trait PaymentGateway: Send + Sync + 'static {
    /// Captures the money.
    async fn confirm(&self, charge: &Charge) -> Result<(), GatewayError>;
    /// Asks what became of an order.
    async fn find(&self, order_reference: &str) -> Result<ProviderRecord, GatewayError>;
    /// Gives money back.
    async fn cancel(&self, cancellation: &Cancellation) -> Result<(), GatewayError>;
}
