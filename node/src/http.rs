//! The HTTP port: `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever runs the node, and `/webhooks/toss` for the
//! payment provider.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::payments::webhooks::Endpoint;
use crate::readiness::Readiness;

/// What the handlers look at.
#[derive(Clone)]
struct Views {
    readiness: Arc<Readiness>,
    metrics: PrometheusHandle,
}

/// Serves until the process ends: probes are answered during a drain as well.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    readiness: Arc<Readiness>,
    metrics: PrometheusHandle,
    webhooks: &Endpoint,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(Views { readiness, metrics })
        .merge(webhooks.router());
    axum::serve(listener, router).await
}

async fn scrape(State(views): State<Views>) -> impl IntoResponse {
    metrics::gauge!("earlybird_ready").set(if views.readiness.check().is_ok() { 1.0 } else { 0.0 });
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], views.metrics.render())
}

async fn ready(State(views): State<Views>) -> (StatusCode, String) {
    match views.readiness.check() {
        Ok(()) => (StatusCode::OK, "ready\n".into()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}
