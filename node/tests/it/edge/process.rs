//! The process: its command line, its configuration, two of it at once, and its end.

use earlybird_proto::v1;
use earlybird_proto::v1::orders_client::OrdersClient;
use earlybird_proto::v1::seating_client::SeatingClient;
use rustix::process::Signal;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use toss_sim::Simulator;

use super::{CLUB, catalog, import, performance, reason, request_id};
use crate::support::{Options, Server, provider, run};

#[tokio::test]
async fn the_command_line_explains_itself() {
    let help = run(&["--help"]).await;
    assert!(help.status.success());
    assert!(String::from_utf8_lossy(&help.stdout).contains("serve"));
    assert_eq!(run(&["sreve"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn check_config_shows_what_results_without_secrets() {
    let shown = run(&["serve", "--check-config", "--store", "postgres://me:s3cret@db/seats"]).await;
    let text = String::from_utf8_lossy(&shown.stdout);
    assert_eq!(shown.status.code(), Some(0));
    assert!(text.contains("url = \"postgres://me:***@db/seats\""), "{text}");
    assert!(!text.contains("s3cret"));
}

#[tokio::test]
async fn a_wrong_configuration_names_every_key_and_exits_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("wrong.toml");
    std::fs::write(&file, "[grpc]\nlisen = \"x\"\n[lane]\nack_timeout = 5\n").expect("a file");
    let file = file.to_str().expect("a path");
    for arguments in [vec!["serve", "--config", file], vec!["serve", "--config", file, "--check-config"]] {
        let output = run(&arguments).await;
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("grpc.lisen: no such key; did you mean \"listen\"?"), "{told}");
        assert!(told.contains("lane.ack_timeout: 5 is not a duration"), "{told}");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test]
async fn serving_others_unchecked_is_refused() {
    let output = run(&["serve", "--grpc-listen", "0.0.0.0:0"]).await;
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("grpc.listen: ") && told.contains("--insecure"), "{told}");
    assert!(
        run(&["serve", "--grpc-listen", "0.0.0.0:0", "--insecure", "--check-config"]).await.status.success()
    );
}

#[tokio::test]
async fn a_second_node_on_the_same_ports_or_file_is_told_so() {
    let server = Server::start().await;
    let database = format!("sqlite://{}", server.file("earlybird.db").display());
    let arguments =
        ["serve", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--store", &database];
    let output = run(&arguments).await;
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("is in use by another earlybird"), "{told}");

    let output = run(&["serve", "--grpc-listen", server.grpc(), "--http-listen", "127.0.0.1:0"]).await;
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("grpc.listen: cannot listen on"), "{told}");
    assert_eq!(server.get("/readyz").await.0, 200);
}

#[tokio::test]
async fn sigterm_drains_and_exits_with_0() {
    let mut server = Server::start().await;
    catalog(&server).import_venue(import("club", CLUB)).await.expect("a good plan");
    catalog(&server).create_performance(performance("night")).await.expect("all is well");
    let mut health = HealthClient::new(server.channel());
    let watch = HealthCheckRequest { service: "earlybird.v1.Seating".into() };
    let mut health = health.watch(watch).await.expect("a watch").into_inner();
    let first = health.message().await.expect("news").expect("news");
    assert_eq!(first.status(), ServingStatus::Serving);
    let mut seating = SeatingClient::new(server.channel());
    let watch = v1::WatchSeatMapRequest { performance: "performances/night".into(), ..Default::default() };
    let mut seats = seating.watch_seat_map(watch).await.expect("a watch").into_inner();
    seats.message().await.expect("a snapshot").expect("a snapshot");

    server.sigterm();
    let news = health.message().await.expect("news").expect("news");
    assert_eq!(news.status(), ServingStatus::NotServing);
    let ended = loop {
        match seats.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the watch ended without a reason"),
            Err(status) => break status,
        }
    };
    assert_eq!(reason(&ended), (Code::Unavailable, "DRAINING".into()));
    let status = server.ended().await;
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(server.log().contains("drained"), "{}", server.log());

    server.restart().await;
    let name = "performances/night".into();
    catalog(&server).get_performance(v1::GetPerformanceRequest { name }).await.expect("it survives");
}

/// A payment under way.
type Payment = tokio::task::JoinHandle<Result<v1::Order, tonic::Status>>;

/// A server, its payment provider that takes so many milliseconds, and a payment under way.
async fn paying(latency_ms: f64) -> (Server, Simulator, Payment) {
    let provider = provider(latency_ms).await;
    let server = Server::start_with(Options::default().paying_through(&provider)).await;
    catalog(&server).import_venue(import("club", CLUB)).await.expect("a good plan");
    catalog(&server).create_performance(performance("night")).await.expect("all is well");
    let mut seating = SeatingClient::new(server.channel());
    let hold = v1::HoldSeatsRequest {
        performance: "performances/night".into(),
        buyer_id: "alice".into(),
        seats: vec![0],
        request_id: request_id(),
        ..Default::default()
    };
    let hold = seating.hold_seats(hold).await.expect("a free seat").into_inner();
    let pay = v1::PayHoldRequest {
        hold: hold.name,
        buyer_id: "alice".into(),
        amount_minor: hold.amount_minor,
        payment_key: "key".into(),
        request_id: request_id(),
        ..Default::default()
    };
    let mut orders = OrdersClient::new(server.channel());
    let paid = tokio::spawn(async move { orders.pay_hold(pay).await.map(tonic::Response::into_inner) });
    let watch = v1::WatchSeatMapRequest { performance: "performances/night".into(), ..Default::default() };
    let mut seats = seating.watch_seat_map(watch).await.expect("a watch").into_inner();
    let paying = v1::SeatState::Paying as u8;
    loop {
        match seats.message().await.expect("news").expect("news").update.expect("news") {
            v1::watch_seat_map_response::Update::Snapshot(map) if map.states[0] == paying => break,
            v1::watch_seat_map_response::Update::Delta(delta)
                if earlybird_proto::SeatChanges::new(delta.changes.clone())
                    .any(|(_, state)| state == paying) =>
            {
                break;
            }
            _ => {}
        }
    }
    (server, provider, paid)
}

#[tokio::test]
async fn a_drain_answers_calls_under_way() {
    let (mut server, _provider, paid) = paying(1_000.0).await;
    server.sigterm();
    let order = paid.await.expect("it does not panic").expect("the payment goes through");
    assert_eq!(order.state(), v1::order::State::Paid);
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log());
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    let (mut server, _provider, _paid) = paying(600_000.0).await;
    let mut health = HealthClient::new(server.channel());
    let mut health = health.watch(HealthCheckRequest::default()).await.expect("a watch").into_inner();
    server.sigterm();
    while health.message().await.expect("news").expect("news").status() == ServingStatus::Serving {}
    server.sigterm();
    assert_eq!(server.ended().await.code(), Some(143), "{}", server.log());
}

#[tokio::test]
async fn sigint_drains_as_well() {
    let mut server = Server::start().await;
    server.signal(Signal::INT);
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.log());
}
