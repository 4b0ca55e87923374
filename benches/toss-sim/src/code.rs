//! The provider's error codes, with the status and the message that go with each.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An error code of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode {
    name: &'static str,
    status: u16,
    message: &'static str,
}

macro_rules! codes {
    ($($name:ident $status:literal $message:literal,)*) => {
        #[allow(missing_docs, reason = "a code says of itself what it means")]
        impl ErrorCode {
            $(pub const $name: Self = Self { name: stringify!($name), status: $status, message: $message };)*

            /// Every code that the simulator knows.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

// In the order of the provider's own list: confirming, cancelling, keys of requests, reading.
codes! {
    ALREADY_PROCESSED_PAYMENT 400 "This is a payment that has already been processed.",
    PROVIDER_ERROR 400 "This is temporary error. Please try again in a few minutes.",
    EXCEED_MAX_CARD_INSTALLMENT_PLAN 400 "Maximum number of installment months exceeded.",
    INVALID_REQUEST 400 "The bad request.",
    INVALID_API_KEY 400 "Incorrect secret key.",
    INVALID_REJECT_CARD 400 "Refer to card issuer/decline.",
    BELOW_MINIMUM_AMOUNT 400 "The amount is below the minimum of the method.",
    INVALID_CARD_EXPIRATION 400 "Please check the card expiration date information again.",
    INVALID_STOPPED_CARD 400 "This is a stopped card.",
    INVALID_CARD_LOST_OR_STOLEN 400 "This card was reported lost or stolen.",
    INVALID_CARD_NUMBER 400 "Please check the card number information again.",
    INVALID_CARD_INSTALLMENT_PLAN 400 "The card does not allow these installment months.",
    EXCEED_MAX_DAILY_PAYMENT_COUNT 400 "Exceeded the maximum daily payment count.",
    EXCEED_MAX_PAYMENT_AMOUNT 400 "Exceeded the maximum amount of a day.",
    EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT 400 "Exceeded the maximum amount of a month.",
    EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT 400 "Exceeded the maximum withdrawal of a day.",
    EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT 400 "Exceeded the maximum withdrawal at once.",
    EXCEED_MAX_AMOUNT 400 "Exceeded the maximum transaction amount.",
    CARD_PROCESSING_ERROR 400 "The card company answered with an error.",
    NOT_AVAILABLE_PAYMENT 400 "Payments are not available at this time.",
    UNAPPROVED_ORDER_ID 400 "The order id is not approved.",
    UNAUTHORIZED_KEY 401 "Unauthorized secret key or client key.",
    REJECT_ACCOUNT_PAYMENT 403 "Payment failed due to lack of balance.",
    REJECT_CARD_PAYMENT 403 "Payment failed due to exceeding the limit or lack of balance.",
    REJECT_CARD_COMPANY 403 "The card company rejected the payment.",
    FORBIDDEN_REQUEST 403 "This request is not allowed.",
    EXCEED_MAX_AUTH_COUNT 403 "Exceeded the maximum number of authentications.",
    EXCEED_MAX_ONE_DAY_AMOUNT 403 "Exceeded the amount of a day.",
    INVALID_PASSWORD 403 "The password does not match.",
    INCORRECT_BASIC_AUTH_FORMAT 403 "Incorrect request. Encode the key with a ':' behind it.",
    FDS_ERROR 403 "The payment was restricted as suspicious.",
    NOT_FOUND_PAYMENT 404 "Not found payment.",
    NOT_FOUND_PAYMENT_SESSION 404 "The payment session does not exist or has expired.",
    FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING 500 "The payment failed in internal processing. Please try again.",
    FAILED_INTERNAL_SYSTEM_PROCESSING 500 "Internal processing failed. Please try again in a few minutes.",
    UNKNOWN_PAYMENT_ERROR 500 "The payment failed. Ask the card company or the bank.",

    ALREADY_CANCELED_PAYMENT 400 "This is a payment that has already been canceled.",
    INVALID_REFUND_ACCOUNT_INFO 400 "The account of the refund is missing or does not match its holder.",
    INVALID_REFUND_ACCOUNT_NUMBER 400 "The number of the refund's account is wrong.",
    INVALID_BANK 400 "There is no such bank.",
    REFUND_REJECTED 400 "The bank rejected the refund.",
    FORBIDDEN_BANK_REFUND_REQUEST 403 "The bank takes no refunds at this time.",
    EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT 403 "The amount is more than the discount allows.",
    NOT_MATCHES_REFUNDABLE_AMOUNT 400 "The refundable amount does not match.",
    NOT_CANCELABLE_AMOUNT 403 "This amount can not be canceled.",
    FORBIDDEN_CONSECUTIVE_REQUEST 403 "Repeated requests are not allowed. Please try again in a few minutes.",
    NOT_CANCELABLE_PAYMENT 403 "This payment can not be canceled.",
    EXCEED_MAX_REFUND_DUE 403 "The time in which it could be refunded is over.",
    NOT_ALLOWED_PARTIAL_REFUND 403 "This payment can not be refunded in part.",
    NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT 403 "A payment that waits for its deposit can not be refunded in part.",
    FAILED_REFUND_PROCESS 500 "The bank failed to refund. Please try again.",
    FAILED_PARTIAL_REFUND 500 "The refund in part failed.",
    FAILED_METHOD_HANDLING_CANCEL 500 "The method of payment failed to cancel.",
    COMMON_ERROR 500 "This is temporary error. Please try again in a few minutes.",

    INVALID_IDEMPOTENCY_KEY 400 "The idempotency key must have 1 to 300 characters.",
    IDEMPOTENT_REQUEST_PROCESSING 409 "The first request with this idempotency key is being processed.",

    INVALID_TRANSACTION_KEY 400 "There is no transaction with this key.",
    NOT_FOUND 404 "Not found.",
}

impl ErrorCode {
    /// The code of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name == name)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// The HTTP status that it comes with.
    #[must_use]
    pub fn status(self) -> u16 {
        self.status
    }

    /// What it says to people.
    #[must_use]
    pub fn message(self) -> &'static str {
        self.message
    }

    /// Whether a payment that is answered so is over: it was declined, and nothing will be captured.
    #[must_use]
    pub fn is_decline(self) -> bool {
        let starts = ["REJECT_", "EXCEED_MAX_", "INVALID_CARD_"];
        let names = ["INVALID_REJECT_CARD", "INVALID_STOPPED_CARD", "FDS_ERROR", "NOT_FOUND_PAYMENT_SESSION"];
        // The one of refunds; it tells nothing about a payment.
        self != Self::EXCEED_MAX_REFUND_DUE
            && (starts.iter().any(|start| self.name.starts_with(start)) || names.contains(&self.name))
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| D::Error::custom(format_args!("no error code: {name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_name_and_only_once() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.name()), Some(*code));
            assert!((400..600).contains(&code.status()), "{code}");
        }
        assert_eq!(ErrorCode::parse("reject_card_payment"), None);
    }

    #[test]
    fn declines_are_told_from_errors() {
        for (code, is_decline) in [
            (ErrorCode::REJECT_CARD_PAYMENT, true),
            (ErrorCode::EXCEED_MAX_DAILY_PAYMENT_COUNT, true),
            (ErrorCode::NOT_FOUND_PAYMENT_SESSION, true),
            (ErrorCode::EXCEED_MAX_REFUND_DUE, false),
            (ErrorCode::PROVIDER_ERROR, false),
            (ErrorCode::INVALID_REQUEST, false),
        ] {
            assert_eq!(code.is_decline(), is_decline, "{code}");
        }
    }
}
