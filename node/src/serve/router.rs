//! Calls about a performance go to the node that owns it, from whichever node they come to.
//!
//! ```text
//!  call ──► which performance? ──bucket──► owner in the view ──┬─ this node ──► served here
//!                ▲                                             ├─ another   ──► sent on, as it came, and its answer sent back
//!                └── the view has changed, or soon will ◄──────┴─ nobody, or NOT_OWNER: wait for the next view
//! ```
//!
//! A call is sent on at most once: one that comes from another node is served here or refused with `NOT_OWNER`. Sending it
//! again after a change of owner is safe, since mutations have a `request_id` (I8). One that no owner has answered in the end
//! is refused with `NOT_OWNER` when it reached none, and else with `OWNER_LOST`. Sessions and watches, which outlast an owner,
//! find theirs themselves.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use earlybird_cluster::bucket_of;
use earlybird_persistence::Bucket;
use earlybird_proto::FILE_DESCRIPTOR_SET;
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use prost::Message as _;
use prost_types::{FileDescriptorSet, MethodDescriptorProto};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service, ServiceExt as _};

use crate::cluster::{Cluster, FORWARDED, OWNER_LOOK_EVERY, OWNER_WAIT_MAX, has_not_connected};
use crate::fields::Fields;
use crate::ingress::names;
use crate::ingress::status::{Problem, is_elsewhere, reason_of};

/// The services whose calls are about a performance, and the fields that name it, the first that a request has.
const SERVICES: [&str; 5] = ["Seating", "Waitlist", "Orders", "Admin", "Coupons"];
const FIELDS: [&str; 4] = ["performance", "name", "parent", "hold"];

/// Finds the owner of what a call is about.
pub(super) struct Router {
    cluster: Arc<Cluster>,
    /// By path of the call, the number of the field that names the performance.
    fields: HashMap<String, u32>,
    body_bytes_max: usize,
}

impl Router {
    pub(super) fn new(cluster: Arc<Cluster>, body_bytes_max: usize) -> Self {
        Self { cluster, fields: routed_fields(), body_bytes_max }
    }

    /// The field to look at, for a call that may have to be sent on.
    fn field_of(&self, request: &Request<Body>) -> Option<u32> {
        if !self.cluster.has_peers() || request.headers().contains_key(FORWARDED) {
            return None;
        }
        self.fields.get(request.uri().path()).copied()
    }

    async fn route<S>(self: Arc<Self>, inner: S, request: Request<Body>, field: u32) -> Response<Body>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
    {
        let (parts, body) = request.into_parts();
        let body = match Limited::new(body, self.body_bytes_max).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => {
                return Status::out_of_range(format!("the request cannot be read: {error}")).into_http();
            }
        };
        // What names no performance is for the service to complain about.
        let Some(bucket) = performance_of(&body, field).and_then(|id| Bucket::new(bucket_of(&id))) else {
            return serve(inner, assemble(&parts, &body)).await;
        };
        let deadline = Instant::now() + OWNER_WAIT_MAX;
        let mut views = self.cluster.views();
        let mut may_be_done = false;
        loop {
            let owner = views.borrow_and_update().owner(bucket).and_then(|owner| owner.node.clone());
            let response = match owner {
                Some(node) if node.id == *self.cluster.node() => {
                    Some(serve(inner.clone(), assemble(&parts, &body)).await)
                }
                Some(node) => match self.send_on(&node.address, assemble(&parts, &body)).await {
                    Ok(response) => Some(response),
                    Err(Lost { was_sent }) => {
                        may_be_done |= was_sent;
                        None
                    }
                },
                None => None,
            };
            let refusal = match response {
                Some(response) if !has_moved(&response) => return response,
                refusal => refusal,
            };
            self.cluster.suspect();
            // The view may change before the owner has the state, or an attempt to move it may come to nothing.
            drop(tokio::time::timeout(OWNER_LOOK_EVERY, views.changed()).await);
            if Instant::now() >= deadline {
                // Whoever refuses it now says nothing of a node that may have done it before.
                let refusal = refusal.filter(|_| !may_be_done);
                let problem = if may_be_done { Problem::owner_lost } else { Problem::between_owners };
                return refusal.unwrap_or_else(|| Status::from(problem()).into_http());
            }
        }
    }

    /// The answer of another node.
    async fn send_on(&self, address: &str, mut request: Request<Body>) -> Result<Response<Body>, Lost> {
        request.headers_mut().insert(FORWARDED, HeaderValue::from_static("1"));
        metrics::counter!("earlybird_calls_forwarded_total").increment(1);
        let channel = self.cluster.peers().channel(address).map_err(|_| Lost { was_sent: false })?;
        channel.oneshot(request).await.map_err(|error| {
            tracing::debug!(address, %error, "cannot reach the owner");
            Lost { was_sent: !has_not_connected(&error) }
        })
    }
}

/// A call that another node has not answered, and whether it may have come there.
struct Lost {
    was_sent: bool,
}

async fn serve<S>(inner: S, request: Request<Body>) -> Response<Body>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let Ok(response) = inner.oneshot(request).await;
    response
}

