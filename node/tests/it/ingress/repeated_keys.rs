//! A payment key that a buyer brings again: to the provider it is one payment, whatever the orders say that it costs (I3).

use earlybird_proto::v1;
use earlybird_proto::v1::campaign::Discount;
use earlybird_proto::v1::order::State;
use earlybird_proto::v1::payment_difference::Kind;
use serde_json::json;
use toss_sim::Behaviour;
use toss_sim::ledger::Session;

use super::coupon_orders::{issue, pay, spring};
use super::house::*;
use super::paying::{Shop, reference};
use super::reconciling::reconcile;
use super::telling::{changed, send};

const DISCOUNT_MINOR: i64 = 1_000;
/// Another sum than a seat costs.
const OTHER_MINOR: i64 = 100;

/// A hold of one seat whose payment with a coupon was declined, in a word.
async fn declined_with_coupon(shop: &Shop, key: &str) -> v1::Hold {
    let mut coupons = spring(&shop.house, Discount::AmountMinor(DISCOUNT_MINOR)).await;
    let coupon = issue(&mut coupons, "alice").await;
    let hold = shop.house.hold("alice", &[0]).await.expect("a free seat");
    let request = pay(&hold, STALLS_MINOR - DISCOUNT_MINOR, &coupon, key);
    assert_eq!(provider_reason(shop.house.orders.clone().pay_hold(request).await), "REJECT_CARD_PAYMENT");
    hold
}

/// Why the provider declined, if that is why the call failed.
fn provider_reason<T: std::fmt::Debug>(result: Result<T, tonic::Status>) -> String {
    let (_, reason, details) = failure(result);
    assert_eq!(reason, "PAYMENT_DECLINED");
    details.error_info().expect("ErrorInfo").metadata["provider_reason"].clone()
}

/// A payment of that key that waits in the provider's window, of another sum than the hold costs.
fn open(shop: &Shop, hold: &v1::Hold, key: &str) {
    let session = json!({ "paymentKey": key, "orderId": reference(hold), "amount": OTHER_MINOR });
    let session: Session = serde_json::from_value(session).expect("a session");
    shop.simulator.provider().open(session).expect("it opens");
}

async fn capture_by_hand(shop: &Shop, hold: &v1::Hold, key: &str) {
    let body = json!({ "paymentKey": key, "orderId": reference(hold), "amount": OTHER_MINOR });
    shop.by_hand("confirm", &body).await;
    assert_eq!(shop.books(), (OTHER_MINOR, 0));
}

#[tokio::test]
async fn a_dead_payment_of_another_sum_is_declined() {
    let shop = Shop::open().await;
    let key = "sim.REJECT_CARD_PAYMENT.1";
    let hold = declined_with_coupon(&shop, key).await;
    assert_eq!(provider_reason(shop.pay(&hold, key).await), "REJECT_CARD_PAYMENT");
    assert_eq!(shop.pay(&hold, "key").await.expect("another card").state(), State::Paid);
    assert_eq!(shop.books(), (STALLS_MINOR, 0));
}

#[tokio::test]
async fn money_in_another_sum_is_that_of_the_order_of_that_sum() {
    let shop = Shop::open().await;
    let key = "sim.done-REJECT_CARD_PAYMENT.1";
    let hold = declined_with_coupon(&shop, key).await;
    assert_eq!(provider_reason(shop.pay(&hold, key).await), "PAYMENT_OF_ANOTHER_AMOUNT");
    let order = shop.until(1, State::Paid).await;
    assert_eq!((order.seats_left, order.amount_minor), (vec![0], STALLS_MINOR - DISCOUNT_MINOR));
    shop.until(2, State::Declined).await;
    // The newest of the key is the second, and the money is the first's.
    let (differences, summary) = reconcile(&shop, true).await;
    assert_eq!((differences, summary.left), (vec![], 0));
    assert_eq!(shop.books(), (STALLS_MINOR - DISCOUNT_MINOR, 0));
}

#[tokio::test]
async fn money_of_no_orders_sum_goes_back_before_its_order_is_declined() {
    for key in ["key", "sim.cancel-silent-done.1", "sim.cancel-PROVIDER_ERROR-2.1"] {
        let shop = Shop::open().await;
        let hold = shop.house.hold("alice", &[0]).await.expect("a free seat");
        open(&shop, &hold, key);
        capture_by_hand(&shop, &hold, key).await;
        assert_eq!(provider_reason(shop.pay(&hold, key).await), "PAYMENT_OF_ANOTHER_AMOUNT", "{key}");
        assert_eq!(shop.books(), (OTHER_MINOR, OTHER_MINOR), "{key}");
        assert_eq!(reconcile(&shop, true).await.0, [], "{key}");
    }
}

#[tokio::test]
async fn money_that_no_order_can_be_paid_with_any_more_goes_back() {
    let shop = Shop::build(Behaviour::default(), Plan::default().with_short_holds()).await;
    let hold = shop.house.hold("alice", &[0]).await.expect("a free seat");
    open(&shop, &hold, "key");
    assert_eq!(provider_reason(shop.pay(&hold, "key").await), "PAYMENT_OF_ANOTHER_AMOUNT");
    capture_by_hand(&shop, &hold, "key").await;
    eventually("it is repaired once the hold is gone", async || {
        let (differences, _) = reconcile(&shop, true).await;
        let [difference] = differences.as_slice() else { panic!("{differences:?}") };
        assert_eq!((difference.kind(), difference.theirs_minor), (Kind::CapturedOtherwise, OTHER_MINOR));
        difference.repaired.then_some(())
    })
    .await;
    assert_eq!(shop.books(), (OTHER_MINOR, OTHER_MINOR));
    assert_eq!(shop.until(1, State::Declined).await.refunded_minor, 0);
    assert_eq!(reconcile(&shop, false).await.0, []);
}

/// Late money is on its way back, since the hold was being paid with another card: it pays nothing any more.
#[tokio::test]
async fn money_that_goes_back_pays_no_other_order() {
    let shop = Shop::open().await;
    let key = "sim.done-REJECT_CARD_PAYMENT.cancel-silent-always.1";
    let hold = shop.house.hold("alice", &[0]).await.expect("a free seat");
    assert_eq!(provider_reason(shop.pay(&hold, key).await), "REJECT_CARD_PAYMENT");
    let mut orders = shop.house.orders.clone();
    let request = pay_request(&hold, "sim.silent-8.2");
    let second = tokio::spawn(async move { orders.pay_hold(request).await });
    shop.until(2, State::Paying).await;
    assert_eq!(send(&shop, Some("t"), &changed(&reference(&hold), key, "DONE")).await, 200);
    shop.until(1, State::Refunding).await;
    // The provider takes no second payment of an order.
    assert_eq!(provider_reason(second.await.expect("no panic")), "ALREADY_PROCESSED_PAYMENT");
    assert_eq!(provider_reason(shop.pay(&hold, key).await), "PAYMENT_RETURNED");
    shop.until(1, State::Refunding).await;
    assert_eq!(shop.house.seat_map().await.counts.expect("counts").sold, 0);
}
