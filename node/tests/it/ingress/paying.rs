//! Payments and refunds through the provider's simulator, over real HTTP, with everything that goes wrong.

use std::time::Duration;

use earlybird_proto::v1;
use earlybird_proto::v1::order::State;
use tonic::Code;
use toss_sim::ledger::Session;
use toss_sim::{Behaviour, Simulator};

use super::house::*;

/// How long the node waits for the provider before the outcome is unknown.
const READ_TIMEOUT: &str = "300ms";

/// A house that takes payments through a provider of its own.
pub(super) struct Shop {
    pub(super) house: House,
    pub(super) simulator: Simulator,
}

impl Shop {
    pub(super) async fn open() -> Self {
        Self::build(Behaviour::default(), Plan::default()).await
    }

    pub(super) async fn build(behaviour: Behaviour, plan: Plan) -> Self {
        let options = toss_sim::Options { behaviour, ..toss_sim::Options::default() };
        let simulator = Simulator::start(options).await.expect("it starts");
        let plan = plan
            .with("EARLYBIRD_PAYMENTS__GATEWAY", "toss")
            .with("EARLYBIRD_PAYMENTS__RETRY_AFTER", "20ms")
            .with("EARLYBIRD_PAYMENTS__TOSS__BASE_URL", &simulator.url())
            .with("EARLYBIRD_PAYMENTS__TOSS__SECRET_KEY", toss_sim::SECRET_KEY)
            .with("EARLYBIRD_PAYMENTS__TOSS__READ_TIMEOUT", READ_TIMEOUT);
        Self { house: House::build(plan).await, simulator }
    }

    /// Lets the provider tell the house of what happens.
    pub(super) fn tell(&self) {
        let mut behaviour = self.simulator.provider().behaviour();
        behaviour.webhooks.url = Some(format!("http://{}/webhooks/toss", self.house.server.http()));
        self.simulator.provider().behave(behaviour).expect("a good URL");
    }

    /// What the provider has: captured, and given back.
    pub(super) fn books(&self) -> (i64, i64) {
        let totals = self.simulator.provider().read(|ledger| ledger.totals());
        (totals.captured_amount, totals.refunded_amount)
    }

    pub(super) async fn pay(&self, hold: &v1::Hold, key: &str) -> Result<v1::Order, tonic::Status> {
        self.house.orders.clone().pay_hold(pay_request(hold, key)).await.map(tonic::Response::into_inner)
    }

    /// Waits until an order is in that state.
    pub(super) async fn until(&self, order: u64, state: State) -> v1::Order {
        let get = v1::GetOrderRequest { name: format!("{NAME}/orders/{order}") };
        eventually(&format!("order {order} is {state:?}"), async || {
            let order = self.house.orders.clone().get_order(get.clone()).await.ok()?.into_inner();
            (order.state() == state).then_some(order)
        })
        .await
    }
}

/// The provider's name of what pays a hold.
pub(super) fn reference(hold: &v1::Hold) -> String {
    let number = hold.name.rsplit('/').next().expect("a number").parse().expect("a number");
    earlybird::payments::order_reference(&"carmen".into(), earlybird_engine::HoldId(number))
}

#[tokio::test]
async fn every_unknown_outcome_becomes_definite_and_is_captured_once() {
    let shop = Shop::open().await;
    let faults = [
        "silent",
        "silent-done",
        "reset",
        "reset-done",
        "PROVIDER_ERROR-2",
        "done-FAILED_INTERNAL_SYSTEM_PROCESSING",
        "IDEMPOTENT_REQUEST_PROCESSING-2",
        "silent-late-200",
        "COMMON_ERROR.find-COMMON_ERROR-2",
        "silent-done.find-silent.find-reset",
    ];
    for (seat, fault) in (0..).zip(faults) {
        let hold = shop.house.hold(&format!("buyer-{seat}"), &[seat]).await.expect("a free seat");
        let order = shop.pay(&hold, &format!("sim.{fault}.{seat}")).await;
        assert_eq!(order.expect(fault).state(), State::Paid, "{fault}");
    }
    assert_eq!(shop.books(), (faults.len() as i64 * STALLS_MINOR, 0));
}

