//! The two forms in which a problem leaves.

use std::collections::HashMap;
use std::fmt::Write as _;

use earlybird_engine::SeatIndex;
use earlybird_proto::v1::SessionError;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{DOMAIN, Detail, Problem};

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let mut metadata: HashMap<String, String> =
            problem.metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if !problem.seats.is_empty() {
            metadata.insert("seats".to_owned(), listed(&problem.seats));
        }
        let mut details = ErrorDetails::with_error_info(problem.reason.as_str(), DOMAIN, metadata);
        if let Some(delay) = problem.retry_delay {
            details.set_retry_info(Some(delay));
        }
        match problem.detail.map(|detail| *detail) {
            Some(Detail::Field { field, description }) => {
                details.add_bad_request_violation(field, description);
            }
            Some(Detail::Quota { subject, description }) => {
                details.add_quota_failure_violation(subject, description);
            }
            None => {}
        }
        Self::with_error_details(problem.reason.code(), problem.message, details)
    }
}

/// The reason that a status gives, if it is one of this server's.
pub(crate) fn reason_of(status: &Status) -> Option<String> {
    let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN)?;
    Some(info.reason)
}

impl From<Problem> for SessionError {
    fn from(problem: Problem) -> Self {
        Self {
            code: problem.reason.code() as i32,
            reason: problem.reason.as_str().to_owned(),
            message: problem.message.into_owned(),
            seats: problem.seats.iter().map(|seat| seat.0).collect(),
            retry_delay_ms: problem.retry_delay.map_or(0, |delay| {
                // Rounded up, so that nobody comes back too early.
                u32::try_from(delay.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
            }),
            metadata: problem.metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}

/// Seats as metadata has them: decimal, separated by commas.
fn listed(seats: &[SeatIndex]) -> String {
    let mut text = String::with_capacity(seats.len() * 6);
    for seat in seats {
        let separator = if text.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{seat}");
    }
    text
}
