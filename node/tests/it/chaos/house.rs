//! A house to sell, clients of it, and its audit.

use std::time::Duration;

use earlybird::audit::{AuditOptions, AuditReport, audit_journal};
use earlybird::catalog::Catalog;
use earlybird_engine::Millis;
use earlybird_persistence as store;
use earlybird_proto::v1::catalog_client::CatalogClient;
use earlybird_proto::v1::seating_client::SeatingClient;
use earlybird_proto::v1::waitlist_client::WaitlistClient;
use earlybird_proto::v1::{
    CreatePerformanceRequest, GetHoldRequest, GetSeatMapRequest, Hold, HoldAck, HoldSeatsRequest,
    ImportVenueRequest, JoinWaitlistRequest, Limits, ListHoldsRequest, Performance, Price,
    ReleaseHoldRequest, SalePhase, SeatMap, sale_phase,
};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

/// How late a hold may expire here. The bound of I5 is for a machine that has time: these tests starve it.
const EXPIRY_BOUND: Millis = Millis(3_000);
/// Seats in a row.
const ROW_SEATS: u32 = 50;

/// A seating plan of so many rows.
pub(crate) fn plan_json(rows: u32) -> Vec<u8> {
    let row = |row: u32| {
        let seat = |seat: u32| {
            serde_json::json!({
                "seat_guid": format!("{row}-{seat}"), "seat_number": seat.to_string(),
                "position": { "x": seat * 50, "y": 0 }, "category": if row * 4 < rows { "Front" } else { "Back" },
            })
        };
        let seats: Vec<_> = (0..ROW_SEATS).map(seat).collect();
        serde_json::json!({ "row_number": row.to_string(), "position": { "x": 0, "y": row * 100 }, "seats": seats })
    };
    let zone = serde_json::json!({
        "name": "Hall", "position": { "x": 0, "y": 0 }, "areas": [], "rows": (0..rows).map(row).collect::<Vec<_>>(),
    });
    let plan = serde_json::json!({
        "name": "Hall",
        "categories": [{ "name": "Front", "color": "#a00" }, { "name": "Back", "color": "#00a" }],
        "zones": [zone],
        "size": { "width": 2_600, "height": rows * 100 + 100 },
    });
    plan.to_string().into_bytes()
}

/// A connection that is made when it is first used, and again when it is lost.
pub(crate) fn connect(endpoint: &str) -> Channel {
    let endpoint = Endpoint::from_shared(endpoint.to_owned()).expect("a URL");
    endpoint.tcp_nodelay(true).connect_timeout(Duration::from_secs(3)).connect_lazy()
}

/// A client of performances.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) seating: SeatingClient<Channel>,
    pub(crate) waitlist: WaitlistClient<Channel>,
    catalog: CatalogClient<Channel>,
}

impl Client {
    /// A client with a connection of its own.
    pub(crate) fn of(endpoint: &str) -> Self {
        Self::over(connect(endpoint))
    }

    /// A client over this connection.
    pub(crate) fn over(channel: Channel) -> Self {
        let catalog = CatalogClient::new(channel.clone()).max_encoding_message_size(64 << 20);
        Self { seating: SeatingClient::new(channel.clone()), waitlist: WaitlistClient::new(channel), catalog }
    }

    /// Imports a club of so many rows.
    pub(crate) async fn import(&self, rows: u32) {
        let request = ImportVenueRequest {
            venue_id: "club".into(),
            seating_plan: plan_json(rows).into(),
            request_id: request_id(),
        };
        self.catalog.clone().import_venue(request).await.expect("the club is imported");
    }

    /// Creates an open performance in the club. Buyers may hold as much as they like.
    pub(crate) async fn create(&self, id: &str, hold_ttl: Duration) {
        self.create_with(id, hold_ttl, HoldAck::Durable).await;
    }

