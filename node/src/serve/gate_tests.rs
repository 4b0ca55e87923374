//! Calls in, answers or refusals out.

use std::future::{Ready, ready};

use tower::ServiceExt;

use super::*;

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
