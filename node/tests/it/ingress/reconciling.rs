//! The node's orders beside the provider's books, through the API and the command line.

use std::time::{Duration, SystemTime};

use earlybird_persistence::{CreateOutcome, NewJob, UnixMillis};
use earlybird_proto::v1;
use earlybird_proto::v1::job::State as JobState;
use earlybird_proto::v1::jobs_client::JobsClient;
use earlybird_proto::v1::order::State;
use earlybird_proto::v1::payment_difference::Kind;
use earlybird_proto::v1::payments_client::PaymentsClient;
use earlybird_proto::v1::reconcile_response::Event;
use serde_json::Value;
use tonic::Code;

use super::house::*;
use super::paying::Shop;
use crate::support::run;

/// What a comparison of the last hour says.
pub(super) async fn reconcile(
    shop: &Shop,
    repair: bool,
) -> (Vec<v1::PaymentDifference>, v1::ReconcileSummary) {
    let now = SystemTime::now();
    let hour = Duration::from_secs(3_600);
    let request = v1::ReconcileRequest {
        from_time: Some((now - hour).into()),
        to_time: Some((now + hour).into()),
        repair,
    };
    let mut client = PaymentsClient::new(shop.house.server.channel());
    let mut stream = client.reconcile(request).await.expect("it begins").into_inner();
    let mut differences = Vec::new();
    while let Some(message) = stream.message().await.expect("it goes on") {
        match message.event.expect("an event") {
            Event::Progress(_) => {}
            Event::Difference(difference) => differences.push(difference),
            Event::Summary(summary) => return (differences, summary),
        }
    }
    panic!("no summary")
}

/// A shop with a paid order, a declined one, a refunded one and one that was refunded in part.
async fn busy() -> Shop {
    let shop = Shop::open().await;
    let mut orders = shop.house.orders.clone();
    for seat in 0..4 {
        let hold = shop.house.hold(&format!("buyer-{seat}"), &[seat, seat + 10]).await.expect("free seats");
        if seat == 1 {
            failure(shop.pay(&hold, "sim.REJECT_CARD_PAYMENT.1").await);
            continue;
        }
        let order = shop.pay(&hold, &format!("key-{seat}")).await.expect("it is paid");
        match seat {
            2 => drop(orders.refund_order(refund(&order, &[])).await.expect("it is paid")),
            3 => drop(orders.refund_order(refund(&order, &[3])).await.expect("it is paid")),
            _ => {}
        }
    }
    shop
}

#[tokio::test]
async fn what_agrees_is_clean_and_asks_about_nothing() {
    let shop = busy().await;
    let (differences, summary) = reconcile(&shop, true).await;
    assert_eq!(differences, []);
    let pair = STALLS_MINOR + CIRCLE_MINOR;
    let expected = v1::ReconcileSummary {
        orders: 4,
        payments: 3,
        captured_minor: 3 * pair,
        cancelled_minor: pair + STALLS_MINOR,
        ..Default::default()
    };
    assert_eq!(summary, expected);
}

#[tokio::test]
async fn late_money_is_found_and_repaired() {
    let shop = busy().await;
    let hold = shop.house.hold("late", &[5]).await.expect("a free seat");
    failure(shop.pay(&hold, "sim.done-REJECT_CARD_PAYMENT.1").await);
    for repair in [false, true] {
        let (differences, summary) = reconcile(&shop, repair).await;
        let [difference] = differences.as_slice() else { panic!("{differences:?}") };
        assert_eq!((difference.kind(), difference.repaired), (Kind::CapturedLate, repair));
        assert_eq!((difference.ours_minor, difference.theirs_minor), (0, STALLS_MINOR));
        assert_eq!(difference.order, format!("{NAME}/orders/5"));
        assert_eq!((summary.repaired, summary.left), (u64::from(repair), u64::from(!repair)));
    }
    assert_eq!(shop.until(5, State::Paid).await.seats_left, [5]);
    assert_eq!(reconcile(&shop, false).await.0, []);
}

#[tokio::test]
async fn late_money_is_found_although_its_key_was_brought_again() {
    let shop = Shop::open().await;
    let key = "sim.done-REJECT_CARD_PAYMENT.1";
    for (buyer, seat) in [("alice", 0), ("mallory", 1)] {
        let hold = shop.house.hold(buyer, &[seat]).await.expect("a free seat");
        assert_eq!(failure(shop.pay(&hold, key).await).1, "PAYMENT_DECLINED");
    }
    let (differences, summary) = reconcile(&shop, true).await;
    let [difference] = differences.as_slice() else { panic!("{differences:?}") };
    assert_eq!((difference.kind(), difference.repaired), (Kind::CapturedLate, true));
    assert_eq!(difference.order, format!("{NAME}/orders/1"));
    assert_eq!((summary.orders, summary.left), (2, 0));
    shop.until(1, State::Paid).await;
    assert_eq!(reconcile(&shop, false).await.0, []);
}

#[tokio::test]
async fn what_the_provider_does_not_answer_about_is_left_and_the_rest_is_compared() {
    let shop = Shop::open().await;
    for (seat, key) in
        (0..).zip(["sim.done-REJECT_CARD_PAYMENT.find-silent-1.1", "sim.done-REJECT_CARD_PAYMENT.2"])
    {
        let hold = shop.house.hold(&format!("buyer-{seat}"), &[seat]).await.expect("a free seat");
        failure(shop.pay(&hold, key).await);
    }
    let (differences, summary) = reconcile(&shop, true).await;
    let [difference] = differences.as_slice() else { panic!("{differences:?}") };
    assert_eq!(difference.order, format!("{NAME}/orders/2"));
    assert_eq!((summary.repaired, summary.unanswered, summary.left), (1, 1, 1));
    let (_, summary) = reconcile(&shop, true).await;
    assert_eq!((summary.repaired, summary.unanswered, summary.left), (1, 0, 0));
}

