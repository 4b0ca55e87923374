//! Everything that is wrong with a request, told at once.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::super::status::DOMAIN;

/// Most violations of one answer: a request may have a hundred thousand faults, and nobody reads them.
const TOLD_MAX: usize = 50;

/// Fields that are wrong, in the order of the request.
#[derive(Debug, Default)]
pub(in crate::ingress) struct Violations {
    told: Vec<FieldViolation>,
    untold: usize,
}

impl Violations {
    /// `field` is wrong.
    pub(in crate::ingress) fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        if self.told.len() == TOLD_MAX {
            self.untold += 1;
        } else {
            self.told.push(FieldViolation::new(field, description));
        }
    }

    /// Notes what is wrong with `field`, if `result` says so.
    pub(in crate::ingress) fn take<T>(
        &mut self,
        field: impl Into<String>,
        result: Result<T, String>,
    ) -> Option<T> {
        result.map_err(|description| self.add(field, description)).ok()
    }

    /// Nothing, or an `INVALID_ARGUMENT` with `BadRequest`.
    pub(in crate::ingress) fn check(self, reason: &str) -> Result<(), Status> {
        let Some(first) = self.told.first() else { return Ok(()) };
        let mut message = format!("{}: {}", first.field, first.description);
        let more = self.told.len() - 1 + self.untold;
        if more > 0 {
            message += &format!(" (and {more} more)");
        }
        let metadata = HashMap::from([("field".to_owned(), first.field.clone())]);
        let mut details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
        details.set_bad_request(self.told);
        Err(Status::with_error_details(Code::InvalidArgument, message, details))
    }
}

/// A refusal without fields.
pub(in crate::ingress) fn refusal(code: Code, reason: &str, message: impl Into<String>) -> Status {
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new()))
}
