//! What is known of an order's money beyond its columns, as one document.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The document. What is not set is left out, so most are empty, and a field that is missing has its default.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderDetails {
    /// The coupon that was used, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupon: Option<Box<str>>,
    /// What it took off the price, in minor units of the currency.
    #[serde(skip_serializing_if = "is_zero")]
    pub discount_minor: i64,
    /// What was kept of refunded seats, in minor units of the currency.
    #[serde(skip_serializing_if = "is_zero")]
    pub fees_minor: i64,
    /// By when a deposit must be, or had to be, paid, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deposit_deadline_ms: Option<u64>,
    /// Whether the money was captured after the payment had been declined.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub captured_late: bool,
    /// Its refunds, in the order in which they began.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<RefundDetails>,
}

/// A refund of an order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RefundDetails {
    /// Its id within the performance.
    pub refund: u64,
    /// The seats that it gives back.
    pub seats: Vec<u32>,
    /// What goes back, in minor units of the currency.
    pub amount_minor: i64,
    /// What is kept of what was paid for the seats, in minor units of the currency.
    pub fee_minor: i64,
    /// Why, in the API's words.
    pub reason: Cow<'static, str>,
    /// Why, in the words of whoever asked.
    pub note: Box<str>,
    /// Its state, in the API's words.
    pub state: Cow<'static, str>,
    /// Why the provider refused it; empty when it did not.
    pub failure: Box<str>,
    /// When it began, in milliseconds since the Unix epoch.
    pub began_at_ms: u64,
    /// When the provider's answer was noted, likewise.
    pub settled_at_ms: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl OrderDetails {
    /// The document as text.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a map with text keys is JSON")
    }
}
