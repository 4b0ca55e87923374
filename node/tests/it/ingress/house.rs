//! A small house to sell: a server of its own, and clients.

use std::time::{Instant, SystemTime};

use earlybird_proto::v1;
use earlybird_proto::v1::admin_client::AdminClient;
use earlybird_proto::v1::catalog_client::CatalogClient;
use earlybird_proto::v1::orders_client::OrdersClient;
use earlybird_proto::v1::sale_phase::Kind;
use earlybird_proto::v1::seating_client::SeatingClient;
use earlybird_proto::v1::waitlist_client::WaitlistClient;
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use toss_sim::Simulator;
use uuid::Uuid;

pub(super) use crate::support::PATIENCE;
use crate::support::{Options, Server, provider};

/// The performance that every house has.
pub(super) const NAME: &str = "performances/carmen";
/// Seats of the house: two rows of ten; the first in `Stalls`, the second in `Circle`.
pub(super) const SEATS: u32 = 20;
/// Price of a seat in `Stalls`.
pub(super) const STALLS_MINOR: i64 = 12_000;
/// Price of a seat in `Circle`.
pub(super) const CIRCLE_MINOR: i64 = 7_000;

/// How a house differs from the usual one.
pub(super) struct Plan {
    pub(super) server: Options,
    /// How long the payment provider takes, in milliseconds.
    pub(super) payment_ms: f64,
    pub(super) limits: v1::Limits,
    pub(super) phases: Vec<v1::SalePhase>,
    pub(super) refund_policy: Option<v1::RefundPolicy>,
}

impl Default for Plan {
    fn default() -> Self {
        let server = Options::default().with("EARLYBIRD_SHARD__TICK", "10ms");
        let phases = vec![general(-3_600, 3_600)];
        Self { server, payment_ms: 1.0, limits: v1::Limits::default(), phases, refund_policy: None }
    }
}

impl Plan {
    /// With another setting of the server.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.server = self.server.with(name, value);
        self
    }

    /// With a payment provider that takes so many milliseconds.
    pub(super) fn with_slow_payments(mut self, payment_ms: f64) -> Self {
        self.payment_ms = payment_ms;
        self
    }

    /// With holds and offers that live for a second, the shortest that there are, and are not extended.
    pub(super) fn with_short_holds(mut self) -> Self {
        let second = Some(prost_types::Duration { seconds: 1, nanos: 0 });
        self.limits.hold_ttl = second;
        self.limits.offer_ttl = second;
        self.limits.hold_extensions_max = Some(0);
        self
    }
}

/// A phase for everyone, from and until so many seconds from now, with an open waitlist.
pub(super) fn general(opens_s: i64, closes_s: i64) -> v1::SalePhase {
    v1::SalePhase {
        kind: Kind::General.into(),
        grades: Vec::new(),
        open_time: Some(from_now(opens_s)),
        close_time: Some(from_now(closes_s)),
        waitlist_open: true,
    }
}

/// A phase for `vip` alone.
pub(super) fn presale(opens_s: i64, closes_s: i64) -> v1::SalePhase {
    v1::SalePhase { kind: Kind::Presale.into(), grades: vec!["vip".into()], ..general(opens_s, closes_s) }
}

/// The time so many seconds from now.
pub(super) fn from_now(seconds: i64) -> prost_types::Timestamp {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let now_s = i64::try_from(now.as_secs()).expect("before the year 292 billion");
    prost_types::Timestamp { seconds: now_s + seconds, nanos: 0 }
}

/// A house that is open.
pub(super) struct House {
    pub(super) server: Server,
    pub(super) seating: SeatingClient<Channel>,
    pub(super) waitlist: WaitlistClient<Channel>,
    pub(super) orders: OrdersClient<Channel>,
    pub(super) admin: AdminClient<Channel>,
    _provider: Simulator,
}

impl House {
    /// The usual house.
    pub(super) async fn open() -> Self {
        Self::build(Plan::default()).await
    }

    /// The value of a series, by its name with its labels.
    pub(super) async fn metric(&self, series: &str) -> f64 {
        let (_, metrics) = self.server.get("/metrics").await;
        let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.expect("there is such a series").parse().expect("a number")
    }

    /// A house of another kind.
    pub(super) async fn build(plan: Plan) -> Self {
        let provider = provider(plan.payment_ms).await;
        let server = Server::start_with(plan.server.paying_through(&provider)).await;
        create(&server, plan.limits, plan.phases, plan.refund_policy).await;
        let channel = server.channel();
        Self {
            seating: SeatingClient::new(channel.clone()),
            waitlist: WaitlistClient::new(channel.clone()),
            orders: OrdersClient::new(channel.clone()),
            admin: AdminClient::new(channel),
            server,
            _provider: provider,
        }
    }

    /// Holds seats for a buyer.
    pub(super) async fn hold(&self, buyer: &str, seats: &[u32]) -> Result<v1::Hold, Status> {
        self.seating.clone().hold_seats(hold_request(buyer, seats)).await.map(Response::into_inner)
    }

    /// Pays a hold with a key that the provider accepts.
    pub(super) async fn pay(&self, hold: &v1::Hold) -> Result<v1::Order, Status> {
        self.orders.clone().pay_hold(pay_request(hold, &payment_key())).await.map(Response::into_inner)
    }

    /// The seat map.
    pub(super) async fn seat_map(&self) -> v1::SeatMap {
        let request = v1::GetSeatMapRequest { performance: NAME.into() };
        self.seating.clone().get_seat_map(request).await.expect("a seat map").into_inner()
    }

