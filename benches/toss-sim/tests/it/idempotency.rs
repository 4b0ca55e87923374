//! Idempotency keys.

use reqwest::Method;
use toss_sim::Behaviour;

use crate::support::{answer, assert_refused, start};

const HEADER: &str = "Idempotency-Key";

#[tokio::test]
async fn the_same_key_gets_the_same_answer_whatever_the_body() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    let first = answer(shop.confirm_request("key-1", "order-1", 100).header(HEADER, "a")).await;
    assert_eq!(first.0, 200);
    let again = answer(shop.confirm_request("key-1", "order-1", 100).header(HEADER, "a")).await;
    assert_eq!(again, first);
    // Another order under the same key is swallowed.
    let other = answer(shop.confirm_request("key-2", "order-2", 200).header(HEADER, "a")).await;
    assert_eq!(other, first);
    assert_refused(&shop.get("/v1/payments/orders/order-2").await, "NOT_FOUND_PAYMENT");
    // Another URL is another scope.
    let refund = answer(shop.cancel_request("key-1", Some(30)).header(HEADER, "a")).await;
    assert_eq!(refund.1["balanceAmount"], 70);
    let again = answer(shop.cancel_request("key-1", Some(30)).header(HEADER, "a")).await;
    assert_eq!(again, refund);
    assert_eq!(shop.totals().await.refunded_amount, 30);
    // Without a key, every call counts.
    assert_refused(&shop.confirm("key-1", "order-1", 100).await, "ALREADY_PROCESSED_PAYMENT");
}

#[tokio::test]
async fn refusals_are_kept_and_failures_are_not() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    let confirm = |key: &'static str, order: &'static str, idempotency: &'static str| {
        answer(shop.confirm_request(key, order, 100).header(HEADER, idempotency))
    };
    let declined = confirm("sim.REJECT_CARD_PAYMENT.1", "order-1", "a").await;
    assert_refused(&declined, "REJECT_CARD_PAYMENT");
    assert_eq!(confirm("key-2", "order-2", "a").await, declined);

    let failed = confirm("sim.FAILED_INTERNAL_SYSTEM_PROCESSING.3", "order-3", "b").await;
    assert_eq!(failed.0, 500);
    assert_eq!(confirm("sim.FAILED_INTERNAL_SYSTEM_PROCESSING.3", "order-3", "b").await.0, 200);
}

#[tokio::test]
async fn a_key_is_busy_while_its_first_call_is() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    // The payment's own delay keeps the first call under way until the second is answered.
    let slow = shop.confirm_request("sim.delay-1000.1", "order-1", 100).header(HEADER, "a");
    let first = tokio::spawn(answer(slow));
    crate::support::eventually("the first call has begun", async || {
        let (_, counts) = shop.sim(Method::GET, "/counts", None).await;
        (counts["confirm"] == 1).then_some(())
    })
    .await;
    let second = answer(shop.confirm_request("sim.delay-1000.1", "order-1", 100).header(HEADER, "a")).await;
    assert_eq!(second.0, 409);
    assert_refused(&second, "IDEMPOTENT_REQUEST_PROCESSING");
    let first = first.await.expect("it does not panic");
    assert_eq!(first.0, 200);
    let third = answer(shop.confirm_request("sim.delay-1000.1", "order-1", 100).header(HEADER, "a")).await;
    assert_eq!(third, first);
}

#[tokio::test]
async fn keys_that_are_too_long_are_refused() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    for (length, is_valid) in [(0, false), (300, true), (301, false)] {
        let request = shop.confirm_request("key-1", "order-1", 100).header(HEADER, "k".repeat(length));
        let answer = answer(request).await;
        assert_eq!(answer.0 == 200, is_valid, "{length}");
        if !is_valid {
            assert_refused(&answer, "INVALID_IDEMPOTENCY_KEY");
        }
    }
}
