//! What every call passes before it is read: is the node draining, is it full, and who calls?

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use metrics::Gauge;
use tokio::sync::Notify;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use tower::{Layer, Service};

use super::oversize;
use crate::auth::Verifier;
use crate::cluster::{ClusterKey, FORWARDED};
use crate::ingress::status::DOMAIN;

/// What is open to everyone at any time: probes, and the description of the API.
const OPEN: [&str; 2] = ["/grpc.health.v1.Health/", "/grpc.reflection."];

/// What is open to nodes of the cluster alone, which show its key.
const PEERS: &str = "/earlybird.cluster.v1.Peer/";

/// When a call that found the node full may try again.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// The gate of one node.
pub(super) struct Gate {
    verifier: Option<Verifier>,
    /// What nodes of the cluster show; none for a node alone.
    key: Option<ClusterKey>,
    in_flight_max: usize,
    in_flight: AtomicUsize,
    /// The same, for all to see.
    shown: Gauge,
    draining: AtomicBool,
    emptied: Notify,
}

impl Gate {
    /// A gate that lets so many calls in at once, each checked by `verifier` if there is one; and nodes with the `key`.
    pub(super) fn new(verifier: Option<Verifier>, key: Option<ClusterKey>, in_flight_max: usize) -> Self {
        let (in_flight, draining) = (AtomicUsize::new(0), AtomicBool::new(false));
        let shown = metrics::gauge!("earlybird_requests_in_flight");
        Self { verifier, key, in_flight_max, in_flight, shown, draining, emptied: Notify::new() }
    }

    /// Calls without an answer.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Lets nobody in any more.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Waits until every call has its answer.
    pub(super) async fn idle(&self) {
        loop {
            // Asked to be told before looking, so that the last call cannot end in between.
            let emptied = self.emptied.notified();
            if self.in_flight() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Whether another node of the cluster calls.
    fn is_peer(&self, headers: &HeaderMap) -> bool {
        self.key.as_ref().is_some_and(|key| key.is_shown(headers))
    }

    /// Lets a call in, or says why not.
    fn admit(self: &Arc<Self>, request: &mut Request<Body>) -> Result<Pass, Status> {
        let path = request.uri().path();
        if OPEN.iter().any(|open| path.starts_with(open)) {
            return Ok(Pass(None));
        }
        if path.starts_with(PEERS) {
            // Neither counted nor asked for a token: a node that has too much to do must be able to give some of it away. Before
            // the body is read, since a state may be large.
            let is_peer = self.is_peer(request.headers());
            let message = "this is for nodes of the cluster, which show its key";
            let stranger = || refused(Code::PermissionDenied, "PERMISSION_DENIED", message, None);
            return if is_peer { Ok(Pass(None)) } else { Err(stranger()) };
        }
        // Counted before the look at `draining`: a drain that sees no calls is then sure that none is let in.
        let in_flight = self.in_flight.fetch_add(1, Ordering::AcqRel);
        self.shown.increment(1.0);
        let pass = Pass(Some(Arc::clone(self)));
        if self.draining.load(Ordering::Acquire) {
            return Err(refused(
                Code::Unavailable,
                "DRAINING",
                "the node is shutting down; send it to another",
                None,
            ));
        }
        if in_flight >= self.in_flight_max {
            let message = "the node has too many calls under way";
            return Err(refused(Code::ResourceExhausted, "OVERLOADED", message, Some(RETRY_AFTER)));
        }
        if let Some(verifier) = &self.verifier {
            let headers = request.headers();
            let is_forwarded = headers.contains_key(FORWARDED) && self.is_peer(headers);
            let caller =
                if is_forwarded { verifier.forwarded_caller(headers) } else { verifier.caller(headers) }?;
            request.extensions_mut().insert(caller);
        }
        Ok(pass)
    }
}

fn refused(code: Code, reason: &'static str, message: &str, retry_after: Option<Duration>) -> Status {
    metrics::counter!("earlybird_requests_refused_total", "reason" => reason).increment(1);
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    if retry_after.is_some() {
        details.set_retry_info(retry_after);
    }
    Status::with_error_details(code, message, details)
}

/// A call that was let in; it leaves when this is dropped.
struct Pass(Option<Arc<Gate>>);

impl Drop for Pass {
    fn drop(&mut self) {
        let Some(gate) = &self.0 else { return };
        gate.shown.decrement(1.0);
        if gate.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 && gate.draining.load(Ordering::Acquire) {
            gate.emptied.notify_waiters();
        }
    }
}

/// Puts a gate before a service.
#[derive(Clone)]
pub(super) struct GateLayer(pub(super) Arc<Gate>);

impl<S> Layer<S> for GateLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated { gate: Arc::clone(&self.0), inner }
    }
}

/// A service behind a gate.
#[derive(Clone)]
pub(super) struct Gated<S> {
    gate: Arc<Gate>,
    inner: S,
}

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Passing<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let is_import = request.uri().path() == oversize::IMPORT;
        match self.gate.admit(&mut request) {
            Ok(pass) => Passing::Admitted { inner: self.inner.call(request), is_import, _pass: pass },
            Err(status) => Passing::Refused { response: Some(status.into_http()) },
        }
    }
}

pin_project_lite::pin_project! {
    /// A call on its way.
    #[project = PassingProjection]
    pub(super) enum Passing<F> {
        Admitted { #[pin] inner: F, is_import: bool, _pass: Pass },
        Refused { response: Option<Response<Body>> },
    }
}

impl<F> Future for Passing<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            PassingProjection::Admitted { inner, is_import, .. } => {
                let response = ready!(inner.poll(context))?;
                Poll::Ready(Ok(if *is_import { oversize::explain(response) } else { response }))
            }
            // Polled again after its end, which no executor does, it would say nothing more.
            PassingProjection::Refused { response } => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
        }
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