#[tokio::test]
async fn a_declined_hold_is_paid_with_another_card() {
    let shop = Shop::open().await;
    let hold = shop.house.hold("alice", &[0, 1]).await.expect("free seats");
    for code in ["REJECT_CARD_PAYMENT", "EXCEED_MAX_AMOUNT", "NOT_FOUND_PAYMENT_SESSION"] {
        let (status, reason, details) = failure(shop.pay(&hold, &format!("sim.{code}.1")).await);
        assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, "PAYMENT_DECLINED"));
        assert_eq!(details.error_info().expect("ErrorInfo").metadata["provider_reason"], code);
    }
    assert_eq!(shop.pay(&hold, "key").await.expect("another card").state(), State::Paid);
    assert_eq!(shop.books(), (2 * STALLS_MINOR, 0));
}

/// The provider's window was opened for another amount, or for another hold: what the buyer brings back pays nothing here.
#[tokio::test]
async fn a_payment_of_something_else_is_declined() {
    let shop = Shop::open().await;
    let hold = shop.house.hold("mallory", &[0]).await.expect("a free seat");
    let other = shop.house.hold("mallory", &[1]).await.expect("a free seat");
    for (key, order_id, amount) in
        [("cheap", reference(&hold), 100), ("other", reference(&other), STALLS_MINOR)]
    {
        let session: Session = serde_json::from_value(serde_json::json!({
            "paymentKey": key, "orderId": order_id, "amount": amount,
        }))
        .expect("a session");
        shop.simulator.provider().open(session).expect("it opens");
        assert_eq!(failure(shop.pay(&hold, key).await).1, "PAYMENT_DECLINED", "{key}");
    }
    assert_eq!(shop.books(), (0, 0));
}

#[tokio::test]
async fn a_restarted_node_asks_what_became_of_a_payment() {
    let mut shop = Shop::open().await;
    for (seat, fault) in
        (0..).zip(["silent-done.find-silent-3", "silent-2.find-silent-3", "reset-done.find-reset-9"])
    {
        let hold = shop.house.hold(&format!("buyer-{seat}"), &[seat]).await.expect("a free seat");
        let mut orders = shop.house.orders.clone();
        let request = pay_request(&hold, &format!("sim.{fault}.{seat}"));
        let call = tokio::spawn(async move { orders.pay_hold(request).await });
        let order = u64::from(seat) + 1;
        shop.until(order, State::Paying).await;
        shop.house.server.kill9().await;
        drop(call.await.expect("no panic"));
        shop.house.server.restart().await;
        assert_eq!(shop.until(order, State::Paid).await.seats_left, [seat], "{fault}");
    }
    assert_eq!(shop.books(), (3 * STALLS_MINOR, 0));
}

#[tokio::test]
async fn payments_wait_for_a_provider_that_is_down() {
    let shop = Shop::open().await;
    shop.simulator.provider().set_down(Some(std::time::Instant::now() + Duration::from_secs(600)));
    let mut calls = Vec::new();
    for seat in 0..5 {
        let hold = shop.house.hold(&format!("buyer-{seat}"), &[seat]).await.expect("holds go on");
        let mut orders = shop.house.orders.clone();
        let request = pay_request(&hold, &format!("key-{seat}"));
        calls.push(tokio::spawn(async move { orders.pay_hold(request).await }));
    }
    eventually("the outage is told", async || {
        shop.house.server.log().contains("gives no definite answers").then_some(())
    })
    .await;
    shop.simulator.provider().set_down(None);
    for call in calls {
        let order = call.await.expect("no panic").expect("it is paid at last").into_inner();
        assert_eq!(order.state(), State::Paid);
    }
    assert_eq!(shop.books(), (5 * STALLS_MINOR, 0));
    let log = shop.house.server.log();
    assert_eq!(log.matches("gives no definite answers").count(), 1, "{log}");
    assert_eq!(log.matches("the payment provider answers again").count(), 1, "{log}");
}

