//! `POST /webhooks/toss`.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::post;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Received, Webhooks};

/// The provider's name of a transmission.
const TRANSMISSION_ID: &str = "tosspayments-webhook-transmission-id";
/// Largest webhook: a Payment object has a few kilobytes.
const BODY_BYTES_MAX: usize = 64 << 10;
/// How long one may take from its first byte to its answer.
const WITHIN: Duration = Duration::from_secs(10);
/// Webhooks at a time; a further one is to be sent again.
const AT_ONCE_MAX: usize = 256;

/// The way in. It is there before the node is, and answers that it is not ready until then.
#[derive(Clone)]
pub struct Endpoint {
    webhooks: Arc<OnceLock<Arc<Webhooks>>>,
    places: Arc<Semaphore>,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self { webhooks: Arc::default(), places: Arc::new(Semaphore::new(AT_ONCE_MAX)) }
    }
}

impl Endpoint {
    /// From here on webhooks go there.
    pub fn open(&self, webhooks: Arc<Webhooks>) {
        // Set once, by the server that starts.
        drop(self.webhooks.set(webhooks));
    }

    /// Its routes.
    pub fn router(&self) -> Router {
        Router::new().route("/webhooks/toss", post(receive)).with_state(self.clone())
    }
}

async fn receive(State(endpoint): State<Endpoint>, request: Request) -> (StatusCode, String) {
    let busy = |why: &str| (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
    let Some(webhooks) = endpoint.webhooks.get() else { return busy("not ready yet") };
    let Ok(_place) = endpoint.places.try_acquire() else { return busy("too many at a time") };
    match timeout(WITHIN, take(webhooks, request)).await {
        Ok(Received::Taken | Received::Repeated | Received::Ignored) => (StatusCode::OK, "ok\n".to_owned()),
        Ok(Received::Malformed(what)) => (StatusCode::BAD_REQUEST, format!("{what}\n")),
        Ok(Received::Forbidden) => (StatusCode::FORBIDDEN, "not from the provider\n".to_owned()),
        Ok(Received::Unavailable) => busy("the store does not answer"),
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "too slow\n".to_owned()),
    }
}

async fn take(webhooks: &Webhooks, request: Request) -> Received {
    let (head, body) = request.into_parts();
    let transmission_id = head.headers.get(TRANSMISSION_ID).and_then(|value| value.to_str().ok());
    match to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => webhooks.receive(transmission_id, &body).await,
        Err(error) => Received::Malformed(format!("at most {BODY_BYTES_MAX} bytes: {error}")),
    }
}
