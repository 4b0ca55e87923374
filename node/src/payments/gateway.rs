//! What a payment provider is to earlybird.

use async_trait::async_trait;
use earlybird_engine::Timestamp;
use earlybird_persistence::RefundAccount;

/// A payment, by the two names that it has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PaymentName {
    /// Our name of what is paid: 6 to 64 of letters, digits, `-` and `_`. The buyer's browser opened the provider's window
    /// with it, so it belongs to the hold; a hold whose payment was declined is paid again under the same.
    pub order_reference: String,
    /// The provider's key, which the buyer's browser brought back: another for each visit to the window.
    pub payment_key: String,
}

/// A payment to be captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Which one.
    pub payment: PaymentName,
    /// Minor units.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// Unique to the order and the attempt, at most 300 characters. The provider repeats its answer to the same key, so an
    /// attempt that was answered with nothing definite is followed by one with another key, and one that was not answered by
    /// one with the same.
    pub idempotency_key: String,
}

/// A refund to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// The payment that it gives back.
    pub payment: PaymentName,
    /// What goes back, in minor units; none is all that is left, or closes an account that nobody has paid into.
    pub amount_minor: Option<i64>,
    /// ISO 4217 code.
    pub currency: String,
    /// Why, for whoever reads the provider's books; at most 200 characters.
    pub reason: String,
    /// Unique to the refund and the attempt, as of a [`Charge`].
    pub idempotency_key: String,
    /// Where a deposit goes back to; other money finds its way without.
    pub refund_account: Option<RefundAccount>,
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

/// What the provider knows of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRecord {
    /// Which payment.
    pub payment: PaymentName,
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

/// Where a refund stands at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelState {
    /// The money went back.
    Done,
    /// It may yet go back, or not: nothing is to be sent again.
    UnderWay,
    /// It did not, and this attempt is over.
    Failed,
}

/// A refund that the provider made, or tries to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelRecord {
    /// The provider's key of it.
    pub transaction_key: String,
    /// What went back, in minor units.
    pub amount_minor: i64,
    /// The reason that was given with it; empty when the provider does not tell.
    pub reason: String,
    /// Where it stands.
    pub state: CancelState,
}

/// Money that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The provider's key of it: where the next page starts.
    pub transaction_key: String,
    /// Which payment.
    pub payment: PaymentName,
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
        /// Whether the provider answered, so that it would only repeat itself to the same key.
        is_answered: bool,
    },
    /// The provider does not know us: until somebody sets that right, nothing can be said of any payment.
    #[error("the provider does not accept our key: {0}")]
    Misconfigured(String),
}

impl PaymentRecord {
    /// Whether that sum was captured, and is there as a whole.
    pub(super) fn is_all_of(&self, amount_minor: i64, currency: &str) -> bool {
        self.state == PaymentState::Captured
            && self.currency == currency
            && [self.amount_minor, self.balance_minor] == [amount_minor; 2]
    }

    /// Whether it is about this charge: the same payment, amount and currency.
    ///
    /// # Errors
    /// What differs, as an unknown outcome; it is told to the operator as well, since no retry mends it.
    pub fn check(&self, charge: &Charge) -> Result<(), GatewayError> {
        let is_same = self.payment == charge.payment
            && self.amount_minor == charge.amount_minor
            && self.currency == charge.currency;
        if is_same { Ok(()) } else { Err(self.mismatch(charge)) }
    }

    /// The answer about something else than this charge, as an unknown outcome; the operator is told as well.
    pub(super) fn mismatch(&self, charge: &Charge) -> GatewayError {
        metrics::counter!("earlybird_payments_mismatched_total").increment(1);
        tracing::error!(?charge, record = ?self, "the provider has another payment than the one that was asked for");
        GatewayError::indefinite("the provider answered about another payment, amount or currency")
    }
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
    /// Asks what became of a payment; none when the provider never heard of it.
    async fn find(&self, payment: &PaymentName) -> Result<Option<PaymentRecord>, GatewayError>;
    /// Asks for the latest payment of an order; none when there is none.
    async fn find_latest(&self, order_reference: &str) -> Result<Option<PaymentRecord>, GatewayError>;
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