#[tokio::test]
async fn a_refund_goes_back_once_whatever_happens() {
    let behaviour = Behaviour { forbids_consecutive_cancels: true, ..Behaviour::default() };
    let shop = Shop::build(behaviour, Plan::default()).await;
    let faults = [
        "cancel-silent",
        "cancel-silent-done",
        "cancel-reset-done",
        "cancel-PROVIDER_ERROR-2",
        "cancel-done-FAILED_REFUND_PROCESS",
        "cancel-silent-done.find-COMMON_ERROR-2",
    ];
    for (pair, fault) in (0_u32..).zip(faults) {
        let hold = shop.house.hold(&format!("buyer-{pair}"), &[2 * pair, 2 * pair + 1]).await.expect("free");
        let order = shop.pay(&hold, &format!("sim.{fault}.{pair}")).await.expect("it is paid");
        let mut orders = shop.house.orders.clone();
        let refunded = orders.refund_order(refund(&order, &[2 * pair])).await.expect(fault).into_inner();
        assert_eq!(refunded.state(), State::PartiallyRefunded, "{fault}");
        let half = order.amount_minor - refunded.refunded_minor;
        let (captured, given_back) = shop.books();
        let rest = orders.refund_order(refund(&order, &[])).await.expect(fault).into_inner();
        assert_eq!((rest.state(), rest.refunded_minor), (State::Refunded, order.amount_minor), "{fault}");
        assert_eq!(shop.books(), (captured, given_back + half), "{fault}");
    }
    let (captured, given_back) = shop.books();
    assert_eq!(captured, given_back);
}

/// The provider takes a refund, and does not have it done yet: it is asked about, and not sent again.
#[tokio::test]
async fn a_refund_that_has_not_arrived_is_waited_for() {
    let shop =
        Shop::build(Behaviour { cancel_takes_ms: 2_000, ..Behaviour::default() }, Plan::default()).await;
    let hold = shop.house.hold("alice", &[0, 1]).await.expect("free seats");
    let order = shop.pay(&hold, "key").await.expect("it is paid");
    let mut orders = shop.house.orders.clone();
    let part = orders.refund_order(refund(&order, &[0])).await.expect("it arrives").into_inner();
    assert_eq!((part.state(), part.refunded_minor), (State::PartiallyRefunded, STALLS_MINOR));
    assert_eq!(shop.simulator.provider().counts()["cancel"], 1);
    assert_eq!(shop.books(), (2 * STALLS_MINOR, STALLS_MINOR));
}

#[tokio::test]
async fn a_refund_that_cannot_be_leaves_the_seats_sold() {
    let shop = Shop::open().await;
    let hold = shop.house.hold("alice", &[0]).await.expect("a free seat");
    let order = shop.pay(&hold, "sim.cancel-EXCEED_MAX_REFUND_DUE.1").await.expect("it is paid");
    let (_, reason, details) = failure(shop.house.orders.clone().refund_order(refund(&order, &[])).await);
    assert_eq!(reason, "REFUND_FAILED");
    assert_eq!(details.error_info().expect("ErrorInfo").metadata["provider_reason"], "EXCEED_MAX_REFUND_DUE");
    assert_eq!(shop.until(1, State::Paid).await.seats_left, [0]);
}

#[tokio::test]
async fn without_a_provider_nothing_can_be_paid() {
    let house = House::build(Plan::default().with("EARLYBIRD_PAYMENTS__GATEWAY", "off")).await;
    assert!(house.server.log().contains("payments are off"));
    let hold = house.hold("alice", &[0]).await.expect("holds go on");
    let (status, reason, _) = failure(house.pay(&hold).await);
    assert_eq!((status.code(), reason.as_str()), (Code::Unavailable, "PAYMENTS_OFF"));
    house.seating.clone().release_hold(release_request(&hold)).await.expect("it is still a hold");
}
