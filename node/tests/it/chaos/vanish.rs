//! Clients that vanish in the middle of sessions and watches, many at once, by hanging up or by falling silent.

use std::time::Duration;

use earlybird_proto::v1::{
    HoldSeatsRequest, SessionRequest, WatchOffersRequest, WatchOffersResponse, WatchSeatMapRequest,
    WatchSeatMapResponse, session_request,
};
use rush::connect::{Dialer, seating, waitlist};
use rush::session::SessionClient;
use tonic::Streaming;

use super::eventually;
use super::house::{self, Client, request_id};
use super::proxy::{Cut, Proxy};
use super::server::{Server, Site};

/// Clients of each kind that vanish in a round.
const CLIENTS: u32 = 24;
/// Commands that each has in flight.
const COMMANDS: u32 = 32;
const ROUNDS: u32 = 6;
/// Rounds until the node has the memory that a round needs.
const ROUNDS_TO_WARM_UP: u32 = 2;
/// By how much the node may grow in all rounds after these. A leak of the sessions alone would be more.
const MEMORY_GROWTH_BYTES_MAX: u64 = 24 << 20;
/// What must go back to 0.
const GAUGES: [&str; 4] = [
    "earlybird_streams{method=\"session\"}",
    "earlybird_streams{method=\"watch_seat_map\"}",
    "earlybird_streams{method=\"watch_offers\"}",
    "earlybird_connections",
];

/// A client with everything open.
struct Guest {
    session: SessionClient,
    _seats: Streaming<WatchSeatMapResponse>,
    _offers: Streaming<WatchOffersResponse>,
}

impl Guest {
    async fn arrive(endpoint: &str, number: u32) -> Self {
        let wire = Dialer::new(&[endpoint.to_owned()], None).expect("an endpoint").channel(0);
        let performance = "performances/carmen".to_owned();
        let session = SessionClient::open(&wire).await.expect("a session");
        let watch =
            WatchSeatMapRequest { performance: performance.clone(), ..WatchSeatMapRequest::default() };
        let mut seats = seating(&wire).watch_seat_map(watch).await.expect("a watch").into_inner();
        seats.message().await.expect("the watch lives").expect("it begins with a snapshot");
        let offers =
            WatchOffersRequest { performance, buyer_id: format!("guest-{number}"), known_offers: Vec::new() };
        let offers = waitlist(&wire).watch_offers(offers).await.expect("a watch").into_inner();
        Self { session, _seats: seats, _offers: offers }
    }

    /// Sends commands and does not wait for the replies.
    fn act(&mut self, number: u32) {
        for tag in 0..COMMANDS {
            let command = session_request::Command::HoldSeats(HoldSeatsRequest {
                performance: "performances/carmen".into(),
                buyer_id: format!("guest-{number}-{tag}"),
                grade: String::new(),
                seats: vec![(number * COMMANDS + tag) % 1_000],
                request_id: request_id(),
            });
            self.session.push(SessionRequest { tag: tag.into(), timeout_ms: 0, command: Some(command) });
        }
        self.session.flush();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_vanish_leave_nothing_behind() {
    let site = Site::on_sqlite().with("GRPC__KEEPALIVE_INTERVAL", "1s").with("GRPC__KEEPALIVE_TIMEOUT", "1s");
    let server = site.start().await;
    let client = Client::of(&site.endpoint());
    client.import(20).await;
    // Holds lapse soon, so that every round changes seats again.
    client.create("carmen", Duration::from_secs(1)).await;
    // Its connection would be counted.
    drop(client);
    let mut memory_bytes = Vec::new();
    for round in 0..ROUNDS {
        check_round(&site, &server, round).await;
        memory_bytes.push(server.memory_bytes());
    }
    println!(
        "memory after each round: {:?} KiB",
        memory_bytes.iter().map(|bytes| bytes >> 10).collect::<Vec<_>>()
    );
    let warm = memory_bytes[ROUNDS_TO_WARM_UP as usize - 1];
    let growth_bytes = memory_bytes[ROUNDS as usize - 1].saturating_sub(warm);
    assert!(growth_bytes <= MEMORY_GROWTH_BYTES_MAX, "the node grew by {growth_bytes} bytes");
    assert!(server.terminate().await.0.success());
    house::audit(site.store()).await;
}

async fn check_round(site: &Site, server: &Server, round: u32) {
    let proxy = Proxy::to(site.grpc()).await;
    let mut guests = Vec::new();
    for number in 0..CLIENTS {
        let number = (round * CLIENTS + number) * 2;
        guests.push((number, Guest::arrive(&site.endpoint(), number).await));
        guests.push((number + 1, Guest::arrive(&proxy.endpoint(), number + 1).await));
    }
    for gauge in GAUGES {
        assert_eq!(server.metric(gauge).await, f64::from(2 * CLIENTS), "{gauge}: all are there");
    }
    for (number, guest) in &mut guests {
        guest.act(*number);
    }
    // The half behind the proxy vanishes without a word, the others hang up.
    proxy.cut(Cut::Both);
    let (silent, gone): (Vec<_>, Vec<_>) = guests.into_iter().partition(|(number, _)| number % 2 == 1);
    drop(gone);
    for gauge in GAUGES {
        let none = async || (server.metric(gauge).await == 0.0).then_some(());
        eventually(&format!("{gauge} goes back to 0"), none).await;
    }
    drop((silent, proxy));
}
