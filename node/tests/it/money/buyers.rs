//! Buyers who repeat each call, under the same `request_id`, until they have a definite answer.

use std::time::{Duration, Instant};

use earlybird_proto::v1::order::State;
use earlybird_proto::v1::orders_client::OrdersClient;
use earlybird_proto::v1::seating_client::SeatingClient;
use earlybird_proto::v1::{
    GetOrderRequest, HoldSeatsRequest, Order, PayHoldRequest, RefundAccount, RefundOrderRequest,
};
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

use crate::chaos::PATIENCE;
use crate::chaos::house::{connect, reason, request_id};

/// A pause after a call that has no definite answer.
const PAUSE: Duration = Duration::from_millis(20);

/// A buyer with a connection of their own.
#[derive(Clone)]
pub(super) struct Buyer {
    name: String,
    performance: String,
    seating: SeatingClient<Channel>,
    orders: OrdersClient<Channel>,
}

/// What buyers do with what they bought.
#[derive(Clone, Copy)]
pub(super) enum Plan {
    /// Keep it.
    Keep,
    /// Give one seat back, then the others.
    GiveBack,
}

impl Buyer {
    pub(super) fn new(endpoint: &str, performance: &str, name: &str) -> Self {
        let channel = connect(endpoint);
        Self {
            name: name.to_owned(),
            performance: format!("performances/{performance}"),
            seating: SeatingClient::new(channel.clone()),
            orders: OrdersClient::new(channel),
        }
    }

    /// Holds seats that nobody else wants. Returns the hold's name and price.
    pub(super) async fn hold(&self, seats: &[u32]) -> (String, i64) {
        let request = HoldSeatsRequest {
            performance: self.performance.clone(),
            buyer_id: self.name.clone(),
            seats: seats.into(),
            request_id: request_id(),
            ..Default::default()
        };
        let call = || {
            let (mut seating, request) = (self.seating.clone(), request.clone());
            async move { seating.hold_seats(request).await }
        };
        let hold = definite(call).await.expect("nobody else wants the seats");
        (hold.name, hold.amount_minor)
    }

    /// Pays a hold with a key of the provider.
    pub(super) async fn pay(&self, hold: &(String, i64), key: &str) -> Result<Order, Status> {
        self.pay_with(hold, "", key).await
    }

    /// Pays what a hold costs with a coupon, if it is given one, with a key of the provider.
    pub(super) async fn pay_with(
        &self,
        (hold, amount_minor): &(String, i64),
        coupon: &str,
        key: &str,
    ) -> Result<Order, Status> {
        let request = PayHoldRequest {
            hold: hold.clone(),
            buyer_id: self.name.clone(),
            amount_minor: *amount_minor,
            payment_key: key.to_owned(),
            coupon: coupon.to_owned(),
            request_id: request_id(),
        };
        let call = || {
            let (mut orders, request) = (self.orders.clone(), request.clone());
            async move { orders.pay_hold(request).await }
        };
        definite(call).await
    }

    /// Gives seats back; none are all that are left.
    pub(super) async fn refund(&self, order: &Order, seats: &[u32]) -> Result<Order, Status> {
        self.call_refund(order, seats, None).await
    }

    async fn call_refund(
        &self,
        order: &Order,
        seats: &[u32],
        refund_account: Option<RefundAccount>,
    ) -> Result<Order, Status> {
        let request = RefundOrderRequest {
            name: order.name.clone(),
            buyer_id: self.name.clone(),
            seats: seats.into(),
            reason: "cannot come".into(),
            request_id: request_id(),
            refund_account,
            ..Default::default()
        };
        let call = || {
            let (mut orders, request) = (self.orders.clone(), request.clone());
            async move { orders.refund_order(request).await }
        };
        definite(call).await
    }

    /// Gives seats back that a deposit has paid for; none are all that are left.
    pub(super) async fn refund_deposit(&self, order: &Order, seats: &[u32]) -> Result<Order, Status> {
        let (bank_code, account_number) = ("20".into(), "12345678901".into());
        let account = RefundAccount { bank_code, account_number, holder_name: self.name.clone() };
        self.call_refund(order, seats, Some(account)).await
    }

    /// Waits until an order is in that state.
    pub(super) async fn until(&self, order: &Order, state: State) -> Order {
        let request = GetOrderRequest { name: order.name.clone() };
        let began = Instant::now();
        loop {
            let call = || {
                let (mut orders, request) = (self.orders.clone(), request.clone());
                async move { orders.get_order(request).await }
            };
            let order = definite(call).await.expect("it is there");
            if order.state() == state {
                return order;
            }
            assert!(began.elapsed() < PATIENCE, "not {state:?}: {order:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Buys two seats and does with them what was planned.
    async fn buy(self, first_seat: u32, key: String, plan: Plan) {
        let hold = self.hold(&[first_seat, first_seat + 1]).await;
        let order = self.pay(&hold, &key).await.expect("the provider takes the key");
        if let Plan::GiveBack = plan {
            self.refund(&order, &[first_seat]).await.expect("it is paid");
            self.refund(&order, &[]).await.expect("one seat is left");
        }
    }
}

/// So many buyers at once, each with two seats of their own from `first_seat` on, and payment keys that begin so.
pub(super) fn many(
    endpoint: &str,
    performance: &str,
    buyers: u32,
    first_seat: u32,
    plan: Plan,
) -> JoinSet<()> {
    let mut set = JoinSet::new();
    for number in 0..buyers {
        let buyer = Buyer::new(endpoint, performance, &format!("buyer-{first_seat}-{number}"));
        let key = format!("key-{performance}-{first_seat}-{number}");
        set.spawn(buyer.buy(first_seat + 2 * number, key, plan));
    }
    set
}

/// Waits for all of them; each must have done what was planned.
pub(super) async fn done(mut buyers: JoinSet<()>) {
    while let Some(buyer) = buyers.join_next().await {
        buyer.expect("a buyer is done");
    }
}

/// Repeats a call until its answer is definite.
async fn definite<T, F>(mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let began = Instant::now();
    loop {
        let status = match call().await {
            Ok(response) => return Ok(response.into_inner()),
            Err(status) => status,
        };
        // Without a reason, it comes from below the API: the connection was cut.
        let is_definite = status.get_details_error_info().is_some() && status.code() != Code::Unavailable;
        if is_definite {
            return Err(status);
        }
        assert!(began.elapsed() < PATIENCE, "no definite answer, at last {}", reason(&status));
        tokio::time::sleep(PAUSE).await;
    }
}
