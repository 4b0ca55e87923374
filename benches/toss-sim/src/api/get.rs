//! Calls that ask.

use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use serde::Deserialize;

use super::{Shop, auth, show};
use crate::answer::{Answer, Outcome};
use crate::code::ErrorCode;
use crate::ids::{OrderId, PaymentKey, TransactionKey};
use crate::ledger::Window;
use crate::net::Hangup;
use crate::time::queried;

/// Transactions of a page when the shop does not say.
const PAGE_TRANSACTIONS: usize = 100;

pub(super) async fn by_key(
    State(shop): State<Shop>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(code) = auth::api_key(&headers, &shop.secret_key) {
        return refuse(&shop, code, &hangup).await;
    }
    let outcome = shop.provider.find_by_key(&PaymentKey::from(key.as_str())).await;
    show(outcome, &hangup).await
}

pub(super) async fn by_order(
    State(shop): State<Shop>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    Path(order): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(code) = auth::api_key(&headers, &shop.secret_key) {
        return refuse(&shop, code, &hangup).await;
    }
    let outcome = shop.provider.find_by_order(&OrderId::from(order.as_str())).await;
    show(outcome, &hangup).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    start_date: String,
    end_date: String,
    starting_after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn transactions(
    State(shop): State<Shop>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let window = auth::api_key(&headers, &shop.secret_key)
        .and_then(|()| asked.ok().and_then(|Query(asked)| asked.window()).ok_or(ErrorCode::INVALID_REQUEST));
    match window {
        Err(code) => refuse(&shop, code, &hangup).await,
        Ok(window) => show(shop.provider.transactions(&window).await, &hangup).await,
    }
}

impl Asked {
    fn window(&self) -> Option<Window> {
        Some(Window {
            start: queried(&self.start_date)?,
            end: queried(&self.end_date)?,
            starting_after: self.starting_after.as_deref().map(TransactionKey::from),
            limit: self.limit.unwrap_or(PAGE_TRANSACTIONS),
        })
    }
}

async fn refuse(shop: &Shop, code: ErrorCode, hangup: &Hangup) -> Response {
    if shop.provider.is_down() {
        return show(Outcome::Reset, hangup).await;
    }
    Answer::refusal(code).into_response()
}
