//! Page tokens of `ListOrders`: where a page ended, and which listing it belongs to.

use std::fmt::Write as _;

use earlybird_persistence::{OrderCursor, OrderId, PerformanceId, UnixMillis};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::status::Problem;

/// Longer tokens were not made here.
const TOKEN_BYTES_MAX: usize = 512;

#[derive(Serialize, Deserialize)]
struct Token {
    /// Tells the listing that the token was made for, so that it is not used for another (AIP-158).
    listing: u64,
    created_ms: u64,
    performance: String,
    order: u64,
}

/// The token of the page behind `cursor`.
#[must_use]
pub(crate) fn encode(listing: u64, cursor: &OrderCursor) -> String {
    let token = Token {
        listing,
        created_ms: cursor.created_at.0,
        performance: cursor.performance.as_str().to_owned(),
        order: cursor.order.0,
    };
    // A struct of numbers and a text always serialises.
    let plain = serde_json::to_vec(&token).unwrap_or_default();
    plain.iter().fold(String::with_capacity(plain.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Where the page of a token begins; an empty token is the first page.
///
/// # Errors
/// `INVALID_FIELD` when it is not a token of this listing.
pub(crate) fn decode(listing: u64, text: &str) -> Result<Option<OrderCursor>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let token =
        read(text).ok_or_else(|| Problem::field("page_token", "is not a token that was given out"))?;
    if token.listing != listing {
        return Err(Problem::field("page_token", "belongs to a listing with other arguments"));
    }
    Ok(Some(OrderCursor {
        created_at: UnixMillis(token.created_ms),
        performance: PerformanceId::from(token.performance),
        order: OrderId(token.order),
    }))
}

/// Identifies a listing by its arguments but the page.
#[must_use]
pub(crate) fn listing_of(parent: &str, buyer: &str) -> u64 {
    // Names have no line feeds, so the two cannot run together.
    xxh3_64(format!("{parent}\n{buyer}").as_bytes())
}

fn read(text: &str) -> Option<Token> {
    if text.len() > TOKEN_BYTES_MAX || !text.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    serde_json::from_slice(&bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip_within_their_listing() {
        let cursor = OrderCursor {
            created_at: UnixMillis(u64::MAX),
            performance: PerformanceId::from("p"),
            order: OrderId(u64::MAX),
        };
        let listing = listing_of("performances/-", "alice");
        let token = encode(listing, &cursor);
        assert_eq!(decode(listing, &token).ok(), Some(Some(cursor)));
        assert!(decode(listing_of("performances/-", "bob"), &token).is_err());
        assert_eq!(decode(listing, "").ok(), Some(None));
    }

    #[test]
    fn garbage_is_refused() {
        for bad in ["x", "0", "zz", "é", "7b7d", &"00".repeat(1_000)] {
            assert!(decode(1, bad).is_err(), "{bad}");
        }
    }
}
