//! Confirming payments, and who may.

use reqwest::Method;
use serde_json::json;
use toss_sim::Behaviour;

use crate::support::{Shop, answer, assert_refused, start};

#[tokio::test]
async fn a_confirmed_payment_is_captured_and_can_be_looked_at() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    let (status, payment) = shop.confirm("key-1", "order-1", 15_000).await;
    assert_eq!(status, 200, "{payment}");
    for (field, value) in [
        ("paymentKey", json!("key-1")),
        ("orderId", json!("order-1")),
        ("status", json!("DONE")),
        ("totalAmount", json!(15_000)),
        ("balanceAmount", json!(15_000)),
        ("currency", json!("KRW")),
        ("method", json!("카드")),
        ("cancels", json!(null)),
    ] {
        assert_eq!(payment[field], value, "{field}");
    }
    let approved_at = payment["approvedAt"].as_str().expect("a time");
    assert!(approved_at.ends_with("+09:00") && approved_at.len() == 25, "{approved_at}");
    assert_eq!(shop.get("/v1/payments/key-1").await, (200, payment.clone()));
    assert_eq!(shop.get("/v1/payments/orders/order-1").await, (200, payment));
    for path in ["/v1/payments/key-2", "/v1/payments/orders/order-2"] {
        assert_refused(&shop.get(path).await, "NOT_FOUND_PAYMENT");
    }
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    for (payment, order, amount) in
        [("key-1", "short", 1), ("key-1", "order 1", 1), ("key-1", "order-1", 0), ("", "order-1", 1)]
    {
        assert_refused(&shop.confirm(payment, order, amount).await, "INVALID_REQUEST");
    }
    let unreadable = shop.request(Method::POST, "/v1/payments/confirm").body("{");
    assert_refused(&answer(unreadable).await, "INVALID_REQUEST");
    assert_eq!(shop.totals().await.payments, 0);
}

#[tokio::test]
async fn every_call_needs_the_key() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    for (method, path) in [
        (Method::POST, "/v1/payments/confirm"),
        (Method::POST, "/v1/payments/key-1/cancel"),
        (Method::GET, "/v1/payments/key-1"),
        (Method::GET, "/v1/payments/orders/order-1"),
        (Method::GET, "/v1/transactions?startDate=2026-01-01T00:00:00&endDate=2026-01-02T00:00:00"),
    ] {
        let without = answer(shop.bare(method.clone(), path)).await;
        assert_eq!(without.0, 401);
        assert_refused(&without, "UNAUTHORIZED_KEY");
        let wrong = shop.bare(method, path).basic_auth("test_sk_other", Some(""));
        assert_refused(&answer(wrong).await, "UNAUTHORIZED_KEY");
    }
}

/// As the provider's window does before the shop hears of it.
async fn open(shop: &Shop, payment: &str, order: &str, is_authenticated: bool) {
    let session = json!({
        "paymentKey": payment, "orderId": order, "amount": 100, "isAuthenticated": is_authenticated,
    });
    let (status, payment) = shop.sim(Method::POST, "/sessions", Some(session)).await;
    assert_eq!(status, 200, "{payment}");
}

#[tokio::test]
async fn where_sessions_are_needed_only_what_the_buyer_saw_is_confirmed() {
    let behaviour = Behaviour { needs_sessions: true, ..Behaviour::default() };
    let (_simulator, shop) = start(behaviour).await;
    assert_refused(&shop.confirm("key-0", "order-0", 100).await, "NOT_FOUND_PAYMENT_SESSION");
    open(&shop, "key-1", "order-1", true).await;
    assert_eq!(shop.status("order-1").await, "IN_PROGRESS");
    assert_refused(&shop.confirm("key-1", "order-1", 99).await, "INVALID_REQUEST");
    assert_eq!(shop.confirm("key-1", "order-1", 100).await.0, 200);
    open(&shop, "key-2", "order-2", false).await;
    assert_refused(&shop.confirm("key-2", "order-2", 100).await, "NOT_FOUND_PAYMENT_SESSION");

    let soon = json!({"confirm_within_ms": 0});
    assert_eq!(shop.sim(Method::PATCH, "/behaviour", Some(soon)).await.0, 200);
    open(&shop, "key-3", "order-3", true).await;
    assert_refused(&shop.confirm("key-3", "order-3", 100).await, "NOT_FOUND_PAYMENT_SESSION");
    assert_eq!(shop.status("order-3").await, "EXPIRED");
}
