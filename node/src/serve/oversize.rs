//! A seating plan that is longer than the transport accepts is refused before it is read, with the transport's own words.
//! They become the API's: the field, and how long a plan may be.

use http::Response;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::catalog::PLAN_BYTES_MAX;
use crate::ingress::status::DOMAIN;

/// The only call that carries a plan.
pub(super) const IMPORT: &str = "/earlybird.v1.Catalog/ImportVenue";

/// The answer to an import: as it is, or that the plan is too long.
pub(super) fn explain(response: Response<Body>) -> Response<Body> {
    // Nothing else in an import is out of range, and the status of a refused message is in the headers.
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() == Code::OutOfRange => too_long().into_http(),
        _ => response,
    }
}

fn too_long() -> Status {
    let description =
        format!("the seating plan is too long; at most {PLAN_BYTES_MAX} bytes (32 MiB) are accepted");
    let field = "seating_plan";
    let metadata = std::collections::HashMap::from([("field".to_owned(), field.to_owned())]);
    let mut details = ErrorDetails::with_error_info("INVALID_VENUE", DOMAIN, metadata);
    details.add_bad_request_violation(field, &description);
    Status::with_error_details(Code::InvalidArgument, format!("{field}: {description}"), details)
}
