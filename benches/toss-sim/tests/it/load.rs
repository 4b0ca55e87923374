//! Many at once: nothing is captured twice, and the books add up.

use reqwest::Method;
use serde_json::Value;
use toss_sim::{Behaviour, Shares};

use crate::support::{Shop, start};

/// Shops that try at once.
const CALLERS: usize = 32;
/// Orders that all of them try to get paid.
const ORDERS: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_tries_at_once_money_is_captured_once() {
    let shares = Shares { error_done: 0.1, reset_done: 0.1, error: 0.1, reset: 0.1, ..Shares::default() };
    let behaviour = Behaviour { shares, latency_median_ms: 1.0, ..Behaviour::default() };
    let (_simulator, shop) = start(behaviour).await;
    let callers = (0..CALLERS).map(|caller| {
        let shop = shop.clone();
        tokio::spawn(async move { pay_all(&shop, caller).await })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("a caller does not panic");
    }
    let totals = shop.totals().await;
    assert_eq!(totals.captured_amount, ORDERS as i64 * 100, "{totals:?}");
    let (_, books) = shop.sim(Method::GET, "/ledger", None).await;
    let captured =
        books["payments"].as_array().expect("payments").iter().filter(|it| it["captured_amount"] == 100);
    assert_eq!(captured.count(), ORDERS);
}

/// Confirms every order with a payment of the caller's own, again and again until it is told that it is paid for.
async fn pay_all(shop: &Shop, caller: usize) {
    for order in 0..ORDERS {
        let (key, order) = (format!("key-{caller}-{order}"), format!("order-{order}"));
        loop {
            let Ok(answer) = shop.confirm_request(&key, &order, 100).send().await else { continue };
            let body: Value = answer.json().await.expect("JSON");
            if body["status"] == "DONE" || body["code"] == "ALREADY_PROCESSED_PAYMENT" {
                break;
            }
        }
    }
}
