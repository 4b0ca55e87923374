//! What nobody's provider offers: its books, its faults, and the hands of buyers and banks.

use std::time::{Duration, Instant};

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Shop;
use crate::answer::Answer;
use crate::code::ErrorCode;
use crate::fault::Behaviour;
use crate::ids::PaymentKey;
use crate::ledger::{Line, Session, Totals};
use crate::payment::Payment;
use crate::provider::Provider;

/// Longest that the provider can be told to be down, in milliseconds.
const DOWN_MS_MAX: u64 = 3_600_000;

/// The books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// The sums.
    pub totals: Totals,
    /// All payments, by order; none if only the sums were asked for.
    pub payments: Vec<Line>,
}

pub(super) fn router() -> Router<Shop> {
    Router::new()
        .route("/ledger", get(ledger))
        .route("/counts", get(async |State(shop): State<Shop>| Json(shop.provider.counts())))
        .route("/behaviour", get(behaviour).patch(behave))
        .route("/down", post(down))
        .route("/up", post(up))
        .route("/sessions", post(open))
        .route("/payments/{key}/deposit", post(deposit))
        .route("/payments/{key}/revert", post(revert))
        .route("/payments/{key}/webhook", post(webhook))
}

#[derive(Deserialize)]
struct LedgerQuery {
    /// Whether only the sums are wanted.
    #[serde(default)]
    totals: bool,
}

async fn ledger(State(shop): State<Shop>, Query(query): Query<LedgerQuery>) -> Json<Books> {
    Json(shop.provider.read(|ledger| Books {
        totals: ledger.totals(),
        payments: if query.totals { Vec::new() } else { ledger.lines() },
    }))
}

async fn behaviour(State(shop): State<Shop>) -> Json<Behaviour> {
    Json(shop.provider.behaviour())
}

/// Changes what the body names, and nothing else.
async fn behave(State(shop): State<Shop>, body: Result<Json<Value>, JsonRejection>) -> Response {
    let changed = body
        .map_err(|rejection| rejection.to_string())
        .and_then(|Json(changes)| merged(&shop.provider.behaviour(), changes))
        .and_then(|behaviour| shop.provider.behave(behaviour.clone()).map(|()| behaviour));
    match changed {
        Ok(behaviour) => Json(behaviour).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

/// Settings with some of them changed.
fn merged(behaviour: &Behaviour, changes: Value) -> Result<Behaviour, String> {
    let mut settings = serde_json::to_value(behaviour).map_err(|error| error.to_string())?;
    merge(&mut settings, changes);
    serde_json::from_value(settings).map_err(|error| error.to_string())
}

fn merge(settings: &mut Value, changes: Value) {
    match (settings, changes) {
        (Value::Object(settings), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(settings.entry(name).or_insert(Value::Null), change);
            }
        }
        (settings, changes) => *settings = changes,
    }
}

#[derive(Deserialize)]
struct Down {
    for_ms: u64,
}

async fn down(State(shop): State<Shop>, Query(down): Query<Down>) -> Response {
    if down.for_ms > DOWN_MS_MAX {
        return (StatusCode::BAD_REQUEST, format!("for_ms: must be {DOWN_MS_MAX} at most\n")).into_response();
    }
    shop.provider.set_down(Some(Instant::now() + Duration::from_millis(down.for_ms)));
    StatusCode::NO_CONTENT.into_response()
}

async fn up(State(shop): State<Shop>) -> StatusCode {
    shop.provider.set_down(None);
    StatusCode::NO_CONTENT
}

async fn open(State(shop): State<Shop>, body: Result<Json<Session>, JsonRejection>) -> Response {
    match body {
        Ok(Json(session)) => Answer::of(shop.provider.open(session)).into_response(),
        Err(rejection) => rejection.into_response(),
    }
}

/// What is done to a payment that is named.
type Act = fn(&Provider, &PaymentKey) -> Result<Payment, ErrorCode>;

fn act(shop: &Shop, key: &str, act: Act) -> Answer {
    Answer::of(act(&shop.provider, &PaymentKey::from(key)))
}

async fn deposit(State(shop): State<Shop>, Path(key): Path<String>) -> Answer {
    act(&shop, &key, Provider::deposit)
}

async fn revert(State(shop): State<Shop>, Path(key): Path<String>) -> Answer {
    act(&shop, &key, Provider::revert)
}

async fn webhook(State(shop): State<Shop>, Path(key): Path<String>) -> Answer {
    act(&shop, &key, Provider::resend)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_that_are_not_named_stay() {
        let before = Behaviour { latency_median_ms: 50.0, ..Behaviour::default() };
        let after = merged(&before, json!({"shares": {"decline": 0.5}})).expect("settings");
        assert_eq!((after.latency_median_ms, after.shares.decline), (50.0, 0.5));
        assert!(merged(&before, json!({"shares": {"declined": 0.5}})).is_err(), "a wrong name");
        let after = merged(&before, json!({"webhooks": {"url": "http://shop/"}})).expect("settings");
        let after = merged(&after, json!({"webhooks": {"url": null}})).expect("settings");
        assert_eq!(after, before);
    }
}
