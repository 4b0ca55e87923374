//! What the provider's error codes mean. The code decides and never the HTTP status; a code that is not here means that the
//! outcome is unknown.

/// What a code tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing definite: ask.
    Unknown,
    /// Nothing definite, and the first request with this key is still being worked on: ask, and send the same key again.
    StillProcessing,
    /// The payment was declined, and nothing was captured.
    Declined,
    /// The payment cannot be cancelled so, now or later.
    NotCancelable,
    /// The provider knows no such payment.
    NotFound,
    /// The provider does not accept our key.
    Misconfigured,
}

/// Codes with their meaning.
const CODES: &[(&str, Meaning)] = &[
    ("REJECT_CARD_PAYMENT", Meaning::Declined),
    ("REJECT_CARD_COMPANY", Meaning::Declined),
    ("REJECT_ACCOUNT_PAYMENT", Meaning::Declined),
    ("NOT_FOUND_PAYMENT_SESSION", Meaning::Declined),
    // Begins like a decline, and is about a refund.
    ("EXCEED_MAX_REFUND_DUE", Meaning::NotCancelable),
    ("NOT_CANCELABLE_PAYMENT", Meaning::NotCancelable),
    ("NOT_CANCELABLE_AMOUNT", Meaning::NotCancelable),
    ("NOT_ALLOWED_PARTIAL_REFUND", Meaning::NotCancelable),
    ("NOT_MATCHES_REFUNDABLE_AMOUNT", Meaning::NotCancelable),
    ("EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT", Meaning::NotCancelable),
    ("INVALID_REFUND_ACCOUNT_INFO", Meaning::NotCancelable),
    ("INVALID_REFUND_ACCOUNT_NUMBER", Meaning::NotCancelable),
    ("INVALID_BANK", Meaning::NotCancelable),
    ("FORBIDDEN_BANK_REFUND_REQUEST", Meaning::NotCancelable),
    ("REFUND_REJECTED", Meaning::NotCancelable),
    ("NOT_FOUND_PAYMENT", Meaning::NotFound),
    ("UNAUTHORIZED_KEY", Meaning::Misconfigured),
    ("INVALID_API_KEY", Meaning::Misconfigured),
    ("INCORRECT_BASIC_AUTH_FORMAT", Meaning::Misconfigured),
    ("IDEMPOTENT_REQUEST_PROCESSING", Meaning::StillProcessing),
    // Unknown like every code that is not here; named because the provider documents them.
    ("ALREADY_PROCESSED_PAYMENT", Meaning::Unknown),
    ("ALREADY_CANCELED_PAYMENT", Meaning::Unknown),
    ("PROVIDER_ERROR", Meaning::Unknown),
    ("FORBIDDEN_CONSECUTIVE_REQUEST", Meaning::Unknown),
    ("FAILED_INTERNAL_SYSTEM_PROCESSING", Meaning::Unknown),
    ("FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING", Meaning::Unknown),
    ("COMMON_ERROR", Meaning::Unknown),
    ("FAILED_REFUND_PROCESS", Meaning::Unknown),
    ("FAILED_PARTIAL_REFUND", Meaning::Unknown),
    ("FAILED_METHOD_HANDLING_CANCEL", Meaning::Unknown),
    ("UNKNOWN_PAYMENT_ERROR", Meaning::Unknown),
];

/// Families of codes, for those that have no line of their own.
const FAMILIES: &[(&str, Meaning)] =
    &[("EXCEED_MAX_", Meaning::Declined), ("INVALID_CARD_", Meaning::Declined)];

/// What `code` tells.
pub(super) fn meaning(code: &str) -> Meaning {
    let exact = CODES.iter().find(|(name, _)| *name == code);
    let family = || FAMILIES.iter().find(|(start, _)| code.starts_with(start));
    exact.or_else(family).map_or(Meaning::Unknown, |(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_line() {
        for (index, (name, meaning)) in CODES.iter().enumerate() {
            assert!(!CODES[index + 1..].iter().any(|(other, _)| other == name), "{name}");
            assert_eq!(super::meaning(name), *meaning, "{name}");
        }
    }

    #[test]
    fn families_cover_what_has_no_line() {
        for (code, expected) in [
            ("EXCEED_MAX_DAILY_PAYMENT_COUNT", Meaning::Declined),
            ("EXCEED_MAX_REFUND_DUE", Meaning::NotCancelable),
            ("INVALID_CARD_EXPIRATION", Meaning::Declined),
            ("INVALID_REQUEST", Meaning::Unknown),
            ("SOMETHING_NEW", Meaning::Unknown),
            ("", Meaning::Unknown),
        ] {
            assert_eq!(meaning(code), expected, "{code}");
        }
    }
}
