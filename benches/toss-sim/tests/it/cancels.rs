//! Refunds, in full and in part, of cards and of deposits.

use reqwest::Method;
use serde_json::json;
use toss_sim::Behaviour;

use crate::support::{answer, assert_refused, start};

#[tokio::test]
async fn money_goes_back_in_parts() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    shop.confirm("key-1", "order-1", 1_000).await;
    let (status, payment) = shop.cancel("key-1", Some(300)).await;
    assert_eq!(status, 200, "{payment}");
    assert_eq!((&payment["status"], &payment["balanceAmount"]), (&json!("PARTIAL_CANCELED"), &json!(700)));
    assert_refused(&shop.cancel("key-1", Some(701)).await, "NOT_CANCELABLE_AMOUNT");
    let (_, payment) = shop.cancel("key-1", None).await;
    assert_eq!((&payment["status"], &payment["balanceAmount"]), (&json!("CANCELED"), &json!(0)));
    let cancels = payment["cancels"].as_array().expect("cancels");
    assert_eq!(cancels.len(), 2);
    assert_eq!((&cancels[0]["cancelAmount"], &cancels[1]["cancelAmount"]), (&json!(300), &json!(700)));
    assert_eq!(
        (&cancels[0]["cancelStatus"], &cancels[0]["cancelReason"]),
        (&json!("DONE"), &json!("cannot come"))
    );
    assert_ne!(cancels[0]["transactionKey"], cancels[1]["transactionKey"]);
    assert_refused(&shop.cancel("key-1", None).await, "ALREADY_CANCELED_PAYMENT");
    assert_refused(&shop.cancel("key-9", None).await, "NOT_FOUND_PAYMENT");
    let totals = shop.totals().await;
    assert_eq!((totals.captured_amount, totals.refunded_amount, totals.balance_amount), (1_000, 1_000, 0));
}

#[tokio::test]
async fn of_two_refunds_at_once_the_first_alone_is_done_where_that_is_the_rule() {
    let behaviour = Behaviour { forbids_consecutive_cancels: true, ..Behaviour::default() };
    let (_simulator, shop) = start(behaviour).await;
    shop.confirm("key-1", "order-1", 1_000).await;
    assert_eq!(shop.cancel("key-1", Some(1)).await.0, 200);
    assert_refused(&shop.cancel("key-1", Some(1)).await, "FORBIDDEN_CONSECUTIVE_REQUEST");
    assert_eq!(shop.totals().await.refunded_amount, 1);
}

#[tokio::test]
async fn a_deposit_comes_later_and_may_be_taken_back() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    let key = "sim.virtual-account.1";
    let (_, payment) = shop.confirm(key, "order-1", 1_000).await;
    assert_eq!((&payment["status"], &payment["method"]), (&json!("WAITING_FOR_DEPOSIT"), &json!("가상계좌")));
    assert!(payment["virtualAccount"]["accountNumber"].is_string());
    for (act, status, captured) in
        [("deposit", "DONE", 1_000), ("revert", "WAITING_FOR_DEPOSIT", 0), ("deposit", "DONE", 1_000)]
    {
        let (_, payment) = shop.sim(Method::POST, &format!("/payments/{key}/{act}"), None).await;
        assert_eq!(payment["status"], status);
        assert_eq!(shop.totals().await.captured_amount, captured);
    }
    assert_refused(&shop.cancel(key, None).await, "INVALID_REFUND_ACCOUNT_INFO");
    let account = json!({"bank": "20", "accountNumber": "1", "holderName": "Ann"});
    let body = json!({"cancelReason": "cannot come", "refundReceiveAccount": account});
    let (status, payment) =
        answer(shop.request(Method::POST, &format!("/v1/payments/{key}/cancel")).json(&body)).await;
    assert_eq!((status, &payment["status"]), (200, &json!("CANCELED")));
}
