//! Our names of things at the provider.

use earlybird_engine::{HoldId, OrderId, RefundId, Sequence};
use earlybird_persistence::PerformanceId;

/// Characters of the performance's id in a reference.
const ID_CHARS: usize = 20;

/// How every order reference of a performance begins; the number of the hold follows. The start of the performance's id,
/// for people, and a hash of all of it: together with a hold's number at most 58 of the 64 characters that a provider takes.
#[must_use]
pub fn order_reference_prefix(performance: &PerformanceId) -> String {
    let name = performance.as_str();
    let hash = xxhash_rust::xxh3::xxh3_64(name.as_bytes());
    let start: String = name.chars().take(ID_CHARS).collect();
    format!("{start}-{hash:016x}-")
}

/// The provider's `orderId` of whatever pays a hold: what a frontend opens the provider's window with, before there is an
/// order.
#[must_use]
pub fn order_reference(performance: &PerformanceId, hold: HoldId) -> String {
    format!("{}{hold}", order_reference_prefix(performance))
}

/// The hold of an order reference; none when it is not one of ours.
pub(super) fn hold_of(order_reference: &str) -> Option<HoldId> {
    let (_, hold) = order_reference.rsplit_once('-')?;
    hold.parse().ok().map(HoldId)
}

/// Key of an attempt at an order's charge. With the order in it, since a hold whose payment was declined is paid again under
/// the same reference, and the provider repeats its answer to the same key whatever the body.
pub(super) fn confirm_key(order_reference: &str, order: OrderId, attempt: u32) -> String {
    format!("confirm:{order_reference}:{order}.{attempt}")
}

/// Key of an attempt at a refund. Where it goes to an account, with the entry that it was named by: the provider repeats a
/// refusal to the same key, although another account was named since.
pub(super) fn cancel_key(
    order_reference: &str,
    refund: RefundId,
    account_named_by: Option<Sequence>,
    attempt: u32,
) -> String {
    let account = account_named_by.map_or_else(String::new, |sequence| format!("{}.", sequence.0));
    format!("cancel:{order_reference}:{refund}.{account}{attempt}")
}

/// Key of an attempt at closing the account that an order waited for.
pub(super) fn deposit_close_key(order_reference: &str, order: OrderId, attempt: u32) -> String {
    format!("close:{order_reference}:{order}.{attempt}")
}

/// Key of an attempt at giving back what was captured for an order in another sum than its own.
pub(super) fn return_key(order_reference: &str, order: OrderId, attempt: u32) -> String {
    format!("return:{order_reference}:{order}.{attempt}")
}

/// What marks an account in the provider's books as closed by us, after the bank had taken its deposit back.
pub(super) const REVERSION_MARK: &str = "deposit reverted";

/// What marks a refund in the provider's books as ours, and as this one.
pub(super) fn refund_mark(refund: RefundId) -> String {
    format!("refund {refund}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_what_the_provider_takes() {
        for name in ["a", "swan-lake", &"x".repeat(63)] {
            let reference = order_reference(&PerformanceId::from(name), HoldId(u64::MAX));
            let is_fit = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
            assert!((6..=64).contains(&reference.len()) && reference.chars().all(is_fit), "{reference}");
            assert_eq!(hold_of(&reference), Some(HoldId(u64::MAX)));
        }
    }

    #[test]
    fn what_is_no_reference_of_ours_has_no_hold() {
        for text in ["", "-", "carmen", "carmen-", "carmen-x", "carmen-18446744073709551616"] {
            assert_eq!(hold_of(text), None, "{text}");
        }
    }

    #[test]
    fn performances_that_begin_alike_have_references_of_their_own() {
        let reference = |name: &str| {
            order_reference(&PerformanceId::from(format!("{}{name}", "x".repeat(20)).as_str()), HoldId(1))
        };
        assert_ne!(reference("a"), reference("b"));
    }

    #[test]
    fn two_orders_of_a_hold_have_keys_of_their_own() {
        assert_ne!(confirm_key("r-1", OrderId(1), 1), confirm_key("r-1", OrderId(2), 1));
        assert_ne!(confirm_key("r-1", OrderId(1), 1), confirm_key("r-1", OrderId(1), 2));
    }

    #[test]
    fn a_refund_to_another_account_has_a_key_of_its_own() {
        let key = |named_by: Option<u64>| cancel_key("r-1", RefundId(1), named_by.map(Sequence), 1);
        assert_ne!(key(Some(7)), key(Some(9)));
        assert_eq!((key(Some(7)).as_str(), key(None).as_str()), ("cancel:r-1:1.7.1", "cancel:r-1:1.1"));
    }
}
