//! Calls in, answers or refusals out.

use std::future::{Ready, ready};

use tower::ServiceExt;

use super::*;
use crate::config::AuthConfig;

type Answered = Ready<Result<Response<Body>, Infallible>>;
type Empty = tower::util::ServiceFn<fn(Request<Body>) -> Answered>;

/// A gate before a service that answers at once.
fn gated(gate: &Arc<Gate>) -> Gated<Empty> {
    let empty: fn(Request<Body>) -> Answered = |_| ready(Ok(Response::new(Body::empty())));
    GateLayer(Arc::clone(gate)).layer(tower::service_fn(empty))
}

fn call(path: &str) -> Request<Body> {
    Request::builder().uri(path).body(Body::empty()).unwrap()
}

/// Code and reason of the answer to a call of `path`; none when it was let in.
async fn answer(gate: &Arc<Gate>, path: &str) -> Option<(Code, String)> {
    let response = gated(gate).oneshot(call(path)).await.unwrap();
    let status = Status::from_header_map(response.headers())?;
    let details = status.get_error_details();
    assert_eq!(details.retry_info().is_some(), status.code() == Code::ResourceExhausted);
    Some((status.code(), details.error_info().unwrap().reason.clone()))
}

#[tokio::test]
async fn a_full_node_refuses_at_once_and_takes_again_what_comes_later() {
    let gate = Arc::new(Gate::new(None, None, 1));
    let under_way = gated(&gate).call(call("/earlybird.v1.Orders/PayHold"));
    assert_eq!(gate.in_flight(), 1);
    let refused = answer(&gate, "/earlybird.v1.Seating/HoldSeats").await;
    assert_eq!(refused, Some((Code::ResourceExhausted, "OVERLOADED".into())));
    assert_eq!(answer(&gate, "/grpc.health.v1.Health/Check").await, None);
    drop(under_way);
    assert_eq!((gate.in_flight(), answer(&gate, "/earlybird.v1.Seating/HoldSeats").await), (0, None));
}

#[tokio::test]
async fn a_draining_node_refuses_new_calls_and_waits_for_the_others() {
    let gate = Arc::new(Gate::new(None, None, 10));
    let under_way = gated(&gate).call(call("/earlybird.v1.Orders/PayHold"));
    gate.drain();
    let refused = answer(&gate, "/earlybird.v1.Seating/HoldSeats").await;
    assert_eq!(refused, Some((Code::Unavailable, "DRAINING".into())));
    assert_eq!(answer(&gate, "/grpc.health.v1.Health/Check").await, None);

    let mut idle = std::pin::pin!(gate.idle());
    assert!(futures::poll!(&mut idle).is_pending());
    under_way.await.unwrap();
    idle.await;
}

#[tokio::test]
async fn who_says_that_a_call_was_sent_on_must_show_the_key() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&secret, [7; 64]).unwrap();
    let config = AuthConfig {
        enabled: true,
        issuer: "login".into(),
        audience: "seats".into(),
        hs256_secret_file: Some(secret.path().into()),
        ..AuthConfig::default()
    };
    let expired = serde_json::json!({"sub": "ann", "iss": "login", "aud": "seats", "exp": 1, "roles": "bff"});
    let by = jsonwebtoken::EncodingKey::from_secret(&[7; 64]);
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &expired, &by).unwrap();
    let key = |text: &str| ClusterKey::new(text.into()).unwrap();
    let ours = key("a key that all nodes share");
    let gate = Arc::new(Gate::new(Some(Verifier::new(&config).unwrap()), Some(ours.clone()), 10));
    let sent_on = async |shown: Option<&ClusterKey>| {
        let mut metadata = tonic::metadata::MetadataMap::new();
        metadata.insert("authorization", format!("Bearer {token}").parse().unwrap());
        metadata.insert(FORWARDED, "1".parse().unwrap());
        if let Some(key) = shown {
            key.show(&mut metadata);
        }
        let mut request = call("/earlybird.v1.Seating/Session");
        *request.headers_mut() = metadata.into_headers();
        let response = gated(&gate).oneshot(request).await.unwrap();
        Status::from_header_map(response.headers()).map(|status| status.message().to_owned())
    };
    assert_eq!(sent_on(Some(&ours)).await, None);
    for shown in [None, Some(key("a key of another cluster"))] {
        assert_eq!(sent_on(shown.as_ref()).await.as_deref(), Some("the token has expired"));
    }
}
