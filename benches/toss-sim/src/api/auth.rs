//! Who calls: the shop's secret key, as Basic authentication with an empty password.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, header};

use crate::code::ErrorCode;

/// What a secret key begins with.
const STARTS: [&str; 4] = ["test_sk_", "live_sk_", "test_gsk_", "live_gsk_"];

/// The API key of a call.
///
/// # Errors
/// There is none, it is not as it must be, or it is another shop's.
pub(super) fn api_key(headers: &HeaderMap, secret_key: &str) -> Result<(), ErrorCode> {
    let value = headers.get(header::AUTHORIZATION).ok_or(ErrorCode::UNAUTHORIZED_KEY)?;
    let key = value.to_str().ok().and_then(decode).ok_or(ErrorCode::INCORRECT_BASIC_AUTH_FORMAT)?;
    if !STARTS.iter().any(|start| key.starts_with(start)) {
        return Err(ErrorCode::INVALID_API_KEY);
    }
    if key == secret_key { Ok(()) } else { Err(ErrorCode::UNAUTHORIZED_KEY) }
}

fn decode(value: &str) -> Option<String> {
    let encoded = value.strip_prefix("Basic ")?;
    let pair = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    pair.strip_suffix(':').map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(authorization: Option<&str>, expected: Result<(), ErrorCode>) {
        let mut headers = HeaderMap::new();
        if let Some(text) = authorization {
            headers.insert(header::AUTHORIZATION, text.parse().expect("a header"));
        }
        assert_eq!(api_key(&headers, "test_sk_shop"), expected, "{authorization:?}");
    }

    #[test]
    fn the_key_comes_with_a_colon() {
        let basic = |pair: &str| format!("Basic {}", BASE64_STANDARD.encode(pair));
        check(None, Err(ErrorCode::UNAUTHORIZED_KEY));
        check(Some(&basic("test_sk_shop:")), Ok(()));
        check(Some(&basic("test_sk_other:")), Err(ErrorCode::UNAUTHORIZED_KEY));
        check(Some(&basic("nonsense:")), Err(ErrorCode::INVALID_API_KEY));
        for wrong in [basic("test_sk_shop").as_str(), "Bearer test_sk_shop:", "Basic ?"] {
            check(Some(wrong), Err(ErrorCode::INCORRECT_BASIC_AUTH_FORMAT));
        }
    }
}
