//! What the provider tells by webhooks: true or not, twice, late, and about money that came late.

use earlybird_proto::v1;
use earlybird_proto::v1::order::State;

use super::house::*;
use super::paying::{Shop, reference};
use crate::support::exchange;

/// Sends what the provider would, or would not; returns the status.
pub(super) async fn send(shop: &Shop, transmission_id: Option<&str>, body: &str) -> u16 {
    let host = shop.house.server.http();
    let id = transmission_id.map(|id| format!("tosspayments-webhook-transmission-id: {id}\r\n"));
    let request = format!(
        "POST /webhooks/toss HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n{}content-length: {}\r\n\r\n{body}",
        id.unwrap_or_default(),
        body.len()
    );
    exchange(host, request.as_bytes()).await.0
}

/// A webhook about a payment.
pub(super) fn changed(order_reference: &str, payment_key: &str, status: &str) -> String {
    serde_json::json!({
        "eventType": "PAYMENT_STATUS_CHANGED",
        "createdAt": "2026-01-31T09:30:15.000000",
        "data": { "paymentKey": payment_key, "orderId": order_reference, "status": status },
    })
    .to_string()
}

#[tokio::test]
async fn what_is_no_webhook_is_refused_and_what_is_not_ours_is_let_go() {
    let shop = Shop::open().await;
    for (transmission_id, body, status) in [
        (None, changed("order-1", "key", "DONE"), 400),
        (Some("t"), "{".to_owned(), 400),
        (Some("t"), "{}".to_owned(), 400),
        (Some("t"), format!("{{\"x\":\"{}\"}}", "x".repeat(70_000)), 400),
        (Some("t"), changed("order-1", "key", "DONE"), 200),
        (Some("t"), r#"{"eventType":"BILLING_DELETED","data":{}}"#.to_owned(), 200),
        (Some("t"), r#"{"secret":"s","status":"DONE","orderId":"order-1"}"#.to_owned(), 200),
    ] {
        assert_eq!(send(&shop, transmission_id, &body).await, status, "{body:.100}");
    }
    let (status, _) = shop.house.server.get("/webhooks/toss").await;
    assert_eq!(status, 405);
}

#[tokio::test]
async fn lies_change_nothing() {
    let shop = Shop::open().await;
    let hold = shop.house.hold("alice", &[0]).await.expect("a free seat");
    failure(shop.pay(&hold, "sim.REJECT_CARD_PAYMENT.1").await);
    let again = shop.pay(&hold, "key").await.expect("another card");
    for (number, (key, status)) in (0..).zip([
        ("sim.REJECT_CARD_PAYMENT.1", "DONE"),
        ("key", "CANCELED"),
        ("key", "WAITING_FOR_DEPOSIT"),
    ]) {
        assert_eq!(
            send(&shop, Some(&format!("lie-{number}")), &changed(&reference(&hold), key, status)).await,
            200
        );
    }
    shop.until_told(3).await;
    assert_eq!(shop.until(2, State::Paid).await, again);
    assert_eq!(shop.until(1, State::Declined).await.refunded_minor, 0);
}

#[tokio::test]
async fn late_money_gets_its_seats_when_they_are_free() {
    let shop = Shop::open().await;
    let hold = shop.house.hold("alice", &[0, 1]).await.expect("free seats");
    failure(shop.pay(&hold, "sim.done-REJECT_CARD_PAYMENT.1").await);
    assert_eq!(shop.books(), (2 * STALLS_MINOR, 0));
    // The provider tells it now, and a hundred times.
    shop.tell();
    for _ in 0..100 {
        shop.simulator.provider().resend(&"sim.done-REJECT_CARD_PAYMENT.1".into()).expect("it is there");
    }
    let order = shop.until(1, State::Paid).await;
    assert_eq!(order.seats_left, [0, 1]);
    assert_eq!(shop.books(), (2 * STALLS_MINOR, 0));
}

#[tokio::test]
async fn late_money_goes_back_once_when_a_seat_is_gone() {
    let shop = Shop::build(toss_sim::Behaviour::default(), Plan::default().with_short_holds()).await;
    let hold = shop.house.hold("alice", &[0, 1]).await.expect("free seats");
    failure(shop.pay(&hold, "sim.done-REJECT_CARD_PAYMENT.cancel-silent-done.1").await);
    eventually("the hold lapses", async || shop.house.hold("bob", &[1]).await.ok()).await;
    shop.tell();
    for _ in 0..100 {
        let key = "sim.done-REJECT_CARD_PAYMENT.cancel-silent-done.1".into();
        shop.simulator.provider().resend(&key).expect("it is there");
    }
    let order = shop.until(1, State::Refunded).await;
    assert_eq!((order.refunded_minor, order.amount_minor), (2 * STALLS_MINOR, 2 * STALLS_MINOR));
    assert_eq!(shop.books(), (2 * STALLS_MINOR, 2 * STALLS_MINOR));
}

/// Buyers bring the keys, also those of others: a key says nothing without the order that its payment was opened for.
#[tokio::test]
async fn a_key_that_is_brought_again_does_not_hide_its_order() {
    let shop = Shop::open().await;
    let key = "sim.done-REJECT_CARD_PAYMENT.1";
    for (buyer, seat) in [("alice", 0), ("mallory", 1)] {
        let hold = shop.house.hold(buyer, &[seat]).await.expect("a free seat");
        assert_eq!(failure(shop.pay(&hold, key).await).1, "PAYMENT_DECLINED");
    }
    shop.tell();
    shop.simulator.provider().resend(&key.into()).expect("it is there");
    assert_eq!(shop.until(1, State::Paid).await.seats_left, [0]);
    assert_eq!(shop.until(2, State::Declined).await.refunded_minor, 0);
    assert_eq!(shop.books(), (STALLS_MINOR, 0));
}

#[tokio::test]
async fn webhooks_that_cannot_be_looked_at_keep_no_other_waiting() {
    let shop = Shop::open().await;
    let stuck = "sim.done-REJECT_CARD_PAYMENT.find-silent-9999.1";
    let late = "sim.done-REJECT_CARD_PAYMENT.2";
    let mut holds = Vec::new();
    for (seat, key) in (0..).zip([stuck, late]) {
        let hold = shop.house.hold(&format!("buyer-{seat}"), &[seat]).await.expect("a free seat");
        failure(shop.pay(&hold, key).await);
        holds.push(hold);
    }
    for number in 0..120 {
        let body = changed(&reference(&holds[0]), stuck, "DONE");
        assert_eq!(send(&shop, Some(&format!("stuck-{number}")), &body).await, 200);
    }
    // I13: of one order two wait at most, whatever the endpoint is told.
    let told = async |outcome: &str| {
        shop.house.metric(&format!("earlybird_webhooks_total{{outcome=\"{outcome}\"}}")).await
    };
    assert_eq!((told("taken").await, told("repeated").await), (2.0, 118.0));
    let body = changed(&reference(&holds[1]), late, "DONE");
    assert_eq!(send(&shop, Some("late"), &body).await, 200);
    shop.until(2, State::Paid).await;
    shop.until(1, State::Declined).await;
    let waits = async || (shop.house.metric("earlybird_webhooks_oldest_seconds").await > 0.0).then_some(());
    eventually("it is told how long they have waited", waits).await;
}

#[tokio::test]
async fn a_webhook_that_was_taken_survives_a_kill() {
    let mut shop = Shop::open().await;
    let key = "sim.done-REJECT_CARD_PAYMENT.find-silent-2.1";
    let hold = shop.house.hold("alice", &[0]).await.expect("a free seat");
    failure(shop.pay(&hold, key).await);
    assert_eq!(send(&shop, Some("t-1"), &changed(&reference(&hold), key, "DONE")).await, 200);
    shop.house.server.kill9().await;
    shop.house.server.restart().await;
    // A repeat is no news, and a good moment to look at what is still open.
    eventually("the money is found", async || {
        assert_eq!(send(&shop, Some("t-1"), &changed(&reference(&hold), key, "DONE")).await, 200);
        let get = v1::GetOrderRequest { name: format!("{NAME}/orders/1") };
        let order = shop.house.orders.clone().get_order(get).await.ok()?.into_inner();
        (order.state() == State::Paid).then_some(())
    })
    .await;
    assert_eq!(shop.books(), (STALLS_MINOR, 0));
}

#[tokio::test]
async fn every_payment_and_refund_may_be_told_a_hundred_times() {
    let mut behaviour = toss_sim::Behaviour::default();
    behaviour.webhooks.copies = 100;
    behaviour.webhooks.delay_ms_max = 50;
    let shop = Shop::build(behaviour, Plan::default()).await;
    shop.tell();
    let mut orders = shop.house.orders.clone();
    for seat in 0..3 {
        let hold = shop.house.hold(&format!("buyer-{seat}"), &[seat, seat + 10]).await.expect("free seats");
        let order = shop.pay(&hold, &format!("key-{seat}")).await.expect("it is paid");
        let part = orders.refund_order(refund(&order, &[seat])).await.expect("it is paid").into_inner();
        assert_eq!(part.state(), State::PartiallyRefunded);
    }
    shop.until_told(600).await;
    assert_eq!(shop.books(), (3 * (STALLS_MINOR + CIRCLE_MINOR), 3 * STALLS_MINOR));
    for order in 1..=3 {
        let order = shop.until(order, State::PartiallyRefunded).await;
        assert_eq!(order.refunded_minor, STALLS_MINOR);
    }
}

impl Shop {
    /// Waits until so many webhooks were answered with 200.
    async fn until_told(&self, count: u64) {
        eventually("the webhooks come", async || {
            let metrics = self.house.server.get("/metrics").await.1;
            let lines = metrics.lines().filter(|line| line.starts_with("earlybird_webhooks_total"));
            let told: u64 = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum();
            (told >= count).then_some(())
        })
        .await;
    }
}