    /// Waits until so many seats are held.
    pub(super) async fn until_held(&self, seats: u32) {
        eventually("the map is published", async || {
            let held = self.seat_map().await.counts.expect("counts").held;
            (held == seats).then_some(())
        })
        .await;
    }

    /// A connection of its own, whose streams take `window_bytes` before they are read.
    pub(super) async fn connect(&self, window_bytes: u32) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.server.grpc())).expect("a URL");
        endpoint.initial_stream_window_size(window_bytes).connect().await.expect("the server listens")
    }
}

async fn create(
    server: &Server,
    limits: v1::Limits,
    phases: Vec<v1::SalePhase>,
    refund_policy: Option<v1::RefundPolicy>,
) {
    let mut catalog = CatalogClient::new(server.channel());
    let venue = v1::ImportVenueRequest {
        venue_id: "opera".into(),
        seating_plan: plan_json().into(),
        request_id: request_id(),
    };
    catalog.import_venue(venue).await.expect("a good plan");
    let price = |category: &str, amount_minor| v1::Price { category: category.into(), amount_minor };
    let performance = v1::Performance {
        display_name: "Carmen".into(),
        venue: "venues/opera".into(),
        currency_code: "KRW".into(),
        prices: vec![price("Stalls", STALLS_MINOR), price("Circle", CIRCLE_MINOR)],
        phases,
        limits: Some(limits),
        refund_policy,
        ..Default::default()
    };
    let request = v1::CreatePerformanceRequest {
        performance_id: "carmen".into(),
        performance: Some(performance),
        request_id: request_id(),
    };
    catalog.create_performance(request).await.expect("all is well");
}

fn plan_json() -> String {
    let row = |number: u32, category: &str| {
        let seat = |seat: u32| {
            serde_json::json!({
                "seat_guid": format!("{number}-{seat}"), "seat_number": seat.to_string(),
                "position": { "x": seat * 50, "y": 0 }, "category": category,
            })
        };
        let seats: Vec<_> = (0..SEATS / 2).map(seat).collect();
        let position = serde_json::json!({ "x": 0, "y": number * 100 });
        serde_json::json!({ "row_number": number.to_string(), "position": position, "seats": seats })
    };
    let zone = serde_json::json!({
        "name": "Main", "position": { "x": 0, "y": 0 }, "areas": [],
        "rows": [row(1, "Stalls"), row(2, "Circle")],
    });
    serde_json::json!({
        "name": "Opera",
        "categories": [{ "name": "Stalls", "color": "#a00" }, { "name": "Circle", "color": "#00a" }],
        "zones": [zone],
        "size": { "width": 1000, "height": 1000 },
    })
    .to_string()
}

/// A request to refund some seats of an order, or all.
pub(super) fn refund(order: &v1::Order, seats: &[u32]) -> v1::RefundOrderRequest {
    v1::RefundOrderRequest {
        name: order.name.clone(),
        buyer_id: order.buyer_id.clone(),
        seats: seats.into(),
        reason: "ill".into(),
        request_id: request_id(),
        ..Default::default()
    }
}

/// A new request id.
pub(super) fn request_id() -> String {
    Uuid::new_v4().to_string()
}

/// A new key of a payment that the provider accepts.
pub(super) fn payment_key() -> String {
    format!("key-{}", Uuid::new_v4())
}

/// A request to hold seats.
pub(super) fn hold_request(buyer: &str, seats: &[u32]) -> v1::HoldSeatsRequest {
    v1::HoldSeatsRequest {
        performance: NAME.into(),
        buyer_id: buyer.into(),
        grade: String::new(),
        seats: seats.into(),
        request_id: request_id(),
    }
}

/// A request to pay a hold with a key of the provider.
pub(super) fn pay_request(hold: &v1::Hold, payment_key: &str) -> v1::PayHoldRequest {
    v1::PayHoldRequest {
        hold: hold.name.clone(),
        buyer_id: hold.buyer_id.clone(),
        amount_minor: hold.amount_minor,
        payment_key: payment_key.into(),
        request_id: request_id(),
        ..Default::default()
    }
}

/// A request to queue for a seat.
pub(super) fn join_request(buyer: &str, seat: u32) -> v1::JoinWaitlistRequest {
    v1::JoinWaitlistRequest {
        performance: NAME.into(),
        seat,
        buyer_id: buyer.into(),
        grade: String::new(),
        request_id: request_id(),
    }
}

/// A request to give a hold back.
pub(super) fn release_request(hold: &v1::Hold) -> v1::ReleaseHoldRequest {
    v1::ReleaseHoldRequest {
        name: hold.name.clone(),
        buyer_id: hold.buyer_id.clone(),
        request_id: request_id(),
    }
}

/// A request to extend a hold.
pub(super) fn extend_request(hold: &v1::Hold) -> v1::ExtendHoldRequest {
    v1::ExtendHoldRequest {
        name: hold.name.clone(),
        buyer_id: hold.buyer_id.clone(),
        request_id: request_id(),
    }
}

/// The error of a call that must fail, with its reason and details.
#[track_caller]
pub(super) fn failure<T: std::fmt::Debug>(result: Result<T, Status>) -> (Status, String, ErrorDetails) {
    let status = result.expect_err("it must fail");
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!(info.domain, "earlybird");
    let reason = info.reason.clone();
    (status, reason, details)
}

/// Asks again until the answer is `Some`.
pub(super) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::task::yield_now().await;
    }
}