    /// The same, with holds that are acknowledged so.
    pub(crate) async fn create_with(&self, id: &str, hold_ttl: Duration, hold_ack: HoldAck) {
        let price = |category: &str| Price { category: category.into(), amount_minor: 1_000 };
        let performance = Performance {
            display_name: id.into(),
            venue: "venues/club".into(),
            currency_code: "KRW".into(),
            prices: vec![price("Front"), price("Back")],
            phases: vec![SalePhase {
                kind: sale_phase::Kind::General.into(),
                open_time: Some(prost_types::Timestamp::default()),
                close_time: Some(prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 }),
                waitlist_open: true,
                ..SalePhase::default()
            }],
            limits: Some(Limits {
                hold_ttl: prost_types::Duration::try_from(hold_ttl).ok(),
                seats_per_buyer_max: Some(1_000),
                ..Limits::default()
            }),
            hold_ack: hold_ack.into(),
            deposit_ttl: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
            ..Performance::default()
        };
        let request = CreatePerformanceRequest {
            performance_id: id.into(),
            performance: Some(performance),
            request_id: request_id(),
        };
        self.catalog.clone().create_performance(request).await.expect("the performance is created");
    }

    /// Holds seats, or not, within `timeout`.
    pub(crate) async fn hold(
        &self,
        performance: &str,
        buyer: &str,
        seats: &[u32],
        timeout: Duration,
    ) -> Result<Hold, Status> {
        let mut request = Request::new(HoldSeatsRequest {
            performance: format!("performances/{performance}"),
            buyer_id: buyer.into(),
            grade: String::new(),
            seats: seats.into(),
            request_id: request_id(),
        });
        request.set_timeout(timeout);
        self.seating.clone().hold_seats(request).await.map(Response::into_inner)
    }

    /// Gives a hold back.
    pub(crate) async fn release(&self, hold: String, buyer: &str) -> Result<Hold, Status> {
        let request = ReleaseHoldRequest { name: hold, buyer_id: buyer.into(), request_id: request_id() };
        self.seating.clone().release_hold(request).await.map(Response::into_inner)
    }

    /// Queues for a seat.
    pub(crate) async fn join(&self, performance: &str, buyer: &str, seat: u32) -> Result<(), Status> {
        let request = JoinWaitlistRequest {
            performance: format!("performances/{performance}"),
            seat,
            buyer_id: buyer.into(),
            grade: String::new(),
            request_id: request_id(),
        };
        self.waitlist.clone().join_waitlist(request).await.map(drop)
    }

    /// A hold by name.
    pub(crate) async fn get_hold(&self, name: &str, buyer: &str) -> Result<Hold, Status> {
        let request = GetHoldRequest { name: name.into(), buyer_id: buyer.into() };
        self.seating.clone().get_hold(request).await.map(Response::into_inner)
    }

    /// The holds of a buyer.
    pub(crate) async fn list_holds(&self, performance: &str, buyer: &str) -> Result<Vec<Hold>, Status> {
        let request =
            ListHoldsRequest { parent: format!("performances/{performance}"), buyer_id: buyer.into() };
        self.seating.clone().list_holds(request).await.map(|response| response.into_inner().holds)
    }

    /// The seat map.
    pub(crate) async fn seat_map(&self, performance: &str) -> Result<SeatMap, Status> {
        let request = GetSeatMapRequest { performance: format!("performances/{performance}") };
        self.seating.clone().get_seat_map(request).await.map(Response::into_inner)
    }
}

/// A new request id.
pub(crate) fn request_id() -> String {
    Uuid::new_v4().to_string()
}

/// The reason of an error; its message when it came from below the API, as from a connection that was cut.
pub(crate) fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map_or_else(|| format!("{:?}: {}", status.code(), status.message()), |info| info.reason)
}

/// Audits every performance of a store that no node has open, and returns the reports. All must be clean.
pub(crate) async fn audit(url: &str) -> Vec<AuditReport> {
    audit_after_outage(url, Duration::ZERO).await
}

/// As [`audit`], of a node whose store was away for so long: with a full outbox, lapsed holds wait to be expired. They are
/// unusable all the same.
pub(crate) async fn audit_after_outage(url: &str, outage: Duration) -> Vec<AuditReport> {
    let outage_ms = u64::try_from(outage.as_millis()).expect("a short outage");
    let store = store::open(url).await.expect("the store opens");
    let catalog = Catalog::new(std::sync::Arc::clone(&store));
    let options =
        AuditOptions { expiry_bound: Millis(EXPIRY_BOUND.0 + outage_ms), ..AuditOptions::default() };
    let mut reports = Vec::new();
    for row in store.list_performances(None, 100).await.expect("the performances") {
        let info = catalog.performance(&row.id).await.expect("it can be read").expect("it is there");
        let report = audit_journal(&*store, &info, &options).await.expect("the audit ends");
        let wrong: Vec<_> = report.checks.iter().filter(|check| check.violations > 0).collect();
        assert!(report.clean, "the audit of {} found {wrong:#?}", report.performance);
        println!("{}: {} entries, {} checks, clean", report.performance, report.entries, report.checks.len());
        reports.push(report);
    }
    store.close().await;
    assert!(!reports.is_empty(), "there was nothing to audit");
    reports
}
