//! The provider's HTTP interface (`/v1`), and one to play with it (`/sim`).

mod auth;
mod get;
mod post;
mod sim;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::answer::{Answer, Outcome};
use crate::code::ErrorCode;
use crate::net::Hangup;
use crate::provider::Provider;

pub use sim::Books;

/// How long a caller is kept waiting that gets no answer; then its connection is reset.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) provider: Arc<Provider>,
    /// The key that the shop must show.
    pub(crate) secret_key: Arc<str>,
}

pub(crate) fn router(shop: Shop) -> Router {
    Router::new()
        .route("/v1/payments/confirm", post(post::confirm))
        .route("/v1/payments/{key}", get(get::by_key))
        .route("/v1/payments/orders/{order}", get(get::by_order))
        .route("/v1/payments/{key}/cancel", post(post::cancel))
        .route("/v1/transactions", get(get::transactions))
        .nest("/sim", sim::router())
        .fallback(async || Answer::refusal(ErrorCode::NOT_FOUND))
        .with_state(shop)
}

/// Lets the caller see what it is to see.
async fn show(outcome: Outcome, hangup: &Hangup) -> Response {
    match outcome {
        Outcome::Answer(answer) => return answer.into_response(),
        Outcome::Silence => tokio::time::sleep(SILENCE_MAX).await,
        Outcome::Reset => {}
    }
    hangup.pull();
    // Nothing of it reaches the caller: writing it resets the connection.
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
