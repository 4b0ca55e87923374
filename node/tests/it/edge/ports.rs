//! What the two ports serve besides the API: health, reflection, gRPC-Web, metrics, probes.

use earlybird_proto::v1;
use prost::Message;
use tokio_stream::StreamExt;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::{CLUB, catalog, import};
use crate::support::{Server, exchange};

const SERVICES: [&str; 5] = [
    "earlybird.v1.Admin",
    "earlybird.v1.Catalog",
    "earlybird.v1.Orders",
    "earlybird.v1.Seating",
    "earlybird.v1.Waitlist",
];

#[tokio::test]
async fn every_service_is_healthy_and_described() {
    let server = Server::start().await;
    let mut health = HealthClient::new(server.channel());
    for service in SERVICES.into_iter().chain([""]) {
        let answer =
            health.check(HealthCheckRequest { service: service.into() }).await.expect("a known service");
        assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
    }

    let mut reflection = ServerReflectionClient::new(server.channel());
    let ask = |request| ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let questions = tokio_stream::iter([
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("earlybird.v1.Seating".into())),
    ]);
    let mut answers = reflection.server_reflection_info(questions).await.expect("reflection").into_inner();
    let mut next = async || answers.next().await.expect("an answer").expect("an answer").message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = next().await else { panic!("no list") };
    let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    assert!(SERVICES.iter().all(|service| names.iter().any(|name| name == service)), "{names:?}");
    assert!(matches!(next().await, Some(MessageResponse::FileDescriptorResponse(_))));
}

#[tokio::test]
async fn the_http_port_serves_metrics_and_probes() {
    let server = Server::start().await;
    catalog(&server).import_venue(import("club", CLUB)).await.expect("a good plan");
    assert_eq!(server.get("/healthz").await, (200, "ok\n".into()));
    assert_eq!(server.get("/readyz").await, (200, "ready\n".into()));
    let (status, metrics) = server.get("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "earlybird_build_info{version=",
        "# HELP earlybird_connections",
        "# TYPE earlybird_connections gauge",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    // Whoever scrapes must be able to look up every metric.
    for name in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = name.split(' ').next().expect("a name");
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name} is not described");
    }
    assert_eq!(server.get("/nothing").await.0, 404);
}

#[tokio::test]
async fn a_browser_calls_by_grpc_web_over_http_1() {
    let server = Server::start().await;
    catalog(&server).import_venue(import("club", CLUB)).await.expect("a good plan");
    let message = v1::GetVenueRequest { name: "venues/club".into() }.encode_to_vec();
    let call = |message: &[u8]| {
        let mut body = vec![0];
        body.extend((message.len() as u32).to_be_bytes());
        body.extend(message);
        let head = format!(
            "POST /earlybird.v1.Catalog/GetVenue HTTP/1.1\r\nhost: {}\r\ncontent-type: application/grpc-web+proto\r\n\
             x-grpc-web: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            server.grpc(),
            body.len()
        );
        [head.into_bytes(), body].concat()
    };
    let (status, headers, body) = exchange(server.grpc(), &call(&message)).await;
    assert_eq!(status, 200);
    assert!(headers.contains("content-type: application/grpc-web+proto"), "{headers}");
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(text.contains("venues/club") && text.contains("grpc-status:0"), "{text}");

    let missing = v1::GetVenueRequest { name: "venues/none".into() }.encode_to_vec();
    let (status, headers, body) = exchange(server.grpc(), &call(&missing)).await;
    let told =
        format!("{headers}{}", String::from_utf8_lossy(&body)).replace("grpc-status: ", "grpc-status:");
    assert!(status == 200 && told.contains("grpc-status:5"), "{told}");
}
