//! Calls with and without a token, when tokens are needed.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use earlybird_proto::v1;
use earlybird_proto::v1::seating_client::SeatingClient;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::{CLUB, catalog, import, performance, reason, request_id};
use crate::support::{Options, Server};

const SECRET: &[u8] = b"a secret of more than thirty-two bytes";

fn token(subject: &str, role: &str) -> String {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let claims = json!({"sub": subject, "iss": "login", "aud": "seats", "exp": now_s + 600, "roles": [role]});
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET)).expect("a token")
}

fn with<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = MetadataValue::try_from(format!("Bearer {token}")).expect("a header");
    request.metadata_mut().insert("authorization", value);
    request
}

#[tokio::test]
async fn calls_need_a_token_and_roles_decide() {
    let mut secret = tempfile::NamedTempFile::new().expect("a file");
    secret.write_all(SECRET).expect("a file");
    let options = Options::default()
        .with("EARLYBIRD_AUTH__ENABLED", "true")
        .with("EARLYBIRD_AUTH__ISSUER", "login")
        .with("EARLYBIRD_AUTH__AUDIENCE", "seats")
        .with("EARLYBIRD_AUTH__HS256_SECRET_FILE", secret.path().to_str().expect("a path"));
    let server = Server::start_with(options).await;
    let (admin, buyer, bff) = (token("ops", "admin"), token("alice", "buyer"), token("web", "bff"));

    let mut client = catalog(&server);
    let status = client.import_venue(import("club", CLUB)).await.expect_err("no token");
    assert_eq!(reason(&status), (Code::Unauthenticated, "UNAUTHENTICATED".into()));
    let status = client.import_venue(with("x.y.z", import("club", CLUB))).await.expect_err("no token");
    assert_eq!(reason(&status), (Code::Unauthenticated, "UNAUTHENTICATED".into()));
    for token in [&buyer, &bff] {
        let status = client.import_venue(with(token, import("club", CLUB))).await.expect_err("no admin");
        assert_eq!(reason(&status), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    }
    client.import_venue(with(&admin, import("club", CLUB))).await.expect("an admin");
    client.create_performance(with(&admin, performance("night"))).await.expect("an admin");
    client.list_venues(with(&buyer, v1::ListVenuesRequest::default())).await.expect("anyone with a token");

    let hold = |buyer_id: &str, seat| v1::HoldSeatsRequest {
        performance: "performances/night".into(),
        buyer_id: buyer_id.into(),
        seats: vec![seat],
        request_id: request_id(),
        ..Default::default()
    };
    let mut seating = SeatingClient::new(server.channel());
    seating.hold_seats(with(&buyer, hold("alice", 0))).await.expect("for themselves");
    let status = seating.hold_seats(with(&buyer, hold("bob", 1))).await.expect_err("for another");
    assert_eq!(reason(&status), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    seating.hold_seats(with(&bff, hold("bob", 1))).await.expect("a frontend acts for all");

    // Probes have no token.
    HealthClient::new(server.channel()).check(HealthCheckRequest::default()).await.expect("health is open");
    assert_eq!(server.get("/readyz").await.0, 200);
}
