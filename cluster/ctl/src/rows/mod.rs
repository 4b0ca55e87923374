//! What the API tells, as it is printed. The fields' names in JSON are those of the API, and a contract with programs.

mod audit;
mod nodes;
mod placements;
mod transfers;

pub(crate) use audit::Audit;
#[cfg(test)]
pub(crate) use nodes::tests::view as sample_view;
pub(crate) use nodes::{NodeRow, Status};
pub(crate) use placements::{Placements, Route};
pub(crate) use transfers::{MoveRow, Plan, Transfer};

/// Milliseconds of a duration of the API; what is not given is none.
fn milliseconds(duration: Option<prost_types::Duration>) -> i64 {
    let duration = duration.unwrap_or_default();
    duration.seconds.saturating_mul(1_000).saturating_add(i64::from(duration.nanos / 1_000_000))
}

/// Milliseconds as seconds with a digit.
fn seconds(milliseconds: i64) -> String {
    format!("{:.1} s", milliseconds as f64 / 1_000.0)
}
