//! The names by which a payment is known.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The provider's name of a payment.
    PaymentKey
}
name! {
    /// The shop's name of an order.
    OrderId
}
name! {
    /// The provider's name of one movement of money.
    TransactionKey
}

/// Longest `paymentKey`, in characters.
const PAYMENT_KEY_CHARS_MAX: usize = 200;
/// Shortest and longest `orderId`, in bytes.
const ORDER_ID_BYTES: std::ops::RangeInclusive<usize> = 6..=64;

impl PaymentKey {
    /// Whether the provider would take it.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let length = self.0.chars().count();
        length > 0 && length <= PAYMENT_KEY_CHARS_MAX && !self.0.contains(char::is_control)
    }
}

impl OrderId {
    /// Whether the provider would take it: 6 to 64 of letters, digits, `-` and `_`.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        ORDER_ID_BYTES.contains(&self.0.len()) && self.0.bytes().all(is_fit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_ids_have_a_form() {
        for (text, is_valid) in [
            ("order-1", true),
            ("ORDER_1", true),
            ("short", false),
            ("order 1", false),
            ("주문번호입니다", false),
            (&"o".repeat(64), true),
            (&"o".repeat(65), false),
        ] {
            assert_eq!(OrderId::from(text).is_valid(), is_valid, "{text}");
        }
    }
}
