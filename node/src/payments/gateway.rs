//! What a payment provider is to earlybird.

use async_trait::async_trait;
use earlybird_engine::Timestamp;

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
    /// Which attempt it is, from 1. The provider repeats its answer to the same attempt, so one that was answered with
    /// nothing definite is followed by the next number, and one that was not answered by the same.
    pub attempt: u32,
}

/// A refund to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// The charge that it gives back.
    pub order_reference: String,
    /// Unique among the refunds of all orders: the key that keeps a retry from paying twice.
    pub refund_reference: String,
    /// The provider's key of the payment.
    pub payment_key: String,
    /// What goes back, in minor units.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// Why, for whoever reads the provider's books.
    pub reason: String,
    /// Which attempt it is, as of a [`Charge`].
    pub attempt: u32,
}

/// What a confirmed charge came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// The money was captured.
    Captured,
    /// The buyer has been given an account to pay into.
    AwaitingDeposit(Deposit),
}

/// An account that a buyer is to pay into.
#[derive(Clone, PartialEq, Eq)]
pub struct Deposit {
    /// Until when, if the provider says so.
    pub deadline: Option<Timestamp>,
    /// The bank's code.
    pub bank_code: String,
    /// The number of the account.
    pub account_number: String,
    /// What the provider's word of a deposit must be signed with.
    pub secret: String,
}

impl std::fmt::Debug for Deposit {
    /// Without the secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Deposit").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// What the provider knows of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRecord {
    /// Our name of the order.
    pub order_reference: String,
    /// The provider's key of the payment.
    pub payment_key: String,
    /// Where it stands.
    pub state: PaymentState,
    /// What was or is to be charged, in minor units.
    pub amount_minor: i64,
    /// What is left of it after refunds, in minor units.
    pub balance_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// The refunds that were made, oldest first.
    pub cancels: Vec<CancelRecord>,
}

/// Where a payment stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentState {
    /// Begun, and no money has moved: it may be confirmed.
    Open,
    /// The buyer is to pay into an account.
    AwaitingDeposit(Deposit),
    /// Captured; some of it may have been given back.
    Captured,
    /// Given back as a whole, or cancelled before anything was captured.
    Cancelled,
    /// No money has moved and none will, with the provider's reason.
    Dead(String),
}

/// A refund that the provider made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelRecord {
    /// The provider's key of it.
    pub transaction_key: String,
    /// What went back, in minor units.
    pub amount_minor: i64,
    /// The reason that was given with it; empty when the provider does not tell.
    pub reason: String,
}

/// Money that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The provider's key of it: where the next page starts.
    pub transaction_key: String,
    /// Our name of the order.
    pub order_reference: String,
    /// The provider's key of the payment.
    pub payment_key: String,
    /// To us or back.
    pub direction: Direction,
    /// How much, never negative, in minor units.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// When.
    pub at: Timestamp,
}

/// Which way money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the buyer.
    Captured,
    /// Back to the buyer.
    Cancelled,
}

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// Why the provider did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// A definite no.
    #[error("declined: {0}")]
    Declined(String),
    /// Nothing definite: ask before doing anything else.
    #[error("outcome unknown: {why}")]
    Unknown {
        /// What is known.
        why: String,
        /// Whether the provider answered this attempt, so that only another would be looked at afresh.
        is_answered: bool,
    },
    /// The provider does not know us: until somebody sets that right, nothing can be said of any payment.
    #[error("the provider does not accept our key: {0}")]
    Misconfigured(String),
}

impl GatewayError {
    /// No answer.
    pub fn silence(why: impl Into<String>) -> Self {
        Self::Unknown { why: why.into(), is_answered: false }
    }

    /// An answer that says nothing definite.
    pub fn indefinite(why: impl Into<String>) -> Self {
        Self::Unknown { why: why.into(), is_answered: true }
    }
}

/// A payment provider. All calls may be repeated with the same references and have one effect.
#[async_trait]
pub trait PaymentGateway: Send + Sync + 'static {
    /// Captures the money, or has the buyer given an account to pay into.
    async fn confirm(&self, charge: &Charge) -> Result<Confirmation, GatewayError>;
    /// Asks what became of an order; none when the provider never heard of it.
    async fn find(&self, order_reference: &str) -> Result<Option<PaymentRecord>, GatewayError>;
    /// Gives money back.
    async fn cancel(&self, cancellation: &Cancellation) -> Result<(), GatewayError>;
    /// Up to `limit` movements of money in the window, oldest first, those behind the one with the key `after`.
    async fn transactions(
        &self,
        window: Window,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Transaction>, GatewayError>;
}
