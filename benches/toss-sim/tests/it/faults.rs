//! What goes wrong, on demand and by chance.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use toss_sim::code::ErrorCode;
use toss_sim::{Behaviour, Shares};

use crate::support::{Shop, answer, assert_refused, eventually, start};

/// How long a shop of these tests waits for an answer that does not come.
const GIVE_UP: Duration = Duration::from_millis(200);

#[tokio::test]
async fn every_code_comes_on_demand() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    for code in ErrorCode::ALL {
        let by_header =
            shop.confirm_request("key-1", "order-1", 100).header("TossPayments-Test-Code", code.name());
        let by_key = shop.confirm_request(&format!("sim.{code}.1"), "order-1", 100);
        for request in [by_header, by_key] {
            let answer = answer(request).await;
            assert_refused(&answer, code.name());
            assert_eq!(answer.0, code.status());
        }
    }
    let unknown =
        shop.confirm_request("key-1", "order-1", 100).header("TossPayments-Test-Code", "NO_SUCH_CODE");
    assert_refused(&answer(unknown).await, "INVALID_REQUEST");
    assert_eq!(shop.totals().await.captured, 0);
}

/// Confirms, and gives up if there is no answer: its code, `DONE`, `silence` or `reset`.
async fn confirm(shop: &Shop, key: &str, order: &str) -> String {
    heard(shop.confirm_request(key, order, 100)).await
}

async fn heard(request: reqwest::RequestBuilder) -> String {
    match request.timeout(GIVE_UP).send().await {
        Err(error) if error.is_timeout() => "silence".to_owned(),
        Err(error) => {
            assert!(is_reset(&error), "{error:?}");
            "reset".to_owned()
        }
        Ok(answer) => {
            let body: serde_json::Value = answer.json().await.expect("JSON");
            body["code"].as_str().or(body["status"].as_str()).expect("a code or a status").to_owned()
        }
    }
}

/// Whether the connection was cut, and not merely never made.
fn is_reset(error: &reqwest::Error) -> bool {
    let text = format!("{error:?}");
    ["ConnectionReset", "IncompleteMessage"].iter().any(|kind| text.contains(kind))
}

#[tokio::test]
async fn each_fault_comes_once_and_leaves_what_it_says() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    for (number, (fault, heard, left, again)) in [
        ("REJECT_CARD_PAYMENT", "REJECT_CARD_PAYMENT", "ABORTED", "ALREADY_PROCESSED_PAYMENT"),
        ("PROVIDER_ERROR", "PROVIDER_ERROR", "IN_PROGRESS", "DONE"),
        ("done-PROVIDER_ERROR", "PROVIDER_ERROR", "DONE", "ALREADY_PROCESSED_PAYMENT"),
        ("done-REJECT_CARD_PAYMENT", "REJECT_CARD_PAYMENT", "DONE", "ALREADY_PROCESSED_PAYMENT"),
        ("silent", "silence", "IN_PROGRESS", "DONE"),
        ("silent-done", "silence", "DONE", "ALREADY_PROCESSED_PAYMENT"),
        ("reset", "reset", "IN_PROGRESS", "DONE"),
        ("reset-done", "reset", "DONE", "ALREADY_PROCESSED_PAYMENT"),
    ]
    .into_iter()
    .enumerate()
    {
        let (key, order) = (format!("sim.{fault}.{number}"), format!("order-{number}"));
        assert_eq!(confirm(&shop, &key, &order).await, heard, "{fault}");
        assert_eq!(shop.status(&order).await, left, "{fault}");
        assert_eq!(confirm(&shop, &key, &order).await, again, "{fault}");
    }
}

#[tokio::test]
async fn a_capture_may_come_after_the_shop_gave_up() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    assert_eq!(confirm(&shop, "sim.silent-late-300.1", "order-1").await, "silence");
    assert_eq!(shop.status("order-1").await, "IN_PROGRESS");
    let done = async || (shop.status("order-1").await == "DONE").then_some(());
    eventually("it is captured", done).await;
}

#[tokio::test]
async fn refunds_and_questions_fail_too() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    let key = "sim.cancel-silent-done.find-reset-2.1";
    shop.confirm(key, "order-1", 100).await;
    assert_eq!(heard(shop.cancel_request(key, Some(40))).await, "silence");
    for _ in 0..2 {
        assert_eq!(heard(shop.request(Method::GET, &format!("/v1/payments/{key}"))).await, "reset");
    }
    assert_eq!(shop.status("order-1").await, "PARTIAL_CANCELED");
    assert_eq!(shop.totals().await.refunded_amount, 40);
}

#[tokio::test]
async fn while_it_is_down_every_connection_is_reset() {
    let (simulator, shop) = start(Behaviour::default()).await;
    shop.confirm("key-1", "order-1", 100).await;
    assert_eq!(shop.sim(Method::POST, "/down?for_ms=60000", None).await.0, 204);
    assert_eq!(confirm(&shop, "key-2", "order-2").await, "reset");
    assert_eq!(heard(shop.cancel_request("key-1", None)).await, "reset");
    assert_eq!(heard(shop.request(Method::GET, "/v1/payments/key-1")).await, "reset");
    assert_eq!(shop.sim(Method::POST, "/up", None).await.0, 204);
    assert_eq!(shop.status("order-1").await, "DONE");
    assert_eq!(confirm(&shop, "key-2", "order-2").await, "DONE");
    drop(simulator);
}

#[tokio::test]
async fn behaviour_changes_while_it_runs() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    let errors = json!({"shares": {"error": 1.0}, "find_error": 1.0});
    assert_eq!(shop.sim(Method::PATCH, "/behaviour", Some(errors)).await.0, 200);
    let (status, _) = shop.confirm("key-1", "order-1", 100).await;
    assert!(status >= 400);
    assert!(shop.get("/v1/payments/key-1").await.0 >= 400);
    for (wrong, name) in [
        (json!({"shares": {"error": 1.5}}), "shares.error"),
        (json!({"shares": {"eror": 0.5}}), "eror"),
        (json!({"latency_median_ms": -1}), "latency_median_ms"),
    ] {
        let (status, said) = shop.sim(Method::PATCH, "/behaviour", Some(wrong)).await;
        assert!(status == 400 && said.to_string().contains(name), "{said}");
    }
    let none = json!({"shares": {"error": 0.0}, "find_error": 0.0});
    let (_, behaviour) = shop.sim(Method::PATCH, "/behaviour", Some(none)).await;
    assert_eq!(serde_json::from_value::<Behaviour>(behaviour).expect("settings"), Behaviour::default());
    assert_eq!(shop.confirm("key-1", "order-1", 100).await.0, 200);
}

#[tokio::test]
async fn chance_is_counted() {
    let shares = Shares { decline: 0.2, error: 0.1, error_done: 0.1, ..Shares::default() };
    let (_simulator, shop) = start(Behaviour { shares, ..Behaviour::default() }).await;
    for number in 0..200 {
        shop.confirm(&format!("key-{number}"), &format!("order-{number}"), 100).await;
    }
    let (_, counts) = shop.sim(Method::GET, "/counts", None).await;
    let count = |name: &str| counts[name].as_u64().unwrap_or_default();
    assert_eq!(count("confirm"), 200);
    let totals = shop.totals().await;
    assert_eq!(totals.aborted, count("confirm/decline"));
    assert_eq!(totals.unconfirmed, count("confirm/error"));
    assert_eq!(totals.captured, 200 - totals.aborted - totals.unconfirmed);
    assert!(count("confirm/error-done") > 0 && totals.aborted > 0 && totals.unconfirmed > 0, "{counts}");
}