#[tokio::test]
async fn what_only_people_can_set_right_is_reported() {
    let shop = busy().await;
    // Somebody refunds by hand, and a shop of the same name sells something else.
    shop.by_hand("key-0/cancel", &serde_json::json!({ "cancelReason": "by hand", "cancelAmount": 1_000 }))
        .await;
    let other = serde_json::json!({ "paymentKey": "other", "orderId": "other-order", "amount": 500 });
    shop.by_hand("confirm", &other).await;
    let (mut differences, summary) = reconcile(&shop, true).await;
    assert_eq!((summary.left, summary.repaired), (2, 0));
    differences.sort_by_key(|difference| difference.kind);
    let found = differences
        .iter()
        .map(|it| (it.kind(), it.order.as_str(), it.payment_key.as_str(), it.ours_minor, it.theirs_minor));
    let pair = STALLS_MINOR + CIRCLE_MINOR;
    let order = format!("{NAME}/orders/1");
    assert_eq!(
        found.collect::<Vec<_>>(),
        [
            (Kind::CapturedWithoutOrder, "", "other", 0, 500),
            (Kind::RefundUnknownToUs, order.as_str(), "key-0", pair, pair - 1_000),
        ]
    );
}

#[tokio::test]
async fn the_command_line_tells_it_by_its_exit_code() {
    let shop = busy().await;
    let node = format!("http://{}", shop.house.server.grpc());
    let to = humantime::format_rfc3339_seconds(SystemTime::now() + Duration::from_secs(60)).to_string();
    let arguments = ["reconcile", "--node", &node, "--to", &to];
    let clean = run(&arguments).await;
    let text = String::from_utf8_lossy(&clean.stdout);
    assert_eq!(clean.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&clean.stderr));
    assert!(text.contains("4 orders, 3 payments") && text.contains("0 repaired, 0 left"), "{text}");

    shop.by_hand("key-0/cancel", &serde_json::json!({ "cancelReason": "by hand" })).await;
    let differing = run(&[&arguments[..], &["--repair", "--output", "json"]].concat()).await;
    assert_eq!(differing.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&differing.stdout).expect("JSON");
    assert_eq!(
        (&report["left"], &report["differences"][0]["kind"]),
        (&1.into(), &"REFUND_UNKNOWN_TO_US".into())
    );

    shop.simulator.provider().set_down(Some(std::time::Instant::now() + Duration::from_secs(600)));
    let failed = run(&arguments).await;
    assert_eq!(failed.status.code(), Some(2));
    assert!(failed.stdout.is_empty() && !failed.stderr.is_empty());
}

/// By the calendar: also the runs at which no node was there.
#[tokio::test]
async fn a_run_that_is_due_repairs_late_money() {
    let mut shop = Shop::open().await;
    let hold = shop.house.hold("alice", &[0]).await.expect("a free seat");
    failure(shop.pay(&hold, "sim.done-REJECT_CARD_PAYMENT.1").await);
    let mut jobs = JobsClient::new(shop.house.server.channel());
    let mut runs = async || {
        let request = v1::ListJobsRequest { page_size: 1_000, ..Default::default() };
        let jobs = jobs.list_jobs(request).await.expect("a page").into_inner().jobs;
        jobs.iter().filter(|job| job.kind == "reconcile").count()
    };
    assert!(runs().await <= 2, "there was nothing to compare before");

    // What happened a moment ago is left to the next run. It is made now, and looks as far as this moment.
    shop.house.server.kill9().await;
    let due_at = SystemTime::now() + Duration::from_secs(300);
    let due_at_ms = due_at.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis();
    let name = format!("reconcile-{due_at_ms}");
    let store = earlybird_persistence::open(&shop.house.server.store()).await.expect("nobody else has it");
    let job = NewJob {
        id: name.as_str().into(),
        kind: "reconcile".into(),
        arguments: "{}".into(),
        request: None,
        created_at: UnixMillis(0),
    };
    assert_eq!(store.create_job(&job).await.expect("it is taken"), CreateOutcome::Created);
    store.close().await;
    shop.house.server.restart().await;
    let mut jobs = JobsClient::new(shop.house.server.channel());
    eventually("the run ends", async || {
        let request = v1::GetJobRequest { name: format!("jobs/{name}") };
        let job = jobs.get_job(request).await.ok()?.into_inner();
        (job.state() == JobState::Succeeded).then_some(())
    })
    .await;
    assert_eq!(shop.until(1, State::Paid).await.seats_left, [0]);
    assert_eq!(shop.books(), (STALLS_MINOR, 0));
    assert!(runs().await > 24, "those at which no node was there are made up for");
}

#[tokio::test]
async fn a_window_must_be_one() {
    let shop = Shop::open().await;
    let mut client = PaymentsClient::new(shop.house.server.channel());
    let day = |day: i64| Some(prost_types::Timestamp { seconds: day * 86_400, nanos: 0 });
    for (from_time, to_time) in [(None, day(1)), (day(1), None), (day(2), day(2)), (day(0), day(32))] {
        let request = v1::ReconcileRequest { from_time, to_time, repair: false };
        let (status, reason, _) = failure(client.reconcile(request).await);
        assert_eq!((status.code(), reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
    }
}

impl Shop {
    /// Does something at the provider that the node does not know of.
    pub(super) async fn by_hand(&self, path: &str, body: &Value) {
        let url = format!("{}/v1/payments/{path}", self.simulator.url());
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let call = client.post(url).basic_auth(toss_sim::SECRET_KEY, Some("")).json(body);
        let answer = call.send().await.expect("it answers");
        assert!(answer.status().is_success(), "{answer:?}");
    }
}
