//! The provider's JSON, as far as it is read.

use earlybird_engine::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::{format_description, offset};
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// The provider's clock, where it gives no offset.
const KOREA: UtcOffset = offset!(+9);
/// A time without an offset.
const LOCAL: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

/// Body of a confirmation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfirmRequest<'a> {
    pub(super) payment_key: &'a str,
    pub(super) order_id: &'a str,
    pub(super) amount: Number,
}

/// Body of a cancellation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CancelRequest<'a> {
    pub(super) cancel_reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cancel_amount: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refund_receive_account: Option<RefundReceiveAccount<'a>>,
}

/// An account of the buyer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefundReceiveAccount<'a> {
    pub(super) bank: &'a str,
    pub(super) account_number: &'a str,
    pub(super) holder_name: &'a str,
}

/// A refusal.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

/// The Payment object.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payment {
    pub(super) payment_key: String,
    pub(super) order_id: String,
    pub(super) status: String,
    pub(super) currency: String,
    pub(super) total_amount: Number,
    pub(super) balance_amount: Number,
    #[serde(default)]
    pub(super) virtual_account: Option<VirtualAccount>,
    #[serde(default)]
    pub(super) cancels: Option<Vec<Cancel>>,
    #[serde(default)]
    pub(super) failure: Option<Failure>,
    #[serde(default)]
    pub(super) secret: Option<String>,
}

/// An account that a buyer pays into.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VirtualAccount {
    #[serde(default)]
    pub(super) bank_code: String,
    #[serde(default)]
    pub(super) account_number: String,
    #[serde(default)]
    pub(super) due_date: Option<String>,
}

/// A refund.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cancel {
    pub(super) transaction_key: String,
    pub(super) cancel_amount: Number,
    #[serde(default)]
    pub(super) cancel_reason: Option<String>,
    #[serde(default)]
    pub(super) cancel_status: Option<String>,
}

/// Why a payment was declined.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Failure {
    pub(super) code: String,
}

/// A movement of money.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Movement {
    pub(super) transaction_key: String,
    pub(super) payment_key: String,
    pub(super) order_id: String,
    pub(super) status: String,
    pub(super) currency: String,
    pub(super) amount: Number,
    pub(super) transaction_at: String,
}

/// A time of the provider: with its offset, or in Korean time.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    let local = || PrimitiveDateTime::parse(text, LOCAL).map(|time| time.assume_offset(KOREA));
    let time = OffsetDateTime::parse(text, &Rfc3339).or_else(|_| local()).ok()?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok().map(Timestamp)
}

/// A moment as the provider's lists are asked for it: Korean time, to the second before it.
pub(super) fn local_time(at: Timestamp) -> Option<String> {
    let seconds = i64::try_from(at.0 / 1_000).ok()?;
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok()?.to_offset(KOREA);
    time.format(LOCAL).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_their_offset() {
        let noon = Some(Timestamp(1_641_178_800_000));
        for text in ["2022-01-03T12:00:00+09:00", "2022-01-03T03:00:00Z", "2022-01-03T12:00:00"] {
            assert_eq!(timestamp(text), noon, "{text}");
        }
        assert_eq!(timestamp("yesterday"), None);
        assert_eq!(local_time(Timestamp(1_641_178_800_999)).as_deref(), Some("2022-01-03T12:00:00"));
    }
}