fn assemble(parts: &Parts, body: &Bytes) -> Request<Body> {
    Request::from_parts(parts.clone(), Body::new(Full::new(body.clone())))
}

/// Whether a node answered that the performance is elsewhere.
fn has_moved(response: &Response<Body>) -> bool {
    let reason = Status::from_header_map(response.headers()).and_then(|status| reason_of(&status));
    reason.is_some_and(|reason| is_elsewhere(&reason))
}

/// For each call about one performance: its path, and the field that names it.
fn routed_fields() -> HashMap<String, u32> {
    // The set is the one that was compiled in.
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
    let inputs: HashMap<String, _> = set
        .file
        .iter()
        .flat_map(|file| file.message_type.iter().map(|m| (format!(".{}.{}", file.package(), m.name()), m)))
        .collect();
    let is_unary = |method: &&MethodDescriptorProto| !method.client_streaming() && !method.server_streaming();
    let mut fields = HashMap::new();
    for file in &set.file {
        for service in file.service.iter().filter(|service| SERVICES.contains(&service.name())) {
            for method in service.method.iter().filter(is_unary) {
                let input = inputs.get(method.input_type());
                let named = |name: &&str| input?.field.iter().find(|field| field.name() == *name);
                if let Some(field) = FIELDS.iter().find_map(named) {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    fields.insert(path, field.number().unsigned_abs());
                }
            }
        }
    }
    fields
}

/// The `{performance}` in a field of a request in its frame; none when there is none.
fn performance_of(frame: &[u8], field: u32) -> Option<String> {
    // One byte says whether it is compressed, four how long it is.
    let (&[0, _, _, _, _], message) = frame.split_first_chunk::<5>()? else { return None };
    let name = Fields(message).bytes(field)?;
    names::performance_in(std::str::from_utf8(name).ok()?).map(str::to_owned)
}

/// Puts a router before a service.
#[derive(Clone)]
pub(super) struct RouterLayer(pub(super) Arc<Router>);

impl<S> Layer<S> for RouterLayer {
    type Service = Routed<S>;

    fn layer(&self, inner: S) -> Routed<S> {
        Routed { router: Arc::clone(&self.0), inner }
    }
}

/// A service behind a router.
#[derive(Clone)]
pub(super) struct Routed<S> {
    router: Arc<Router>,
    inner: S,
}

impl<S> Service<Request<Body>> for Routed<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Routing<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.router.field_of(&request) {
            None => Routing::Here { inner: self.inner.call(request) },
            Some(field) => {
                let routed = Arc::clone(&self.router).route(self.inner.clone(), request, field);
                Routing::Somewhere { routed: Box::pin(routed) }
            }
        }
    }
}

pin_project_lite::pin_project! {
    /// A call on its way.
    #[project = RoutingProjection]
    pub(super) enum Routing<F> {
        Here { #[pin] inner: F },
        Somewhere { routed: Pin<Box<dyn Future<Output = Response<Body>> + Send>> },
    }
}

impl<F> Future for Routing<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            RoutingProjection::Here { inner } => inner.poll(context),
            RoutingProjection::Somewhere { routed } => Poll::Ready(Ok(ready!(routed.as_mut().poll(context)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use earlybird_proto::v1;

    use super::*;

    fn frame(message: &impl prost::Message) -> Vec<u8> {
        let body = message.encode_to_vec();
        let mut frame = vec![0];
        frame.extend((body.len() as u32).to_be_bytes());
        frame.extend(body);
        frame
    }

    #[test]
    fn calls_about_a_performance_name_it() {
        let fields = routed_fields();
        let field = |path: &str| fields[path];
        let hold = v1::HoldSeatsRequest {
            request_id: "performances/decoy".into(),
            performance: "performances/carmen".into(),
            seats: vec![1, 2],
            ..v1::HoldSeatsRequest::default()
        };
        let found = performance_of(&frame(&hold), field("/earlybird.v1.Seating/HoldSeats"));
        assert_eq!(found.as_deref(), Some("carmen"));
        let order = v1::GetOrderRequest { name: "performances/aida/orders/7".into() };
        let found = performance_of(&frame(&order), field("/earlybird.v1.Orders/GetOrder"));
        assert_eq!(found.as_deref(), Some("aida"));
        for served_anywhere in [
            "/earlybird.v1.Seating/Session",
            "/earlybird.v1.Seating/WatchSeatMap",
            "/earlybird.v1.Waitlist/WatchOffers",
            "/earlybird.v1.Catalog/ListPerformances",
        ] {
            assert!(!fields.contains_key(served_anywhere));
        }
    }

    #[test]
    fn what_cannot_be_read_is_left_to_the_service() {
        let hold = v1::HoldSeatsRequest { performance: "performances/".into(), ..Default::default() };
        let mut compressed = frame(&hold);
        compressed[0] = 1;
        let cut =
            &frame(&v1::HoldSeatsRequest { performance: "performances/x".into(), ..Default::default() })[..9];
        for nonsense in [&frame(&hold)[..], &compressed[..], cut, b"", b"\0\0\0\0\x02\xff\xff"] {
            assert_eq!(performance_of(nonsense, 1), None, "{nonsense:?}");
        }
    }
}
