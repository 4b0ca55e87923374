//! SIGKILL while the orders of a cancelled performance are being refunded.

use std::time::Duration;

use earlybird_proto::v1::admin_client::AdminClient;
use earlybird_proto::v1::jobs_client::JobsClient;
use earlybird_proto::v1::order::State;
use earlybird_proto::v1::orders_client::OrdersClient;
use earlybird_proto::v1::{
    CancelPerformanceRequest, GetJobRequest, Job, ListOrdersRequest, Order, PayHoldRequest, job,
};

use super::house::{self, Client, request_id};
use super::server::Site;
use super::{PATIENCE, eventually};
use crate::support::provider;

/// Orders, each of one seat.
const ORDERS: u32 = 12;
/// Refunds of a second: few, so that the kill comes in between.
const REFUNDS_PER_SECOND: u64 = 3;

async fn buy(client: &Client, endpoint: &str) {
    let mut orders = OrdersClient::new(house::connect(endpoint));
    for seat in 0..ORDERS {
        let hold = client.hold("carmen", "ann", &[seat], PATIENCE).await.expect("a free seat");
        let request = PayHoldRequest {
            hold: hold.name,
            buyer_id: "ann".into(),
            amount_minor: hold.amount_minor,
            payment_key: format!("key-{seat}"),
            request_id: request_id(),
            ..PayHoldRequest::default()
        };
        orders.pay_hold(request).await.expect("it is paid");
    }
}

async fn job(endpoint: &str, name: &str) -> Job {
    let request = GetJobRequest { name: name.into() };
    JobsClient::new(house::connect(endpoint)).get_job(request).await.expect("it exists").into_inner()
}

async fn orders(endpoint: &str) -> Vec<Order> {
    let request = ListOrdersRequest { parent: "performances/carmen".into(), ..ListOrdersRequest::default() };
    OrdersClient::new(house::connect(endpoint))
        .list_orders(request)
        .await
        .expect("a page")
        .into_inner()
        .orders
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_goes_on_where_it_was_on_sqlite() {
    check(Site::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_goes_on_where_it_was_on_postgres() {
    if let Some(site) = Site::on_postgres().await {
        check(site).await;
    }
}

async fn check(site: Site) {
    let provider = provider(1.0).await;
    let site = site
        .with("PAYMENTS__CANCELLATION_REFUNDS_PER_SECOND_MAX", &REFUNDS_PER_SECOND.to_string())
        .with("JOBS__LEASE", "1s")
        .paying_through(&provider);
    let endpoint = site.endpoint();
    let server = site.start().await;
    let client = Client::of(&endpoint);
    client.import(2).await;
    client.create("carmen", Duration::from_secs(600)).await;
    buy(&client, &endpoint).await;
    let cancel = CancelPerformanceRequest { name: "performances/carmen".into(), ..Default::default() };
    let mut admin = AdminClient::new(house::connect(&endpoint));
    let name = admin.cancel_performance(cancel).await.expect("it exists").into_inner().job;
    eventually("some orders are refunded", async || {
        (job(&endpoint, &name).await.done >= REFUNDS_PER_SECOND).then_some(())
    })
    .await;
    server.kill().await;

    let server = site.start().await;
    let done = eventually("the job ends", async || {
        let job = job(&endpoint, &name).await;
        (job.state() == job::State::Succeeded).then_some(job)
    })
    .await;
    assert_eq!((done.done, done.total), (u64::from(ORDERS), Some(u64::from(ORDERS))));
    assert!(done.attempt >= 2, "it was killed in between: {done:?}");
    let orders = orders(&endpoint).await;
    assert_eq!(orders.len(), ORDERS as usize);
    for order in orders {
        assert_eq!((order.state(), order.refunded_minor), (State::Refunded, order.amount_minor));
        assert_eq!(order.refunds.len(), 1, "I3: exactly one refund: {order:?}");
    }
    assert!(server.terminate().await.0.success());
    house::audit(site.store()).await;
}
