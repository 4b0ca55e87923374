//! The list of transactions, and the books.

use reqwest::Method;
use serde_json::{Value, json};
use toss_sim::{Behaviour, Books};

use crate::support::{assert_refused, start};

const ALWAYS: &str = "startDate=2020-01-01T00:00:00&endDate=2100-01-01T00:00:00.000";

#[tokio::test]
async fn every_movement_of_money_is_listed() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    for number in 0..3 {
        shop.confirm(&format!("key-{number}"), &format!("order-{number}"), 100).await;
    }
    shop.confirm("sim.REJECT_CARD_PAYMENT.1", "order-9", 100).await;
    shop.cancel("key-1", Some(30)).await;
    shop.cancel("key-1", None).await;

    let mut listed: Vec<Value> = Vec::new();
    loop {
        let after = listed
            .last()
            .map(|last| format!("&startingAfter={}", last["transactionKey"].as_str().expect("a key")));
        let path = format!("/v1/transactions?{ALWAYS}&limit=2{}", after.unwrap_or_default());
        let (status, page) = shop.get(&path).await;
        assert_eq!(status, 200, "{page}");
        let page = page.as_array().expect("a list").clone();
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    let short: Vec<_> = listed
        .iter()
        .map(|it| (it["orderId"].as_str().expect("an order"), it["status"].clone(), it["amount"].as_i64()))
        .collect();
    assert_eq!(
        short,
        [
            ("order-0", json!("DONE"), Some(100)),
            ("order-1", json!("DONE"), Some(100)),
            ("order-2", json!("DONE"), Some(100)),
            ("order-1", json!("PARTIAL_CANCELED"), Some(-30)),
            ("order-1", json!("CANCELED"), Some(-70)),
        ]
    );
}

#[tokio::test]
async fn wrong_windows_are_refused() {
    let (_simulator, shop) = start(Behaviour::default()).await;
    for (query, code) in [
        ("", "INVALID_REQUEST"),
        ("startDate=2026-01-01&endDate=2026-01-02", "INVALID_REQUEST"),
        ("startDate=2026-01-02T00:00:00&endDate=2026-01-01T00:00:00", "INVALID_REQUEST"),
        (&format!("{ALWAYS}&limit=5001"), "INVALID_REQUEST"),
        (&format!("{ALWAYS}&limit=many"), "INVALID_REQUEST"),
        (&format!("{ALWAYS}&startingAfter=nothing"), "INVALID_TRANSACTION_KEY"),
    ] {
        assert_refused(&shop.get(&format!("/v1/transactions?{query}")).await, code);
    }
    let (status, none) =
        shop.get("/v1/transactions?startDate=2020-01-01T00:00:00&endDate=2020-01-02T00:00:00").await;
    assert_eq!((status, none), (200, json!([])));
}

#[tokio::test]
async fn the_books_name_every_payment() {
    let (simulator, shop) = start(Behaviour::default()).await;
    shop.confirm("key-2", "order-2", 200).await;
    shop.confirm("key-1", "order-1", 100).await;
    shop.cancel("key-1", Some(30)).await;
    let (_, books) = shop.sim(Method::GET, "/ledger", None).await;
    let books: Books = serde_json::from_value(books).expect("books");
    let lines: Vec<_> = books
        .payments
        .iter()
        .map(|line| (line.order_id.as_str(), line.captured_amount, line.refunded_amount))
        .collect();
    assert_eq!(lines, [("order-1", 100, 30), ("order-2", 200, 0)]);
    assert_eq!(books.totals, simulator.provider().read(toss_sim::ledger::Ledger::totals));
    assert_eq!(books.totals.balance_amount, 270);
    assert_refused(&shop.get("/v1/nothing").await, "NOT_FOUND");
}
