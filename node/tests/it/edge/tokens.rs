//! Calls with and without a token, when tokens are needed.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use earlybird_proto::v1;
use earlybird_proto::v1::admin_client::AdminClient;
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

/// A server that asks for tokens.
pub(super) async fn server() -> Server {
    let mut secret = tempfile::NamedTempFile::new().expect("a file");
    secret.write_all(SECRET).expect("a file");
    let options = Options::default()
        .with("EARLYBIRD_AUTH__ENABLED", "true")
        .with("EARLYBIRD_AUTH__ISSUER", "login")
        .with("EARLYBIRD_AUTH__AUDIENCE", "seats")
        .with("EARLYBIRD_AUTH__HS256_SECRET_FILE", secret.path().to_str().expect("a path"));
    Server::start_with(options).await
}

pub(super) fn token(subject: &str, role: &str) -> String {
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
    let server = server().await;
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

    let cancel = v1::CancelPerformanceRequest { name: "performances/night".into(), reason: "fire".into() };
    AdminClient::new(server.channel()).cancel_performance(with(&admin, cancel)).await.expect("an admin");
    for (token, by) in [(&admin, "ops"), (&bff, ""), (&buyer, "")] {
        let get = v1::GetPerformanceRequest { name: "performances/night".into() };
        let shown = client.get_performance(with(token, get)).await.expect("anyone with a token").into_inner();
        let cancellation = shown.cancellation.expect("it is cancelled");
        assert_eq!((cancellation.cancelled_by.as_str(), cancellation.reason.as_str()), (by, "fire"));
    }

    // Probes have no token.
    HealthClient::new(server.channel()).check(HealthCheckRequest::default()).await.expect("health is open");
    assert_eq!(server.get("/readyz").await.0, 200);
}

#[tokio::test]
async fn members_see_their_own() {
    let server = server().await;
    let [admin, alice, web] =
        [("ops", "admin"), ("alice", "buyer"), ("web", "bff")].map(|(sub, role)| token(sub, role));
    let mut members = v1::members_client::MembersClient::new(server.channel());
    let mut coupons = v1::coupons_client::CouponsClient::new(server.channel());
    let mut jobs = v1::jobs_client::JobsClient::new(server.channel());
    let code = |result: Result<(), tonic::Status>| result.map_or_else(|status| status.code(), |()| Code::Ok);

    let list = v1::ListMembersRequest::default();
    assert_eq!(code(members.list_members(with(&web, list)).await.map(drop)), Code::Ok);
    assert_eq!(code(jobs.list_jobs(with(&admin, v1::ListJobsRequest::default())).await.map(drop)), Code::Ok);
    for (member, expected) in [("alice", Code::NotFound), ("bob", Code::PermissionDenied)] {
        let claim = v1::ClaimCouponRequest {
            campaign: "campaigns/none".into(),
            member_id: member.into(),
            request_id: request_id(),
        };
        assert_eq!(code(coupons.claim_coupon(with(&alice, claim)).await.map(drop)), expected);
        let get = v1::GetMemberRequest { member_id: member.into() };
        assert_eq!(code(members.get_member(with(&alice, get)).await.map(drop)), expected);
    }
}
