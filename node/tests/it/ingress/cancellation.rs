//! A performance that will not take place.

use std::time::{Duration, Instant};

use earlybird_proto::v1;
use earlybird_proto::v1::catalog_client::CatalogClient;
use earlybird_proto::v1::job::State as JobState;
use earlybird_proto::v1::jobs_client::JobsClient;
use earlybird_proto::v1::order::State;
use earlybird_proto::v1::refund::Reason;
use tonic::Code;

use super::house::*;

async fn cancel(house: &House) -> v1::CancelPerformanceResponse {
    let request = v1::CancelPerformanceRequest { name: NAME.into(), reason: "the tenor is ill".into() };
    house.admin.clone().cancel_performance(request).await.expect("it exists").into_inner()
}

/// What the catalog shows of it, alone and in the list.
async fn shown(house: &House) -> [Option<v1::PerformanceCancellation>; 2] {
    let mut catalog = CatalogClient::new(house.server.channel());
    let get = v1::GetPerformanceRequest { name: NAME.into() };
    let one = catalog.get_performance(get).await.expect("it exists").into_inner();
    let list = catalog.list_performances(v1::ListPerformancesRequest::default()).await.expect("a page");
    let [listed] = <[_; 1]>::try_from(list.into_inner().performances).expect("there is one");
    [one.cancellation, listed.cancellation]
}

async fn order(house: &House, number: u64) -> v1::Order {
    let get = v1::GetOrderRequest { name: format!("{NAME}/orders/{number}") };
    house.orders.clone().get_order(get).await.expect("it exists").into_inner()
}

/// Waits for the job, and returns it.
async fn finished(house: &House, job: &str) -> v1::Job {
    let mut jobs = JobsClient::new(house.server.channel());
    eventually("the job ends", async || {
        let job = jobs.get_job(v1::GetJobRequest { name: job.into() }).await.expect("it exists").into_inner();
        (!matches!(job.state(), JobState::Pending | JobState::Running)).then_some(job)
    })
    .await
}

#[tokio::test]
async fn everything_goes_back_and_nothing_is_sold_any_more() {
    let policy = v1::RefundPolicy { buyers_forbidden: true, ..Default::default() };
    let house = House::build(Plan { refund_policy: Some(policy), ..Plan::default() }).await;
    for seats in [&[0_u32, 1][..], &[2], &[10, 11]] {
        let hold = house.hold("alice", seats).await.expect("free seats");
        house.pay(&hold).await.expect("it is paid");
    }
    let held = house.hold("carol", &[5]).await.expect("a free seat");
    house.waitlist.clone().join_waitlist(join_request("dan", 5)).await.expect("it is taken");

    assert_eq!(shown(&house).await, [None, None]);
    let cancelled = cancel(&house).await;
    assert!(cancelled.cancel_time.is_some());
    let expected = v1::PerformanceCancellation {
        cancel_time: cancelled.cancel_time,
        // Nothing asks for tokens here.
        cancelled_by: String::new(),
        reason: "the tenor is ill".into(),
        job: cancelled.job.clone(),
    };
    assert_eq!(shown(&house).await, [Some(expected.clone()), Some(expected)]);
    let job = finished(&house, &cancelled.job).await;
    assert_eq!((job.state(), job.done, job.total), (JobState::Succeeded, 3, Some(3)), "{job:?}");
    for number in 1..=3 {
        let order = order(&house, number).await;
        assert_eq!((order.state(), order.refunded_minor), (State::Refunded, order.amount_minor));
        assert_eq!(order.refunds[0].reason(), Reason::PerformanceCancelled);
    }
    let counts = eventually("the map is published", async || {
        let counts = house.seat_map().await.counts.expect("counts");
        (counts.sold == 0).then_some(counts)
    })
    .await;
    assert_eq!((counts.free, counts.held), (SEATS, 0));
    for result in [
        house.hold("eve", &[0]).await.map(drop),
        house.waitlist.clone().join_waitlist(join_request("eve", 0)).await.map(drop),
    ] {
        let (status, reason, _) = failure(result);
        assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, "PERFORMANCE_CANCELLED"));
    }
    assert_eq!(failure(house.pay(&held).await).1, "HOLD_NOT_FOUND");
    assert_eq!(cancel(&house).await, cancelled, "to cancel again changes nothing");
    let audit = v1::AuditPerformanceRequest { name: NAME.into() };
    let report = house.admin.clone().audit_performance(audit).await.expect("a report").into_inner();
    assert!(report.checks.iter().all(|check| check.violations == 0), "{report:?}");
    assert_eq!(house.metric("earlybird_audits_total").await, 1.0);
}

/// What is being paid when the performance is cancelled is settled first, and then goes back.
#[tokio::test]
async fn a_payment_under_way_is_settled_and_goes_back() {
    let house = House::build(Plan::default().with_slow_payments(300.0)).await;
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    let mut orders = house.orders.clone();
    let paying = tokio::spawn(async move { orders.pay_hold(pay_request(&hold, &payment_key())).await });
    eventually("the payment begins", async || {
        let get = v1::GetOrderRequest { name: format!("{NAME}/orders/1") };
        house.orders.clone().get_order(get).await.ok()
    })
    .await;
    let cancelled = cancel(&house).await;
    assert_eq!(finished(&house, &cancelled.job).await.state(), JobState::Succeeded);
    paying.await.expect("no panic").expect("it was paid");
    let order = eventually("the money goes back", async || {
        let order = order(&house, 1).await;
        (order.state() == State::Refunded).then_some(order)
    })
    .await;
    assert_eq!(
        (order.refunded_minor, order.refunds[0].reason()),
        (STALLS_MINOR, Reason::PerformanceCancelled)
    );
}

/// However quick the provider is.
#[tokio::test]
async fn the_money_goes_back_at_a_bounded_rate() {
    let plan = Plan::default().with("EARLYBIRD_PAYMENTS__CANCELLATION_REFUNDS_PER_SECOND_MAX", "2");
    let house = House::build(plan).await;
    for seat in 0..6 {
        let hold = house.hold("alice", &[seat]).await.expect("a free seat");
        house.pay(&hold).await.expect("it is paid");
    }
    let began = Instant::now();
    let job = finished(&house, &cancel(&house).await.job).await;
    assert_eq!((job.state(), job.done), (JobState::Succeeded, 6));
    // Two at once, and twice two more, a second after the last.
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn there_must_be_such_a_performance() {
    let house = House::open().await;
    let request = v1::CancelPerformanceRequest { name: "performances/tosca".into(), ..Default::default() };
    let (status, reason, _) = failure(house.admin.clone().cancel_performance(request).await);
    assert_eq!((status.code(), reason.as_str()), (Code::NotFound, "PERFORMANCE_NOT_FOUND"));
    let request = v1::CancelPerformanceRequest { name: NAME.into(), reason: "x".repeat(201) };
    let (status, reason, _) = failure(house.admin.clone().cancel_performance(request).await);
    assert_eq!((status.code(), reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
    assert_eq!(shown(&house).await, [None, None]);
}
