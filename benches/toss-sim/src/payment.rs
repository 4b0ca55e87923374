//! The Payment object, as the provider shows it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::code::ErrorCode;
use crate::ids::{OrderId, PaymentKey, TransactionKey};

/// Where a payment is in its life.
///
/// ```text
///  READY ──► IN_PROGRESS ──► DONE ──► PARTIAL_CANCELED ──► CANCELED
///    └──────────┴──► EXPIRED  ▲│
///               ├──► ABORTED  ││ the bank takes a deposit back
///               └──► WAITING_FOR_DEPOSIT (virtual account)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The buyer has opened the provider's window.
    Ready,
    /// The buyer is authenticated; the shop may confirm.
    InProgress,
    /// A virtual account was issued and nothing paid into it.
    WaitingForDeposit,
    /// The money was captured.
    Done,
    /// All of it went back.
    Canceled,
    /// Some of it went back.
    PartialCanceled,
    /// Declined.
    Aborted,
    /// Not confirmed, or not paid, in time.
    Expired,
}

/// How a payment is paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// By card: captured when it is confirmed.
    #[default]
    #[serde(rename = "카드", alias = "CARD")]
    Card,
    /// Into a virtual account, after it was confirmed.
    #[serde(rename = "가상계좌", alias = "VIRTUAL_ACCOUNT")]
    VirtualAccount,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// The shop.
    pub m_id: String,
    /// Version of the object.
    pub version: String,
    /// The provider's name of it.
    pub payment_key: PaymentKey,
    /// The shop's name of the order.
    pub order_id: OrderId,
    /// What the buyer sees.
    pub order_name: String,
    /// ISO 4217 code.
    pub currency: String,
    /// How it is paid.
    pub method: Method,
    /// Where it is in its life.
    pub status: Status,
    /// What was asked for, in units of the currency.
    pub total_amount: i64,
    /// What of it has not gone back.
    pub balance_amount: i64,
    /// When the buyer opened the window.
    #[serde(with = "time::serde::rfc3339")]
    pub requested_at: OffsetDateTime,
    /// When the money was captured; none before.
    #[serde(with = "time::serde::rfc3339::option")]
    pub approved_at: Option<OffsetDateTime>,
    /// The last movement of money.
    pub last_transaction_key: Option<TransactionKey>,
    /// What comes with the shop's webhooks, so that it can tell them.
    pub secret: String,
    /// Where to pay; none unless it is paid into a virtual account.
    pub virtual_account: Option<VirtualAccount>,
    /// What went back.
    pub cancels: Option<Vec<Cancel>>,
    /// Why it was declined.
    pub failure: Option<Failure>,
    /// Whether it can go back in part.
    pub is_partial_cancelable: bool,
}

/// An account that was issued for one payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualAccount {
    /// Its number.
    pub account_number: String,
    /// Code of the bank.
    pub bank_code: String,
    /// Until when it takes money.
    #[serde(with = "time::serde::rfc3339")]
    pub due_date: OffsetDateTime,
    /// Whether that is over.
    pub expired: bool,
}

/// Where a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancelStatus {
    /// The money is on its way.
    InProgress,
    /// It has arrived.
    Done,
}

/// Money that went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancel {
    /// The movement of money.
    pub transaction_key: TransactionKey,
    /// Why, in the shop's words.
    pub cancel_reason: String,
    /// How much.
    pub cancel_amount: i64,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub canceled_at: OffsetDateTime,
    /// Whether it has arrived.
    pub cancel_status: CancelStatus,
    /// What can still go back after it.
    pub refundable_amount: i64,
}

/// Why a payment was declined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The code that the confirmation was answered with.
    pub code: ErrorCode,
    /// The same for people.
    pub message: String,
}

/// One movement of money, as the list of transactions shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    /// The shop.
    pub m_id: String,
    /// Its name.
    pub transaction_key: TransactionKey,
    /// The payment that it belongs to.
    pub payment_key: PaymentKey,
    /// The order of that payment.
    pub order_id: OrderId,
    /// How it was paid.
    pub method: Method,
    /// Always false.
    pub use_escrow: bool,
    /// The payment's status after it: `DONE` for a capture, `CANCELED` or `PARTIAL_CANCELED` for money that went back.
    pub status: Status,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub transaction_at: OffsetDateTime,
    /// ISO 4217 code.
    pub currency: String,
    /// How much was moved; negative when it went back.
    pub amount: i64,
}

impl Payment {
    /// Whether the provider has money for it.
    #[must_use]
    pub fn is_captured(&self) -> bool {
        matches!(self.status, Status::Done | Status::PartialCanceled)
            || (self.status == Status::Canceled && self.approved_at.is_some())
    }

    /// What was captured, whether or not it went back since.
    #[must_use]
    pub fn captured_amount(&self) -> i64 {
        if self.is_captured() { self.total_amount } else { 0 }
    }

    /// What of that went back.
    #[must_use]
    pub fn refunded_amount(&self) -> i64 {
        if self.is_captured() { self.total_amount - self.balance_amount } else { 0 }
    }
}
