//! Calls that move money.

use axum::extract::{ConnectInfo, Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, Uri};
use serde::de::DeserializeOwned;

use super::{Shop, auth, show};
use crate::answer::{Answer, Outcome};
use crate::code::ErrorCode;
use crate::idempotency::Scope;
use crate::ids::PaymentKey;
use crate::ledger::ConfirmRequest;
use crate::net::Hangup;
use crate::provider::{Order, Post};

/// Asks for an error.
const TEST_CODE: &str = "tosspayments-test-code";
/// The key under which a call is processed once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub(super) async fn confirm(
    State(shop): State<Shop>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let order = parse::<ConfirmRequest>(&body).and_then(|request| {
        let is_valid = request.payment_key.is_valid() && request.order_id.is_valid() && request.amount > 0;
        if is_valid { Ok(Order::Confirm(request)) } else { Err(ErrorCode::INVALID_REQUEST) }
    });
    answer(&shop, &hangup, &uri, &headers, order).await
}

pub(super) async fn cancel(
    State(shop): State<Shop>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    Path(key): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let order = parse(&body).map(|request| Order::Cancel(PaymentKey::from(key.as_str()), request));
    answer(&shop, &hangup, &uri, &headers, order).await
}

async fn answer(
    shop: &Shop,
    hangup: &Hangup,
    uri: &Uri,
    headers: &HeaderMap,
    order: Result<Order, ErrorCode>,
) -> Response {
    let outcome = match check(shop, uri, headers, order) {
        // Down is down for everybody.
        Err(_) if shop.provider.is_down() => Outcome::Reset,
        Err(code) => return Answer::refusal(code).into_response(),
        Ok(post) => shop.provider.post(post).await,
    };
    show(outcome, hangup).await
}

fn check(
    shop: &Shop,
    uri: &Uri,
    headers: &HeaderMap,
    order: Result<Order, ErrorCode>,
) -> Result<Post, ErrorCode> {
    auth::api_key(headers, &shop.secret_key)?;
    let scope = match headers.get(IDEMPOTENCY_KEY) {
        None => None,
        Some(key) => {
            let key = std::str::from_utf8(key.as_bytes()).map_err(|_| ErrorCode::INVALID_IDEMPOTENCY_KEY)?;
            Some(Scope::new(key, &shop.secret_key, format!("POST {}", uri.path()))?)
        }
    };
    let test_code = headers
        .get(TEST_CODE)
        .map(|value| value.to_str().ok().and_then(ErrorCode::parse).ok_or(ErrorCode::INVALID_REQUEST));
    Ok(Post { order: order?, scope, test_code: test_code.transpose()? })
}

fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, ErrorCode> {
    serde_json::from_slice(body).map_err(|_| ErrorCode::INVALID_REQUEST)
}
