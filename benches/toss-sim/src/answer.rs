//! What a call is answered with, if at all.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::code::ErrorCode;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// JSON.
    pub body: Bytes,
}

/// What a caller gets to see of its call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Answer(Answer),
    /// Nothing, for as long as it waits.
    Silence,
    /// A connection that is reset.
    Reset,
}

#[derive(Serialize)]
struct Refusal {
    code: ErrorCode,
    message: &'static str,
}

impl Answer {
    /// What was asked for.
    #[must_use]
    pub fn ok(body: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// Why not.
    #[must_use]
    pub fn refusal(code: ErrorCode) -> Self {
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::json(status, &Refusal { code, message: code.message() })
    }

    /// Either.
    #[must_use]
    pub fn of(result: Result<impl Serialize, ErrorCode>) -> Self {
        match result {
            Ok(body) => Self::ok(&body),
            Err(code) => Self::refusal(code),
        }
    }

    fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => Self { status, body: bytes.into() },
            // Nothing that is answered has a map with keys that are no text, which alone could fail.
            Err(error) => Self { status: StatusCode::INTERNAL_SERVER_ERROR, body: error.to_string().into() },
        }
    }
}

impl From<ErrorCode> for Answer {
    fn from(code: ErrorCode) -> Self {
        Self::refusal(code)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        (self.status, [(header::CONTENT_TYPE, json)], self.body).into_response()
    }
}
